//! A validated config, in the form in which requests are matched against it. Only validation makes one.

use crate::adapter::{OperationKind, RecipientKind};
use crate::classify::{Classifier, CodeBook};
use crate::compose::{Answers, Composer, MessageReader};
use crate::extract::{JointReader, Reader};
use crate::lifecycle::{Lifecycle, Status};
use crate::outcome::OutcomeClass;
use crate::path::PathPattern;
use crate::policy::{self, List, Policy};
use crate::receipt::Receipt;
use crate::trace::{CountryCode, Ratio};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

mod hosts;
mod ids;
mod telemetry;

pub(crate) use hosts::RouteIndex;
pub use ids::{BusinessId, ChannelId, NodeId, RouteId};
pub use telemetry::{B3Style, RecordSettings, TraceMode, TraceSettings};

/// Which way an exchange goes through the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the service.
    Inbound,
    /// From the service to a vendor or another service.
    Outbound,
}

/// A latency objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The longest that is on time.
    pub limit: Duration,
    /// The share that must be on time.
    pub target: f64,
}

/// A named step of the push flow.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value of the label `node`.
    pub name: Box<str>,
    /// The value of the label `channel`; `none` for a node that is no channel.
    pub channel: Box<str>,
    /// Its latency objective.
    pub objective: Objective,
    /// Whether its visits are messages, and not only calls.
    pub counts_messages: bool,
    /// Whether each visit is told by a `push.node.enter` when it begins.
    pub enter: bool,
    /// The statuses of messages whose visits end so; of other outcomes the visit says nothing. Each class
    /// once, in alphabetical order.
    pub statuses: Vec<(OutcomeClass, Status)>,
}

impl Node {
    /// The channel of a node that has none.
    pub const NO_CHANNEL: &'static str = "none";

    /// Whether a vendor answers here, in its own codes.
    pub fn is_channel(&self) -> bool {
        *self.channel != *Self::NO_CHANNEL
    }
}

/// A way to reach users, with the rules that hold for it.
#[derive(Clone, Debug)]
pub struct Channel {
    /// The value of the label `channel`.
    pub name: Box<str>,
    /// The name of the adapter that reads its API.
    pub adapter: Box<str>,
    /// The node of its sends.
    pub node: NodeId,
    /// The authority of requests that go to it by a rule; each target of a rule has one.
    pub authority: Option<Box<str>>,
    /// The Envoy cluster that calls to it are made to.
    pub cluster: Box<str>,
    /// Values for the placeholders `{params.…}` of paths and templates.
    pub params: BTreeMap<String, String>,
    /// Composes requests to it; none if its vendor cannot be asked for messages of others.
    pub composer: Option<Composer>,
    /// Answers in its vendor's own words.
    pub answers: Answers,
    /// Headers of its requests that prove who sends, in lower case.
    pub credential_headers: Vec<Box<str>>,
    /// The rules that hold for it.
    pub policy: Policy,
}

/// One kind of request that visits a node: an operation of a vendor, or a node's own pattern.
#[derive(Clone, Debug)]
pub struct Route {
    /// The node visited.
    pub node: NodeId,
    /// The channel that is asked.
    pub channel: Option<ChannelId>,
    /// What the vendor is asked for; none where no vendor is.
    pub operation: Option<OperationKind>,
    /// Methods; empty is any.
    pub methods: Vec<Box<str>>,
    /// Path; none is any.
    pub path: Option<PathPattern>,
    /// What it says.
    pub reader: Reader,
    /// What its recipients are.
    pub recipient_kind: RecipientKind,
    /// Bits of the conditions that must all hold.
    pub when: u32,
    /// Bits of the conditions of which any makes it a dry run.
    pub dry_run: u32,
    /// Reads its message for another vendor; none if that cannot be.
    pub message: Option<MessageReader>,
    /// How a receipt is read.
    pub receipt: Option<Receipt>,
    /// Captures and parameters of the URL that may be shown.
    pub shown: Vec<Box<str>>,
    /// How its answers are judged.
    pub classifier: Classifier,
    /// Whether the config itself says where the message id stands, so that a request without one is worth a word.
    pub id_promised: bool,
}

/// A business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Business {
    /// The value of the label.
    pub name: Box<str>,
    /// Its priority where a request has none.
    pub priority: Option<u8>,
    /// What one of its messages is worth, in a unit of the operator's.
    pub value: u32,
}

impl Business {
    /// What a message is worth of a business that does not say.
    pub const DEFAULT_VALUE: u32 = 1;
}

/// What records tell of a message's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The title.
    pub title: bool,
    /// The body.
    pub body: bool,
}

/// What is the same for every exchange.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The service behind the inbound listener, which names the source of records.
    pub service: Option<Box<str>>,
    /// Tenant of messages that do not name one.
    pub tenant: Box<str>,
    /// Ports that the public can reach.
    pub edge_ports: Vec<u16>,
    /// Whether headers may be held until the body is in.
    pub hold_request: bool,
    /// The longest hold.
    pub hold_timeout: Duration,
    /// The most that is read of a body, in bytes.
    pub max_body_bytes: usize,
    /// Ages from which a visit is blocked, ascending.
    pub blocked_after: Vec<Duration>,
    /// The share of new traces that are sampled.
    pub sample_ratio: Ratio,
    /// Whether what was understood of a vendor's answer is told to the caller in `x-pointsman-*` headers.
    pub answer_headers: bool,
    /// What records of lost messages tell of their content.
    pub content: Content,
    /// Whether recipients may be kept as a hash.
    pub hash_recipients: bool,
    /// Country calling code of phone numbers without one.
    pub country_code: CountryCode,
    /// The objective of the whole message.
    pub message_objective: Objective,
    /// How traces are joined.
    pub trace: TraceSettings,
    /// Where spans and records go; without it no spans are made, and records are log lines.
    pub records: Option<RecordSettings>,
    /// Whether what is known of a visit is left in Envoy's filter state, for access logs.
    pub access_log: bool,
}

/// Everything that the filter knows about its work.
#[derive(Clone, Debug)]
pub struct Plan {
    /// A short name of the config, equal for equal texts.
    pub version: Box<str>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) routes: Vec<Route>,
    pub(crate) inbound: RouteIndex,
    pub(crate) outbound: RouteIndex,
    pub(crate) joints: HashMap<Vec<RouteId>, JointReader>,
    pub(crate) businesses: Vec<Business>,
    /// The statuses that messages can have.
    pub lifecycle: Lifecycle,
    /// What is the same for every exchange.
    pub settings: Settings,
}

/// The parts of a request line that matching looks at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Host without port, in lower case.
    pub host: &'a str,
    /// Method.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
}

impl Plan {
    /// Whether the config says nothing: everything passes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The channel whose vendor serves `host`, whatever is asked of it.
    pub fn channel_of_host(&self, host: &str) -> Option<&str> {
        let mut nodes = self.outbound.of_named_host(host).filter_map(|route| self.node(self.route(route)?.node));
        nodes.find(|node| node.is_channel()).map(|node| &*node.channel)
    }

    /// Every node, in the order of the config.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0_u16..).map(NodeId).zip(&self.nodes)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(usize::from(id.0))
    }

    /// Every channel, in the order of the config.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        (0_u16..).map(ChannelId).zip(&self.channels)
    }

    /// A channel.
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(id.index())
    }

    /// The channel of that name.
    pub fn channel_by_name(&self, name: &str) -> Option<(ChannelId, &Channel)> {
        self.channels().find(|(_, channel)| *channel.name == *name)
    }

    /// The targets of a list in the rules of a channel.
    pub fn targets(&self, channel: ChannelId, list: List) -> &[policy::Target] {
        self.channel(channel).map_or(&[], |channel| channel.policy.list(list))
    }

    /// Whether two channels speak to their vendors in the same words.
    pub fn same_adapter(&self, a: ChannelId, b: ChannelId) -> bool {
        a == b || matches!((self.channel(a), self.channel(b)), (Some(a), Some(b)) if a.adapter == b.adapter)
    }

    /// The route by which a send to `channel` would be read; `path` may have a query.
    pub fn send_route(&self, channel: ChannelId, authority: &str, method: &str, path: &str) -> Option<RouteId> {
        let host = host_of(authority);
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let mut candidates = self.candidates(Direction::Outbound, Target { host: &host, method, path });
        let is_send = |route: &Route| route.channel == Some(channel) && route.operation == Some(OperationKind::Send);
        candidates.find(|(_, route, _)| is_send(route)).map(|(id, ..)| id)
    }

    /// What a message of a business is worth.
    pub fn value(&self, business: BusinessId) -> u32 {
        self.business_by_id(business).map_or(1, |business| business.value)
    }

    /// A route.
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(usize::from(id.0))
    }

    /// The nodes that receipts visit.
    pub fn receipt_nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        let is_visited = |node: NodeId| self.routes.iter().any(|route| route.node == node && route.receipt.is_some());
        self.nodes().filter(move |(node, _)| is_visited(*node))
    }

    /// The code books of the routes of `node`.
    pub fn code_books(&self, node: NodeId) -> impl Iterator<Item = &CodeBook> {
        self.routes.iter().filter(move |route| route.node == node).map(|route| route.classifier.code_book())
    }

    /// Every value of the label `business` with its index.
    pub fn businesses(&self) -> impl Iterator<Item = (BusinessId, &Business)> {
        (0_u16..).map(BusinessId).zip(&self.businesses)
    }

    /// The business of that name; [`BusinessId::OTHER`] if it is not listed.
    pub fn business(&self, name: Option<&str>) -> BusinessId {
        let Some(name) = name else { return BusinessId::NONE };
        let listed = self.businesses().skip(2).find(|(_, business)| *business.name == *name);
        listed.map_or(BusinessId::OTHER, |(id, _)| id)
    }

    /// A business by its index.
    pub fn business_by_id(&self, id: BusinessId) -> Option<&Business> {
        self.businesses.get(usize::from(id.0))
    }

    /// The joint reader of `routes`, if the plan foresees that the body must choose among them.
    pub fn joint(&self, routes: &[RouteId]) -> Option<&JointReader> {
        self.joints.get(routes)
    }

    /// Foresees among which routes a body may have to choose: those of one host, path and method, up to the first that the
    /// head alone decides, with those that the head may rule out and without them.
    pub(crate) fn join_readers(&mut self) {
        let mut joints = HashMap::new();
        let same = |a: &RouteId, b: &RouteId| match (self.route(*a), self.route(*b)) {
            (Some(a), Some(b)) => a.path.is_some() && a.path == b.path && a.methods == b.methods,
            _ => false,
        };
        for list in self.inbound.lists().chain(self.outbound.lists()) {
            for group in list.chunk_by(same).filter(|group| group.len() > 1) {
                let by_body = group.iter().copied().filter(|route| self.body_alone_decides(*route)).collect();
                for group in [group.to_vec(), by_body] {
                    let open = group.iter().take_while(|route| self.body_may_decide(**route)).count();
                    let group: Vec<RouteId> = group.into_iter().take(open.saturating_add(1)).collect();
                    let readers = group.iter().filter_map(|route| self.route(*route)).map(|route| &route.reader);
                    if group.len() > 1 {
                        let joint = JointReader::new(readers);
                        joints.insert(group, joint);
                    }
                }
            }
        }
        self.joints = joints;
    }

    fn body_may_decide(&self, route: RouteId) -> bool {
        self.route(route).is_some_and(|route| route.when & route.reader.condition_bits().1 != 0)
    }

    fn body_alone_decides(&self, route: RouteId) -> bool {
        self.route(route).is_some_and(|route| route.when & !route.reader.condition_bits().1 == 0)
    }

    /// The routes that a request may take by host, method and path, best first, with the captures of their paths.
    pub fn candidates<'a>(
        &'a self,
        direction: Direction,
        target: Target<'a>,
    ) -> impl Iterator<Item = (RouteId, &'a Route, Vec<&'a str>)> + 'a {
        let index = match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        };
        index.of_host(target.host).filter_map(move |id| {
            let route = self.route(id)?;
            if !route.methods.is_empty() && !route.methods.iter().any(|method| **method == *target.method) {
                return None;
            }
            let captures = match &route.path {
                Some(path) => path.matches(target.path)?,
                None => Vec::new(),
            };
            Some((id, route, captures))
        })
    }
}

/// The host of an authority in lower case, without its port.
pub fn host_of(authority: &str) -> String {
    let without_port = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    without_port.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
