//! Reads a JSON document as the types that say what it may hold, with the path of what does not fit.
//!
//! Each type that is read is compiled once for each way of reading, and with `serde_path_to_error` around `serde_json` that
//! made a fifth of the filter. This reader knows only documents in memory, and objects only by their names.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;
use std::fmt;

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To a member of an object.
    Key(String),
    /// To an element of a list.
    Index(usize),
}

/// A value that is not what it should be.
#[derive(Debug)]
pub struct Misfit(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// From the value to the document.
    steps: Vec<Step>,
    message: String,
}

impl Misfit {
    /// The steps from the document to the value.
    pub(crate) fn path(&self) -> Vec<Step> {
        self.0.steps.iter().rev().cloned().collect()
    }

    /// What is wrong with it.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    #[cold]
    fn inside(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }

    #[cold]
    fn new(message: String) -> Self {
        Self(Box::new(Inner { steps: Vec::new(), message }))
    }

    #[cold]
    #[inline(never)]
    fn of(value: &Value, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected(value), expected)
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", path("$", &self.path()), self.message())
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found: &dyn fmt::Display = if found == Unexpected::Unit { &"null" } else { &found };
        Self::new(format!("invalid type: {found}, expected {expected}"))
    }
}

/// A path as it is written below `start`, such as `$.response.code[0]`.
pub(crate) fn path(start: &str, steps: &[Step]) -> String {
    let mut text = start.to_owned();
    for step in steps {
        match step {
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Reads a document.
///
/// # Errors
/// The first value that does not fit.
pub(crate) fn read<'v, T: Deserialize<'v>>(document: &'v Value) -> Result<T, Misfit> {
    T::deserialize(Reader(document))
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Unexpected::Unsigned(number),
            (None, Some(number)) => Unexpected::Signed(number),
            (None, None) => Unexpected::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

#[derive(Clone, Copy)]
struct Reader<'v>(&'v Value);

impl<'v> Reader<'v> {
    fn number<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match unexpected(self.0) {
            Unexpected::Unsigned(number) => visitor.visit_u64(number),
            Unexpected::Signed(number) => visitor.visit_i64(number),
            Unexpected::Float(number) => visitor.visit_f64(number),
            _ => Err(Misfit::of(self.0, &visitor)),
        }
    }

    fn text<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(text) => visitor.visit_borrowed_str(text),
            other => Err(Misfit::of(other, &visitor)),
        }
    }

    fn object<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Object(members) => visitor.visit_map(Members { rest: members.iter(), open: None }),
            other => Err(Misfit::of(other, &visitor)),
        }
    }

    fn list<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Array(elements) => visitor.visit_seq(Elements { rest: elements.iter(), next: 0 }),
            other => Err(Misfit::of(other, &visitor)),
        }
    }
}

macro_rules! each {
    ($($method:ident)* => $way:ident) => {
        $(fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.$way(visitor)
        })*
    };
}

impl<'v> Deserializer<'v> for Reader<'v> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(_) => self.number(visitor),
            Value::String(_) => self.text(visitor),
            Value::Array(_) => self.list(visitor),
            Value::Object(_) => self.object(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(*value),
            other => Err(Misfit::of(other, &visitor)),
        }
    }

    each!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 => number);
    each!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 => number);
    each!(deserialize_f32 deserialize_f64 => number);
    each!(deserialize_char deserialize_str deserialize_string deserialize_identifier => text);
    each!(deserialize_map => object);
    each!(deserialize_seq => list);

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.object(visitor)
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let variant = match self.0 {
            Value::String(name) => Variant { name, value: None },
            Value::Object(members) => {
                let mut members = members.iter();
                match (members.next(), members.next()) {
                    (Some((name, value)), None) => Variant { name, value: Some(value) },
                    _ => return Err(Misfit::invalid_value(Unexpected::Map, &"map with a single key")),
                }
            }
            other => return Err(Misfit::of(other, &"string or map")),
        };
        visitor.visit_enum(variant)
    }

    forward_to_deserialize_any! { <W: Visitor<'v>> bytes byte_buf unit unit_struct tuple tuple_struct }
}

struct Members<'v> {
    rest: serde_json::map::Iter<'v>,
    open: Option<(&'v String, &'v Value)>,
}

impl<'v> MapAccess<'v> for Members<'v> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.open = self.rest.next();
        let Some((key, _)) = self.open else { return Ok(None) };
        let read = seed.deserialize(BorrowedStrDeserializer::new(key));
        read.map(Some).map_err(|misfit: Misfit| misfit.inside(Step::Key(key.clone())))
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let Some((key, value)) = self.open else { return Err(Misfit::custom("value without a key")) };
        seed.deserialize(Reader(value)).map_err(|misfit| misfit.inside(Step::Key(key.clone())))
    }
}

struct Elements<'v> {
    rest: std::slice::Iter<'v, Value>,
    next: usize,
}

impl<'v> SeqAccess<'v> for Elements<'v> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<Option<S::Value>, Misfit> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let index = self.next;
        self.next = index.saturating_add(1);
        seed.deserialize(Reader(value)).map(Some).map_err(|misfit| misfit.inside(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Variant<'v> {
    name: &'v str,
    value: Option<&'v Value>,
}

impl<'v> EnumAccess<'v> for Variant<'v> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'v>>(self, seed: S) -> Result<(S::Value, Self), Misfit> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Misfit>::new(self.name))?, self))
    }
}

impl<'v> VariantAccess<'v> for Variant<'v> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        self.value.map_or(Ok(()), |value| <()>::deserialize(Reader(value)))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'v>>(self, seed: S) -> Result<S::Value, Misfit> {
        match self.value {
            Some(value) => seed.deserialize(Reader(value)),
            None => Err(Misfit::invalid_type(Unexpected::UnitVariant, &"newtype variant")),
        }
    }

    fn tuple_variant<V: Visitor<'v>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        match self.value {
            Some(value) => Reader(value).list(visitor),
            None => Err(Misfit::invalid_type(Unexpected::UnitVariant, &"tuple variant")),
        }
    }

    fn struct_variant<V: Visitor<'v>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        match self.value {
            Some(value) => Reader(value).object(visitor),
            None => Err(Misfit::invalid_type(Unexpected::UnitVariant, &"struct variant")),
        }
    }
}
