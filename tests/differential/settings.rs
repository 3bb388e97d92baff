//! The settings of the filter that cases need: one listener each, in every proxy.

use crate::case::{Case, PluginSpec};
use pointsman_tests::repository;
use std::path::PathBuf;

/// One setting, and the cases that share it.
pub(crate) struct Setting {
    pub(crate) plugin: PluginSpec,
    /// Plugin name, VM id and listener are called after it.
    pub(crate) name: String,
    /// First words of the configurations: the tag of what root contexts log.
    pub(crate) tag: String,
    pub(crate) cases: Vec<usize>,
}

impl Setting {
    /// What `proxy_on_vm_start` reads.
    pub(crate) fn vm_configuration(&self) -> String {
        self.tagged(&self.plugin.vm)
    }

    /// What `proxy_on_configure` reads.
    pub(crate) fn configuration(&self) -> String {
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
pub(crate) fn of(cases: &[Case]) -> Vec<Setting> {
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
pub(crate) fn guest() -> PathBuf {
    repository("target/script.wasm")
}
