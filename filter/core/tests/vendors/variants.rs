//! The same JSON written in other ways: what is one value to a vendor must be one to the adapters.

use serde_json::{Map, Value};

/// Another way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The members of objects in the reverse order.
    KeysReversed,
    /// White space wherever it may stand.
    Spaced,
    /// Every number as a string.
    NumbersAsStrings,
    /// Every string of digits as a number.
    StringsAsNumbers,
}

impl Variant {
    /// A body written so, if it has a JSON value in it: the body itself, or fields of a form.
    pub(crate) fn of_body(self, body: &str, is_form: bool) -> Option<String> {
        if !is_form {
            return self.of_json(body);
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(body.as_bytes()) {
            let written = self.of_json(&value);
            form.append_pair(&name, written.as_deref().unwrap_or(&value));
        }
        Some(form.finish())
    }

    /// An object or an array written so.
    fn of_json(self, text: &str) -> Option<String> {
        let value: Value =
            serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())?;
        let mut written = String::new();
        self.write(&value, &mut written);
        Some(written)
    }

    fn write(self, value: &Value, out: &mut String) {
        self.space(out);
        match value {
            Value::Object(members) => self.write_object(members, out),
            Value::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.write(element, out);
                }
                out.push(']');
            }
            Value::Number(number) if self == Self::NumbersAsStrings => out.push_str(&format!("\"{number}\"")),
            Value::String(text) if self == Self::StringsAsNumbers && is_number(text) => out.push_str(text),
            scalar => out.push_str(&scalar.to_string()),
        }
        self.space(out);
    }

    fn write_object(self, members: &Map<String, Value>, out: &mut String) {
        let mut members: Vec<(&String, &Value)> = members.iter().collect();
        if self == Self::KeysReversed {
            members.reverse();
        }
        out.push('{');
        for (index, (key, member)) in members.into_iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            self.space(out);
            out.push_str(&Value::from(key.as_str()).to_string());
            self.space(out);
            out.push(':');
            self.write(member, out);
        }
        out.push('}');
    }

    fn space(self, out: &mut String) {
        if self == Self::Spaced {
            out.push_str(" \t\r\n");
        }
    }
}

/// Whether a text is an integer as JSON writes one.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain && (digits == "0" || !digits.starts_with('0'))
}

#[test]
fn a_variant_is_the_same_value() {
    let text = r#"{"a":[1,"2","02"],"b":{"c":"x"}}"#;
    let cases = [
        (Variant::KeysReversed, r#"{"b":{"c":"x"},"a":[1,"2","02"]}"#),
        (Variant::NumbersAsStrings, r#"{"a":["1","2","02"],"b":{"c":"x"}}"#),
        (Variant::StringsAsNumbers, r#"{"a":[1,2,"02"],"b":{"c":"x"}}"#),
    ];
    for (variant, expected) in cases {
        assert_eq!(variant.of_body(text, false).as_deref(), Some(expected), "{variant:?}");
    }
    let spaced = Variant::Spaced.of_body(text, false).unwrap_or_default();
    assert_eq!(serde_json::from_str::<Value>(&spaced).ok(), serde_json::from_str(text).ok());
    assert_eq!(Variant::Spaced.of_body("x=%7B%7D&y=1", true).as_deref(), Some("x=+%09%0D%0A%7B%7D+%09%0D%0A&y=1"));
}
