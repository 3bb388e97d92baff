//! The demo's rules: those that ship, where the push service's own requests say what a message is, and what is done when
//! FCM gets slow.

use serde_json::{Map, Value, json};

use super::DemoError;
use super::service::RECEIPTS;

/// The channel that gets slow.
pub(super) const SLOW: &str = "fcm";

/// The channel to which its messages go, and that one's cluster.
pub(super) const BACKUP: &str = "lc";
pub(super) const CLUSTER: &str = "gateway";

/// The cluster of the collector.
pub(super) const COLLECTOR: &str = "otlp";

/// The channels whose stand-ins report what has become of messages.
pub(super) const REPORTING: [&str; 2] = ["oppo", BACKUP];

const SHIPPED: &str = include_str!("../../../envoy/pointsman.json");

/// The plugin configuration of the demo.
///
/// # Errors
/// [`DemoError::Rules`] if the file embedded at build time is no JSON object.
pub(super) fn demo_rules() -> Result<String, DemoError> {
    let read = serde_json::from_str(SHIPPED);
    let mut rules: Map<String, Value> = read.map_err(|error| DemoError::Rules { source: Some(error) })?;
    for (key, value) in additions() {
        // What the shipped file says is what the demo is there to show.
        rules.entry(key).or_insert(value);
    }
    let channels = rules.get_mut("channels").and_then(Value::as_array_mut);
    if let Some(gateway) = channels.and_then(|channels| channels.iter_mut().find(|channel| channel["name"] == BACKUP)) {
        gateway["overrides"] = gateway_reports();
    }
    Ok(format!("{:#}\n", Value::Object(rules)))
}

/// The platform's own gateway names its id of a message, and reports by it.
fn gateway_reports() -> Value {
    json!({
        "response": {"vendor_id": [{"json": "/id"}]},
        "receipt": [{
            "vendor_id": [{"json": "/id"}],
            "recipients": [{"json": "/to"}],
            "status": [{"json": "/status"}],
            "words": {"delivered": ["delivered"]},
        }],
    })
}

fn additions() -> [(&'static str, Value); 6] {
    [
        ("records", json!({"cluster": COLLECTOR, "max_age": "250ms"})),
        (
            "receipts",
            json!([
                {"path": format!("{RECEIPTS}oppo"), "adapter": "oppo"},
                {"path": format!("{RECEIPTS}{BACKUP}"), "adapter": "generic-json"},
            ]),
        ),
        ("hold_request", json!(true)),
        (
            "message",
            json!({
                "id": [{"json": "/message_id"}],
                "business": [{"json": "/business"}],
                "template": [{"json": "/template"}],
            }),
        ),
        ("businesses", json!([{"name": "order"}, {"name": "promo"}, {"name": "login"}])),
        (
            "rules",
            json!([
                {
                    "name": "fcm-to-lc",
                    // Quick enough to be watched; an ordinary day would take its time on the way back.
                    "auto": {
                        "channel": SLOW,
                        "to": [BACKUP],
                        "slow_after": "500ms",
                        "slow_ratio": 0.5,
                        "window": "2s",
                        "min_calls": 5,
                        "open": "2s",
                        "max_open": "3s",
                        "ramp": [0.25, 0.5, 1.0],
                        "step": "1s",
                    },
                },
                {"name": "fcm-in-flight", "failover": {"channel": SLOW}},
            ]),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn the_shipped_rules_are_in_it_and_win() {
        let shipped: Value = serde_json::from_str(super::SHIPPED).unwrap();
        let rules: Value = serde_json::from_str(&super::demo_rules().unwrap()).unwrap();
        for (key, value) in shipped.as_object().unwrap().iter().filter(|(key, _)| *key != "channels") {
            assert_eq!(&rules[key], value, "{key}");
        }
        assert_eq!(rules["businesses"][0]["name"], "order");
    }

    #[test]
    fn the_filter_takes_them() {
        let rules = super::demo_rules().unwrap();
        let plan = pointsman_core::config::load(&rules);
        assert!(plan.is_ok(), "{:?}", plan.err());
    }
}
