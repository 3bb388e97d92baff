//! From a vendor's code and words to an outcome class.

use super::StatusRange;
use crate::adapter::Rule;
use crate::few;
use crate::outcome::OutcomeClass;
use std::collections::HashMap;

/// Compiled rules; see [`Rule`] for which one counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Those that look at more than the code, in the order in which they count.
    special: Vec<Special>,
    exact: HashMap<Box<str>, OutcomeClass>,
    /// By their beginning, the longest first.
    families: Vec<(Box<str>, OutcomeClass)>,
}

#[derive(Clone, Debug)]
struct Special {
    code: Codes,
    /// In lower case; empty is any message.
    texts: Vec<String>,
    /// Empty is any status.
    status: Vec<StatusRange>,
    class: OutcomeClass,
}

impl Special {
    fn fits(&self, code: &str, message: Option<&str>, status: u16) -> bool {
        let says = |text: &String| message.is_some_and(|message| message.contains(text.as_str()));
        self.code.contains(code)
            && (self.texts.is_empty() || self.texts.iter().any(says))
            && (self.status.is_empty() || self.status.iter().any(|range| range.contains(status)))
    }
}

/// One code, or all that begin so. Ordered from the most to the least specific.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Codes {
    Exact(Box<str>),
    Family(Box<str>),
}

impl Codes {
    fn new(code: &str) -> Self {
        match code.strip_suffix('*') {
            Some(family) => Self::Family(family.into()),
            None => Self::Exact(code.into()),
        }
    }

    fn contains(&self, code: &str) -> bool {
        match self {
            Self::Exact(known) => **known == *code,
            Self::Family(family) => code.starts_with(&**family),
        }
    }

    fn rank(&self) -> (bool, std::cmp::Reverse<usize>) {
        match self {
            Self::Exact(code) => (false, std::cmp::Reverse(code.len())),
            Self::Family(family) => (true, std::cmp::Reverse(family.len())),
        }
    }
}

impl Rules {
    /// A status that is none was reported when the response was checked.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut this = Self::default();
        for rule in rules {
            let texts: Vec<String> = rule.message_contains.iter().map(|text| text.to_lowercase()).collect();
            let status: Vec<StatusRange> = rule.status.iter().flat_map(|text| StatusRange::parse(text)).collect();
            let plain = texts.is_empty() && rule.status.is_empty();
            for code in &rule.codes {
                match (Codes::new(code), plain) {
                    (code, false) => {
                        let (texts, status) = (texts.clone(), status.clone());
                        this.special.push(Special { code, texts, status, class: rule.class });
                    }
                    (Codes::Family(family), true) => this.families.push((family, rule.class)),
                    (Codes::Exact(code), true) => drop(this.exact.entry(code).or_insert(rule.class)),
                }
            }
        }
        let rank = |rule: &Special| (rule.code.rank(), rule.texts.is_empty(), rule.status.is_empty());
        few::sort(&mut this.special, |one, other| rank(one).cmp(&rank(other)));
        few::sort(&mut this.families, |(one, _), (other, _)| other.len().cmp(&one.len()));
        this
    }

    /// The class of `code` with `message`, which is in lower case, in an answer of `status`.
    pub(super) fn class(&self, code: &str, message: Option<&str>, status: u16) -> Option<OutcomeClass> {
        let special = self.special.iter().find(|rule| rule.fits(code, message, status));
        let exact = || self.exact.get(code).copied();
        let family = || self.families.iter().find(|(family, _)| code.starts_with(&**family));
        match special.map(|rule| (&rule.code, rule.class)) {
            Some((Codes::Exact(_), class)) => Some(class),
            Some((Codes::Family(of_special), class)) => exact().or_else(|| {
                let longer = family().filter(|(family, _)| family.len() > of_special.len());
                Some(longer.map_or(class, |(_, class)| *class))
            }),
            None => exact().or_else(|| family().map(|(_, class)| *class)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_specific_goes_before_what_is_not() {
        let rules: Vec<Rule> = serde_json::from_str(
            r#"[
                {"class": "vendor_unavailable", "codes": ["InternalError*"]},
                {"class": "auth", "codes": ["InternalError.Sig*", "310000"]},
                {"class": "invalid_request", "codes": ["InternalError.SigFormat"]},
                {"class": "rate_limited", "codes": ["*"], "message_contains": ["Too Fast"]},
                {"class": "permission", "codes": ["310000"], "message_contains": ["whitelist"]},
                {"class": "quota_app", "codes": ["*"], "status": ["403"]},
                {"class": "rate_limited", "codes": ["201"], "status": ["429"]},
                {"class": "vendor_unavailable", "codes": ["201"]}
            ]"#,
        )
        .unwrap();
        let rules = Rules::new(&rules);
        let cases = [
            ("InternalError", None, Some(OutcomeClass::VendorUnavailable)),
            ("InternalError.SigX", None, Some(OutcomeClass::Auth)),
            ("InternalError.SigFormat", Some("bad"), Some(OutcomeClass::InvalidRequest)),
            ("310000", Some("not in whitelist"), Some(OutcomeClass::Permission)),
            ("310000", Some("not in whitelist, too fast"), Some(OutcomeClass::Permission)),
            ("310000", Some("sign not match"), Some(OutcomeClass::Auth)),
            ("InternalError.SigFormat", Some("too fast"), Some(OutcomeClass::InvalidRequest)),
            ("7", Some("you are too fast"), Some(OutcomeClass::RateLimited)),
            ("7", None, None),
        ];
        for (code, message, expected) in cases {
            assert_eq!(rules.class(code, message, 200), expected, "{code} {message:?}");
        }
        let by_status = [
            ("201", 429, Some(OutcomeClass::RateLimited)),
            ("201", 503, Some(OutcomeClass::VendorUnavailable)),
            ("30001", 403, Some(OutcomeClass::QuotaApp)),
            ("30001", 400, None),
            ("InternalError.SigFormat", 403, Some(OutcomeClass::InvalidRequest)),
            ("InternalError", 403, Some(OutcomeClass::VendorUnavailable)),
        ];
        for (code, status, expected) in by_status {
            assert_eq!(rules.class(code, None, status), expected, "{code} {status}");
        }
    }
}
