//! The sidecar overlay: who is changed and how, and the real Envoy on the rendered files, mounted as the kubelet does.

mod kubelet;
mod running;

use pointsman_tests::admission::{Request, mutate};
use pointsman_tests::manifests::{documents, object, render};
use pointsman_tests::{repository, tools};
use serde_json::{Value, json};
use std::path::Path;

/// The namespace of the examples.
const NAMESPACE: &str = "push";

/// What the policy makes of a pod that is created; `None` if it leaves it alone.
fn admitted(namespace: &str, pod: &Value, params: &[Value]) -> Result<Option<Value>, String> {
    let objects = render("k8s/sidecar");
    let policy = object(&objects, "MutatingAdmissionPolicy", "pointsman-sidecar");
    let binding = object(&objects, "MutatingAdmissionPolicyBinding", "pointsman-sidecar");
    let request = Request { params: params.to_vec(), ..Request::create("pods", namespace, pod.clone()) };
    mutate(policy, binding, &request)
}

/// The object by which a namespace wants the sidecar.
fn wanted() -> Vec<Value> {
    vec![object(&render("k8s/sidecar"), "ConfigMap", "pointsman-sidecar").clone()]
}

/// The pod of the example's Deployment, as an overlay has it.
fn pod_of_example(overlay: &str) -> Value {
    let template = object(&render(overlay), "Deployment", "push")["spec"]["template"].clone();
    let (mut metadata, spec) = (template["metadata"].clone(), template["spec"].clone());
    metadata["name"] = "push-1".into();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// The example's pod as the policy makes it.
fn injected() -> Value {
    admitted(NAMESPACE, &pod_of_example("k8s/sidecar/example"), &wanted()).unwrap().unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|item| item["name"].as_str().unwrap()).collect()
}

/// Fails with what Kubernetes' own schema has against an object.
fn assert_valid(object: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("object.yaml");
    std::fs::write(&file, object.to_string()).unwrap();
    let judged = tools::run("kubernetes-validate", &["-k", "1.36", "--strict", &file.to_string_lossy()]);
    judged.unwrap_or_else(|complaint| panic!("{complaint}\n{object:#}"));
}

#[test]
fn pods_are_changed_if_they_must_be_and_only_then() {
    let cases = std::fs::read_to_string(repository("tests/install/sidecar/pods.yaml")).unwrap();
    let cases = documents(&cases);
    assert!(cases.len() > 10);
    for case in &cases {
        let what = case["case"].as_str().unwrap();
        let namespace = case["namespace"].as_str().unwrap_or(NAMESPACE);
        let mut pod = case["pod"].clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["name"] = "push-1".into();
        let mut params = wanted();
        params[0]["metadata"]["namespace"] = case["wanted_in"].as_str().unwrap_or(namespace).into();
        let result = admitted(namespace, &pod, &params).unwrap_or_else(|error| panic!("{what}: {error}"));
        let Some(result) = result else {
            assert_eq!(case["changed"], false, "{what}: it was left alone");
            continue;
        };
        assert_eq!(case["changed"], true, "{what}: it was changed");
        assert_valid(&result);
        let expected: Vec<&str> =
            ["pointsman-rules", "pointsman"].into_iter().chain(names(&pod["spec"]["initContainers"])).collect();
        assert_eq!(names(&result["spec"]["initContainers"]), expected, "{what}");
        assert_eq!(result["spec"]["containers"], pod["spec"]["containers"], "{what}: the application is as it was");
        for volume in names(&pod["spec"]["volumes"]) {
            assert!(names(&result["spec"]["volumes"]).contains(&volume), "{what}: {volume}");
        }
        assert_eq!(result["metadata"]["labels"]["pointsman.io/injected"], "true", "{what}");
        let again = admitted(namespace, &result, &params).unwrap();
        assert_eq!(again, None, "{what}: a second time it is left alone");
    }
}

#[test]
fn a_pod_chooses_the_threads_and_the_hosts_that_lead_to_the_sidecar() {
    let mut pod = pod_of_example("k8s/sidecar/example");
    pod["metadata"]["annotations"] = json!({
        "pointsman.io/concurrency": "4",
        "pointsman.io/vendor-hosts": "api.push.oppomobile.com, api.twilio.com",
        "prometheus.io/scrape": "false",
    });
    let result = admitted(NAMESPACE, &pod, &wanted()).unwrap().unwrap();
    assert_valid(&result);
    let arguments = result["spec"]["initContainers"][1]["args"].as_array().unwrap();
    assert!(arguments.contains(&json!("4")));
    let hosts = json!([{"ip": "127.0.0.1", "hostnames": ["api.push.oppomobile.com", "api.twilio.com"]}]);
    assert_eq!(result["spec"]["hostAliases"], hosts);
    assert_eq!(result["metadata"]["annotations"], pod["metadata"]["annotations"], "who is scraped already stays so");
    pod["metadata"]["annotations"] = json!({"pointsman.io/concurrency": "many"});
    let result = admitted(NAMESPACE, &pod, &wanted()).unwrap().unwrap();
    assert!(result["spec"]["initContainers"][1]["args"].as_array().unwrap().contains(&json!("2")));
}

#[test]
fn a_policy_that_breaks_never_keeps_a_pod_from_starting() {
    let mut params = wanted();
    params[0]["data"].as_object_mut().unwrap().remove("image");
    let broken = admitted(NAMESPACE, &pod_of_example("k8s/sidecar/example"), &params);
    assert!(broken.unwrap_err().contains("image"));
    let objects = render("k8s/sidecar");
    let policy = object(&objects, "MutatingAdmissionPolicy", "pointsman-sidecar");
    assert_eq!(policy["spec"]["failurePolicy"], "Ignore");
}

#[test]
fn the_patch_makes_of_a_pod_what_the_policy_makes_of_it() {
    let by_name = |mut pod: Value| {
        pod["spec"]["volumes"].as_array_mut().unwrap().sort_by_key(|volume| volume["name"].to_string());
        pod
    };
    assert_eq!(by_name(pod_of_example("k8s/sidecar/example-patched")), by_name(injected()));
}

#[test]
fn what_is_rendered_is_what_a_cluster_takes() {
    for overlay in ["k8s/base", "k8s/sidecar", "k8s/sidecar/example", "k8s/sidecar/example-patched"] {
        let objects = render(overlay);
        assert!(!objects.is_empty());
        for object in &objects {
            assert_valid(object);
            let cluster_wide = object["kind"].as_str().unwrap().starts_with("MutatingAdmissionPolicy");
            assert_eq!(object["metadata"]["namespace"].is_null(), cluster_wide, "{}", object["metadata"]["name"]);
        }
    }
}

#[test]
fn config_and_bootstrap_are_those_of_plain_envoy_byte_for_byte() {
    let text = |path: &str| std::fs::read_to_string(repository(path)).unwrap();
    let objects = render("k8s/sidecar");
    let config = object(&objects, "ConfigMap", "pointsman");
    assert_eq!(config["data"]["pointsman.json"], text("envoy/pointsman.json"));
    let sidecar = object(&objects, "ConfigMap", "pointsman-sidecar");
    assert_eq!(sidecar["data"]["bootstrap.yaml"], text("envoy/bootstrap.yaml"));
}

/// What may not be missing where pods are restricted, and where a pod must end in order.
#[test]
fn both_sidecars_are_restricted_and_start_before_the_application() {
    let pod = injected();
    for container in pod["spec"]["initContainers"].as_array().unwrap() {
        let security = &container["securityContext"];
        assert_eq!(container["restartPolicy"], "Always", "it ends after the application");
        assert_eq!(security["runAsNonRoot"], true);
        assert!(security["runAsUser"].as_u64().unwrap() > 0);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
        assert_eq!(security["seccompProfile"], json!({"type": "RuntimeDefault"}));
        assert!(container["startupProbe"].is_object(), "the next container waits for it");
        assert!(container["resources"]["requests"].is_object() && container["resources"]["limits"].is_object());
        for mount in container["volumeMounts"].as_array().unwrap() {
            assert!(mount["subPath"].is_null(), "a subPath sees no change");
        }
    }
    let secret = &pod["spec"]["initContainers"][1]["env"][0]["valueFrom"]["secretKeyRef"];
    assert_eq!(secret["optional"], true, "a Secret that is missing keeps no pod from starting");
}

#[test]
fn the_image_is_built_of_what_is_tested_and_runs_as_a_number() {
    let text = |path: &str| std::fs::read_to_string(repository(path)).unwrap();
    let dockerfile = text("k8s/sidecar/Dockerfile");
    let version = text("scripts/get-envoy").lines().find_map(|line| line.strip_prefix("version=").map(str::to_owned));
    assert!(dockerfile.contains(&format!("envoyproxy/envoy:v{} ", version.unwrap())));
    let rust = text("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    assert!(dockerfile.contains(&format!("FROM rust:{}-", rust.unwrap().trim_matches('"'))));
    let user = dockerfile.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let pod = injected();
    for container in pod["spec"]["initContainers"].as_array().unwrap() {
        let security = &container["securityContext"];
        assert_eq!(format!("{}:{}", security["runAsUser"], security["runAsGroup"]), user);
        let command = container["command"][0].as_str().unwrap();
        assert!(dockerfile.contains(&format!(" {command}\n")), "{command} is in the image");
    }
    assert!(Path::new(&repository("scripts/build-filter")).exists() && dockerfile.contains("./scripts/build-filter"));
}
