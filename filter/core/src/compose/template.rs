//! Texts with placeholders, such as `Your code is {0}`.

use super::ComposeFault;
use super::encode::plain;
use serde_json::Value;

/// A text in which `{name}` is a placeholder, `{{` and `}}` a brace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Box<str>),
}

/// Gives the value of a placeholder.
pub(super) type Lookup<'l, E> = dyn FnMut(&str) -> Result<Value, E> + 'l;

impl Template {
    /// Reads a text.
    pub(super) fn parse(text: &str) -> Result<Self, ComposeFault> {
        let fault = || ComposeFault::Template { text: text.to_owned() };
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => plain.extend(chars.next()),
                '}' => return Err(fault()),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some('{') | None => return Err(fault()),
                            Some(c) => name.push(c),
                        }
                    }
                    if name.is_empty() {
                        return Err(fault());
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Hole(name.into()));
                }
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The names of its placeholders.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }

    /// The text with every placeholder filled; one that is a placeholder alone is the value itself.
    pub(super) fn fill<E>(&self, lookup: &mut Lookup<'_, E>) -> Result<Value, E> {
        if let [Part::Hole(name)] = self.0.as_slice() {
            return lookup(name);
        }
        self.text(&mut |name| lookup(name).map(plain)).map(Value::String)
    }

    /// The text with every placeholder filled by a text. What is filled in is not looked at again.
    pub(super) fn text<E>(&self, lookup: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Hole(name) => filled.push_str(&lookup(name)?),
            }
        }
        Ok(filled)
    }
}

/// Checks a text of a template, in which `{0}` and `{name}` stand for parameters.
///
/// # Errors
/// It is no template.
pub fn check_text(text: &str) -> Result<(), ComposeFault> {
    Template::parse(text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(text: &str) -> Result<Value, String> {
        let template = Template::parse(text).map_err(|fault| fault.to_string())?;
        template.fill(&mut |name| match name {
            "n" => Ok(json!(7)),
            "o" => Ok(json!({"a": 1})),
            "t" => Ok(json!("{n}")),
            other => Err(other.to_owned()),
        })
    }

    #[test]
    fn placeholders_are_filled_once_and_one_alone_keeps_its_type() {
        assert_eq!(filled("{n}"), Ok(json!(7)));
        assert_eq!(filled("{o}"), Ok(json!({"a": 1})));
        assert_eq!(filled("a {n} {o} {t}"), Ok(json!("a 7 {\"a\":1} {n}")));
        assert_eq!(filled("{{n}} }}"), Ok(json!("{n} }")));
        assert_eq!(filled(""), Ok(json!("")));
        assert_eq!(filled("{x}"), Err("x".to_owned()));
        for text in ["{", "}", "{}", "{a", "a}", "{a{b}}"] {
            assert!(filled(text).is_err_and(|fault| fault.contains("no template")), "{text}");
        }
    }
}
