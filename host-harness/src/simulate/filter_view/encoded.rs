//! A metric's name with its labels, as guests hand them to the host: `label=.=value;.;name`.

/// A name taken apart.
pub(super) struct Encoded<'a> {
    pub(super) name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
}

impl<'a> Encoded<'a> {
    pub(super) fn parse(encoded: &'a str) -> Self {
        let mut parts: Vec<&str> = encoded.split(";.;").collect();
        let name = parts.pop().unwrap_or_default();
        Self { name, labels: parts.into_iter().filter_map(|part| part.split_once("=.=")).collect() }
    }

    pub(super) fn label(&self, label: &str) -> Option<&'a str> {
        self.labels.iter().find(|(name, _)| *name == label).map(|(_, value)| *value)
    }
}
