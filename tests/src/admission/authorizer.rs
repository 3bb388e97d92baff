//! The `authorizer` of expressions: it knows what the requesting user may do.

use cel::extractors::This;
use cel::objects::{Key, Map};
use cel::{Context, DeclarationError, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What a user may do. Nothing, to begin with.
#[derive(Clone, Debug, Default)]
pub struct Authorizer {
    grants: Vec<Grant>,
}

/// One thing that a user may do, as a rule of a Role says it; `*` stands for all.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Such as `update`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// Such as `configmaps`, or `pods/exec`.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl Grant {
    /// All objects of a resource in every namespace.
    pub fn new(verb: &str, group: &str, resource: &str) -> Self {
        let own = str::to_owned;
        Self { verb: own(verb), group: own(group), resource: own(resource), namespace: own("*"), name: own("*") }
    }

    /// One object only.
    #[must_use]
    pub fn on(self, namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned(), ..self }
    }
}

impl FromIterator<Grant> for Authorizer {
    fn from_iter<T: IntoIterator<Item = Grant>>(grants: T) -> Self {
        Self { grants: grants.into_iter().collect() }
    }
}

impl Authorizer {
    fn allows(&self, asked: &HashMap<String, String>) -> bool {
        let of = |key: &str| asked.get(key).map_or("", String::as_str);
        let resource = match of("subresource") {
            "" => of("resource").to_owned(),
            subresource => format!("{}/{subresource}", of("resource")),
        };
        let fits = |granted: &str, asked: &str| granted == "*" || granted == asked;
        self.grants.iter().any(|grant| {
            fits(&grant.verb, of("verb"))
                && fits(&grant.group, of("group"))
                && fits(&grant.resource, &resource)
                && fits(&grant.namespace, of("namespace"))
                && fits(&grant.name, of("name"))
        })
    }
}

/// Gives expressions the variable `authorizer` and what can be called on it.
pub(super) fn declare(context: &mut Context<'_, '_>, authorizer: &Authorizer) -> Result<(), DeclarationError> {
    context.add_variable_from_value("authorizer", asked(HashMap::new()));
    for step in ["group", "resource", "subresource", "namespace", "name"] {
        context.add_function(step, move |This(this): This<Value>, value: Arc<String>| with(&this, step, &value))?;
    }
    let authorizer = authorizer.clone();
    context.add_function("check", move |This(this): This<Value>, verb: Arc<String>| {
        let question = with(&this, "verb", &verb);
        Value::Bool(authorizer.allows(&entries(&question)))
    })?;
    context.add_function("allowed", |This(decision): This<bool>| decision)
}

fn with(question: &Value, key: &str, value: &str) -> Value {
    let mut entries = entries(question);
    entries.insert(key.to_owned(), value.to_owned());
    asked(entries)
}

fn asked(entries: HashMap<String, String>) -> Value {
    let entries = entries.into_iter().map(|(key, value)| (Key::String(Arc::new(key)), Value::String(Arc::new(value))));
    Value::Map(Map { map: Arc::new(entries.collect()) })
}

fn entries(question: &Value) -> HashMap<String, String> {
    let Value::Map(map) = question else { return HashMap::new() };
    let text = |value: &Value| match value {
        Value::String(text) => text.to_string(),
        _ => String::new(),
    };
    map.map.iter().map(|(key, value)| (key.to_string(), text(value))).collect()
}
