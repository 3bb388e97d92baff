//! What became of each recipient of a call.

use super::Verdict;
use crate::adapter::RecipientKind;
use crate::extract::Sensitive;
use crate::outcome::OutcomeClass;
use crate::trace::CountryCode;
use std::borrow::Cow;

/// More results of one answer are not told one by one.
pub const MAX_RESULTS: usize = 1_000;

/// What an answer says of one recipient, and how it says whom it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientResult {
    /// The place among the request's recipients, where the vendor answers in their order.
    pub index: Option<u32>,
    /// The recipient, where the answer names it.
    pub recipient: Option<Sensitive>,
    /// The caller's own id of the message, where the answer names that.
    pub message_id: Option<Box<str>>,
    /// The class.
    pub class: OutcomeClass,
    /// The vendor's code.
    pub code: Option<Box<str>>,
    /// The vendor's own id of what was sent.
    pub vendor_id: Option<Box<str>>,
}

/// What became of one recipient of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToRecipient<'a> {
    /// Its place among the request's recipients; none where the request names nobody.
    pub recipient: Option<usize>,
    /// The class; `unknown` where some were accepted and some refused, and the answer does not say which.
    pub class: OutcomeClass,
    /// The vendor's code, of the recipient or of the call; never the recipient itself.
    pub code: Option<&'a str>,
    /// The vendor's own id of what was sent; never the recipient itself.
    pub vendor_id: Option<&'a str>,
}

/// Places by name.
struct Names<'a> {
    names: Vec<Cow<'a, str>>,
    sorted: Vec<usize>,
}

impl<'a> Names<'a> {
    fn new(names: Vec<Cow<'a, str>>) -> Self {
        let mut sorted: Vec<usize> = (0..names.len()).collect();
        sort(&mut sorted, &|one, other| (names.get(one), one) < (names.get(other), other));
        Self { names, sorted }
    }

    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", |name| name)
    }

    /// The places of this name, in their order.
    fn places(&self, name: &str) -> &[usize] {
        let start = self.sorted.partition_point(|place| self.name(*place) < name);
        let rest = self.sorted.get(start..).unwrap_or_default();
        let end = rest.partition_point(|place| self.name(*place) == name);
        rest.get(..end).unwrap_or_default()
    }
}

/// Sorts by a heap: there may be a thousand names, and they come in any order.
fn sort(list: &mut [usize], less: &dyn Fn(usize, usize) -> bool) {
    let at = |list: &[usize], place: usize| list.get(place).copied().unwrap_or_default();
    let sift = |list: &mut [usize], mut root: usize, end: usize| loop {
        let left = root.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        let child = if right < end && less(at(list, left), at(list, right)) { right } else { left };
        if child >= end || !less(at(list, root), at(list, child)) {
            return;
        }
        list.swap(root, child);
        root = child;
    };
    let len = list.len();
    for root in (0..len / 2).rev() {
        sift(list, root, len);
    }
    for end in (1..len).rev() {
        list.swap(0, end);
        sift(list, 0, end);
    }
}

/// What became of each of `recipients`, in their order: as the answer says by name, then by place, and the others what it
/// says of all that it does not name; one entry for a request that names nobody. `message_ids` are those of the same
/// request; `kind` and `country` tell when two names are one recipient.
pub fn of_recipients<'a>(
    verdict: &'a Verdict,
    recipients: &[Sensitive],
    message_ids: &[String],
    kind: RecipientKind,
    country: CountryCode,
) -> Vec<ToRecipient<'a>> {
    if recipients.is_empty() {
        let class = if verdict.call == OutcomeClass::Partial { OutcomeClass::Ok } else { verdict.call };
        let vendor_id = verdict.vendor_ids.first().filter(|_| verdict.vendor_ids.len() == 1).map(String::as_str);
        return vec![ToRecipient { recipient: None, class, code: verdict.code.as_deref(), vendor_id }];
    }
    if verdict.results.is_empty() {
        let names_one = |text: &str| recipients.iter().any(|recipient| recipient.expose() == text);
        let others = of_others(verdict, &[], false, &names_one);
        return (0..recipients.len()).map(|place| ToRecipient { recipient: Some(place), ..others }).collect();
    }
    let names = Names::new(recipients.iter().map(|name| kind.of(name.expose(), country).normalised()).collect());
    let places = |name: &str| names.places(&kind.of(name, country).normalised());
    let results = claim(verdict, &names, message_ids, &places);
    let names_one = |text: &str| !places(text).is_empty();
    let is_cut = verdict.tally.total() > u32::try_from(recipients.len()).unwrap_or(u32::MAX);
    let others = of_others(verdict, &results, is_cut, &names_one);
    let mut fates = Vec::with_capacity(results.len());
    for (place, result) in results.iter().enumerate() {
        // Who is named once is meant wherever it stands.
        let same = || names.places(names.name(place)).iter().find_map(|other| *results.get(*other)?);
        let told = result.or_else(same).map_or(others, |result| ToRecipient {
            recipient: None,
            class: result.class,
            code: result.code.as_deref().map(|code| hidden(code, &names_one)),
            vendor_id: result.vendor_id.as_deref().filter(|id| !names_one(id)),
        });
        fates.push(ToRecipient { recipient: Some(place), ..told });
    }
    fates
}

/// The result of each place. One that names somebody is of the first place of that name that has none.
fn claim<'a, 'n>(
    verdict: &'a Verdict,
    names: &Names<'_>,
    message_ids: &[String],
    places: &dyn Fn(&str) -> &'n [usize],
) -> Vec<Option<&'a RecipientResult>> {
    let mut claims = vec![None; names.names.len()];
    let each_has_an_id = message_ids.len() == claims.len();
    let ids = Names::new(message_ids.iter().filter(|_| each_has_an_id).map(|id| Cow::Borrowed(id.as_str())).collect());
    let mut nameless = Vec::new();
    for result in &verdict.results {
        let named = result.recipient.as_ref().map(|name| places(name.expose())).unwrap_or_default();
        let meant = match &result.message_id {
            Some(id) if named.is_empty() => ids.places(id),
            _ => named,
        };
        if meant.is_empty() {
            nameless.push(result);
        }
        if let Some(place) = meant.iter().find(|place| claims.get(**place) == Some(&None)) {
            if let Some(claim) = claims.get_mut(*place) {
                *claim = Some(result);
            }
        }
    }
    // A list that leaves somebody out is not in the order of the request.
    if verdict.results.len() >= claims.len() {
        for result in nameless {
            let place = result.index.and_then(|index| claims.get_mut(usize::try_from(index).ok()?));
            if let Some(claim @ None) = place {
                *claim = Some(result);
            }
        }
    }
    claims
}

/// What an answer says of those whom it does not name: what is left of its counts. Where recipients are not known, any
/// result is taken for one of theirs.
fn of_others<'a>(
    verdict: &'a Verdict,
    claims: &[Option<&'a RecipientResult>],
    is_cut: bool,
    names_one: &dyn Fn(&str) -> bool,
) -> ToRecipient<'a> {
    let told = |class: OutcomeClass| {
        let results = &verdict.results;
        let told = match is_cut {
            true => results.iter().filter(|result| result.class == class).count(),
            false => claims.iter().flatten().filter(|result| result.class == class).count(),
        };
        u32::try_from(told).unwrap_or(u32::MAX)
    };
    let mut left = verdict.tally.iter().filter(|(class, count)| *count > told(*class)).map(|(class, _)| class);
    let class = match (left.next(), left.next(), verdict.call) {
        (Some(class), None, _) => class,
        (Some(_), Some(_), _) | (None, _, OutcomeClass::Partial) => OutcomeClass::Unknown,
        (None, _, call) => call,
    };
    // Where the call has no code of its own, it shows that of one of the results.
    let of_one = verdict.results.iter().any(|result| result.code == verdict.code);
    let code = verdict.code.as_deref().filter(|_| !of_one);
    // One id for all that was sent, unless each has its own.
    let each_has_an_id = verdict.results.iter().any(|result| result.vendor_id.is_some());
    let vendor_id = verdict.vendor_ids.first().filter(|_| !each_has_an_id);
    ToRecipient {
        recipient: None,
        class,
        code: code.map(|code| hidden(code, names_one)),
        vendor_id: vendor_id.map(String::as_str).filter(|id| !names_one(id)),
    }
}

/// A vendor may write a recipient where its code should be.
fn hidden<'a>(code: &'a str, names_one: &dyn Fn(&str) -> bool) -> &'a str {
    if names_one(code) { "other" } else { code }
}

#[cfg(test)]
mod tests {
    use super::OutcomeClass::{InvalidToken, Ok, Partial, RateLimited, Unknown, UserBlocked};
    use super::*;
    use crate::outcome::Fate;
    use proptest::prelude::*;

    fn result(recipient: Option<&str>, class: OutcomeClass) -> RecipientResult {
        let recipient = recipient.map(Sensitive::new);
        RecipientResult { index: None, recipient, message_id: None, class, code: None, vendor_id: None }
    }

    fn by_name(recipient: &str, class: OutcomeClass) -> RecipientResult {
        result(Some(recipient), class)
    }

    fn at(index: u32, class: OutcomeClass) -> RecipientResult {
        RecipientResult { index: Some(index), ..result(None, class) }
    }

    fn verdict(tally: &[(OutcomeClass, u32)], results: Vec<RecipientResult>) -> Verdict {
        let mut verdict = Verdict::uniform(Unknown, Fate::Accepted, 0);
        tally.iter().for_each(|(class, count)| verdict.tally.add(*class, *count));
        verdict.call = verdict.tally.call().unwrap_or(Unknown);
        Verdict { results, ..verdict }
    }

    fn guarded(names: &[&str]) -> Vec<Sensitive> {
        names.iter().map(|name| Sensitive::new(name)).collect()
    }

    fn classes(verdict: &Verdict, names: &[&str], ids: &[&str], kind: RecipientKind) -> Vec<OutcomeClass> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let told = of_recipients(verdict, &guarded(names), &ids, kind, CountryCode::default());
        told.iter().map(|of| of.class).collect()
    }

    #[test]
    fn those_whom_an_answer_does_not_name_are_what_is_left_of_its_counts() {
        let refused = || vec![by_name("b", InvalidToken)];
        let cases = [
            (verdict(&[(Ok, 3)], vec![]), [Ok, Ok, Ok]),
            (verdict(&[(RateLimited, 3)], vec![]), [RateLimited; 3]),
            (verdict(&[(InvalidToken, 1), (Ok, 2)], refused()), [Ok, InvalidToken, Ok]),
            (verdict(&[(InvalidToken, 1), (RateLimited, 2)], refused()), [RateLimited, InvalidToken, RateLimited]),
            // Two more are refused without being named.
            (verdict(&[(InvalidToken, 2), (Ok, 1)], refused()), [Unknown, InvalidToken, Unknown]),
            (verdict(&[(InvalidToken, 1), (Ok, 2)], vec![]), [Unknown; 3]),
            // A name that is nobody's does not make the others accepted.
            (verdict(&[(InvalidToken, 1), (Ok, 2)], vec![by_name("***", InvalidToken)]), [Unknown; 3]),
        ];
        for (verdict, expected) in cases {
            assert_eq!(classes(&verdict, &["a", "b", "c"], &[], RecipientKind::Token), expected, "{verdict:?}");
        }
    }

    #[test]
    fn a_call_that_names_nobody_or_was_counted_for_nobody_is_what_it_is() {
        assert_eq!(classes(&verdict(&[(Ok, 1)], vec![]), &[], &[], RecipientKind::Token), [Ok]);
        let uncounted = Verdict::uniform(RateLimited, Fate::Rejected, 0);
        assert_eq!(classes(&uncounted, &["a"], &[], RecipientKind::Token), [RateLimited]);
    }

    #[test]
    fn names_go_before_places_and_a_list_that_leaves_somebody_out_has_no_places() {
        let named_at = |name, index, class| RecipientResult { index: Some(index), ..by_name(name, class) };
        let turned = vec![named_at("b", 0, UserBlocked), named_at("a", 1, Ok), at(2, InvalidToken)];
        let all = [(Ok, 1), (UserBlocked, 1), (InvalidToken, 1)];
        assert_eq!(
            classes(&verdict(&all, turned), &["a", "b", "c"], &[], RecipientKind::Token),
            [Ok, UserBlocked, InvalidToken]
        );
        let masked = vec![named_at("***", 0, UserBlocked), named_at("***", 1, Ok)];
        assert_eq!(
            classes(&verdict(&[(Ok, 1), (UserBlocked, 1)], masked), &["a", "b"], &[], RecipientKind::Token),
            [UserBlocked, Ok]
        );
        let short = vec![at(0, UserBlocked), at(1, Ok)];
        let tally = [(Ok, 1), (UserBlocked, 1), (Unknown, 1)];
        assert_eq!(classes(&verdict(&tally, short), &["a", "b", "c"], &[], RecipientKind::Token), [Unknown; 3]);
        let beyond = vec![at(9, UserBlocked), at(u32::MAX, Ok)];
        assert_eq!(
            classes(&verdict(&[(Ok, 1), (UserBlocked, 1)], beyond), &["a", "b"], &[], RecipientKind::Token),
            [Unknown; 2]
        );
    }

    #[test]
    fn a_phone_number_is_the_same_however_it_is_written() {
        let results = vec![by_name("+8613800138001", UserBlocked)];
        let verdict = verdict(&[(UserBlocked, 1), (Ok, 1)], results);
        let names = ["138-0013-8000", "13800138001"];
        assert_eq!(classes(&verdict, &names, &[], RecipientKind::Phone), [Ok, UserBlocked]);
        assert_eq!(classes(&verdict, &names, &[], RecipientKind::Token), [Unknown; 2]);
    }

    #[test]
    fn who_stands_there_twice_gets_the_results_in_turn_and_the_only_one_twice() {
        let names = ["a", "b", "a"];
        let two = vec![by_name("a", Ok), by_name("b", Ok), by_name("a", RateLimited), by_name("a", UserBlocked)];
        let tally = [(Ok, 2), (RateLimited, 1), (UserBlocked, 1)];
        assert_eq!(classes(&verdict(&tally, two), &names, &[], RecipientKind::Token), [Ok, Ok, RateLimited]);
        let one = verdict(&[(InvalidToken, 1), (Ok, 2)], vec![by_name("a", InvalidToken)]);
        assert_eq!(classes(&one, &names, &[], RecipientKind::Token), [InvalidToken, Ok, InvalidToken]);
    }

    #[test]
    fn a_result_may_name_the_message_in_place_of_the_recipient() {
        let of_message = |id: &str, class| RecipientResult { message_id: Some(id.into()), ..result(None, class) };
        let results = vec![of_message("m2", InvalidToken), of_message("m1", Ok)];
        let verdict = verdict(&[(InvalidToken, 1), (Ok, 1)], results);
        assert_eq!(classes(&verdict, &["a", "b"], &["m1", "m2"], RecipientKind::Token), [Ok, InvalidToken]);
        // One id of several recipients tells none from another.
        assert_eq!(classes(&verdict, &["a", "b"], &["m1"], RecipientKind::Token), [Unknown; 2]);
        assert_eq!(verdict.call, Partial);
    }

    #[test]
    fn recipients_beyond_those_that_are_kept_do_not_make_the_others_unknown() {
        let results = vec![by_name("b", InvalidToken), by_name("not kept", InvalidToken)];
        let verdict = verdict(&[(InvalidToken, 2), (Ok, 2)], results);
        assert_eq!(classes(&verdict, &["a", "b"], &[], RecipientKind::Token), [Ok, InvalidToken]);
    }

    #[test]
    fn a_recipient_is_neither_shown_as_code_nor_as_id() {
        let names = guarded(&["alice", "bob"]);
        let told = |verdict: &Verdict| {
            let told = of_recipients(verdict, &names, &[], RecipientKind::Token, CountryCode::default());
            let owned = |text: Option<&str>| text.map(str::to_owned);
            told.iter().map(|of| (owned(of.code), owned(of.vendor_id))).collect::<Vec<_>>()
        };
        let leaky = |results| Verdict {
            code: Some("alice".into()),
            vendor_ids: vec!["bob".to_owned()],
            ..verdict(&[(InvalidToken, 1), (Ok, 1)], results)
        };
        let hidden = (Some("other".to_owned()), None);
        assert_eq!(told(&leaky(vec![])), [hidden.clone(), hidden.clone()]);
        let named = |text: &str| RecipientResult {
            code: Some(text.into()),
            vendor_id: Some(text.into()),
            ..by_name("alice", InvalidToken)
        };
        assert_eq!(told(&leaky(vec![named("bob")])), [hidden.clone(), hidden.clone()]);
        let shown = (Some("7".to_owned()), Some("7".to_owned()));
        assert_eq!(told(&leaky(vec![named("7")])), [shown, hidden]);
    }

    #[test]
    fn a_code_of_one_recipient_is_not_that_of_another_and_one_id_is_of_all_that_was_sent() {
        let results = vec![RecipientResult { code: Some("9".into()), ..by_name("b", InvalidToken) }];
        let verdict = verdict(&[(InvalidToken, 1), (Ok, 1)], results);
        let told = |code: &str| {
            let verdict = Verdict { code: Some(code.into()), vendor_ids: vec!["id".to_owned()], ..verdict.clone() };
            let told =
                of_recipients(&verdict, &guarded(&["a", "b"]), &[], RecipientKind::Token, CountryCode::default());
            told.iter().map(|of| (of.code.map(str::to_owned), of.vendor_id.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(told("0"), [(Some("0".to_owned()), true), (Some("9".to_owned()), false)]);
        assert_eq!(told("9"), [(None, true), (Some("9".to_owned()), false)]);
    }

    proptest! {
        #[test]
        fn named_results_are_told_whatever_their_order(
            classes_of in prop::collection::vec(prop::sample::select(vec![Ok, InvalidToken, UserBlocked]), 1..40),
            turn in any::<prop::sample::Index>(),
        ) {
            let names: Vec<String> = (0..classes_of.len()).map(|number| format!("r{}", number * 7 % 41)).collect();
            let named = names.iter().zip(&classes_of);
            let mut results: Vec<_> = named.map(|(name, class)| by_name(name, *class)).collect();
            results.rotate_left(turn.index(classes_of.len()));
            let tally: Vec<_> = classes_of.iter().map(|class| (*class, 1)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(classes(&verdict(&tally, results), &names, &[], RecipientKind::Token), classes_of);
        }
    }
}
