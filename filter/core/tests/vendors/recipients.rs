//! What an answer says of each recipient of the request.

use crate::cases::{Answer, Case, Each, Said, cases, each_vendor};
use crate::folder;
use pointsman_core::adapter::{Adapter, Operation, OperationKind};
use pointsman_core::classify::{Answer as Judged, Body, Classifier, Verdict, of_recipients};
use pointsman_core::extract::Sensitive;
use pointsman_core::headers::Headers;
use pointsman_core::path::PathPattern;
use pointsman_core::time::WallClock;
use pointsman_core::trace::CountryCode;
use std::collections::BTreeMap;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The send that the request of a case is; what else than the path tells it from another does not change how it is judged.
fn send<'a>(adapter: &'a Adapter, case: &Case) -> Option<&'a Operation> {
    let path = case.sent.lines.iter().find_map(|(name, value)| (name == ":path").then_some(value))?;
    let path = path.split_once('?').map_or(path.as_str(), |(path, _)| path);
    let fits = |pattern: &String| PathPattern::parse(pattern).is_ok_and(|pattern| pattern.matches(path).is_some());
    let mut sends = adapter.operation.iter().filter(|operation| operation.kind == OperationKind::Send);
    sends.find(|operation| operation.paths.iter().any(fits))
}

fn judge(classifier: &Classifier, said: &Said, answer: &Answer, detail: bool) -> Option<Verdict> {
    let headers: Headers<'_> = answer.lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let judged = Judged {
        status: headers.get_str(":status")?.parse().ok()?,
        headers: &headers,
        body: Body::Whole(answer.body.as_deref().unwrap_or_default().as_bytes()),
        recipients: u32::try_from(said.recipients.len()).ok()?,
        detail,
    };
    Some(classifier.judge(&judged, &mut || WallClock(0)).0)
}

fn each_recipient_is_told(vendor: &str) -> Result<()> {
    let adapter = Adapter::built_in(vendor).ok_or("no such adapter")??;
    let mut wrong = Vec::new();
    for case in cases(&folder(), vendor)?.iter().filter(|case| case.said.operation == "send") {
        let Some(operation) = send(&adapter, case) else { continue };
        let classifier = Classifier::new(&adapter.response, Some(operation)).map_err(|faults| format!("{faults:?}"))?;
        let Some(verdict) = judge(&classifier, &case.said, &case.answer, true) else { continue };
        let plain = judge(&classifier, &case.said, &case.answer, false).ok_or("not judged")?;
        assert!(plain.results.is_empty());
        assert_eq!(
            (plain.call, &plain.tally, plain.fate),
            (verdict.call, &verdict.tally, verdict.fate),
            "{}",
            case.about
        );
        let told = told(&verdict, &case.said, operation);
        if (!case.said.each.is_empty() && told != case.said.each)
            || !(case.said.recipients.is_empty() || adds_up(&verdict, &told))
        {
            wrong.push(format!("{}\n  expected {:?}\n  saw      {told:?}", case.about, case.said.each));
        }
    }
    assert!(wrong.is_empty(), "{vendor}:\n{}", wrong.join("\n"));
    Ok(())
}

fn told(verdict: &Verdict, said: &Said, operation: &Operation) -> Vec<Each> {
    let recipients: Vec<Sensitive> = said.recipients.iter().map(|recipient| Sensitive::new(recipient)).collect();
    let kind = operation.recipient_kind;
    let told = of_recipients(verdict, &recipients, &said.message_ids, kind, CountryCode::default());
    let owned = |text: Option<&str>| text.map(str::to_owned);
    told.iter().map(|of| (of.class.as_str().to_owned(), owned(of.code), owned(of.vendor_id))).collect()
}

/// What is told of each is what was counted, unless nothing is told of some.
fn adds_up(verdict: &Verdict, told: &[Each]) -> bool {
    let mut left: BTreeMap<&str, u32> = verdict.tally.iter().map(|(class, count)| (class.as_str(), count)).collect();
    told.iter().filter(|(class, ..)| class != "unknown").all(|(class, ..)| match left.get_mut(class.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
}

each_vendor!(each_recipient_is_told);
