//! Which object is meant.

use std::fmt;
use thiserror::Error;

/// The longest name that an object may have.
const MAX_NAME_BYTES: usize = 253;

/// What kind of object holds rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The config, or overrides beside it.
    ConfigMap,
    /// Istio's object that holds the filter's config.
    EnvoyFilter,
}

/// An object of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A text that names no object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("is no NAMESPACE/NAME, such as push/pointsman-overrides")]
pub struct NotAName;

impl Object {
    /// The object with this `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// [`NotAName`], also where a name could not be one of Kubernetes: it becomes part of a path.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, NotAName> {
        let (namespace, name) = text.split_once('/').ok_or(NotAName)?;
        if !is_name(namespace) || !is_name(name) {
            return Err(NotAName);
        }
        Ok(Self { kind, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The ConfigMap of a name in the same namespace; none if it can be no name.
    pub(super) fn config_map_beside(&self, name: &str) -> Option<Self> {
        is_name(name).then(|| Self { kind: Kind::ConfigMap, namespace: self.namespace.clone(), name: name.to_owned() })
    }

    /// Where the API server has it.
    pub(super) fn path(&self) -> String {
        let (api, resource) = match self.kind {
            Kind::ConfigMap => ("/api/v1", "configmaps"),
            Kind::EnvoyFilter => ("/apis/networking.istio.io/v1alpha3", "envoyfilters"),
        };
        format!("{api}/namespaces/{}/{resource}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::ConfigMap => "ConfigMap",
            Kind::EnvoyFilter => "EnvoyFilter",
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

fn is_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= MAX_NAME_BYTES
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_namespace_and_name() {
        let object = Object::parse(Kind::ConfigMap, "push/pointsman-overrides").unwrap();
        assert_eq!(object.path(), "/api/v1/namespaces/push/configmaps/pointsman-overrides");
        assert_eq!(object.to_string(), "ConfigMap push/pointsman-overrides");
        let filter = Object::parse(Kind::EnvoyFilter, "push/pointsman-rules").unwrap();
        assert!(filter.path().ends_with("/v1alpha3/namespaces/push/envoyfilters/pointsman-rules"));
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        let long = format!("push/{}", "a".repeat(254));
        for text in ["", "push", "/a", "push/", "push/a/b", "push/../x", "Push/a", "push/a?x=1", "push/-a", &long] {
            assert_eq!(Object::parse(Kind::ConfigMap, text), Err(NotAName), "{text}");
        }
    }
}
