//! How a channel is called where a rule sends messages to it.

use crate::adapter::Adapter;
use crate::compose::{Answers, Composer};
use crate::config::Faults;
use crate::config::wire::ChannelWire;
use crate::plan::{Channel, NodeId, host_of};
use crate::policy::Policy;

/// The longest text that stands for itself in a request.
pub(in crate::config::validate) const MAX_TEXT_BYTES: usize = 256;
const MAX_PARAMS: usize = 16;

/// What is known of a channel.
pub(super) struct Place<'a> {
    pub(super) wire: &'a ChannelWire,
    pub(super) adapter: &'a Adapter,
    pub(super) hosts: &'a [Box<str>],
    pub(super) at: &'a str,
}

/// The channel whose sends visit `node`.
pub(super) fn channel(place: &Place<'_>, node: NodeId, faults: &mut Faults) -> Option<Channel> {
    let Place { wire, adapter, hosts, at } = place;
    check_call(place, faults);
    check_params(wire, at, faults);
    let composer = composer(place, faults);
    let answers = Answers::new(adapter).map_err(|found| tell(place, found, faults)).ok()?;
    let first_host = hosts.iter().find(|host| ***host != *"*");
    Some(Channel {
        name: wire.name.as_str().into(),
        adapter: adapter.name.as_str().into(),
        node,
        authority: wire.authority.as_deref().map(Into::into).or(first_host.cloned()),
        cluster: wire.cluster.as_deref().unwrap_or(&wire.name).into(),
        params: wire.params.clone(),
        composer,
        answers,
        credential_headers: adapter.secret_headers().map(String::into_boxed_str).collect(),
        policy: Policy::default(),
    })
}

fn composer(place: &Place<'_>, faults: &mut Faults) -> Option<Composer> {
    let Place { wire, adapter, at, .. } = place;
    if let Err(why) = adapter.can_compose() {
        let unused = [("path", wire.path.is_some()), ("params", !wire.params.is_empty())];
        for (key, _) in unused.iter().filter(|(_, is_written)| *is_written) {
            faults.add(format!("{at}.{key}"), format!("means nothing: {why}"));
        }
        return None;
    }
    let composer = Composer::new(adapter, wire.path.as_deref()).map_err(|found| tell(place, found, faults)).ok()?;
    let asked = composer.params();
    for name in wire.params.keys().filter(|name| !asked.contains_key(name.as_str())) {
        let known: Vec<&str> = asked.keys().copied().collect();
        let what = if known.is_empty() { "no parameter".to_owned() } else { known.join(", ") };
        faults.add(format!("{at}.params.{name}"), format!("means nothing: path and body ask for {what}"));
    }
    Some(composer)
}

/// Notes what is wrong with what an adapter or the path says of switches.
fn tell(place: &Place<'_>, found: crate::compose::Faults, faults: &mut Faults) {
    for (field, fault) in found {
        let path = match field.as_str() {
            "path" => format!("{}.path", place.at),
            _ => format!("{}.adapter({}).{field}", place.at, place.adapter.name),
        };
        faults.add(path, fault);
    }
}

fn check_call(place: &Place<'_>, faults: &mut Faults) {
    let Place { wire, hosts, at, .. } = place;
    if wire.cluster.as_deref().is_some_and(|cluster| !is_token(cluster)) {
        faults.add(format!("{at}.cluster"), "is no name of a cluster: printable ASCII without spaces");
    }
    let Some(authority) = wire.authority.as_deref() else { return };
    let at = format!("{at}.authority");
    if !is_authority(authority) {
        let what = "is no authority: a host, and a port where it is needed, such as \"lc.internal:8443\"";
        faults.add(at, what);
    } else if !hosts.iter().any(|host| serves(host, &host_of(authority))) {
        let what =
            format!("is none of the channel's hosts, so that its answers would not be read: {}", hosts.join(", "));
        faults.add(at, what);
    }
}

/// Whether a host suffix stands for that host.
fn serves(suffix: &str, host: &str) -> bool {
    let below = |before: &str| before.is_empty() || before.ends_with('.');
    suffix == "*" || host.strip_suffix(suffix).is_some_and(below)
}

fn check_params(wire: &ChannelWire, at: &str, faults: &mut Faults) {
    if wire.params.len() > MAX_PARAMS {
        faults.add(format!("{at}.params"), format!("has {} members: at most {MAX_PARAMS}", wire.params.len()));
    }
    for (name, value) in &wire.params {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > MAX_TEXT_BYTES || !name.bytes().all(allowed) {
            faults.add(format!("{at}.params"), format!("{name:?} is no name of a parameter: letters, digits and `_`"));
        }
        if value.len() > MAX_TEXT_BYTES || value.contains(char::is_control) {
            let what = format!("is no value: at most {MAX_TEXT_BYTES} bytes without control characters");
            faults.add(format!("{at}.params.{name}"), what);
        }
    }
}

/// What may stand in a name of a cluster.
pub(in crate::config::validate) fn is_token(text: &str) -> bool {
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A host, with a port or without.
pub(in crate::config::validate) fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_host = !host.is_empty() && !host.starts_with('.') && host.bytes().all(allowed);
    is_host && host.len() <= MAX_TEXT_BYTES && port.parse::<u16>().is_ok_and(|port| port > 0)
}
