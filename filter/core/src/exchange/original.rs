//! A request as it came, kept for as long as another channel may have to take its message.

use super::collected::Collected;
use super::visit::Visit;
use super::{Call, Command};
use crate::compose::{Canonical, Head};
use crate::headers::Headers;
use crate::plan::{Channel, Plan};
use crate::policy::Target;
use crate::trace::TraceParent;
use std::time::Duration;

/// The longest path that is kept, in bytes.
const MAX_PATH_BYTES: usize = 8_192;

/// Never sent on: what belongs to one connection, or to the proxy.
const OF_ONE_HOP: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "traceparent",
    "transfer-encoding",
    "upgrade",
];
/// What a sender proves itself with, whoever the vendor is.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// What is kept of a request.
#[derive(Debug)]
pub(super) struct Original {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
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
    /// Keeps the head of a request; none that cannot be repeated word by word.
    pub(super) fn of(headers: &Headers<'_>) -> Option<Self> {
        let method = headers.get_str(":method")?.to_owned();
        let path = headers.get_str(":path").filter(|path| path.len() <= MAX_PATH_BYTES)?.to_owned();
        let mut kept = Vec::new();
        for (name, value) in headers.iter() {
            let name = std::str::from_utf8(name).ok()?;
            if name.starts_with(':')
                || name.starts_with("x-envoy-")
                || name.starts_with("x-pointsman-")
                || OF_ONE_HOP.contains(&name)
            {
                continue;
            }
            kept.push((name.to_owned(), std::str::from_utf8(value).ok()?.to_owned()));
        }
        Some(Self { method, path, headers: kept, body: None })
    }

    /// Adds the body; none if there is one that was not read, or not all of it.
    pub(super) fn with_body(mut self, has_body: bool, body: Option<Collected>) -> Option<Self> {
        self.body = body.filter(Collected::is_whole);
        (self.body.is_some() || !has_body).then_some(self)
    }

    fn body(&self) -> &[u8] {
        self.body.as_ref().map(Collected::bytes).unwrap_or_default()
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
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
            let headers = self.headers_for([first, channel], keep);
            let (method, path, body) = (self.method.clone(), self.path.clone(), self.body().to_vec());
            return Some(Outgoing { method, path, authority, headers, body, message: None });
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
        let (path, query) = match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.path.as_str(), None),
        };
        let captures = route.path.as_ref().and_then(|pattern| pattern.matches(path)).unwrap_or_default();
        let headers: Headers<'_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let head = Head { headers: &headers, query, captures: &captures };
        route.message.as_ref()?.read(head, self.body()).ok()
    }

    fn headers_for(&self, channels: [&Channel; 2], keep_credentials: bool) -> Vec<(String, String)> {
        let stays = |name: &str| keep_credentials || !is_credential(channels, name);
        self.headers.iter().filter(|(name, _)| stays(name)).cloned().collect()
    }
}

impl Outgoing {
    /// The call to `cluster` that sends it.
    pub(super) fn command(self, cluster: &str, context: Option<&TraceParent>, timeout: Duration) -> Command {
        let mut headers = vec![
            (":method".to_owned(), self.method),
            (":path".to_owned(), self.path),
            (":authority".to_owned(), self.authority),
        ];
        headers.extend(self.headers);
        let context = context.map(|context| String::from_utf8_lossy(&context.to_header()).into_owned());
        headers.extend(context.map(|context| ("traceparent".to_owned(), context)));
        Command::Call(Box::new(Call { cluster: cluster.to_owned(), headers, body: self.body, timeout }))
    }
}

/// Whether a header proves who sends, to any vendor or to those of `channels`.
pub(super) fn is_credential(channels: [&Channel; 2], name: &str) -> bool {
    let mut own = channels.iter().flat_map(|channel| &channel.credential_headers);
    CREDENTIALS.contains(&name) || own.any(|own| **own == *name)
}
