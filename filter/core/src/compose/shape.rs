//! JSON whose texts, and whose keys, are templates.

use super::template::{Lookup, Template};
use super::{ComposeFault, Faults};
use serde_json::{Map, Value};

/// A compiled shape.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Text(Template),
    Fixed(Value),
    List(Vec<Shape>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    key: Template,
    /// Whether it is left out where it lacks a value.
    optional: bool,
    shape: Shape,
}

/// The placeholders that there are at some place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    /// Their names.
    pub(super) names: &'k [&'k str],
    /// Whether there are `params.NAME` too.
    pub(super) params: bool,
}

impl Known<'_> {
    /// Compiles a template that has no other placeholders.
    pub(super) fn template(self, text: &str, at: &str, faults: &mut Faults) -> Option<Template> {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(fault) => {
                faults.push((at.to_owned(), fault));
                return None;
            }
        };
        for name in template.names().filter(|name| !self.has(name)) {
            let also = if self.params { ", params.NAME" } else { "" };
            let known = format!("{}{also}", self.names.join(", "));
            faults.push((at.to_owned(), ComposeFault::Placeholder { name: name.to_owned(), known }));
        }
        Some(template)
    }

    fn has(self, name: &str) -> bool {
        let is_param = self.params && name.strip_prefix("params.").is_some_and(|param| !param.is_empty());
        is_param || self.names.contains(&name)
    }
}

impl Shape {
    /// Compiles `value`. Every fault is reported.
    pub(super) fn new(value: &Value, known: Known<'_>, at: &str, faults: &mut Faults) -> Self {
        match value {
            Value::String(text) => match known.template(text, at, faults) {
                Some(template) => Self::Text(template),
                None => Self::Fixed(Value::Null),
            },
            Value::Array(elements) => {
                let element = |(index, element)| Self::new(element, known, &format!("{at}[{index}]"), &mut *faults);
                Self::List(elements.iter().enumerate().map(element).collect())
            }
            Value::Object(members) => Self::object(members, known, at, faults),
            other => Self::Fixed(other.clone()),
        }
    }

    /// Compiles an object.
    pub(super) fn object(members: &Map<String, Value>, known: Known<'_>, at: &str, faults: &mut Faults) -> Self {
        let mut compiled = Vec::new();
        // A member that a config has set to null is taken out; `{null}` is one that says null.
        for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let at = format!("{at}.{key}");
            let bare = key.strip_suffix('?');
            if bare.is_some_and(|bare| members.contains_key(bare)) {
                faults.push((at.clone(), ComposeFault::Twice(bare.unwrap_or_default().to_owned())));
            }
            let Some(template) = known.template(bare.unwrap_or(key), &at, faults) else { continue };
            let shape = Self::new(value, known, &at, faults);
            compiled.push(Member { key: template, optional: bare.is_some(), shape });
        }
        Self::Object(compiled)
    }

    /// Whether it is anything but a text.
    pub(super) const fn is_json(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// The names of the placeholders, and whether it can do without each.
    pub(super) fn names(&self) -> Vec<(&str, bool)> {
        match self {
            Self::Text(template) => template.names().map(|name| (name, false)).collect(),
            Self::Fixed(_) => Vec::new(),
            Self::List(elements) => elements.iter().flat_map(Self::names).collect(),
            Self::Object(members) => members.iter().flat_map(Member::names).collect(),
        }
    }

    /// The value that it is with every placeholder filled. `lacks` tells which failures only leave an optional member out.
    pub(super) fn fill<E>(&self, lookup: &mut Lookup<'_, E>, lacks: fn(&E) -> bool) -> Result<Value, E> {
        match self {
            Self::Text(template) => template.fill(lookup),
            Self::Fixed(value) => Ok(value.clone()),
            Self::List(elements) => {
                elements.iter().map(|element| element.fill(lookup, lacks)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(members) => {
                let mut filled = Map::new();
                for member in members {
                    match member.fill(lookup, lacks) {
                        Ok((key, value)) => {
                            filled.insert(key, value);
                        }
                        Err(lacking) if member.optional && lacks(&lacking) => {}
                        Err(failure) => return Err(failure),
                    }
                }
                Ok(Value::Object(filled))
            }
        }
    }
}

impl Member {
    fn names(&self) -> Vec<(&str, bool)> {
        let all = self.key.names().map(|name| (name, false)).chain(self.shape.names());
        all.map(|(name, optional)| (name, optional || self.optional)).collect()
    }

    fn fill<E>(&self, lookup: &mut Lookup<'_, E>, lacks: fn(&E) -> bool) -> Result<(String, Value), E> {
        let key = self.key.text(&mut |name| lookup(name).map(super::encode::plain))?;
        Ok((key, self.shape.fill(lookup, lacks)?))
    }
}
