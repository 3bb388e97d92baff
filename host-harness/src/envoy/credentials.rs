//! The credentials of clusters: one file for each cluster that has a place for one, as `envoy/credential` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::EnvoyError;
use super::bootstrap::{HTTP_OPTIONS, array, missing, path, set};
use crate::rules::replace;

/// The filter of a cluster that writes the credential into requests.
const INJECTOR: &str = "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector";

/// Where the injector's file is named.
const SOURCE: &str = "/credential/typed_config/credential/sds_config/path_config_source";

/// The files of one Envoy.
#[derive(Debug)]
pub(super) struct Credentials {
    directory: PathBuf,
    clusters: BTreeSet<String>,
}

/// Points the injectors among a cluster's HTTP options to files in `directory`.
pub(super) fn point(options: &mut Map<String, Value>, directory: &Path) -> Result<(), EnvoyError> {
    let Some(filters) = options.get_mut("http_filters").and_then(Value::as_array_mut) else { return Ok(()) };
    for injector in filters.iter_mut().filter_map(|filter| filter.get_mut("typed_config")).filter(|it| is_injector(it))
    {
        let shipped = injector.pointer(&format!("{SOURCE}/path")).and_then(Value::as_str);
        let name = shipped.and_then(|shipped| Path::new(shipped).file_name()).ok_or_else(|| missing(SOURCE))?;
        let file = directory.join(name);
        set(injector, &format!("{SOURCE}/path"), path(&file))?;
        set(injector, &format!("{SOURCE}/watched_directory/path"), path(directory))?;
    }
    Ok(())
}

fn is_injector(typed_config: &Value) -> bool {
    typed_config.get("@type").and_then(Value::as_str) == Some(INJECTOR)
}

impl Credentials {
    /// Writes a file for each cluster of the bootstrap that has a place for a credential: empty where none is given, since
    /// Envoy would not start without one.
    pub(super) fn write(
        config: &Value,
        directory: &Path,
        values: &BTreeMap<String, String>,
    ) -> Result<Self, EnvoyError> {
        let mut config = config.clone();
        let clusters = array(&mut config, "/static_resources/clusters")?.iter();
        let clusters = clusters.filter(|cluster| has_place(cluster)).filter_map(|cluster| cluster["name"].as_str());
        let credentials = Self { directory: directory.to_owned(), clusters: clusters.map(str::to_owned).collect() };
        std::fs::create_dir(directory).map_err(EnvoyError::io("create the directory of credentials"))?;
        for cluster in &credentials.clusters {
            std::fs::write(credentials.file(cluster), "").map_err(EnvoyError::io("write a credential"))?;
        }
        for (cluster, value) in values {
            credentials.set(cluster, value)?;
        }
        Ok(credentials)
    }

    /// Gives a cluster its credential, as a value of the header that the bootstrap names.
    pub(super) fn set(&self, cluster: &str, value: &str) -> Result<(), EnvoyError> {
        if !self.clusters.contains(cluster) {
            return Err(EnvoyError::NoCredential { name: cluster.to_owned() });
        }
        let secret = json!({"resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": cluster,
            "generic_secret": {"secret": {"inline_string": value}},
        }]});
        Ok(replace(&self.file(cluster), &secret.to_string())?)
    }

    fn file(&self, cluster: &str) -> PathBuf {
        self.directory.join(format!("{cluster}.sds.json"))
    }
}

fn has_place(cluster: &Value) -> bool {
    let filters = cluster.pointer(HTTP_OPTIONS).and_then(|options| options.get("http_filters"));
    let filters = filters.and_then(Value::as_array).into_iter().flatten();
    filters.filter_map(|filter| filter.get("typed_config")).any(is_injector)
}
