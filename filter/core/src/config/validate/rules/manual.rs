//! Who has set a rule, why, and until when.

use crate::config::Faults;
use crate::config::wire::RuleWire;
use crate::policy::Manual;
use crate::time::parse_rfc3339;

const MAX_TEXT_BYTES: usize = 256;

pub(super) fn manual(rule: &RuleWire, at: &str, faults: &mut Faults) -> Manual {
    let needed = rule.force.is_some() || rule.drill.is_some();
    let by = text(rule.by.as_deref(), needed, "who answers for it", &format!("{at}.by"), faults);
    let reason = text(rule.reason.as_deref(), needed, "why", &format!("{at}.reason"), faults);
    let until = rule.until.as_deref().and_then(|until| {
        let time = parse_rfc3339(until);
        if time.is_none() {
            let what = "is no time: write it as RFC 3339 with its offset, such as \"2026-11-27T22:30:00+08:00\"";
            faults.add(format!("{at}.until"), what);
        }
        time
    });
    if needed && rule.until.is_none() && !faults.concern(&format!("{at}.until")) {
        let what = "is missing: a `force` or `drill` ends by itself, so say when";
        faults.add(format!("{at}.until"), what);
    }
    Manual { by, reason, until }
}

/// A text that is logged with every change that the rule makes.
fn text(written: Option<&str>, needed: bool, what: &str, path: &str, faults: &mut Faults) -> Option<Box<str>> {
    let Some(text) = written else {
        if needed && !faults.concern(path) {
            faults.add(path, format!("is missing: a `force` or `drill` says {what}"));
        }
        return None;
    };
    if text.trim().is_empty() || text.len() > MAX_TEXT_BYTES || text.contains(char::is_control) {
        faults.add(path, format!("does not say {what}: 1 to {MAX_TEXT_BYTES} bytes without control characters"));
    }
    Some(text.into())
}
