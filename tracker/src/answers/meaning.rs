//! What a vendor's code means, by the tables of the adapters.
//!
//! A record tells the class that the filter has found, with all that it knew: the text and the status too. That one counts
//! before the table's. What the table adds is whether the vendor has that code at all, and whether its documents bear it out.

use pointsman_core::adapter::{Adapter, Rule};
use pointsman_core::outcome::OutcomeClass;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static ADAPTERS: LazyLock<BTreeMap<&'static str, Table>> = LazyLock::new(|| {
    let read = |name| Some((name, Table::new(&Adapter::built_in(name)?.ok()?)));
    Adapter::names().filter_map(read).collect()
});

/// What one vendor's codes mean.
struct Table {
    title: String,
    ok: Vec<String>,
    rules: Vec<Rule>,
    statuses: BTreeMap<String, OutcomeClass>,
}

/// What a code means, and how sure that is. `None` if the channel has no adapter, or neither code nor outcome is told.
///
/// A channel has the adapter of its name, or the one whose name and a hyphen it begins with.
pub fn meaning(channel: &str, code: &str, outcome: &str) -> Option<String> {
    let table = table(channel)?;
    let told = OutcomeClass::ALL.into_iter().find(|class| class.as_str() == outcome);
    if code.is_empty() {
        return told.map(|class| words(class).to_owned());
    }
    let known = table.class(code);
    let class = told.or(known.map(|(class, _)| class)).unwrap_or(OutcomeClass::Unknown);
    let source = match known {
        Some((listed, true)) if listed == class => format!("as {} documents it", table.title),
        Some((listed, _)) if listed == class => format!("{} does not document it", table.title),
        Some(_) => format!("by what else {} has answered", table.title),
        None => format!("not a code that is known of {}", table.title),
    };
    Some(format!("{} ({source})", words(class)))
}

fn table(channel: &str) -> Option<&'static Table> {
    let named = |name: &str| channel.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let fitting = ADAPTERS.iter().filter(|(name, _)| named(name));
    fitting.max_by_key(|(name, _)| name.len()).map(|(_, table)| table)
}

impl Table {
    fn new(adapter: &Adapter) -> Self {
        let response = &adapter.response;
        let items = adapter.operation.iter().flat_map(|operation| operation.items.iter().flatten());
        let items: Vec<_> = items.chain(&response.items).collect();
        let ok = items.iter().flat_map(|items| &items.ok_codes).chain(&response.ok_codes).cloned().collect();
        let of_items = items.iter().flat_map(|items| items.rule.iter().cloned());
        let rules = response.rules().chain(of_items).collect();
        Self { title: adapter.title.clone(), ok, rules, statuses: response.status.clone() }
    }

    /// The class of a code, and whether the vendor bears it out.
    fn class(&self, code: &str) -> Option<(OutcomeClass, bool)> {
        if self.ok.iter().any(|known| known == code) {
            return Some((OutcomeClass::Ok, true));
        }
        let is = |rule: &&Rule| rule.codes.iter().any(|known| fits(known, code).is_some());
        let rank = |rule: &&Rule| {
            let best = rule.codes.iter().filter_map(|known| fits(known, code)).max();
            (best, rule.message_contains.is_empty(), rule.status.is_empty())
        };
        // Of equals the first counts, and `max_by_key` takes the last.
        if let Some(rule) = self.rules.iter().rev().filter(is).max_by_key(rank) {
            return Some((rule.class, rule.confirmed));
        }
        let status: u16 = code.parse().ok().filter(|status| code.len() == 3 && (100..600).contains(status))?;
        let hundred = format!("{}xx", status / 100);
        let listed = self.statuses.get(code).or_else(|| self.statuses.get(&hundred));
        Some(listed.map_or_else(|| (OutcomeClass::of_status(status), true), |class| (*class, true)))
    }
}

/// How much of the code a pattern names, if it fits.
fn fits(known: &str, code: &str) -> Option<usize> {
    match known.strip_suffix('*') {
        Some(family) => code.starts_with(family).then_some(family.len()),
        None => (known == code).then_some(usize::MAX),
    }
}

/// A class in words.
const fn words(class: OutcomeClass) -> &'static str {
    use OutcomeClass::{
        Auth, ContentRejected, Duplicate, InactiveDevice, InvalidRequest, InvalidToken, Ok, Partial, Permission,
        QuotaApp, QuotaTarget, RateLimited, Timeout, Unknown, UserBlocked, VendorUnavailable,
    };
    match class {
        Ok => "accepted",
        Partial => "accepted for some recipients, refused for others",
        InvalidToken => "the device, phone number or user does not exist (any more)",
        UserBlocked => "the recipient does not want it",
        InactiveDevice => "the device has not been seen for a long time",
        InvalidRequest => "the request is wrong: a field, a size or a template",
        ContentRejected => "refused because of what the message says",
        Auth => "the credential is wrong, missing or expired",
        Permission => "the credential may not do this",
        RateLimited => "too fast; it may be tried again in seconds to minutes",
        QuotaApp => "the application has used up its quota",
        QuotaTarget => "this recipient has had enough messages",
        VendorUnavailable => "the vendor, or the way to it, is down",
        Timeout => "no answer in time",
        Duplicate => "the vendor has had this message before, and has not sent it again",
        Unknown => "a failure of no known kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_adapter_that_is_built_in_has_a_table() {
        assert_eq!(ADAPTERS.keys().copied().collect::<Vec<_>>(), Adapter::names().collect::<Vec<_>>());
    }

    #[test]
    fn a_code_is_told_by_the_adapter_of_the_channels_name() {
        let cases = [
            (
                "oppo",
                "-1",
                "vendor_unavailable",
                Some("the vendor, or the way to it, is down (as OPPO Push documents it)"),
            ),
            (
                "oppo",
                "-2",
                "",
                Some("too fast; it may be tried again in seconds to minutes (as OPPO Push documents it)"),
            ),
            ("oppo-abroad", "0", "", Some("accepted (as OPPO Push documents it)")),
            (
                "oppo",
                "10000",
                "",
                Some("the device, phone number or user does not exist (any more) (OPPO Push does not document it)"),
            ),
            ("oppo", "777", "unknown", Some("a failure of no known kind (not a code that is known of OPPO Push)")),
            ("oppo", "-1", "timeout", Some("no answer in time (by what else OPPO Push has answered)")),
            ("oppo", "", "timeout", Some("no answer in time")),
            ("oppo", "503", "", Some("the vendor, or the way to it, is down (as OPPO Push documents it)")),
            ("oppo", "", "", None),
            ("oppos", "-1", "", None),
            ("", "-1", "", None),
        ];
        for (channel, code, outcome, expected) in cases {
            assert_eq!(meaning(channel, code, outcome).as_deref(), expected, "{channel} {code} {outcome}");
        }
    }

    #[test]
    fn of_several_adapters_the_one_with_the_longest_name_counts() {
        let title = |channel| table(channel).map(|table| table.title.clone());
        assert_eq!(title("wechat-mini-orders"), title("wechat-mini"));
        assert_ne!(title("wechat-mini"), title("wechat"));
        assert_eq!(title("wechat-orders"), title("wechat"));
    }
}
