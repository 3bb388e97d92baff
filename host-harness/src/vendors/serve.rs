//! The stand-ins on fixed ports, for `pointsman vendors`.

use std::fmt::Write;

use super::{Vendors, VendorsError};

/// One fault of each kind, as the body of a `PUT`.
const FAULTS: [(&str, &str); 12] = [
    ("fcm", r#"{"kind":"delay","delay_ms":3000,"share":0.8}"#),
    ("apns", r#"{"kind":"delay","delay_ms":[100,900]}"#),
    ("oppo", r#"{"kind":"error","code":"33"}"#),
    ("fcm", r#"{"kind":"error","code":"QUOTA_EXCEEDED","retry_after_s":30}"#),
    ("sms-tencent", r#"{"kind":"error","code":"FailedOperation.PhoneNumberInBlacklist","recipients":1}"#),
    ("wechat", r#"{"kind":"hang"}"#),
    ("lc", r#"{"kind":"reset","at":"request"}"#),
    ("lc", r#"{"kind":"cut"}"#),
    ("fcm", r#"{"kind":"html"}"#),
    ("wechat", r#"{"kind":"endless","interval_ms":200}"#),
    ("oppo", r#"{"kind":"gzip"}"#),
    ("apns", r#"{"kind":"trailers"}"#),
];

/// Serves every stand-in from `base_port` on and the control endpoint on `control_port` until `shutdown` completes;
/// prints on standard output where they are and how to ask for faults. 0 means free ports.
///
/// # Errors
/// [`VendorsError`] when a port is not free.
pub async fn serve(base_port: u16, control_port: u16, shutdown: impl Future<Output = ()>) -> Result<(), VendorsError> {
    let vendors = Vendors::start_on(base_port, control_port).await?;
    print!("{}", greeting(&vendors));
    shutdown.await;
    vendors.stop().await;
    Ok(())
}

/// The addresses, one valid send, and a command line per kind of fault.
fn greeting(vendors: &Vendors) -> String {
    let control = vendors.control_addr();
    let mut text = format!("{:<12} {:<22} STANDS IN FOR\n", "VENDOR", "ADDRESS");
    for running in &vendors.running {
        let api = running.stand_in.api;
        let addr = running.addr.to_string();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<12} {addr:<22} {}", api.name(), api.host());
    }
    let _ = write!(text, "{:<12} {:<22}\n\nA send:\n", "(control)", control.to_string());
    if let Some(last) = vendors.running.last() {
        let _ = writeln!(text, "  {}", curl(last));
    }
    text.push_str("\nFaults:\n");
    for (vendor, fault) in FAULTS {
        let _ = writeln!(text, "  curl -X PUT http://{control}/faults/{vendor} -d '{fault}'");
    }
    let _ = write!(
        text,
        "  curl -X DELETE http://{control}/faults/fcm\n\n\
         What they saw:\n  curl http://{control}/counts\n  curl http://{control}/requests/oppo\n"
    );
    text
}

fn curl(running: &super::Running) -> String {
    let example = running.stand_in.api.example();
    let mut line = format!("curl http://{}{}", running.addr, example.path);
    for (name, value) in example.headers {
        let _ = write!(line, " -H '{name}: {value}'");
    }
    let _ = write!(line, " -d '{}'", example.body);
    line
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, Vendors};
    use super::{FAULTS, greeting};

    #[tokio::test]
    async fn every_fault_on_show_is_accepted_by_its_vendor() {
        let vendors = Vendors::start().await.unwrap();
        for (vendor, json) in FAULTS {
            let fault: Fault = serde_json::from_str(json).unwrap();
            vendors.set_fault(vendor, fault).unwrap();
        }
    }

    #[tokio::test]
    async fn the_greeting_shows_every_vendor_with_its_address() {
        let vendors = Vendors::start().await.unwrap();
        let text = greeting(&vendors);
        for name in Vendors::names() {
            let addr = vendors.addr(name).unwrap().to_string();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            assert!(line.contains(&addr), "{line}");
        }
        assert!(text.contains("curl http://127.0.0.1"), "{text}");
    }
}
