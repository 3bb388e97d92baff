//! What was understood of a vendor's answer, told to the caller in headers of one standard shape.

use super::visit::Visit;
use super::{Command, OWN_HEADER_PREFIX};
use crate::classify::Verdict;
use crate::headers::Headers;
use crate::outcome::Fate;
use crate::time::as_millis;

/// What a held answer waits for. More than its first piece only where all of it is sure to fit: were a piece that follows
/// to overflow Envoy's buffer, Envoy would answer 500 in its place before the filter has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// All of it: it is announced to be short enough.
    Whole,
    /// Its first piece, which is often all there is, though its length is not announced.
    FirstPiece,
}

const FATE: &str = "x-pointsman-fate";

/// What is told of the verdict on `visit`, by header.
fn pairs(verdict: &Verdict, visit: &Visit) -> impl Iterator<Item = (&'static str, String)> {
    let retry_after_ms = verdict.retry_after.map(|wait| as_millis(wait).to_string());
    let told = [
        ("x-pointsman-outcome", Some(verdict.call.as_str().to_owned())),
        ("x-pointsman-code", verdict.code.as_deref().map(|code| visit.without_recipients(code))),
        ("x-pointsman-retry-after-ms", retry_after_ms),
        (FATE, Some(verdict.fate.as_str().to_owned())),
    ];
    told.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)))
}

/// The headers that tell the verdict on `visit`.
pub(super) fn headers(verdict: &Verdict, visit: &Visit) -> impl Iterator<Item = Command> {
    pairs(verdict, visit).map(|(name, value)| Command::SetResponseHeader(name, value))
}

/// The same, for an answer of our own.
pub(super) fn told(verdict: &Verdict, visit: &Visit) -> Vec<(String, String)> {
    pairs(verdict, visit).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Tells the caller no more than the fate.
pub(super) fn fate(fate: Fate) -> Command {
    Command::SetResponseHeader(FATE, fate.as_str().to_owned())
}

/// The same, for an answer of our own.
pub(super) fn fate_told(fate: Fate) -> Vec<(String, String)> {
    vec![(FATE.to_owned(), fate.as_str().to_owned())]
}

/// Removes what a vendor has set in our name.
pub(super) fn foreign(headers: &Headers<'_>) -> impl Iterator<Item = Command> {
    let own = headers.names().filter(|name| name.starts_with(OWN_HEADER_PREFIX));
    own.map(|name| Command::RemoveResponseHeader(String::from_utf8_lossy(name).into_owned()))
}
