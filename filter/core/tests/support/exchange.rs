//! One exchange of a fuzzer: whatever comes in, what must hold holds.

#[path = "bed.rs"]
mod bed;
#[path = "script.rs"]
mod script;

use bed::Seen;
use pointsman_core::adapter::{OperationKind, RecipientKind};
use pointsman_core::classify::{MAX_RETRY_AFTER, MAX_VENDOR_IDS};
use pointsman_core::exchange::Command;
use pointsman_core::extract::{self, MAX_MESSAGE_IDS, MAX_RECIPIENTS_KEPT};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::receipt::MAX_REPORTS;
use pointsman_core::report::{Report, VisitReport};
use pointsman_core::time::as_millis;
use pointsman_core::trace::{B3, CountryCode};
use script::{Planted, Script};

/// Where an exchange comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody has written it: what it marks as a recipient is one.
    Written,
    /// A machine has made it, and may have put a recipient where something else belongs.
    Mutated,
}

/// Runs the exchange that `bytes` tell and says what does not hold.
pub(crate) fn faults(bytes: &[u8], origin: Origin) -> Vec<String> {
    let script = Script::read(bytes);
    let seen = match bed::run(&script) {
        Ok(seen) => seen,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{what}: {:?}", seen.reports));
        }
    };
    hold(seen.reports.len() <= 1, "one visit makes one report");
    hold(!seen.waits, "nothing waits beyond its end");
    hold(seen.left_over == 0, "an exchange that has ended leaves nothing behind");
    hold(seen.copied <= 2 * seen.max_body_bytes, "no more of a body is read than may be");
    for command in &seen.commands {
        hold(is_allowed(command, script.way.told), "only traces are written, and what the caller is to be told");
    }
    for visit in &seen.reports {
        check_report(&script, &visit.report, &mut hold);
        hold(!visit.line().contains(['\n', '\r', '\0']), "a report is one line");
        for planted in &script.planted {
            let shown = match origin {
                Origin::Written => visit.line().contains(&planted.value),
                Origin::Mutated => seen.knows(planted, &visit.report) && shows(visit, planted),
            };
            hold(!shown, "no recipient is shown");
        }
    }
    for planted in script.planted.iter().filter(|_| origin == Origin::Written) {
        hold(!seen.counted.iter().any(|name| name.contains(&planted.value)), "no recipient is a label of a metric");
        let tells =
            |command: &Command| matches!(command, Command::SetResponseHeader(_, value) if *value == planted.value);
        hold(!seen.commands.iter().any(tells), "no recipient is told in a header");
    }
    faults
}

fn check_report(script: &Script, report: &Report, hold: &mut impl FnMut(bool, &str)) {
    let accepted = matches!(report.outcome, OutcomeClass::Ok | OutcomeClass::Partial);
    let is_success = script.status().is_some_and(|status| (200..300).contains(&status)) && !script.way.cut;
    hold(!accepted || is_success, "an answer without a status of success is none");
    hold((report.fate == Fate::Accepted) == accepted, "what is ok or partial is accepted, and nothing else");
    let results: u32 = report.results.values().sum();
    let is_send = report.operation == OperationKind::Send;
    hold(results == if is_send { report.batch } else { 0 }, "the results add up to the batch");
    hold(!report.results.contains_key(&OutcomeClass::Partial), "no single recipient is partial");
    hold(report.retry_after_ms.is_none() || !accepted, "a success is not tried again");
    hold(report.retry_after_ms.is_none_or(|wait| wait <= as_millis(MAX_RETRY_AFTER)), "no hint is longer than allowed");
    let is_receipt = report.operation == OperationKind::Receipt && is_success;
    hold(report.statuses.is_empty() || is_receipt, "only a receipt that was taken reports statuses");
    let sizes = [
        (report.message_ids.len(), MAX_MESSAGE_IDS),
        (report.recipients.len(), MAX_RECIPIENTS_KEPT),
        (report.vendor_ids.len(), MAX_VENDOR_IDS),
        (report.statuses.len(), MAX_REPORTS),
    ];
    hold(sizes.iter().all(|(size, bound)| size <= bound), "no list is longer than its bound");
    let ids = report.message_ids.iter().chain(&report.vendor_ids).chain(&report.template).chain(&report.code);
    let longest = ids.map(String::len).max().unwrap_or(0);
    hold(longest <= extract::MAX_VALUE_BYTES, "no id is longer than its bound");
}

fn is_allowed(command: &Command, told: bool) -> bool {
    let is_trace = |name: &str| matches!(name, "traceparent" | "tracestate") || B3::HEADERS.contains(&name);
    let is_ours = |name: &str| name.starts_with("x-pointsman-");
    match command {
        Command::SetRequestHeader(name, _) => is_trace(name),
        Command::RemoveRequestHeader(name) => is_trace(name) || is_ours(name),
        Command::SetResponseHeader(name, _) => told && is_ours(name),
        Command::RemoveResponseHeader(name) => told && is_ours(name),
        Command::Report(_) => true,
        // The config leaves nothing for an access log.
        Command::LeaveField(..) => false,
        // No rule is in the config, so nothing is answered, sent or told in anybody's stead.
        Command::Reply(_) | Command::Call(_) | Command::Record(_) => false,
    }
}

/// Whether a report shows a recipient. Where an answer names it too, a mutation may have put it in the place of an id.
fn shows(visit: &VisitReport, planted: &Planted) -> bool {
    let mut visit = visit.clone();
    if planted.in_answer > 0 {
        visit.report.vendor_ids.clear();
        if visit.report.code.as_ref() != Some(&planted.value) {
            visit.report.code = None;
        }
    }
    visit.line().contains(&planted.value)
}

impl Seen {
    /// Whether a value that stands in the request once, and so has one meaning, was read as a recipient.
    fn knows(&self, planted: &Planted, report: &Report) -> bool {
        let of_statuses = report.statuses.iter().filter_map(|status| status.recipient.as_ref());
        let known: Vec<&String> = report.recipients.iter().chain(of_statuses).collect();
        let kinds = [RecipientKind::Token, RecipientKind::Phone, RecipientKind::Email];
        let mut hashes = kinds.map(|kind| self.hash(kind.of(&planted.value, CountryCode::default()))).into_iter();
        planted.in_request == 1 && hashes.any(|hash| known.contains(&&hash))
    }
}
