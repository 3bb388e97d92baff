//! How an answer is judged: the part of the language that nodes of the config use too.

use super::{codes_by_class, yes};
use crate::outcome::OutcomeClass;
use crate::source::SourceWire;
use crate::time::DurationText;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What an answer also has if it is a success.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a condition: an object with its `source`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OkWhen {
    /// Where to look.
    pub source: SourceWire,
    /// The values that count; empty is anything but `null`.
    #[serde(default)]
    pub equals: Vec<String>,
    /// Whether it also holds where nothing stands there.
    #[serde(default)]
    pub or_absent: bool,
    /// Asked for only where the vendor's code is one of these; empty is always.
    #[serde(default)]
    pub codes: Vec<String>,
}

/// How an answer is judged: a success has a status in `ok_status`, a code in `ok_codes` (or no code, if that is empty)
/// and all of `ok_when`. The answer to an operation that is no send may also do without a code.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object that says how answers are judged")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Response {
    /// Statuses of success, such as `"200"` or `"2xx"`; default `["2xx"]`.
    #[serde(default)]
    pub ok_status: Vec<String>,
    /// Where the vendor's code stands, best first.
    #[serde(default)]
    pub code: Vec<SourceWire>,
    /// Codes of success.
    #[serde(default)]
    pub ok_codes: Vec<String>,
    /// Codes with which some recipients are refused, whom `items` must name; the others are accepted.
    #[serde(default)]
    pub partial_codes: Vec<String>,
    /// What a success also has.
    #[serde(default)]
    pub ok_when: Vec<OkWhen>,
    /// Where the text of an error stands, for rules with `message_contains`.
    #[serde(default)]
    pub message: Vec<SourceWire>,
    /// The codes of each class, as a short form of rules: those that the vendor bears out and that no text splits.
    #[serde(default, deserialize_with = "codes_by_class")]
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"$ref": "#/$defs/Outcome"})))]
    pub class: BTreeMap<OutcomeClass, Vec<String>>,
    /// The classes of codes.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// Classes by status (`"503"` or `"5xx"`), where there is no code; then the usual meaning of the status.
    #[serde(default)]
    pub status: BTreeMap<String, OutcomeClass>,
    /// Codes with which a busy vendor turns a call away before it has done anything. Any other error of its own may have
    /// come after the send.
    #[serde(default)]
    pub busy: Vec<String>,
    /// Codes that, even with a 5xx, mean that the vendor has surely not sent.
    #[serde(default)]
    pub surely_not_sent: Vec<String>,
    /// Results per recipient.
    #[serde(default)]
    pub items: Vec<Items>,
    /// Where the vendor's own ids of what was sent stand; all of them count.
    #[serde(default)]
    pub vendor_id: Vec<SourceWire>,
    /// When to try again, best first; a `Retry-After` header comes before them all (RFC 9110, section 10.2.3).
    #[serde(default)]
    pub retry_after: Vec<RetryAfter>,
    /// How much of the day's quota is used up.
    pub quota: Option<QuotaWire>,
}

/// Where an answer tells how much of a day's quota is used: any two of the three; of the sources of one, the first that
/// says a number counts. Not meant for limits of a second or a minute.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the sources of `limit`, `used` and `remaining`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Quota"))]
pub struct QuotaWire {
    /// What may be sent in a day.
    #[serde(default)]
    pub limit: Vec<SourceWire>,
    /// What has been sent today.
    #[serde(default)]
    pub used: Vec<SourceWire>,
    /// What may still be sent today.
    #[serde(default)]
    pub remaining: Vec<SourceWire>,
    /// Whether the vendor's documents or source code bear it out.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

/// The class of some codes. Of several rules that fit, one for the exact code goes before one for a family, and a longer
/// family before a shorter one; for the same code, one that looks at the text before one that does not, and one for some
/// statuses before one for any; then the first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule: an object with `class` and `codes`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CodeRule"))]
pub struct Rule {
    /// The class.
    pub class: OutcomeClass,
    /// The codes. One that ends in `*` stands for all that start so, `*` alone for any code.
    pub codes: Vec<String>,
    /// Any of these stands in the message; case does not matter. Empty: whatever the message.
    #[serde(default)]
    pub message_contains: Vec<String>,
    /// Only with these statuses, such as `"403"` or `"5xx"`; empty is any.
    #[serde(default)]
    pub status: Vec<String>,
    /// Whether the vendor's documents or source code bear it out.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

/// Results per recipient inside one answer. One list of a kind: either it speaks of every recipient (`code`, `ok_codes`,
/// `accepted`), or only of those that were refused (`only_refused`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object that says where results per recipient stand")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Items {
    /// Whether only refused recipients are listed: the others are what the call as a whole is.
    #[serde(default)]
    pub only_refused: bool,
    /// Whether what is listed are no recipients of the call but groups of them: they make an accepted call `partial`, and
    /// nobody is counted.
    #[serde(default)]
    pub groups: bool,
    /// Where each recipient's code stands. The key of a map is `*#` at the end of the pointer.
    pub code: Option<SourceWire>,
    /// The codes of success.
    #[serde(default)]
    pub ok_codes: Vec<String>,
    /// What only an accepted recipient has, such as a message id: where the vendor leaves the code out on success.
    pub accepted: Option<SourceWire>,
    /// Whom a result is about, as the answer names it; of a list without `code` and `accepted`, the refused ones.
    pub recipient: Option<SourceWire>,
    /// The caller's own id of the message that a result is about.
    pub message_id: Option<SourceWire>,
    /// Whether there is one result for each recipient, in the order of the request.
    #[serde(default)]
    pub in_order: bool,
    /// Where the vendor's own id of each message stands.
    pub vendor_id: Option<SourceWire>,
    /// Where the number of refused recipients stands, for answers that do not list them.
    pub count: Option<SourceWire>,
    /// The class of those that are listed without a code.
    pub class: Option<OutcomeClass>,
    /// Classes of these codes, before those of the response.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// Whether the vendor's documents or source code bear it out.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

/// When to try again: exactly one of `source`, `fixed` and `midnight`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a hint: an object with `source`, `fixed` or `midnight`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryAfter {
    /// Where a number or an HTTP date stands.
    pub source: Option<SourceWire>,
    /// What a number counts.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "seconds")))]
    pub unit: RetryUnit,
    /// The number or date stands in a text after these words.
    pub after: Option<String>,
    /// Always this long.
    pub fixed: Option<DurationText>,
    /// Until midnight of this time zone, such as `"+08:00"`.
    pub midnight: Option<String>,
    /// Only for these classes; empty is any failure.
    #[serde(default)]
    pub classes: Vec<OutcomeClass>,
    /// Only for these codes; empty is any.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Only for these statuses; empty is any.
    #[serde(default)]
    pub status: Vec<String>,
    /// Whether the vendor's documents or source code bear it out.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

/// What the number of a hint counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RetryUnit {
    /// Seconds to wait.
    #[default]
    Seconds,
    /// Milliseconds to wait.
    Milliseconds,
    /// Seconds since 1970, the instant to wait for.
    Epoch,
}

impl Response {
    /// Gives codes other classes.
    pub fn reclassify(&mut self, class: &BTreeMap<OutcomeClass, Vec<String>>) {
        let moved = |code: &String| class.values().flatten().any(|moved| moved == code);
        for known in self.class.values_mut() {
            known.retain(|code| !moved(code));
        }
        let plain = |rule: &&mut Rule| rule.message_contains.is_empty() && rule.status.is_empty();
        for rule in self.rule.iter_mut().filter(plain) {
            rule.codes.retain(|code| !moved(code));
        }
        for (class, codes) in class {
            self.class.entry(*class).or_default().extend(codes.iter().cloned());
        }
    }

    /// All rules, those of the short form last.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + '_ {
        let short = |(class, codes): (&OutcomeClass, &Vec<String>)| Rule {
            class: *class,
            codes: codes.clone(),
            message_contains: Vec::new(),
            status: Vec::new(),
            confirmed: true,
        };
        self.rule.iter().cloned().chain(self.class.iter().map(short))
    }
}
