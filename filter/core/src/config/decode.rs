//! JSON to wire types, reporting every fault and not only the first.
//!
//! serde stops at the first fault. So each fault is noted with its path, what it is about is taken out of the document,
//! and the rest is read again. Elements of lists leave a `null` behind, so that no index moves; a list that cannot hold
//! a gap goes as a whole.

use super::Faults;
use super::wire::ConfigWire;
use crate::typed::{self, Step};
use serde_json::Value;

/// A config with more faults than this is not worth reading on.
const MAX_FAULTS: usize = 100;
/// The longest text of a config that a fault repeats.
const MAX_QUOTED_BYTES: usize = 32;

/// Reads a config; `None` if nothing can be made of it. Text without content is the empty config.
pub fn decode(text: &str, faults: &mut Faults) -> Option<ConfigWire> {
    if text.trim().is_empty() {
        return Some(ConfigWire { says_nothing: true, ..ConfigWire::default() });
    }
    let mut document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => {
            faults.add("$", format!("is not JSON: {error}"));
            return None;
        }
    };
    if !document.is_object() {
        faults.add("$", "is not a JSON object");
        return None;
    }
    let says_nothing = document.as_object().is_some_and(serde_json::Map::is_empty);
    take_out_nulls("$", &mut document, faults);
    let mut taken_out: Vec<String> = Vec::new();
    for _ in 0..MAX_FAULTS {
        let misfit = match typed::read(&document) {
            Ok(wire) => return Some(ConfigWire { says_nothing, ..wire }),
            Err(misfit) => misfit,
        };
        let mut path = misfit.path();
        let place = typed::path("$", &path);
        let message = without_text(misfit.message());
        // That a field is missing which has just been taken out is no fault of its own.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        if taken_out.contains(&place) {
            path.pop();
        } else if !missing.is_some_and(|field| taken_out.contains(&format!("{place}.{field}"))) {
            faults.add(place, message);
        }
        taken_out.push(typed::path("$", &path));
        if !take_out(&mut document, &path) {
            return None;
        }
    }
    None
}

/// serde quotes a text that stands where something else should. A long one may be anything, a credential that was pasted
/// for one, and is left out: a fault goes to logs.
pub(crate) fn without_text(message: &str) -> String {
    let quoted = message.split_once("string \"").and_then(|(before, rest)| Some((before, rest.rsplit_once("\", ")?)));
    if let Some((before, (_, after))) = quoted.filter(|(_, (text, _))| text.len() > MAX_QUOTED_BYTES) {
        return format!("{before}a text, {after}");
    }
    // An unknown field or variant stands between back ticks, first of all.
    match message.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?))) {
        Some((before @ ("unknown field " | "unknown variant "), (text, after))) if text.len() > MAX_QUOTED_BYTES => {
            format!("{before}of {} bytes{after}", text.len())
        }
        _ => message.to_owned(),
    }
}

/// `null` says nothing that leaving the key out would not say better, but in `overrides`, where it takes something out of
/// an adapter.
fn take_out_nulls(path: &str, value: &mut Value, faults: &mut Faults) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut().filter(|(key, member)| *key != "overrides" || !member.is_object()) {
                take_out_nulls(&format!("{path}.{key}"), member, faults);
            }
            members.retain(|_, member| !member.is_null());
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                take_out_nulls(&format!("{path}[{index}]"), element, faults);
            }
        }
        Value::Null => faults.add(path, "is null: leave it out instead"),
        _ => {}
    }
}

/// Takes what stands at `path` out of `document`; `false` if that would be all of it.
fn take_out(document: &mut Value, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut holder = document;
    for step in parents {
        let inner = match step {
            Step::Index(index) => holder.get_mut(*index),
            Step::Key(key) => holder.get_mut(key),
        };
        match inner {
            Some(inner) => holder = inner,
            None => return false,
        }
    }
    match (last, holder) {
        (Step::Key(key), Value::Object(members)) => members.remove(key).is_some(),
        (Step::Index(index), Value::Array(elements)) => match elements.get_mut(*index) {
            Some(element) if !element.is_null() => {
                *element = Value::Null;
                true
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let mut faults = Faults::default();
        decode(text, &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_reported_with_the_path_as_written() {
        let found = faults(
            r#"{
                "servce": "push",
                "channels": ["apns", 7, {"name": "oppo", "objective": {"limit": "fast"}}, {"nam": "x"}],
                "nodes": [{"name": "A", "methods": ["GET", 1]}],
                "hold_request": "yes",
                "tenant": null
            }"#,
        );
        let paths: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
        for expected in [
            "$.tenant",
            "$.servce",
            "$.channels[1]",
            "$.channels[2].objective.limit",
            "$.channels[3].nam",
            "$.channels[3]",
            "$.nodes[0].methods[1]",
            "$.hold_request",
        ] {
            assert!(paths.contains(&expected), "{expected} is missing from {found:#?}");
        }
        assert_eq!(paths.len(), 8, "{found:#?}");
    }

    #[test]
    fn a_long_text_in_the_wrong_place_is_not_repeated() {
        let found =
            faults(r#"{"channels": [{"name": "x", "overrides": "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"}]}"#);
        assert_eq!(found, ["$.channels[0].overrides: invalid type: a text, expected a map"]);
        assert_eq!(faults(r#"{"tenant": 7, "hold_timeout": "fast"}"#).len(), 2);
    }

    #[test]
    fn what_is_no_object_is_one_fault() {
        assert_eq!(faults("[]"), ["$: is not a JSON object"]);
        assert!(faults("{").first().is_some_and(|fault| fault.starts_with("$: is not JSON")));
    }

    #[test]
    fn no_content_is_the_empty_config() {
        assert!(faults(" \n").is_empty() && faults("{}").is_empty());
    }
}
