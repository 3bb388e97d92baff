//! The cluster to which the filter sends its records, led to somebody else.

use super::{ClusterConfig, Endpoint, ProxyConfig};
use std::net::SocketAddr;

impl ProxyConfig {
    /// The cluster that the filter's configuration names for its records; `None` if it sends none, or cannot be read.
    pub fn records_cluster(&self) -> Option<String> {
        crate::otlp::records_cluster(&self.plugin.configuration.read().ok()?)
    }

    /// The same with that cluster at this address and in clear text, whether or not there was one of its name.
    #[must_use]
    pub fn with_records_at(mut self, address: SocketAddr) -> Self {
        let Some(name) = self.records_cluster() else { return self };
        let cluster = ClusterConfig::new(name, vec![Endpoint::Socket(address)]);
        match self.clusters.iter_mut().find(|known| known.name == cluster.name) {
            Some(known) => *known = cluster,
            None => self.clusters.push(cluster),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PluginConfig, Source, TlsConfig};
    use super::{ClusterConfig, Endpoint, ProxyConfig};

    fn config(filter: &'static str) -> ProxyConfig {
        let configuration = Source::Inline(filter.into());
        let collector = Endpoint::Name { host: String::from("collector"), port: 4318 };
        let tls = Some(TlsConfig::default());
        ProxyConfig {
            plugin: PluginConfig { configuration, ..PluginConfig::default() },
            clusters: vec![ClusterConfig { tls, ..ClusterConfig::new("far", vec![collector]) }],
            ..ProxyConfig::default()
        }
    }

    #[test]
    fn the_cluster_of_records_is_led_elsewhere_and_made_if_there_is_none() {
        let here = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        let led = |filter| config(filter).with_records_at(here).clusters;
        let clear = |name| ClusterConfig::new(name, vec![Endpoint::Socket(here)]);
        assert_eq!(led(r#"{"records": {"cluster": "far"}}"#), [clear("far")]);
        let [far] = &config("").clusters[..] else { panic!("one cluster") };
        assert_eq!(led(r#"{"records": {"cluster": "otlp"}}"#), [far.clone(), clear("otlp")]);
        for none in ["{}", r#"{"records": {}}"#, r#"{"records": null}"#, "no JSON"] {
            assert_eq!(led(none), std::slice::from_ref(far), "{none}");
        }
    }
}
