//! Whether a message of one vendor can be composed for another.

use crate::adapter::{Adapter, OperationKind};
use crate::config::validate::Builder;
use crate::plan::{ChannelId, Direction, Target, host_of};

/// What stands against moving messages of `from` to `to`, a channel with another adapter.
pub(super) fn against(builder: &Builder<'_>, from: ChannelId, to: ChannelId) -> Vec<String> {
    let (Some(first), Some(next)) = (builder.adapters.get(from.index()), builder.adapters.get(to.index())) else {
        return Vec::new();
    };
    let mut against = check_mapping(first, next);
    if against.is_empty() {
        against.extend(missing_params(builder, to));
        against.extend(unread_path(builder, to, next));
    }
    against
}

/// What stands against composing messages that `from` reads as requests that `to` understands.
fn check_mapping(from: &Adapter, to: &Adapter) -> Vec<String> {
    let first = from.can_be_read();
    let first =
        first.map_err(|why| format!("adapter `{}` cannot give its messages to another vendor: {why}", from.name));
    // A `compose` can be added by the config, a credential in a header cannot.
    let next = to.credential_fits_mapping().and_then(|()| to.can_compose());
    let next = next.map_err(|why| format!("adapter `{}` cannot take messages of another vendor: {why}", to.name));
    [first, next].into_iter().filter_map(Result::err).collect()
}

/// Parameters without which no request to the channel can be composed.
fn missing_params(builder: &Builder<'_>, to: ChannelId) -> Option<String> {
    let channel = builder.plan.channel(to)?;
    let asked = channel.composer.as_ref()?.params();
    let is_missing = |(name, optional): &(&str, bool)| !optional && !channel.params.contains_key(*name);
    let missing: Vec<String> = asked.into_iter().filter(is_missing).map(|(name, _)| format!("`{name}`")).collect();
    let what =
        format!("lacks what its requests need: set {} in `params` of channel `{}`", missing.join(", "), channel.name);
    (!missing.is_empty()).then_some(what)
}

/// An answer is read as one of the operation to which the request belongs.
fn unread_path(builder: &Builder<'_>, to: ChannelId, adapter: &Adapter) -> Option<String> {
    let channel = builder.plan.channel(to)?;
    let compose = adapter.compose.as_ref()?;
    let own = builder.wire.channels.iter().find(|(_, wire)| *wire.name == *channel.name)?.1.path.as_deref();
    let path = filled(own.unwrap_or(&compose.path));
    let target = Target { host: &host_of(channel.authority.as_deref()?), method: &compose.method, path: &path };
    let mut routes = builder.plan.candidates(Direction::Outbound, target);
    let is_send = routes.any(|(_, route, _)| route.channel == Some(to) && route.operation == Some(OperationKind::Send));
    let what = format!(
        "is asked by {} {}, of which the adapter knows no answer: change `path` of channel `{}`",
        compose.method,
        own.unwrap_or(&compose.path),
        channel.name
    );
    (!is_send).then_some(what)
}

/// The path of a template without its query, with something in place of each placeholder.
fn filled(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template.split('?').next().unwrap_or(template);
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        path.push('x');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    path.push_str(rest);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_tried_with_its_placeholders_filled() {
        for (template, path) in [("/", "/"), ("/a/{params.b}/c{d}", "/a/x/cx"), ("/a?b={c}", "/a"), ("/a{", "/ax")] {
            assert_eq!(filled(template), path);
        }
    }
}
