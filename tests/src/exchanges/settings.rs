//! The settings of the filter that cases need: one listener each, in every proxy.

use super::case::{Case, PluginSpec};
use crate::repository;
use std::path::PathBuf;

/// One setting, and the cases that share it.
pub struct Setting {
    /// The setting.
    pub plugin: PluginSpec,
    /// Plugin name, VM id and listener are called after it.
    pub name: String,
    /// First words of the configurations: the tag of what root contexts log.
    pub tag: String,
    /// The numbers of the cases, in order.
    pub cases: Vec<usize>,
}

impl Setting {
    /// What `proxy_on_vm_start` reads.
    pub fn vm_configuration(&self) -> String {
        self.tagged(&self.plugin.vm)
    }

    /// What `proxy_on_configure` reads.
    pub fn configuration(&self) -> String {
        self.tagged(&self.plugin.config)
    }

    fn tagged(&self, script: &str) -> String {
        if script.is_empty() {
            return String::new();
        }
        let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        format!("{} {}", self.tag, lines.join("|"))
    }
}

/// The settings of all cases, those first that many share.
pub fn of(cases: &[Case]) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let shared = settings.iter_mut().find(|setting| !case.plugin.is_own() && setting.plugin == case.plugin);
        if let Some(setting) = shared {
            setting.cases.push(index);
            continue;
        }
        settings.push(Setting {
            plugin: case.plugin.clone(),
            name: format!("setting-{}", settings.len()),
            tag: case.name.clone(),
            cases: vec![index],
        });
    }
    settings
}

/// The guest of all settings; `scripts/build-filter --all` makes it.
pub fn guest() -> PathBuf {
    repository("target/script.wasm")
}
