//! The backup's credential comes from its cluster, and the primary's goes nowhere else.

use super::bed::{
    BACKUP_CREDENTIAL, assert_no_leak, bed, config, failover, oppo, records, says_lost, says_unsure, setup, until,
};
use super::messages::{fcm, id, oppo as push, sms};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::Bed;
use serde_json::{Value, json};

fn forced(channel: &str) -> Value {
    json!({
        "name": "by-hand", "by": "alice@example.com", "reason": "maintenance", "until": "2099-01-01T00:00:00Z",
        "force": {"channel": channel, "action": "switch", "to": ["lc"]},
    })
}

/// How many calls the backup has turned away.
fn unauthorized(bed: &Bed) -> u64 {
    bed.vendors.counts("lc").unwrap().calls_by_status.get(&401).copied().unwrap_or_default()
}

#[tokio::test]
async fn the_backup_gets_its_own_credential_by_switch_and_by_failover() {
    let to = json!(["lc"]);
    let channels = [oppo(), super::bed::fcm(), json!("sms-tencent")];
    let rules = [forced("oppo"), failover("fcm", &to)];
    let bed = bed(&config(&channels, &rules)).await;
    let before = unauthorized(&bed);
    bed.vendors.set_fault("fcm", Fault::new(Effect::Refused)).unwrap();
    bed.vendors.settled("fcm").await.unwrap();
    assert_eq!(bed.outbound(push(1)).await.status, 200);
    assert_eq!(bed.outbound(fcm(2)).await.status, 200);
    assert_eq!(bed.outbound(sms(3)).await.status, 200);
    let sent = ["oppo", "fcm", "sms-tencent", "lc"].map(|vendor| bed.vendors.counts(vendor).unwrap().messages_accepted);
    assert_eq!(sent, [0, 0, 1, 3], "the third is the probe of the bed");
    assert_eq!(unauthorized(&bed), before);
    assert_no_leak(&bed);
    let last = bed.last_at("lc");
    assert_eq!(last.header_values("authorization"), [BACKUP_CREDENTIAL.as_bytes()]);
}

#[tokio::test]
async fn without_its_credential_the_backup_refuses_and_the_caller_gets_the_vendors_own_answer() {
    let bed = setup(&config(&[oppo()], &[failover("oppo", &json!(["lc"]))])).start().await;
    bed.vendors.require_credential("lc", BACKUP_CREDENTIAL).unwrap();
    bed.vendors.set_fault("oppo", Fault::error("-1")).unwrap();
    let answer = bed.outbound(push(1)).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].as_i64()), (200, Some(-1)));
    assert_eq!(bed.vendors.counts("lc").unwrap().messages_accepted, 0);
    assert_eq!(unauthorized(&bed), 1);
    assert_no_leak(&bed);
    // The gateway's code for it is in no list, so nobody can be sure.
    until("a record of the message", || async {
        let records = records(&bed);
        let told = says_unsure(&records, &id(1)) || says_lost(&records, &id(1));
        if told { Ok(()) } else { Err(format!("{records:?}")) }
    })
    .await;
}
