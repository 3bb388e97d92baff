//! A validated config, in the form in which requests are matched against it. Only validation makes one.

use crate::adapter::RecipientKind;
use crate::classify::{Classifier, CodeBook};
use crate::extract::Reader;
use crate::path::PathPattern;
use crate::trace::{CountryCode, Ratio};
use std::collections::HashMap;
use std::time::Duration;

/// Index of a node of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u16);

impl NodeId {
    /// The place of the node in [`Plan::nodes`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a route of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub(crate) u16);

/// Index of a value of the label `business`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessId(pub(crate) u16);

impl BusinessId {
    /// No business is known.
    pub const NONE: Self = Self(0);
    /// A business that the config does not list.
    pub const OTHER: Self = Self(1);
}

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
}

impl Node {
    /// The channel of a node that has none.
    pub const NO_CHANNEL: &'static str = "none";

    /// Whether a vendor answers here, in its own codes.
    pub fn is_channel(&self) -> bool {
        *self.channel != *Self::NO_CHANNEL
    }
}

/// One kind of request that visits a node: an operation of a vendor, or a node's own pattern.
#[derive(Clone, Debug)]
pub struct Route {
    /// The node visited.
    pub node: NodeId,
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
}

/// What is the same for every exchange.
#[derive(Clone, Debug)]
pub struct Settings {
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
    /// Whether recipients may be kept as a hash.
    pub hash_recipients: bool,
    /// Country calling code of phone numbers without one.
    pub country_code: CountryCode,
    /// The objective of the whole message.
    pub message_objective: Objective,
}

/// Everything that the filter knows about its work.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) routes: Vec<Route>,
    pub(crate) inbound: RouteIndex,
    pub(crate) outbound: RouteIndex,
    pub(crate) businesses: Vec<Business>,
    /// What is the same for every exchange.
    pub settings: Settings,
}

/// Routes by host, so that matching does not grow with the number of channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteIndex {
    by_host: HashMap<Box<str>, Vec<RouteId>>,
    any_host: Vec<RouteId>,
}

impl RouteIndex {
    pub(crate) fn add(&mut self, hosts: &[Box<str>], route: RouteId) {
        if hosts.is_empty() {
            self.any_host.push(route);
        }
        for host in hosts {
            self.by_host.entry(host.clone()).or_default().push(route);
        }
    }

    /// The routes that may serve `host`, the most specific host first.
    fn of_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = RouteId> + 'a {
        let suffixes = std::iter::successors(Some(host), |host| host.split_once('.').map(|(_, parent)| parent));
        let known = suffixes.filter_map(|suffix| self.by_host.get(suffix)).flatten();
        known.chain(&self.any_host).copied()
    }
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

    /// Every node, in the order of the config.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0_u16..).map(NodeId).zip(&self.nodes)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(usize::from(id.0))
    }

    /// A route.
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(usize::from(id.0))
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
