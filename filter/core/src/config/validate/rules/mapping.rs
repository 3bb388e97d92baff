//! Whether a message of one vendor can be composed for another.

use crate::adapter::Adapter;
use crate::config::validate::Builder;
use crate::plan::ChannelId;

/// What stands against moving messages of `from` to `to`, a channel with another adapter.
pub(super) fn against(builder: &Builder<'_>, from: ChannelId, to: ChannelId) -> Vec<String> {
    let (Some(first), Some(next)) = (builder.adapters.get(from.index()), builder.adapters.get(to.index())) else {
        return Vec::new();
    };
    let mut against = check_mapping(first, next);
    if against.is_empty() {
        against.extend(missing_params(builder, to));
        against.extend(unread_path(builder, to));
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
fn unread_path(builder: &Builder<'_>, to: ChannelId) -> Option<String> {
    let channel = builder.plan.channel(to)?;
    let (method, path) = channel.composer.as_ref()?.example();
    let is_read = builder.plan.send_route(to, channel.authority.as_deref()?, method, &path).is_some();
    let what = format!(
        "is asked by such as {method} {path}, of which the adapter knows no answer: change `path` of channel `{}`",
        channel.name
    );
    (!is_read).then_some(what)
}
