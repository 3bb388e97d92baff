//! The patches for the user's own Deployment, put on an example of one.

use crate::objects::{complaints, hardened};
use pointsman_tests::{manifests, repository, tools};
use serde_json::{Value, json};
use std::fs;

/// A Deployment of a push service without Pointsman.
fn example() -> Value {
    let context = json!({
        "runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] }, "seccompProfile": { "type": "RuntimeDefault" },
    });
    let push = json!({
        "name": "push",
        "image": "registry.example.com/push:1.0.0",
        "resources": { "requests": { "cpu": "100m" }, "limits": { "memory": "256Mi" } },
        "securityContext": context,
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "push", "namespace": "push" },
        "spec": {
            "selector": { "matchLabels": { "app": "push" } },
            "template": { "metadata": { "labels": { "app": "push" } }, "spec": { "containers": [push] } },
        },
    })
}

/// The example with patches of `k8s/istio` on it, as kustomize puts them there.
fn patched(patches: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("deployment.json", &example().to_string());
    let mut listed = Vec::new();
    for (index, patch) in patches.iter().enumerate() {
        let name = format!("patch-{index}.yaml");
        write(&name, &fs::read_to_string(repository(&format!("k8s/istio/{patch}"))).unwrap());
        listed.push(json!({ "path": name, "target": { "kind": "Deployment", "name": "push" } }));
    }
    write("kustomization.yaml", &json!({ "resources": ["deployment.json"], "patches": listed }).to_string());
    let rendered = tools::run("kubectl", &["kustomize", &folder.path().to_string_lossy()]).unwrap();
    manifests::documents(&rendered).remove(0)
}

#[test]
fn patched_deployments_are_valid_and_as_hardened_as_before() {
    let all = [
        patched(&["workload-patch.yaml"]),
        patched(&["workload-patch.yaml", "credentials/workload-patch.yaml"]),
        patched(&["workload-patch.yaml", "credentials-env/workload-patch.yaml"]),
        patched(&["workload-patch.yaml", "canary/workload-patch.yaml"]),
    ];
    let wrong: Vec<String> = complaints(&all.iter().collect::<Vec<_>>()).into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for deployment in &all {
        let pod = &deployment["spec"]["template"]["spec"];
        for container in pod["containers"].as_array().unwrap() {
            assert_eq!(hardened(container), Ok(()));
        }
        let proxy = pod["containers"].as_array().unwrap().iter().find(|one| one["name"] == "istio-proxy").unwrap();
        let secrets = proxy["env"].as_array().unwrap();
        assert!(secrets.iter().all(|secret| secret["valueFrom"]["secretKeyRef"].is_object()), "{secrets:?}");
    }
}

#[test]
fn the_canary_differs_by_its_track_and_its_module() {
    let stable = patched(&["workload-patch.yaml"]);
    let mut canary = patched(&["workload-patch.yaml", "canary/workload-patch.yaml"]);
    let track = "/spec/template/metadata/labels/pointsman.io~1track";
    assert_eq!(canary.pointer(track).unwrap(), "canary");
    let image = "/spec/template/spec/volumes/0/image/reference";
    assert_ne!(canary.pointer(image), stable.pointer(image));
    for place in [track, image] {
        *canary.pointer_mut(place).unwrap() = stable.pointer(place).unwrap().clone();
    }
    assert_eq!(canary, stable);
}
