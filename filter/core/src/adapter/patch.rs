//! A config's changes to an adapter, without a copy of it.

use super::Adapter;
use crate::typed::{self, Misfit};
use serde_json::{Map, Value};

/// The adapter's `document` with `changes` made to it, as RFC 7396 merges: objects are merged member by member, anything
/// else takes the place of what was there. A key with a `+` at its end puts its list before the adapter's own.
///
/// # Errors
/// The result is no adapter; the path is that of the fault in the adapter.
pub fn patched(document: &str, changes: &Map<String, Value>) -> Result<Adapter, Misfit> {
    let mut adapter: Value = serde_json::from_str(document).unwrap_or_default();
    merge(&mut adapter, changes);
    // As a config is read: each further way to read the same types would make the filter larger.
    typed::read(&adapter)
}

fn merge(target: &mut Value, changes: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (key, change) in changes {
        match (key.strip_suffix('+'), change) {
            (Some(key), Value::Array(first)) => {
                let own = target.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
                target.insert(key.to_owned(), first.iter().cloned().chain(own).collect());
            }
            (_, Value::Object(inner)) => merge(target.entry(key.clone()).or_insert(Value::Null), inner),
            _ => {
                target.insert(key.clone(), change.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_merge_lists_are_replaced_and_a_plus_puts_elements_first() {
        let mut adapter = json!({"name": "x", "hosts": ["a"], "response": {"ok_codes": ["0"], "code": [1, 2]}});
        let changes = json!({"hosts+": ["b"], "response": {"code": [3], "message": []}, "receipt+": [4]});
        merge(&mut adapter, changes.as_object().unwrap());
        let expected = json!({
            "name": "x", "hosts": ["b", "a"], "receipt": [4],
            "response": {"ok_codes": ["0"], "code": [3], "message": []}
        });
        assert_eq!(adapter, expected);
    }
}
