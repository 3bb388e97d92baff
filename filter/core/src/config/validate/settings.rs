//! Settings and businesses.

use super::names::check_business;
use super::{Faults, objective, telemetry};
use crate::config::wire::{ConfigWire, ContentPart, RecipientMode};
use crate::plan::{Business, Content, Settings};
use crate::trace::{CountryCode, Ratio};
use std::time::Duration;

/// Below the 32 KiB buffer of Istio's gateways, beyond which Envoy answers 413.
const DEFAULT_MAX_BODY_BYTES: u32 = 24 * 1024;
/// A quarter of Envoy's own default limit of a connection's buffer, in which a held body waits.
const HIGHEST_MAX_BODY_BYTES: u32 = 256 * 1024;
const MAX_AGES: usize = 8;

pub(super) fn settings(wire: &ConfigWire, faults: &mut Faults) -> Settings {
    let max_body_bytes = wire.max_body_bytes.unwrap_or(DEFAULT_MAX_BODY_BYTES);
    if !(1..=HIGHEST_MAX_BODY_BYTES).contains(&max_body_bytes) {
        faults.add("$.max_body_bytes", format!("is {max_body_bytes}: 1 to {HIGHEST_MAX_BODY_BYTES}"));
    }
    let hold_timeout = wire.hold_timeout.map_or(Duration::from_secs(5), |text| text.0);
    if hold_timeout > Duration::from_secs(60) {
        faults.add("$.hold_timeout", "is above 60s: a push may not wait that long for its own body");
    }
    let sample_ratio = Ratio::try_from(wire.sample_ratio.unwrap_or(1.0)).unwrap_or_else(|fault| {
        faults.add("$.sample_ratio", fault);
        Ratio::ONE
    });
    let country_code = wire.country_code.map_or(Some(CountryCode::default()), CountryCode::new).unwrap_or_else(|| {
        faults.add("$.country_code", "is no country calling code: 1 to 999, such as 86");
        CountryCode::default()
    });
    for (index, port) in wire.edge_ports.iter() {
        if *port == 0 {
            faults.add(format!("$.edge_ports[{index}]"), "is 0, which is no port");
        }
    }
    let tenant = wire.tenant.as_deref().unwrap_or("default");
    if tenant.is_empty() || tenant.contains('\0') {
        faults.add("$.tenant", "is empty or has a zero character");
    }
    if wire.answer_headers && !wire.hold_request {
        faults.add("$.answer_headers", "needs `hold_request`: the headers of an answer wait for its body");
    }
    Settings {
        service: wire.service.as_deref().map(Into::into),
        trace: telemetry::trace(&wire.trace, faults),
        records: wire.records.as_ref().map(|records| telemetry::records(records, faults)),
        access_log: wire.access_log,
        answer_headers: wire.answer_headers,
        tenant: tenant.into(),
        edge_ports: wire.edge_ports.iter().map(|(_, port)| *port).collect(),
        hold_request: wire.hold_request,
        hold_timeout,
        max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
        blocked_after: blocked_after(wire, faults),
        sample_ratio,
        content: Content { title: tells(wire, ContentPart::Title), body: tells(wire, ContentPart::Body) },
        hash_recipients: wire.recipient == RecipientMode::Hash,
        country_code,
        message_objective: objective(
            wire.message.objective.as_ref(),
            "$.message.objective",
            Duration::from_secs(10),
            faults,
        ),
    }
}

fn blocked_after(wire: &ConfigWire, faults: &mut Faults) -> Vec<Duration> {
    if wire.blocked_after.is_empty() {
        return [1, 5, 30, 60, 300].map(Duration::from_secs).to_vec();
    }
    let mut ages: Vec<Duration> = Vec::new();
    for (index, age) in wire.blocked_after.iter() {
        if ages.last().is_some_and(|last| *last >= age.0) {
            faults
                .add(format!("$.blocked_after[{index}]"), "is not above the one before: list ages in ascending order");
        }
        ages.push(age.0);
    }
    if ages.len() > MAX_AGES {
        faults.add("$.blocked_after", format!("has {} ages: at most {MAX_AGES}", ages.len()));
    }
    ages
}

/// `none` and `other` stand before the listed ones.
pub(super) fn businesses(wire: &ConfigWire, faults: &mut Faults) -> Vec<Business> {
    let mut businesses: Vec<Business> = ["none", "other"]
        .map(|name| Business { name: name.into(), priority: None, value: Business::DEFAULT_VALUE })
        .to_vec();
    for (index, business) in wire.businesses.iter() {
        let path = format!("$.businesses[{index}].name");
        check_business(&business.name, &path, faults);
        if businesses.iter().skip(2).any(|known| *known.name == *business.name) {
            faults.add(path, format!("a second business named `{}`", business.name));
        }
        businesses.push(Business {
            name: business.name.as_str().into(),
            priority: business.priority,
            value: business.value.unwrap_or(Business::DEFAULT_VALUE),
        });
    }
    businesses
}

fn tells(wire: &ConfigWire, part: ContentPart) -> bool {
    wire.content.iter().any(|(_, told)| *told == part)
}
