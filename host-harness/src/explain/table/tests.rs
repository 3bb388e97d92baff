//! What people see.

use super::*;
use pointsman_core::adapter::OperationKind;
use pointsman_core::lifecycle::Lifecycle;
use pointsman_core::outcome::Fate;
use pointsman_core::report::StatusReport;

fn report() -> Report {
    Report {
        node: Some("OPPO_PUSH".into()),
        channel: Some("oppo".into()),
        operation: OperationKind::Send,
        message_ids: vec!["order-42".into()],
        recipients: vec!["06a272bfcee6be50a5af5143c80cddc2".into()],
        template: None,
        business: None,
        batch: 3,
        outcome: OutcomeClass::Partial,
        fate: Fate::Accepted,
        code: Some("0".into()),
        vendor_ids: vec!["5ad5b7c8b2a9b1".into(), "5ad5b7c8b2a9b2".into()],
        results: BTreeMap::from([(OutcomeClass::Ok, 2), (OutcomeClass::InvalidToken, 1)]),
        retry_after_ms: None,
        statuses: Vec::new(),
    }
}

#[test]
fn columns_are_aligned_and_what_is_not_known_is_a_dash() {
    let lifecycle = Lifecycle::builtin();
    let statuses = [Status::Delivered, Status::Read, Status::Delivered].map(|status| StatusReport {
        vendor_id: None,
        recipient: None,
        status,
        name: lifecycle.name(status).into(),
    });
    let receipt = Report {
        operation: OperationKind::Receipt,
        batch: 0,
        outcome: OutcomeClass::Ok,
        results: BTreeMap::new(),
        vendor_ids: Vec::new(),
        statuses: statuses.into(),
        ..report()
    };
    let refused = Report {
        node: None,
        outcome: OutcomeClass::VendorUnavailable,
        fate: Fate::NotSent,
        code: None,
        vendor_ids: vec!["é".repeat(30)],
        retry_after_ms: Some(90_000),
        results: BTreeMap::from([(OutcomeClass::VendorUnavailable, 3)]),
        ..report()
    };
    let explained = [report(), receipt, refused].into_iter().enumerate();
    let explained: Vec<Explained> = explained.map(|(index, report)| Explained { index, report }).collect();
    let expected = "\
INDEX  NODE       OPERATION  BATCH  OUTCOME             FATE      CODE  VENDOR IDS             RETRY AFTER  RESULTS
    0  OPPO_PUSH  send           3  partial             accepted  0     5ad5b7c8b2a9b1 +1                -  ok 2, invalid_token 1
    1  OPPO_PUSH  receipt        -  ok                  accepted  0     -                                -  delivered 2, read 1
    2  -          send           3  vendor_unavailable  not_sent  -     éééééééééééééééééééé…          90s  vendor_unavailable 3
3 exchanges; 1 without a node; calls: ok 1, partial 1, vendor_unavailable 1; recipients: ok 2, invalid_token 1, vendor_unavailable 3; statuses: delivered 2, read 1
";
    assert_eq!(table(&explained), expected);
}

#[test]
fn no_traffic_is_a_table_too() {
    let text = table(&[]);
    assert!(text.starts_with("INDEX  NODE  OPERATION  BATCH") && text.ends_with("RESULTS\n0 exchanges\n"), "{text}");
}
