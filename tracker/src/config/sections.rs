//! The sections of a config file.

use super::fault::Faults;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The sections that have not been read yet.
pub(super) struct Sections {
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Sections {
    /// What is no YAML, or no object, is a fault, and then there are no sections.
    pub(super) fn read(yaml: &str, faults: &mut Faults) -> Self {
        let left = match serde_saphyr::from_str::<Option<Map<String, Value>>>(yaml) {
            Ok(sections) => sections.unwrap_or_default(),
            Err(error) => {
                faults.add("$", format!("this is no YAML with sections: {error}"));
                Map::new()
            }
        };
        Self { left, known: Vec::new() }
    }

    /// A section; its default if it is absent, or has another form, which is a fault.
    pub(super) fn take<T: DeserializeOwned + Default>(&mut self, name: &'static str, faults: &mut Faults) -> T {
        self.known.push(name);
        let Some(value) = self.left.remove(name).filter(|value| !value.is_null()) else { return T::default() };
        serde_path_to_error::deserialize(value).unwrap_or_else(|error| {
            let path = match error.path().to_string() {
                path if path == "." => name.to_owned(),
                path if path.starts_with('[') => format!("{name}{path}"),
                path => format!("{name}.{path}"),
            };
            faults.add(&path, error.into_inner().to_string());
            T::default()
        })
    }

    /// What nobody has taken is a fault.
    pub(super) fn end(self, faults: &mut Faults) {
        for name in self.left.keys() {
            faults.add(name, format!("there is no such section: take one of {}", self.known.join(", ")));
        }
    }
}
