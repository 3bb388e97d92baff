//! Files are swapped as the kubelet swaps them.

use super::*;
use pointsman_core::config::digest;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

const CONFIG: &str = r#"{"channels": ["oppo", "apns"]}"#;
const OTHER: &str = r#"{"channels": ["oppo"]}"#;
const FORCE: &str = r#"{"rules": [{"name": "s", "force": {"channel": "oppo", "action": "shed"}, "by": "alice", "reason": "down", "until": "2033-01-01T00:00:00Z"}]}"#;

/// Directories as the kubelet mounts ConfigMaps: files are links to `..data/FILE`, and `..data` is a link that is swapped.
struct Mounts {
    root: TempDir,
    generation: usize,
}

impl Mounts {
    fn new() -> Self {
        let mounts = Self { root: tempfile::tempdir().unwrap(), generation: 0 };
        for name in ["config", "overrides", "rules"] {
            std::fs::create_dir(mounts.root.path().join(name)).unwrap();
        }
        mounts
    }

    fn swap(&mut self, mount: &str, file: &str, content: Option<&str>) {
        let directory = self.root.path().join(mount);
        self.generation += 1;
        let data = format!("..2026_01_01.{}", self.generation);
        std::fs::create_dir(directory.join(&data)).unwrap();
        let link = directory.join(file);
        if let Some(content) = content {
            std::fs::write(directory.join(&data).join(file), content).unwrap();
            if !link.is_symlink() {
                symlink(Path::new("..data").join(file), &link).unwrap();
            }
        }
        let old = std::fs::read_link(directory.join("..data")).ok();
        symlink(&data, directory.join("..data_tmp")).unwrap();
        std::fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
        if content.is_none() {
            let _ = std::fs::remove_file(link);
        }
        if let Some(old) = old {
            std::fs::remove_dir_all(directory.join(old)).unwrap();
        }
    }

    fn config(&mut self, content: Option<&str>) {
        self.swap("config", "pointsman.json", content);
    }

    fn overrides(&mut self, content: Option<&str>) {
        self.swap("overrides", "overrides.json", content);
    }

    fn follower(&self) -> Follower {
        let at = |path: &str| self.root.path().join(path);
        let plugin = PluginSettings::shipped().unwrap();
        let overrides = Some(at("overrides/overrides.json"));
        let files = Files { config: at("config/pointsman.json"), overrides, destination: self.destination(), plugin };
        Follower::new(files).unwrap()
    }

    fn destination(&self) -> PathBuf {
        self.root.path().join("rules/pointsman.ecds.json")
    }

    /// The config in the file that Envoy reads.
    fn applied(&self) -> Option<String> {
        config_of(&std::fs::read_to_string(self.destination()).unwrap())
    }
}

fn merged(config: &str) -> String {
    overrides::merge(config, FORCE).unwrap()
}

#[test]
fn without_a_config_there_is_an_empty_file_for_envoy_to_start_on() {
    let mounts = Mounts::new();
    let mut follower = mounts.follower();
    let followed = follower.step().unwrap();
    assert_eq!(followed.in_force, None);
    assert_eq!(followed.complaints[0].problem, Problem::Missing);
    assert_eq!(std::fs::read_to_string(mounts.destination()).unwrap(), "");
    assert_eq!(follower.step(), None, "it is told once");
}

#[test]
fn a_swap_is_applied_once_with_its_version() {
    let mut mounts = Mounts::new();
    mounts.config(Some(CONFIG));
    let mut follower = mounts.follower();
    let followed = follower.step().unwrap();
    assert!(followed.applied && followed.complaints.is_empty());
    assert_eq!(followed.in_force, Some(digest(CONFIG)));
    assert_eq!(mounts.applied().as_deref(), Some(CONFIG));
    assert_eq!(follower.step(), None);
    mounts.config(Some(OTHER));
    assert_eq!(follower.step().unwrap().to_string(), format!("applied {}", digest(OTHER)));
    assert_eq!(mounts.applied().as_deref(), Some(OTHER));
    mounts.config(Some(OTHER));
    assert_eq!(follower.step(), None, "a swap that changes nothing");
}

#[test]
fn overrides_go_in_front_and_come_out_again() {
    let mut mounts = Mounts::new();
    mounts.config(Some(CONFIG));
    mounts.overrides(Some(FORCE));
    let mut follower = mounts.follower();
    assert_eq!(follower.step().unwrap().in_force, Some(digest(&merged(CONFIG))));
    assert_eq!(mounts.applied(), Some(merged(CONFIG)));
    mounts.overrides(Some(r#"{"rules": []}"#));
    assert_eq!(follower.step().unwrap().in_force, Some(digest(CONFIG)));
    mounts.overrides(Some(FORCE));
    assert!(follower.step().unwrap().applied);
    mounts.overrides(None);
    assert_eq!(follower.step().unwrap().in_force, Some(digest(CONFIG)), "the object is gone");
}

#[test]
fn what_somebody_else_has_put_there_stays_until_the_next_change() {
    let mut mounts = Mounts::new();
    mounts.config(Some(CONFIG));
    let mut follower = mounts.follower();
    follower.step();
    replace(&mounts.destination(), "in a hurry").unwrap();
    assert_eq!(follower.step(), None);
    mounts.config(Some(" "));
    mounts.config(Some(&format!("{CONFIG}\n")));
    assert!(follower.step().unwrap().applied);
    mounts.config(Some(CONFIG));
    replace(&mounts.destination(), "in a hurry").unwrap();
    assert!(follower.step().unwrap().applied);
    assert_eq!(mounts.applied().as_deref(), Some(CONFIG));
}

#[test]
fn a_broken_config_leaves_the_last_good_one_in_force_with_every_fault() {
    let mut mounts = Mounts::new();
    mounts.config(Some(CONFIG));
    let mut follower = mounts.follower();
    follower.step();
    mounts.config(Some(r#"{"channels": ["nobody"], "colour": 1}"#));
    let told = follower.step().unwrap().to_string();
    assert!(told.contains("nobody") || told.contains("colour"), "{told}");
    assert!(told.ends_with(&format!("{} is in force", digest(CONFIG))), "{told}");
    assert_eq!(mounts.applied().as_deref(), Some(CONFIG));
    mounts.config(None);
    assert_eq!(follower.step().unwrap().in_force, Some(digest(CONFIG)));
    mounts.config(Some(OTHER));
    assert_eq!(follower.step().unwrap().in_force, Some(digest(OTHER)));
}

#[test]
fn broken_overrides_never_take_the_config_down() {
    let auto = r#"{"rules": [{"name": "a", "auto": {"channel": "oppo"}}]}"#;
    let nobody = FORCE.replace("oppo", "nobody");
    for broken in ["{", auto, &nobody] {
        let mut mounts = Mounts::new();
        mounts.config(Some(CONFIG));
        mounts.overrides(Some(broken));
        let mut follower = mounts.follower();
        let followed = follower.step().unwrap();
        assert_eq!(followed.in_force, Some(digest(CONFIG)), "the config alone, since there was nothing before");
        assert!(followed.complaints[0].file.ends_with("overrides.json"), "{followed}");
        mounts.overrides(Some(FORCE));
        follower.step();
        mounts.overrides(Some(broken));
        assert_eq!(follower.step().unwrap().in_force, Some(digest(&merged(CONFIG))), "the last good ones stay");
        assert_eq!(mounts.applied(), Some(merged(CONFIG)));
    }
}

#[test]
fn what_was_in_force_outlives_a_restart() {
    let mut mounts = Mounts::new();
    mounts.config(Some(CONFIG));
    mounts.overrides(Some(FORCE));
    mounts.follower().step();
    let followed = mounts.follower().step().unwrap();
    assert!(!followed.applied, "{followed}");
    assert_eq!(followed.in_force, Some(digest(&merged(CONFIG))));
    mounts.overrides(Some("{"));
    assert_eq!(mounts.follower().step().unwrap().in_force, Some(digest(&merged(CONFIG))));
    mounts.config(Some("{"));
    assert_eq!(mounts.follower().step().unwrap().in_force, Some(digest(&merged(CONFIG))));
}

#[test]
fn what_is_too_large_or_no_text_is_refused() {
    let mut mounts = Mounts::new();
    mounts.config(Some(&" ".repeat(usize::try_from(MAX_BYTES).unwrap() + 1)));
    let mut follower = mounts.follower();
    assert_eq!(follower.step().unwrap().complaints[0].problem, Problem::TooLarge);
    std::fs::write(mounts.root.path().join("config/..data/pointsman.json"), [0xff]).unwrap();
    assert_eq!(follower.step().unwrap().complaints[0].problem, Problem::NotUtf8);
    mounts.config(Some(CONFIG));
    assert!(follower.step().unwrap().applied);
}

#[test]
fn a_destination_that_cannot_be_written_is_told_once_and_tried_again() {
    let mut mounts = Mounts::new();
    mounts.config(Some(CONFIG));
    let mut follower = mounts.follower();
    std::fs::remove_dir_all(mounts.root.path().join("rules")).unwrap();
    let followed = follower.step().unwrap();
    assert_eq!(followed.in_force, None);
    assert!(followed.to_string().contains("pointsman.ecds.json cannot be replaced"), "{followed}");
    assert_eq!(follower.step(), None);
    std::fs::create_dir(mounts.root.path().join("rules")).unwrap();
    assert!(follower.step().unwrap().applied);
    assert_eq!(mounts.applied().as_deref(), Some(CONFIG));
}
