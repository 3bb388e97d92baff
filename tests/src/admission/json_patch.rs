//! JSON Patch (RFC 6902), as the API server applies what a mutation gives.

use serde_json::Value;

/// The object with all operations done, or as it was if a `test` among them fails.
///
/// # Errors
/// The operation that cannot be done.
pub(super) fn apply(object: &Value, operations: &[Value]) -> Result<Value, String> {
    let mut changed = object.clone();
    for operation in operations {
        match one(&mut changed, operation) {
            Ok(true) => {}
            Ok(false) => return Ok(object.clone()),
            Err(fault) => return Err(format!("{fault}: {operation}")),
        }
    }
    Ok(changed)
}

fn one(object: &mut Value, operation: &Value) -> Result<bool, String> {
    let path = operation["path"].as_str().ok_or("no path")?;
    let value = operation.get("value").cloned().unwrap_or(Value::Null);
    match operation["op"].as_str() {
        Some("add") => add(object, path, value)?,
        Some("remove") => drop(remove(object, path)?),
        Some("replace") => *object.pointer_mut(path).ok_or("there is nothing to replace")? = value,
        Some("test") => return Ok(object.pointer(path).unwrap_or(&Value::Null) == &value),
        Some("copy") => {
            let copied = object.pointer(from(operation)?).ok_or("there is nothing to copy")?.clone();
            add(object, path, copied)?;
        }
        Some("move") => {
            let moved = remove(object, from(operation)?)?;
            add(object, path, moved)?;
        }
        _ => return Err("an unknown op".to_owned()),
    }
    Ok(true)
}

fn from(operation: &Value) -> Result<&str, String> {
    operation["from"].as_str().ok_or_else(|| "no from".to_owned())
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parent, key) = place(object, path)?;
    match parent {
        Value::Object(members) => drop(members.insert(key, value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = key.parse().map_err(|_| "no index of a list")?;
            if index > items.len() {
                return Err("an index behind the list's end".to_owned());
            }
            items.insert(index, value);
        }
        _ => return Err("the parent is neither object nor list".to_owned()),
    }
    Ok(())
}

fn remove(object: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, key) = place(object, path)?;
    let removed = match parent {
        Value::Object(members) => members.remove(&key),
        Value::Array(items) => key.parse().ok().filter(|index| *index < items.len()).map(|index| items.remove(index)),
        _ => None,
    };
    removed.ok_or_else(|| "there is nothing to remove".to_owned())
}

fn place<'a>(object: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (parent, key) = path.rsplit_once('/').ok_or("no place in the object")?;
    let key = key.replace("~1", "/").replace("~0", "~");
    Ok((object.pointer_mut(parent).ok_or("the parent is not there")?, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(operations: Value) -> Result<Value, String> {
        let object = json!({"metadata": {"labels": {"a": "1"}}, "list": ["x"]});
        apply(&object, operations.as_array().unwrap())
    }

    #[test]
    fn lists_and_maps_are_added_to() {
        let result = patched(json!([
            {"op": "add", "path": "/list/0", "value": "first"},
            {"op": "add", "path": "/list/-", "value": "last"},
            {"op": "add", "path": "/metadata/labels/example.com~1b", "value": "2"},
        ]));
        let expected =
            json!({"metadata": {"labels": {"a": "1", "example.com/b": "2"}}, "list": ["first", "x", "last"]});
        assert_eq!(result, Ok(expected));
    }

    #[test]
    fn a_parent_that_is_not_there_is_an_error() {
        assert!(patched(json!([{"op": "add", "path": "/none/a", "value": 1}])).is_err());
        assert!(patched(json!([{"op": "add", "path": "/list/2", "value": 1}])).is_err());
        assert!(patched(json!([{"op": "replace", "path": "/none", "value": 1}])).is_err());
    }

    #[test]
    fn a_test_that_fails_changes_nothing() {
        let result = patched(json!([
            {"op": "remove", "path": "/list"},
            {"op": "test", "path": "/metadata/labels/a", "value": "2"},
        ]));
        assert_eq!(result.unwrap()["list"], json!(["x"]));
    }
}
