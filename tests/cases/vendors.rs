//! The files of `vendors`, as exchanges with what is expected of them. The tests of the pure core and those of the
//! built filter both include this file, so that they read the same.

#[path = "support/expect.rs"]
mod expect;
#[path = "support/file.rs"]
mod file;
#[path = "support/wire.rs"]
mod wire;

pub(crate) use expect::Seen;
pub(crate) use wire::{Answer, Pieces, Sent};

use expect::Expected;
use file::File;
use pointsman_core::adapter::Adapter;
use serde_json::{Value, json};
use std::error::Error;
use std::path::Path;

/// The secret behind the hashes of recipients.
pub(crate) const SECRET: &str = "an example secret for the cases";

/// One exchange with what is expected of it.
pub(crate) struct Case {
    pub(crate) about: String,
    pub(crate) sent: Sent,
    pub(crate) answer: Answer,
    #[allow(dead_code, reason = "only the pure core tells what becomes of each recipient")]
    pub(crate) said: Said,
    expected: Expected,
}

/// Outcome, code and vendor's id of one recipient.
pub(crate) type Each = (String, Option<String>, Option<String>);

/// Who is meant by a case, and what becomes of them.
#[allow(dead_code, reason = "only the pure core tells what becomes of each recipient")]
#[derive(Clone, Default)]
pub(crate) struct Said {
    pub(crate) operation: String,
    pub(crate) message_ids: Vec<String>,
    pub(crate) recipients: Vec<String>,
    pub(crate) each: Vec<Each>,
}

#[allow(dead_code, reason = "only one of those who include this file has reports without counts")]
impl Case {
    /// In which fields a report is something else than expected.
    pub(crate) fn difference_of_report(&self, report: &Value) -> Option<String> {
        self.expected.difference_of_report(report)
    }
}

/// A config with every adapter as a channel, and with the callback URLs of those that send receipts. An adapter that
/// cannot be read fails its own cases and no others.
pub(crate) fn config() -> String {
    let adapters: Vec<Adapter> = Adapter::names().filter_map(Adapter::built_in).filter_map(Result::ok).collect();
    let named = |named: fn(&str) -> bool| adapters.iter().filter(move |adapter| named(&adapter.name));
    // The Web Push adapter takes any host, so it must not be asked before the others; `generic-json` has none.
    let mut channels: Vec<Value> = named(|name| !matches!(name, "generic-json" | "webpush")).map(channel).collect();
    channels.extend(named(|name| name == "generic-json").map(gateway));
    channels.extend(named(|name| name == "webpush").map(channel));
    let receipts = adapters.iter().filter(|adapter| !adapter.receipt.is_empty());
    let receipts: Vec<Value> = receipts
        .map(|adapter| json!({"path": format!("/callbacks/{}", adapter.name), "adapter": adapter.name}))
        .collect();
    json!({"hold_request": true, "channels": channels, "receipts": receipts}).to_string()
}

fn channel(adapter: &Adapter) -> Value {
    adapter.name.as_str().into()
}

fn gateway(adapter: &Adapter) -> Value {
    json!({"name": "lc", "adapter": adapter.name, "hosts": ["lc.internal"]})
}

/// Every case of a vendor; `folder` holds this file.
///
/// # Errors
/// The file has a fault.
pub(crate) fn cases(folder: &Path, vendor: &str) -> Result<Vec<Case>, Box<dyn Error>> {
    let file = File::read(folder, vendor)?;
    let exchanges = file.exchanges.iter().map(|exchange| file.case(vendor, exchange));
    let tables = file.code_tables.iter().flat_map(|table| file.rows(vendor, table));
    let receipts = file.receipts.iter().map(|receipt| receipt.case(vendor));
    exchanges.chain(tables).chain(receipts).collect()
}

/// Runs every case of a vendor, with each body at once and byte by byte, and says which end otherwise than expected.
///
/// # Errors
/// The file has a fault.
pub(crate) fn check(
    folder: &Path,
    vendor: &str,
    mut run: impl FnMut(&Case, Pieces) -> Result<Seen, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let cases = cases(folder, vendor)?;
    let mut wrong = Vec::new();
    for case in &cases {
        let mut fault = |pieces| match run(case, pieces) {
            Ok(seen) => case.expected.difference(&seen),
            Err(error) => Some(format!("  {error}\n")),
        };
        let (whole, bytes) = (fault(Pieces::Whole), fault(Pieces::Bytes));
        let only_bytes = bytes.filter(|bytes| whole.as_ref() != Some(bytes));
        wrong.extend(whole.map(|fault| format!("{}\n{fault}", case.about)));
        wrong.extend(only_bytes.map(|fault| format!("{}, byte by byte\n{fault}", case.about)));
    }
    assert!(wrong.is_empty(), "{} of {} cases of {vendor} fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.iter().filter(|case| case.about.starts_with("misleading")).count() >= 2, "{vendor} misleads nobody");
    Ok(())
}

/// Makes one test a vendor out of a function of its name.
macro_rules! each_vendor {
    ($check:path) => {
        each_vendor! { $check:
            apns "apns", fcm "fcm", huawei "huawei", honor "honor", xiaomi "xiaomi", oppo "oppo", vivo "vivo",
            meizu "meizu", wechat "wechat", wechat_mini "wechat-mini", wecom "wecom", dingtalk "dingtalk",
            sms_aliyun "sms-aliyun", sms_tencent "sms-tencent", twilio "twilio", jpush "jpush", getui "getui",
            sendgrid "sendgrid", mailgun "mailgun", webpush "webpush", generic_json "generic-json"
        }
    };
    ($check:path: $($test:ident $vendor:literal),+) => {
        $(
            #[test]
            fn $test() -> std::result::Result<(), Box<dyn std::error::Error>> {
                $check($vendor)
            }
        )+
    };
}

pub(crate) use each_vendor;
