//! Values in the form that their place demands.

use serde_json::Value;

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// `text` where a path or a query has a value: all but the unreserved characters of RFC 3986 is escaped.
pub(super) fn percent(text: &str) -> String {
    escape(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

/// `text` as a name or value of `application/x-www-form-urlencoded`.
pub(super) fn form(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_' | b' ');
    escape(text, keep).replace(' ', "+")
}

fn escape(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keep(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            for digit in [byte >> 4, byte & 15] {
                escaped.extend(DIGITS.get(usize::from(digit)).copied().map(char::from));
            }
        }
    }
    escaped
}

/// A value where only a text can stand: a text as it is, anything else as JSON.
pub(super) fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The fields of a form.
pub(super) fn fields(members: impl IntoIterator<Item = (String, Value)>) -> String {
    let field = |(name, value): (String, Value)| format!("{}={}", form(&name), form(&plain(value)));
    members.into_iter().map(field).collect::<Vec<_>>().join("&")
}

/// Whether `text` can be the value of a header as it is.
pub(super) fn fits_header(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn a_form_says_what_was_put_into_it_and_nothing_more(
            fields_in in prop::collection::vec((".{0,12}", ".{0,24}"), 0..5),
        ) {
            let members = fields_in.iter().map(|(name, value)| (name.clone(), json!(value)));
            let text = fields(members);
            let read: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            prop_assert_eq!(read, fields_in);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn what_is_percent_encoded_has_no_character_with_a_meaning(text in ".{0,24}") {
            let encoded = percent(&text);
            prop_assert!(!encoded.contains(['/', '?', '#', '&', '=', '+', ' ', ';', '\\']));
            let read = form_urlencoded::parse(encoded.as_bytes()).next().map(|(name, _)| name.into_owned());
            prop_assert_eq!(read.unwrap_or_default(), text);
        }
    }

    #[test]
    fn objects_in_a_form_are_json() {
        let members = [("n".to_owned(), json!(1)), ("o".to_owned(), json!({"a": "&="}))];
        assert_eq!(fields(members), "n=1&o=%7B%22a%22%3A%22%26%3D%22%7D");
    }
}
