//! Scripts, and what the guest remembers between callbacks.

use crate::{host, ops};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    /// All that is remembered.
    pub(crate) static STATE: RefCell<State> = RefCell::default();
}

/// What lives as long as the VM.
#[derive(Default)]
pub(crate) struct State {
    /// By context.
    pub(crate) exchanges: HashMap<u32, Exchange>,
    /// Which context made which call.
    pub(crate) calls: HashMap<u32, u32>,
    /// Metric ids by name.
    pub(crate) metrics: HashMap<String, u32>,
    /// Queue tokens by name.
    pub(crate) queues: HashMap<String, u32>,
    /// The stream that came last.
    pub(crate) stream: u32,
    /// Versions of shared values by key.
    pub(crate) versions: HashMap<String, u32>,
}

/// One context and its script.
#[derive(Default)]
pub(crate) struct Exchange {
    /// Stands in front of every log line; without one nothing is logged.
    pub(crate) tag: String,
    /// The root context.
    pub(crate) root: u32,
    /// The last call that was made.
    pub(crate) last_call: u32,
    script: String,
    /// How often each callback came.
    times: HashMap<String, u32>,
}

impl Exchange {
    /// Nothing to do yet.
    pub(crate) fn child_of(root: u32) -> Self {
        Self { root, ..Self::default() }
    }

    /// By a request's headers.
    pub(crate) fn new(tag: String, script: &str) -> Self {
        Self { tag, script: script.to_owned(), ..Self::default() }
    }

    /// By a configuration: the first word is the tag.
    pub(crate) fn configured(text: &str) -> Self {
        let (tag, script) = text.split_once(' ').unwrap_or((text, ""));
        Self::new(tag.to_owned(), script)
    }

    /// Does what the script says for this callback; gives what the callback shall return, if it says so.
    pub(crate) fn run(&mut self, context: u32, callback: &str, arguments: &str) -> Option<u32> {
        if self.tag.is_empty() {
            return None;
        }
        host::log(2, &format!("{} {callback} {arguments}", self.tag));
        let times = self.times.entry(callback.to_owned()).or_default();
        *times += 1;
        let times = times.to_string();
        let script = self.script.clone();
        let mut result = None;
        for entry in script.split('|') {
            let Some((name, operations)) = entry.split_once(':') else { continue };
            let (name, which) = name.trim().split_once('#').unwrap_or((name.trim(), ""));
            let matches = which.is_empty() || which == times || (which == "end" && arguments.ends_with("end=1"));
            if name != callback || !matches {
                continue;
            }
            for operation in operations.split(';').map(str::trim).filter(|operation| !operation.is_empty()) {
                result = ops::run(self, context, callback, operation).or(result);
            }
        }
        result
    }
}
