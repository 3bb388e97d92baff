//! A request as it came, kept for as long as another channel may have to take its message.

use super::collected::Collected;
use super::context::b3_headers;
use super::visit::Visit;
use super::{Call, Command};
use crate::compose::{Canonical, Head};
use crate::headers::{self, Headers};
use crate::plan::{B3Style, Channel, Plan};
use crate::policy::Target;
use crate::trace::{B3, TraceParent};
use std::time::Duration;

/// What belongs to one connection, or is made anew for each.
const OF_ONE_HOP: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
];

/// What is kept of a request.
#[derive(Debug)]
pub(super) struct Original {
    /// Its head, as one piece.
    head: Vec<u8>,
    body: Option<Collected>,
}

/// A request of our own.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authority: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The message, where it had to be told in other words.
    pub(super) message: Option<Box<Canonical>>,
}

impl Original {
    /// Keeps the head of a request.
    pub(super) fn of(headers: &Headers<'_>) -> Self {
        Self { head: headers::encode(headers.iter()), body: None }
    }

    /// Adds the body; none if there is one that was not read, or not all of it.
    pub(super) fn with_body(mut self, has_body: bool, body: Option<Collected>) -> Option<Self> {
        self.body = body.filter(Collected::is_whole);
        (self.body.is_some() || !has_body).then_some(self)
    }

    fn body(&self) -> &[u8] {
        self.body.as_ref().map(Collected::bytes).unwrap_or_default()
    }

    /// Its headers, those of the request line among them.
    pub(super) fn headers(&self) -> Headers<'_> {
        Headers::parse(&self.head)
    }

    /// The request by which `channel` is asked to take the message; `target` is none for the first channel itself. None if
    /// the message cannot be told in that channel's words.
    pub(super) fn outgoing(
        &self,
        plan: &Plan,
        channel: &Channel,
        target: Option<&Target>,
        visit: &Visit,
    ) -> Option<Outgoing> {
        let authority = channel.authority.as_deref()?.to_owned();
        let Some(target) = target.filter(|target| !target.same_adapter) else {
            let first = plan.channel(visit.asked?.first)?;
            let keep = target.is_none_or(|target| target.keep_credentials);
            let head = self.headers();
            let stays = |name: &str| keep || !is_credential([first, channel], name);
            return Some(Outgoing {
                method: head.get_str(":method")?.to_owned(),
                path: head.get_str(":path")?.to_owned(),
                authority,
                headers: end_to_end(&head).filter(|(name, _)| stays(name)).collect(),
                body: self.body().to_vec(),
                message: None,
            });
        };
        let message = self.message(plan, visit)?;
        let composed = channel.composer.as_ref()?.compose(&message, &channel.params, &target.texts).ok()?;
        Some(Outgoing {
            method: composed.method,
            path: composed.path,
            authority,
            headers: composed.headers,
            body: composed.body,
            message: Some(Box::new(message)),
        })
    }

    /// What the request says, in nobody's words.
    pub(super) fn message(&self, plan: &Plan, visit: &Visit) -> Option<Canonical> {
        let route = plan.route(visit.route)?;
        let headers = self.headers();
        let path = headers.get_str(":path")?;
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let captures = route.path.as_ref().and_then(|pattern| pattern.matches(path)).unwrap_or_default();
        let head = Head { headers: &headers, query, captures: &captures };
        route.message.as_ref()?.read(head, self.body()).ok()
    }
}

impl Outgoing {
    /// The call to `cluster` that sends it.
    pub(super) fn command(
        self,
        cluster: &str,
        context: Option<&TraceParent>,
        b3: B3Style,
        timeout: Duration,
    ) -> Command {
        let mut headers = vec![
            (":method".to_owned(), self.method),
            (":path".to_owned(), self.path),
            (":authority".to_owned(), self.authority),
        ];
        headers.extend(self.headers);
        if let Some(context) = context {
            headers.push(("traceparent".to_owned(), context.to_string()));
            headers.extend(b3_headers(context, b3).map(|(name, value)| (name.to_owned(), value)));
        }
        Command::Call(Box::new(Call { cluster: cluster.to_owned(), headers, body: self.body, timeout }))
    }
}

/// The headers that are for the other end, and neither for one connection nor for a proxy.
pub(super) fn end_to_end(head: &Headers<'_>) -> impl Iterator<Item = (String, String)> {
    let text = |(name, value)| Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?));
    let for_proxies = |name: &str| [":", "x-envoy-", "x-pointsman-"].iter().any(|prefix| name.starts_with(prefix));
    let stays =
        move |(name, _): &(&str, &str)| !for_proxies(name) && !OF_ONE_HOP.contains(name) && !B3::HEADERS.contains(name);
    head.iter().filter_map(text).filter(stays).map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Whether a header proves who sends, to the vendors of `channels` or to any.
pub(super) fn is_credential(channels: [&Channel; 2], name: &str) -> bool {
    channels.iter().flat_map(|channel| &channel.credential_headers).any(|own| **own == *name)
}
