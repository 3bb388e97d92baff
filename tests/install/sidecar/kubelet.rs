//! What a kubelet does for the files of a pod, in a folder that stands for the root of its containers.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where everything of Pointsman's is, in a container.
const HOME: &str = "/etc/pointsman";

/// The files of one mount.
type Payload = BTreeMap<String, String>;

/// Mounts ConfigMaps and Secrets of a namespace into a pod, and keeps the mounts in step with them.
pub(super) struct Kubelet {
    root: TempDir,
    pod: Value,
    objects: Vec<Value>,
    mounted: BTreeMap<String, Payload>,
    swaps: usize,
}

impl Kubelet {
    /// Mounts all volumes of a pod.
    pub(super) fn mount(pod: &Value, objects: &[Value]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let (pod, objects) = (pod.clone(), objects.to_vec());
        let mut kubelet = Self { root, pod, objects, mounted: BTreeMap::new(), swaps: 0 };
        for volume in kubelet.volumes() {
            std::fs::create_dir_all(kubelet.directory(&volume)).unwrap();
        }
        kubelet.sync();
        kubelet
    }

    /// Where a path of a container is.
    pub(super) fn path(&self, in_container: &str) -> PathBuf {
        self.root.path().join(in_container.trim_start_matches('/'))
    }

    /// Somebody has put an object in place of that with the same kind and name.
    pub(super) fn apply(&mut self, object: &Value) {
        self.objects.retain(|other| !same(other, object));
        self.objects.push(object.clone());
        self.sync();
    }

    /// Somebody has deleted an object.
    pub(super) fn delete(&mut self, object: &Value) {
        self.objects.retain(|other| !same(other, object));
        self.sync();
    }

    fn volumes(&self) -> Vec<Value> {
        self.pod["spec"]["volumes"].as_array().unwrap().clone()
    }

    /// Where a volume is mounted: at the same place in every container.
    fn directory(&self, volume: &Value) -> PathBuf {
        let containers = self.pod["spec"]["initContainers"].as_array().unwrap();
        let mounts = containers.iter().flat_map(|container| container["volumeMounts"].as_array().unwrap());
        let mut places = mounts.filter(|mount| mount["name"] == volume["name"]).map(|mount| &mount["mountPath"]);
        let place = places.next().unwrap();
        assert!(places.all(|other| other == place), "{} is in two places", volume["name"]);
        self.path(place.as_str().unwrap())
    }

    fn sync(&mut self) {
        for volume in self.volumes().iter().filter(|volume| volume["emptyDir"].is_null()) {
            let name = volume["name"].as_str().unwrap().to_owned();
            let payload = self.payload(volume);
            if self.mounted.get(&name) != Some(&payload) {
                self.swap(&self.directory(volume), &payload);
                self.mounted.insert(name, payload);
            }
        }
    }

    /// Sources in their order; a later one takes the place of an earlier one's file.
    fn payload(&self, volume: &Value) -> Payload {
        let single = [volume.clone()];
        let sources = volume["projected"]["sources"].as_array().map_or(&single[..], Vec::as_slice);
        sources.iter().flat_map(|source| self.source(source)).collect()
    }

    fn source(&self, source: &Value) -> Payload {
        let (kind, source) = match (&source["configMap"], &source["secret"]) {
            (Value::Null, secret) => ("Secret", secret),
            (config, _) => ("ConfigMap", config),
        };
        let name = if source["secretName"].is_null() { &source["name"] } else { &source["secretName"] };
        let found = self.objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == *name);
        let Some(object) = found else {
            assert_eq!(source["optional"], true, "the pod cannot start: there is no {kind} {name}");
            return Payload::new();
        };
        let none = Map::new();
        // A Secret is written in clear here, as `kubectl` takes it.
        let data = object["data"].as_object().or(object["stringData"].as_object()).unwrap_or(&none);
        let wanted = |key: &str| {
            let items = source["items"].as_array();
            items.is_none_or(|items| items.iter().any(|item| item["key"] == *key && item["path"] == *key))
        };
        let home = self.path(HOME);
        let text = |value: &Value| value.as_str().unwrap().replace(HOME, &home.to_string_lossy());
        data.iter().filter(|(key, _)| wanted(key)).map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// As the kubelet's atomic writer: a new folder with all files, `..data` swapped to it, links made and unmade.
    fn swap(&mut self, directory: &Path, payload: &Payload) {
        self.swaps += 1;
        let data = format!("..2026_11_28.{}", self.swaps);
        std::fs::create_dir(directory.join(&data)).unwrap();
        for (name, content) in payload {
            std::fs::write(directory.join(&data).join(name), content).unwrap();
        }
        let old = std::fs::read_link(directory.join("..data")).ok();
        symlink(&data, directory.join("..data_tmp")).unwrap();
        std::fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
        for name in payload.keys().filter(|name| !directory.join(name).is_symlink()) {
            symlink(Path::new("..data").join(name), directory.join(name)).unwrap();
        }
        let Some(old) = old else { return };
        for entry in std::fs::read_dir(directory.join(&old)).unwrap() {
            let name = entry.unwrap().file_name();
            if !payload.contains_key(&*name.to_string_lossy()) {
                std::fs::remove_file(directory.join(name)).unwrap();
            }
        }
        std::fs::remove_dir_all(directory.join(old)).unwrap();
    }
}

fn same(one: &Value, other: &Value) -> bool {
    one["kind"] == other["kind"] && one["metadata"]["name"] == other["metadata"]["name"]
}
