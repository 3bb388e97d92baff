//! Holds what the filter has counted against what the vendors have counted themselves.

use std::collections::BTreeMap;
use std::fmt;

use super::table::{NO_CHANNEL, Row};
use crate::vendors::{Counts, Vendors, VendorsError};

/// The label of codes that an adapter does not list.
const OTHER: &str = "other";

/// A count that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The channel, or the node where it is no channel.
    pub at: String,
    /// What was counted.
    pub what: String,
    /// The filter's count.
    pub filter: u64,
    /// The count of the other side: the vendor, or the callers of the push service.
    pub other: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, what, filter, other } = self;
        write!(f, "{at}: {what}: the filter has {filter}, the other side {other}")
    }
}

/// All counts that differ: over all vendors, and those of the push service, which was asked `pushes` times.
pub(super) fn compare(rows: &[Row], vendors: &Vendors, pushes: u64) -> Result<Vec<Difference>, VendorsError> {
    let service = rows.iter().find(|row| row.channel == NO_CHANNEL);
    let mut differences = compare_service(service, pushes);
    for channel in Vendors::names() {
        let counts = vendors.counts(channel)?;
        let node = send_node(channel);
        let row = rows.iter().find(|row| row.node == node);
        let accepted_code = vendors.accepted_code(channel)?;
        differences.extend(compare_vendor(channel, row, &counts, accepted_code));
    }
    Ok(differences)
}

/// The node of a channel's sends; its token calls and uploads are nodes of their own.
fn send_node(channel: &str) -> String {
    format!("{}_PUSH", channel.to_uppercase().replace('-', "_"))
}

fn compare_service(row: Option<&Row>, pushes: u64) -> Vec<Difference> {
    let at = row.map_or("push service", |row| &row.node);
    let calls = row.map_or(0, |row| row.calls);
    let in_flight = row.map_or(0, |row| row.in_flight);
    differing(at, [("calls".to_owned(), calls, pushes), ("in flight".to_owned(), in_flight, 0)])
}

fn compare_vendor(channel: &str, row: Option<&Row>, counts: &Counts, accepted_code: &str) -> Vec<Difference> {
    let filter = |value: fn(&Row) -> u64| row.map_or(0, value);
    let recipients = counts.messages_accepted + counts.messages_refused + counts.messages_unanswered;
    let totals = [
        ("calls", filter(|row| row.calls), counts.calls),
        ("messages", filter(|row| row.messages), recipients),
        ("accepted", filter(ok), counts.messages_accepted),
        ("in flight", filter(|row| row.in_flight), counts.open),
        ("requests with another's credential", 0, counts.foreign_credentials),
    ];
    let totals = totals.map(|(what, filter, other)| (what.to_owned(), filter, other));
    let codes = row.map(|row| row.codes.clone()).unwrap_or_default();
    let codes = refusals(&codes, counts, accepted_code).into_iter();
    differing(channel, totals.into_iter().chain(codes))
}

fn differing(at: &str, pairs: impl IntoIterator<Item = (String, u64, u64)>) -> Vec<Difference> {
    let pairs = pairs.into_iter().filter(|(_, filter, other)| filter != other);
    pairs.map(|(what, filter, other)| Difference { at: at.to_owned(), what, filter, other }).collect()
}

fn ok(row: &Row) -> u64 {
    let ok = row.outcomes.iter().find(|(outcome, _)| outcome == "ok");
    ok.map_or(0, |(_, count)| *count)
}

/// Refused recipients by code, on both sides. Codes that the filter has no series for are its `other`.
fn refusals(filter: &BTreeMap<String, u64>, counts: &Counts, accepted_code: &str) -> Vec<(String, u64, u64)> {
    let mut sides: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let filtered = filter.iter().filter(|(code, _)| *code != accepted_code);
    for (code, count) in filtered {
        sides.entry(code).or_default().0 += count;
    }
    let refused = counts.messages_by_code.iter();
    for (code, count) in refused.filter(|(code, _)| *code != accepted_code) {
        let code = if filter.contains_key(code) { code } else { OTHER };
        sides.entry(code).or_default().1 += count;
    }
    let sides = sides.into_iter();
    sides.map(|(code, (filter, vendor))| (format!("code {code}"), filter, vendor)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Row, compare_service, compare_vendor, send_node};
    use crate::vendors::Counts;

    fn map(codes: &[(&str, u64)]) -> BTreeMap<String, u64> {
        let codes = codes.iter();
        codes.map(|(code, n)| ((*code).to_owned(), *n)).collect()
    }

    fn row(messages: u64, ok: u64, codes: &[(&str, u64)]) -> Row {
        Row {
            node: "OPPO_PUSH".to_owned(),
            channel: "oppo".to_owned(),
            messages,
            calls: 10,
            p50_ms: None,
            p99_ms: None,
            on_time: 0,
            late: 0,
            in_flight: 0,
            blocked: 0,
            state: None,
            moved: 0,
            outcomes: vec![("quota_app".to_owned(), messages - ok), ("ok".to_owned(), ok)],
            codes: map(codes),
        }
    }

    fn counts() -> Counts {
        Counts {
            calls: 10,
            messages_accepted: 8,
            messages_refused: 5,
            messages_by_code: map(&[("0", 8), ("33", 4), ("99", 1)]),
            ..Counts::default()
        }
    }

    fn differences(row: Option<&Row>) -> Vec<String> {
        let differences = compare_vendor("oppo", row, &counts(), "0");
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_channels_sends_are_the_node_of_its_name() {
        assert_eq!(send_node("sms-tencent"), "SMS_TENCENT_PUSH");
    }

    #[test]
    fn equal_counts_agree_with_unlisted_codes_under_other() {
        let agrees = row(13, 8, &[("0", 8), ("33", 4), ("13", 0), ("other", 1)]);
        assert!(differences(Some(&agrees)).is_empty());
    }

    #[test]
    fn each_differing_count_is_named_with_both_sides() {
        let wrong = row(13, 9, &[("33", 3), ("other", 1)]);
        assert_eq!(
            differences(Some(&wrong)),
            ["oppo: accepted: the filter has 9, the other side 8", "oppo: code 33: the filter has 3, the other side 4",]
        );
    }

    #[test]
    fn the_service_was_called_as_often_as_there_were_pushes_and_is_idle() {
        let mut service = row(10, 10, &[]);
        assert!(compare_service(Some(&service), 10).is_empty());
        service.in_flight = 2;
        let differences = compare_service(Some(&service), 11);
        let words: Vec<_> = differences.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(words, ["calls", "in flight"]);
        assert_eq!(compare_service(None, 1)[0].at, "push service");
    }

    #[test]
    fn a_vendor_without_a_row_differs_in_everything() {
        assert_eq!(
            differences(None),
            [
                "oppo: calls: the filter has 0, the other side 10",
                "oppo: messages: the filter has 0, the other side 13",
                "oppo: accepted: the filter has 0, the other side 8",
                "oppo: code other: the filter has 0, the other side 5",
            ]
        );
    }
}
