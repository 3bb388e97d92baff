//! Scripted exchanges as data: `tests/cases/differential/*.toml`.

use crate::repository;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// One exchange, and what may come after it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique among all files; tags the log lines.
    pub name: String,
    /// What it shows.
    pub says: String,
    /// What the guest does, an entry a line.
    #[serde(default)]
    pub script: String,
    /// How the filter is set up for it.
    #[serde(default)]
    pub plugin: PluginSpec,
    /// What the client sends.
    #[serde(default)]
    pub request: RequestSpec,
    /// What the upstream answers.
    #[serde(default)]
    pub upstream: AnswerSpec,
    /// What the server of the guest's calls answers.
    #[serde(default)]
    pub call: AnswerSpec,
    /// Whether one more exchange follows, with a script that only watches: what a later stream gets.
    #[serde(default)]
    pub then: bool,
    /// Whether Envoy dies of it: it has an Envoy of its own then, and only its death is checked.
    #[serde(default)]
    pub crashes_envoy: bool,
    /// Whether the sizes of body pieces depend on how sockets are read: then body callbacks are left out of the log.
    #[serde(default)]
    pub pieces_vary: bool,
    /// How long the client waits for the whole answer; exchanges that hang have a short one.
    #[serde(default = "patience_ms")]
    pub patience_ms: u64,
    /// What must stand in the log for the exchange to be over; without it, that its context is deleted.
    #[serde(default)]
    pub until: Option<String>,
}

fn patience_ms() -> u64 {
    5_000
}

/// How the filter is set up.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields, default)]
pub struct PluginSpec {
    /// `allow_on_headers_stop_iteration`.
    pub stop: bool,
    /// What becomes of streams when the VM fails.
    pub policy: Policy,
    /// `per_connection_buffer_limit_bytes`.
    pub limit_bytes: Option<u32>,
    /// Script of `on_vm_start`.
    pub vm: String,
    /// Script of the root context.
    pub config: String,
    /// A VM that no other case has.
    pub own: bool,
}

/// What becomes of streams when the VM fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They get 503, and so do later ones.
    #[default]
    Closed,
    /// Later ones pass unfiltered.
    Open,
    /// The next one makes the VM anew.
    Reload,
}

impl PluginSpec {
    /// Whether a case with this needs a VM for itself.
    pub fn is_own(&self) -> bool {
        self.own || !self.vm.is_empty() || !self.config.is_empty()
    }
}

/// What the client sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestSpec {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// Chooses the route: `up.test`, `up2.test` (HTTP/2), `short.test` (a timeout of 300 ms), `refused.test`, `no-cluster.test`,
    /// anything else (no route).
    pub authority: String,
    /// 1 or 2.
    pub version: u8,
    /// Name and value; a name may stand twice.
    pub headers: Vec<(String, String)>,
    /// The pieces of the body; `*300*a` is 300 times `a`.
    pub body: Vec<String>,
    /// Trailers; none are sent if it is empty.
    pub trailers: BTreeMap<String, String>,
}

impl Default for RequestSpec {
    fn default() -> Self {
        Self {
            method: String::from("GET"),
            path: String::from("/p?q=1"),
            authority: String::from("up.test"),
            version: 1,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: BTreeMap::new(),
        }
    }
}

/// What a server answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerSpec {
    /// The status.
    pub status: u16,
    /// Name and value; a name may stand twice.
    pub headers: Vec<(String, String)>,
    /// The pieces of the body; `*300*a` is 300 times `a`.
    pub body: Vec<String>,
    /// Trailers; none are sent if it is empty.
    pub trailers: BTreeMap<String, String>,
    /// How long it takes before it answers.
    pub delay_ms: u64,
    /// How it fails, if it does.
    pub fail: Fail,
}

impl Default for AnswerSpec {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: BTreeMap::new(),
            delay_ms: 0,
            fail: Fail::No,
        }
    }
}

/// How a server fails to answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Fail {
    /// It does not.
    #[default]
    No,
    /// Closes before it answers.
    Reset,
    /// Closes after what it has sent.
    ResetAfterBody,
    /// Neither answers nor closes.
    Never,
    /// Sends its pieces and then neither ends nor closes.
    HangAfterBody,
    /// Answers before the request is whole. That is no failure, but as rare.
    Early,
}

/// All cases, by file and by their order in it.
pub fn all() -> Vec<Case> {
    let folder = repository("tests/cases/differential");
    let entries = std::fs::read_dir(folder).expect("the folder of cases");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    let cases = files.iter().flat_map(|path| {
        let text = std::fs::read_to_string(path).expect("a readable case");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.case
    });
    cases.collect()
}

/// A word of a case as bytes: `*300*a` is 300 times `a`.
pub fn text(word: &str) -> Vec<u8> {
    match word.strip_prefix('*').and_then(|rest| rest.split_once('*')) {
        Some((count, of)) => of.repeat(count.parse().expect("a number of times")).into_bytes(),
        None => word.as_bytes().to_vec(),
    }
}
