//! What may be a name or a host.

use crate::config::Faults;

/// The longest name.
const MAX_NAME_BYTES: usize = 64;

/// A name of a node, channel or service: it becomes part of an Envoy stat's name.
pub(super) fn check_name(name: &str, path: &str, faults: &mut Faults) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
        faults.add(path, format!("{name:?} is no name: 1 to {MAX_NAME_BYTES} letters, digits, `_` and `-`"));
    }
}

/// A value of the label `business`: any text that an Envoy stat's name can carry.
pub(super) fn check_business(name: &str, path: &str, faults: &mut Faults) {
    let forbidden = |c: char| c.is_control() || matches!(c, ';' | '=' | '"' | '\\');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(forbidden) {
        faults.add(path, format!("{name:?} is no label value: 1 to {MAX_NAME_BYTES} bytes without `;`, `=`, quotes and control characters"));
    }
    if matches!(name, "none" | "other") {
        faults.add(path, format!("`{name}` has a meaning of its own: choose another name"));
    }
}

/// A host suffix, returned in lower case.
pub(super) fn host(text: &str, path: &str, faults: &mut Faults) -> Option<Box<str>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.is_empty() || !text.bytes().all(allowed) || text.starts_with('.') || text.ends_with('.') {
        faults.add(
            path,
            format!(
                "{text:?} is no host: write it without scheme, port, path and wildcard, such as \"api.example.com\""
            ),
        );
        return None;
    }
    Some(text.to_ascii_lowercase().into())
}

/// The name in upper case with `_` for `-`, as nodes are named.
pub(super) fn upper(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
