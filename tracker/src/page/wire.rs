//! The section `page` of the config.

use crate::config::fault::Faults;
use crate::serve::PageSettings;
use serde::Deserialize;

/// Stands in a link for the trace.
const TRACE_ID: &str = "{trace_id}";

/// As it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    /// Where traces can be looked at, with `{trace_id}` in it: such as `https://jaeger.example.com/trace/{trace_id}`.
    pub trace_link: Option<String>,
}

impl Wire {
    /// What the page is told. Faults are told of below `path`.
    pub fn validate(self, path: &str, faults: &mut Faults) -> PageSettings {
        if let Some(link) = &self.trace_link {
            let path = format!("{path}.trace_link");
            if !link.starts_with("https://") && !link.starts_with("http://") {
                faults.add(&path, "it is to begin with https:// or http://, since people will follow it");
            }
            if !link.contains(TRACE_ID) {
                faults.add(&path, format!("it is to have {TRACE_ID} where the trace stands"));
            }
        }
        PageSettings { trace_link: self.trace_link, ..PageSettings::default() }
    }
}
