//! Every overlay renders, and every object is one that its API server takes.

mod images;

use pointsman_tests::{manifests, repository, tools};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A folder of `k8s/` with the objects that it renders to.
struct Overlay {
    folder: String,
    objects: Vec<Value>,
}

/// Every folder of `k8s/` that has a kustomization, rendered once for all tests.
fn overlays() -> &'static [Overlay] {
    static OVERLAYS: OnceLock<Vec<Overlay>> = OnceLock::new();
    OVERLAYS.get_or_init(|| {
        let folders =
            folders("k8s").into_iter().filter(|folder| repository(folder).join("kustomization.yaml").exists());
        let overlays: Vec<Overlay> =
            folders.map(|folder| Overlay { objects: manifests::render(&folder), folder }).collect();
        assert!(overlays.len() > 5, "the overlays are not where they were");
        overlays
    })
}

/// A folder of the repository and all below it.
fn folders(folder: &str) -> Vec<String> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(repository(folder)).expect("a folder") {
        let entry = entry.expect("an entry of a folder");
        if entry.file_type().expect("a type").is_dir() {
            found.extend(folders(&format!("{folder}/{}", entry.file_name().to_string_lossy())));
        }
    }
    found
}

/// The objects of all overlays, each with where it was found.
fn objects() -> impl Iterator<Item = (String, &'static Value)> {
    overlays().iter().flat_map(|overlay| {
        let named = |object: &Value| format!("{}: {} {}", overlay.folder, object["kind"], object["metadata"]["name"]);
        overlay.objects.iter().map(move |object| (named(object), object))
    })
}

/// What the schemas have against each of these objects.
pub(crate) fn complaints(objects: &[&Value]) -> Vec<Option<String>> {
    let mut python = Command::new(tools::path("python"))
        .arg(repository("tests/install/schemas/validate.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let input = serde_json::to_vec(objects).unwrap();
    python.stdin.take().expect("its input is ours").write_all(&input).unwrap();
    let output = python.wait_with_output().unwrap();
    let complaints: Vec<Option<String>> = serde_json::from_slice(&output.stdout).expect("a complaint or none for each");
    assert_eq!(complaints.len(), objects.len());
    complaints
}

/// Every value of an object, depth first, with its path.
fn walk<'a>(value: &'a Value, path: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(path, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(key, inner)| walk(inner, &format!("{path}.{key}"), visit)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| walk(inner, &format!("{path}[{index}]"), visit));
        }
        _ => {}
    }
}

/// The places in all objects where `holds` does.
fn places(holds: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, object) in objects() {
        walk(object, "$", &mut |path, value| {
            if holds(path, value) {
                found.push(format!("{name} {path}"));
            }
        });
    }
    found
}

#[test]
fn every_object_of_every_overlay_is_what_its_schema_says() {
    let (names, objects): (Vec<String>, Vec<&Value>) = objects().unzip();
    let complaints = complaints(&objects);
    let complaints: Vec<String> =
        names.iter().zip(complaints).filter_map(|(name, what)| Some(format!("{name}: {}", what?))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_misspelt_field_is_refused_whoever_s_the_schema_is() {
    let misspelt = [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "b"},
            "spec": {"hosts": ["b"], "http": [{"retries": {"atempts": 0}}]}}),
        json!({"apiVersion": "extensions.istio.io/v1alpha1", "kind": "TrafficExtension", "metadata": {"name": "c"},
            "spec": {"wasm": {"url": "oci://c", "failStrateggy": "FAIL_OPEN"}}}),
        json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "d"},
            "spec": {"selector": {}, "podMetricsEndpoints": [{"prt": "d"}]}}),
    ];
    let found = complaints(&misspelt.iter().collect::<Vec<_>>());
    for (object, (complaint, word)) in misspelt.iter().zip(found.iter().zip(["dta", "atempts", "failStrateggy", "prt"]))
    {
        let complaint = complaint.as_deref().unwrap_or_else(|| panic!("{object} is taken"));
        assert!(complaint.contains(word), "{complaint}");
    }
}

#[test]
fn no_route_retries_and_every_route_ends() {
    let mut routes = 0;
    for (name, object) in objects().filter(|(_, object)| object["kind"] == "VirtualService") {
        for route in object["spec"]["http"].as_array().unwrap_or_else(|| panic!("{name} has no routes")) {
            assert_eq!(route["retries"], json!({"attempts": 0}), "{name}: Istio's default would send a push again");
            assert!(route["timeout"].is_string(), "{name}");
            routes += 1;
        }
    }
    assert!(routes > 0, "there is no VirtualService");
}

#[test]
fn no_object_holds_a_secret() {
    let kinds: Vec<String> = objects().filter(|(_, object)| object["kind"] == "Secret").map(|(name, _)| name).collect();
    assert!(kinds.is_empty(), "Secrets are made by those who know them: {kinds:?}");
    let words = ["SECRET", "TOKEN", "PASSWORD", "CREDENTIAL"];
    let literal = places(|_, value| {
        let name = value["name"].as_str().unwrap_or_default();
        words.iter().any(|word| name.contains(word)) && value.get("value").is_some()
    });
    assert!(literal.is_empty(), "{literal:?}");
    let inline = places(|path, value| path.ends_with(".inline_string") && value != "");
    assert!(inline.is_empty(), "{inline:?}");
}

#[test]
fn no_volume_is_mounted_as_a_single_file() {
    let mounted = places(|path, _| path.ends_with(".subPath") || path.ends_with(".subPathExpr"));
    assert!(mounted.is_empty(), "the kubelet never renews a subPath: {mounted:?}");
}

#[test]
fn containers_may_do_as_little_as_they_need() {
    for (name, object) in objects() {
        walk(object, "$", &mut |path, value| {
            let is_list = path.ends_with(".containers") || path.ends_with(".initContainers");
            for container in value.as_array().filter(|_| is_list).into_iter().flatten() {
                hardened(container).unwrap_or_else(|wrong| panic!("{name} {path}: {wrong} of {container:#}"));
            }
        });
    }
}

/// A container as it should be; Istio's own is Istio's.
pub(crate) fn hardened(container: &Value) -> Result<(), &'static str> {
    if container["image"] == "auto" {
        return Ok(());
    }
    // An example of a push service stands for one that knows itself when it is ready.
    let ours = container["image"].as_str().is_some_and(|image| image.contains("pointsman"));
    let context = &container["securityContext"];
    let checks = [
        ("resources.requests", container["resources"]["requests"].is_object()),
        ("resources.limits.memory", container["resources"]["limits"]["memory"].is_string()),
        ("runAsNonRoot", context["runAsNonRoot"] == true),
        ("readOnlyRootFilesystem", context["readOnlyRootFilesystem"] == true),
        ("allowPrivilegeEscalation", context["allowPrivilegeEscalation"] == false),
        ("capabilities", context["capabilities"]["drop"] == json!(["ALL"])),
        ("seccompProfile", context["seccompProfile"]["type"] == "RuntimeDefault"),
        ("a probe", !ours || container.get("ports").is_none() || container["readinessProbe"].is_object()),
    ];
    checks.into_iter().try_for_each(|(what, holds)| if holds { Ok(()) } else { Err(what) })
}

/// The files below a folder of the repository whose name begins so.
fn files(folder: &str, begin: &str) -> Vec<PathBuf> {
    let all = folders(folder).into_iter().flat_map(|folder| fs::read_dir(repository(&folder)).expect("a folder"));
    let all = all.map(|entry| entry.expect("an entry of a folder").path());
    all.filter(|path| path.is_file() && starts(path, begin)).collect()
}

fn starts(path: &Path, begin: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin))
}
