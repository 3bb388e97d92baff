//! A proxy as Istio sets it up: the shipped bed, with the objects' patches put where istiod and its agent put them.

use pointsman_host::envoy::binary_from_env;
use pointsman_host::rules::{config_in_envoyfilter, replace, with_config};
use pointsman_tests::manifests::{object, render};
use pointsman_tests::smoke::Place;
use pointsman_tests::{Bed, Setup, pushes, repository};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

const HTTP_FILTERS: &str = "/filter_chains/0/filters/0/typed_config/http_filters";
const GATEWAY: &str = "outbound|80||lc.internal";
const SOURCE: &str = "/config_discovery/config_source";
const CODE: &str = "/typed_config/config/vm_config/code";
const MOUNT: &str = "/etc/pointsman/credentials";

/// How long a machine that does much else may take to compile the module.
const COMPILING: Duration = Duration::from_secs(60);

/// Tags of Istio's own bootstrap (istio/istio, tools/packaging/common/envoy_bootstrap.json) that may match anywhere in a name.
const ISTIO_TAGS: [(&str, &str); 7] = [
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
];

/// The objects of an overlay, and the files in which a proxy gets what they say.
pub(super) struct Mesh {
    insertion: Value,
    rules: Value,
    credentials: Option<Value>,
    folder: TempDir,
}

impl Mesh {
    /// The objects of an overlay.
    pub(super) fn of(overlay: &str) -> Self {
        let objects = render(overlay);
        let canary = overlay.ends_with("canary");
        let names =
            if canary { ["pointsman-canary", "pointsman-rules-canary"] } else { ["pointsman", "pointsman-rules"] };
        let [insertion, rules] = names.map(|name| object(&objects, "EnvoyFilter", name).clone());
        let mesh = Self { insertion, rules, credentials: None, folder: tempfile::tempdir().unwrap() };
        for folder in ["rules", "credentials"] {
            fs::create_dir(mesh.folder.path().join(folder)).unwrap();
        }
        mesh.put(&mesh.rules.clone());
        mesh.mount_credential("Bearer none");
        mesh
    }

    /// With a place for the gateway's credential.
    pub(super) fn with_credentials(mut self, overlay: &str) -> Self {
        self.credentials = Some(object(&render(overlay), "EnvoyFilter", "pointsman-credential-gateway").clone());
        self
    }

    /// The config in the rules.
    pub(super) fn config(&self) -> &str {
        config_in_envoyfilter(&self.rules).expect("one config")
    }

    /// Changes the text of the config, and nothing else.
    pub(super) fn change(&self, config: &str) {
        let mut rules = self.rules.clone();
        assert!(with_config(&mut rules, config));
        self.put(&rules);
    }

    /// What a pod without the image volume has.
    pub(super) fn broken_code(&self) {
        self.write(&resource(&self.rules, Path::new("/nonexistent/plugin.wasm")));
    }

    /// What a proxy knows before there are rules.
    pub(super) fn no_rules(&self) {
        fs::write(self.rules_file(), "").unwrap();
    }

    /// Starts the real Envoy between stand-ins.
    pub(super) async fn start(&self) -> Bed {
        let (insertion, credentials) = (self.insertion.clone(), self.credentials.clone());
        let (folder, inline) = (self.folder.path().to_owned(), resource(&self.rules, &module()));
        let setup = Setup::with_rules("{}").without_filter().edit(move |bootstrap| {
            statistics(bootstrap);
            if let Some(credentials) = &credentials {
                merge_cluster(bootstrap, credentials, &folder.join("credentials"));
            }
            // With the resource itself in the chain, `--mode validate` looks at that too.
            let mut whole = bootstrap.clone();
            insert(&mut whole, &insertion, &|_| inline.clone());
            fs::write(folder.join("whole.json"), whole.to_string()).unwrap();
            insert(bootstrap, &insertion, &|filter| discovered_from(filter, &folder.join("rules")));
        });
        setup.start().await
    }

    /// Sends pushes until one is counted: Envoy compiles the module first.
    pub(super) async fn watching(&self, bed: &Bed) {
        let deadline = Instant::now() + COMPILING;
        while bed.scrape().await.sum("pointsman_node_messages_total", &[("node", "PUSH"), ("outcome", "ok")]) < 1.0 {
            assert!(Instant::now() < deadline, "pushes are not watched by {}", self.config());
            assert_eq!(bed.inbound(pushes::lc("seen")).await.status, 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks Envoy whether all of it is valid.
    pub(super) fn validate(&self) {
        let mut envoy = Command::new(binary_from_env().unwrap());
        envoy.args(["--mode", "validate", "--config-path"]).arg(self.folder.path().join("whole.json"));
        let output = envoy.output().expect("Envoy can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Where the smoke test connects.
    pub(super) fn place<'a>(&self, bed: &'a Bed) -> Place<'a> {
        let envoy = &bed.envoy;
        Place {
            inbound: envoy.inbound(),
            outbound: envoy.outbound(),
            scrape: envoy.scrape_addr(),
            vendors: &bed.vendors,
        }
    }

    /// Mounts a Secret with the gateway's credential as the kubelet does: a new folder, and `..data` swapped to it.
    pub(super) fn mount_credential(&self, value: &str) {
        let mount = self.folder.path().join("credentials");
        let version = tempfile::Builder::new().prefix("..").tempdir_in(&mount).unwrap().keep();
        let secret = json!({"resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": "gateway",
            "generic_secret": {"secret": {"inline_string": value}},
        }]});
        fs::write(version.join("gateway.sds.json"), secret.to_string()).unwrap();
        symlink(version.file_name().unwrap(), mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
        // Made once: it leads to whatever `..data` leads to.
        let _ = symlink("..data/gateway.sds.json", mount.join("gateway.sds.json"));
    }

    fn put(&self, rules: &Value) {
        self.write(&resource(rules, &module()));
    }

    fn write(&self, resource: &Value) {
        let mut resource = resource.clone();
        resource["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
        replace(&self.rules_file(), &json!({ "resources": [resource] }).to_string()).unwrap();
    }

    fn rules_file(&self) -> PathBuf {
        self.folder.path().join("rules/rules.ecds.json")
    }
}

fn module() -> PathBuf {
    repository("target/pointsman.wasm")
}

/// The resource of the rules, with the module where the agent or the kubelet has put it.
fn resource(rules: &Value, module: &Path) -> Value {
    let patches = rules["spec"]["configPatches"].as_array().expect("patches");
    assert_eq!(patches.len(), 1, "rules are rules and nothing else");
    let mut resource = patches[0]["patch"]["value"].clone();
    *resource.pointer_mut(CODE).expect("code") = json!({ "local": { "filename": module } });
    resource
}

/// Puts the filter before the router of both listeners, as it comes out of `filled`.
fn insert(bootstrap: &mut Value, insertion: &Value, filled: &dyn Fn(Value) -> Value) {
    for (index, context) in ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND"].iter().enumerate() {
        let patches = insertion["spec"]["configPatches"].as_array().expect("patches");
        let patch = patches.iter().find(|patch| patch["match"]["context"] == **context).expect("a patch for each side");
        assert_eq!(patch["patch"]["operation"], "INSERT_BEFORE");
        let sub_filter = &patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"];
        let listener = &mut bootstrap["static_resources"]["listeners"][index];
        let filters = listener.pointer_mut(HTTP_FILTERS).and_then(Value::as_array_mut).expect("filters");
        let at = filters.iter().position(|filter| filter["name"] == *sub_filter).expect("the router");
        filters.insert(at, filled(patch["patch"]["value"].clone()));
    }
}

/// Istiod's stream of resources, as a file.
fn discovered_from(mut filter: Value, rules: &Path) -> Value {
    let source = filter.pointer_mut(SOURCE).expect("a source");
    let members = source.as_object_mut().expect("a source");
    assert_eq!(members.remove("ads"), Some(json!({})));
    let path = rules.join("rules.ecds.json");
    members.insert("path_config_source".to_owned(), json!({ "path": path, "watched_directory": { "path": rules } }));
    filter
}

/// Labels and buckets as the annotations of the pod make them, among Istio's own.
fn statistics(bootstrap: &mut Value) {
    let patch = workload_patch();
    let annotations = &patch["spec"]["template"]["metadata"]["annotations"];
    let mut tags: Vec<Value> =
        ISTIO_TAGS.iter().map(|(name, regex)| json!({ "tag_name": name, "regex": regex })).collect();
    tags.extend(stats_tags(annotations));
    let buckets = annotations["sidecar.istio.io/statsHistogramBuckets"].as_str().expect("buckets");
    let buckets: serde_json::Map<String, Value> = serde_json::from_str(buckets).expect("an object");
    let buckets = buckets.into_iter();
    let settings: Vec<Value> =
        buckets.map(|(prefix, buckets)| json!({ "match": { "prefix": prefix }, "buckets": buckets })).collect();
    bootstrap["stats_config"] =
        json!({ "use_all_default_tags": false, "stats_tags": tags, "histogram_bucket_settings": settings });
}

/// What Istio's bootstrap makes of the annotation of extra tags.
pub(super) fn stats_tags(annotations: &Value) -> Vec<Value> {
    let names = annotations["sidecar.istio.io/extraStatTags"].as_str().expect("tags").split(',');
    names.map(|name| json!({ "tag_name": name, "regex": format!(r"({name}=\.=(.*?);\.;)") })).collect()
}

/// The patch of the push service's Deployment.
pub(super) fn workload_patch() -> Value {
    let text = fs::read_to_string(repository("k8s/istio/workload-patch.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// Merges the options of the gateway's cluster as istiod does: those of one kind as a whole.
fn merge_cluster(bootstrap: &mut Value, credentials: &Value, mount: &Path) {
    let patch = &credentials["spec"]["configPatches"][0];
    assert_eq!(patch["match"]["cluster"], json!({ "service": "lc.internal", "portNumber": 80 }));
    let text = patch["patch"]["value"].to_string();
    let text =
        text.replace(MOUNT, &mount.to_string_lossy()).replace("POINTSMAN_CREDENTIAL_GATEWAY", "POINTSMAN_SECRET");
    let patch: Value = serde_json::from_str(&text).unwrap();
    let renamed = bootstrap.to_string().replace(r#""gateway""#, &json!(GATEWAY).to_string());
    *bootstrap = serde_json::from_str(&renamed).unwrap();
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
    let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == GATEWAY).expect("the gateway's cluster");
    for (key, value) in patch["typed_extension_protocol_options"].as_object().expect("options") {
        cluster["typed_extension_protocol_options"][key] = value.clone();
    }
}
