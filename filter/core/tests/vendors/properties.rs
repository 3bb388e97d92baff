//! What must hold of every case, however its bodies are cut or written.

use crate::cases::{Answer, Case, Pieces, Sent, cases};
use crate::folder;
use crate::sidecar::Sidecar;
use crate::variants::Variant;
use pointsman_core::outcome::OutcomeClass;
use pointsman_core::report::{Report, StatusReport};
use std::collections::BTreeSet;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is seen of an exchange with both bodies at once.
fn report(sidecar: &mut Sidecar, sent: &Sent, answer: &Answer) -> Result<Option<Report>> {
    Ok(sidecar.report(sent, answer, Pieces::Whole)?.map(|visit| visit.report))
}

fn is_accepted(report: Option<&Report>) -> bool {
    report.is_some_and(|report| matches!(report.outcome, OutcomeClass::Ok | OutcomeClass::Partial))
}

/// Every beginning of a body that is shorter than what it says.
fn cuts(body: &str) -> impl Iterator<Item = &str> {
    let said = body.trim_end();
    said.char_indices().filter_map(|(at, _)| said.get(..at))
}

/// An answer that is cut says nothing, unless its status alone says it all.
fn cut_answers_are_no_success(vendor: &str) -> Result<()> {
    let mut sidecar = Sidecar::new()?;
    let mut seen = BTreeSet::new();
    for case in cases(&folder(), vendor)? {
        let Some(body) = case.answer.body.as_deref() else { continue };
        let is_new = seen.insert((case.sent.lines.clone(), case.sent.body.clone(), body.to_owned()));
        if !is_new || !is_accepted(report(&mut sidecar, &case.sent, &case.answer)?.as_ref()) {
            continue;
        }
        let silent = Answer { body: None, ..case.answer.clone() };
        let needs_no_body = is_accepted(report(&mut sidecar, &case.sent, &silent)?.as_ref());
        for cut in cuts(body) {
            let answer = Answer { body: Some(cut.to_owned()), ..case.answer.clone() };
            let accepted = is_accepted(report(&mut sidecar, &case.sent, &answer)?.as_ref());
            assert!(!accepted || needs_no_body, "{vendor}, {}: {cut:?} is a success", case.about);
        }
    }
    Ok(())
}

/// A request that is cut is read as far as it goes; a receipt that is cut tells no more than the whole one, and nothing
/// at all where the cut can be seen.
fn cut_requests_are_read_as_far_as_they_go(vendor: &str) -> Result<()> {
    let mut sidecar = Sidecar::new()?;
    let mut seen = BTreeSet::new();
    for case in cases(&folder(), vendor)? {
        let Some(body) = case.sent.body.as_deref() else { continue };
        if !seen.insert((case.sent.lines.clone(), body.to_owned())) {
            continue;
        }
        let whole = report(&mut sidecar, &case.sent, &case.answer)?.map(|report| report.statuses.len()).unwrap_or(0);
        for cut in cuts(body) {
            let sent = Sent { body: Some(cut.to_owned()), ..case.sent.clone() };
            let report = report(&mut sidecar, &sent, &case.answer)?;
            let statuses = report.map(|report| report.statuses.len()).unwrap_or(0);
            let allowed = if is_form(&case.sent) { whole } else { 0 };
            assert!(statuses <= allowed, "{vendor}, {}: {cut:?} tells {statuses} statuses", case.about);
        }
    }
    Ok(())
}

/// The order of keys, white space, and whether a code is a number or a string do not matter.
fn spelling_does_not_matter(vendor: &str) -> Result<()> {
    let mut sidecar = Sidecar::new()?;
    let mut wrong = Vec::new();
    for case in cases(&folder(), vendor)? {
        let expected = report(&mut sidecar, &case.sent, &case.answer)?;
        for (variant, sent, answer) in spellings(&case) {
            let seen = report(&mut sidecar, &sent, &answer)?;
            if seen.clone().map(in_any_order) != expected.clone().map(in_any_order) {
                wrong.push(format!("{}, {variant:?}\n  {expected:?}\n  {seen:?}", case.about));
            }
        }
    }
    assert!(wrong.is_empty(), "{vendor}:\n{}", wrong.join("\n"));
    Ok(())
}

/// The case with one of its bodies written in another way.
fn spellings(case: &Case) -> Vec<(Variant, Sent, Answer)> {
    let mut spellings = Vec::new();
    let all = [Variant::KeysReversed, Variant::Spaced, Variant::NumbersAsStrings, Variant::StringsAsNumbers];
    // A vendor's own words come in receipts and answers; what a caller writes has the types that the API asks for.
    let of_request = if case.sent.is_inbound { &all } else { all.split_at(2).0 };
    for &variant in of_request {
        if let Some(body) = case.sent.body.as_deref().and_then(|body| variant.of_body(body, is_form(&case.sent))) {
            spellings.push((variant, Sent { body: Some(body), ..case.sent.clone() }, case.answer.clone()));
        }
    }
    for variant in all {
        if let Some(body) = case.answer.body.as_deref().and_then(|body| variant.of_body(body, false)) {
            spellings.push((variant, case.sent.clone(), Answer { body: Some(body), ..case.answer.clone() }));
        }
    }
    spellings
}

fn is_form(sent: &Sent) -> bool {
    sent.lines.iter().any(|(name, value)| name == "content-type" && value.contains("urlencoded"))
}

/// Where the keys of an object are recipients or ids, their order is that of the report; and where they were refused
/// for several reasons, the first of them is the code of the call.
fn in_any_order(mut report: Report) -> Report {
    let by_id = |status: &StatusReport| (status.vendor_id.clone(), status.recipient.clone(), status.status);
    report.statuses.sort_by_key(by_id);
    report.message_ids.sort();
    report.vendor_ids.sort();
    report.recipients.sort();
    if report.results.keys().filter(|class| **class != OutcomeClass::Ok).count() > 1 {
        report.code = None;
    }
    report
}

mod answers {
    use super::cut_answers_are_no_success;
    use crate::cases::each_vendor;

    each_vendor!(cut_answers_are_no_success);
}

mod requests {
    use super::cut_requests_are_read_as_far_as_they_go;
    use crate::cases::each_vendor;

    each_vendor!(cut_requests_are_read_as_far_as_they_go);
}

mod spelling {
    use super::spelling_does_not_matter;
    use crate::cases::each_vendor;

    each_vendor!(spelling_does_not_matter);
}
