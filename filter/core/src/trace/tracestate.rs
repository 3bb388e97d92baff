//! The `tracestate` header of W3C Trace Context Level 2, as a proxy that adds no entry of its own sees it.
//!
//! It belongs to other tracing systems, so the answer is a verdict on what stands there: most requests carry one good
//! line, which is judged without allocation and left alone.

/// The most entries that a list may have.
pub const MAX_MEMBERS: usize = 32;
/// The longest combined value that is passed on, in characters. The specification asks for no less.
pub const MAX_CHARS: usize = 512;

const MAX_KEY_CHARS: usize = 256;
const MAX_VALUE_CHARS: usize = 256;
/// When a value must be shortened, entries longer than this go first.
const LARGE_MEMBER_CHARS: usize = 128;

/// What is to become of the `tracestate` of a request. Only who writes a new `traceparent` may act upon it: beside one
/// that goes on unchanged, `tracestate` must go on unchanged too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateVerdict {
    /// There is none.
    Absent,
    /// It is one valid line within bounds.
    KeepAsIs,
    /// It is valid, but stands in several lines, has empty or repeated entries, or is too long: all its lines give way
    /// to this one.
    Rewrite(String),
    /// It is invalid, or there is nothing in it to pass on: all its lines are to be removed.
    Drop,
}

/// Judges the values of all `tracestate` lines of a request, in their order. Call it only if `traceparent` is valid.
///
/// Of two entries with one key the left one stays, as it is the newer. A value above [`MAX_CHARS`] loses whole entries,
/// those above 128 characters first, and always from the right.
pub fn inspect<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> StateVerdict {
    let mut members = Members::default();
    let mut lines = 0;
    let mut chars = 0;
    for value in values {
        lines += 1;
        chars += value.len();
        if members.add_line(value).is_none() {
            return StateVerdict::Drop;
        }
    }
    match lines {
        0 => StateVerdict::Absent,
        1 if members.tidy() && chars <= MAX_CHARS => StateVerdict::KeepAsIs,
        _ => members.rewritten().map_or(StateVerdict::Drop, StateVerdict::Rewrite),
    }
}

#[derive(Clone, Copy, Default)]
struct Member<'a> {
    key: &'a str,
    /// Key, equals sign and value.
    text: &'a str,
}

impl<'a> Member<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (key, value) = text.split_once('=')?;
        (is_key(key) && is_value(value)).then_some(Self { key, text })
    }
}

#[derive(Default)]
struct Members<'a> {
    slots: [Member<'a>; MAX_MEMBERS],
    kept: usize,
    empty: usize,
    repeated: usize,
}

impl<'a> Members<'a> {
    /// `None` makes the whole list invalid.
    fn add_line(&mut self, value: &'a [u8]) -> Option<()> {
        std::str::from_utf8(value).ok()?.split(',').try_for_each(|text| self.add(text.trim_matches([' ', '\t'])))
    }

    fn add(&mut self, text: &'a str) -> Option<()> {
        if text.is_empty() {
            self.empty += 1;
            return Some(());
        }
        let member = Member::parse(text)?;
        if self.kept + self.repeated == MAX_MEMBERS {
            return None;
        }
        if self.kept().iter().any(|kept| kept.key == member.key) {
            self.repeated += 1;
            return Some(());
        }
        *self.slots.get_mut(self.kept)? = member;
        self.kept += 1;
        Some(())
    }

    fn kept(&self) -> &[Member<'a>] {
        self.slots.get(..self.kept).unwrap_or_default()
    }

    fn tidy(&self) -> bool {
        self.kept > 0 && self.empty == 0 && self.repeated == 0
    }

    /// One line within bounds, `None` if nothing is left.
    fn rewritten(&self) -> Option<String> {
        let mut texts: Vec<&str> = self.kept().iter().map(|member| member.text).collect();
        while joined_chars(&texts) > MAX_CHARS {
            match texts.iter().rposition(|text| text.len() > LARGE_MEMBER_CHARS) {
                Some(large) => drop(texts.remove(large)),
                None => drop(texts.pop()),
            }
        }
        (!texts.is_empty()).then(|| texts.join(","))
    }
}

fn joined_chars(texts: &[&str]) -> usize {
    texts.iter().map(|text| text.len()).sum::<usize>() + texts.len().saturating_sub(1)
}

/// `@` is a character like others: the split into tenant and system of Level 1 is gone.
fn is_key(key: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_other = |byte: u8| is_first(&byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MAX_KEY_CHARS && key.as_bytes().first().is_some_and(is_first) && key.bytes().all(is_other)
}

/// Expects a value without trailing spaces: they are no part of it, while leading ones are.
fn is_value(value: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    !value.is_empty() && value.len() <= MAX_VALUE_CHARS && value.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::StateVerdict::{Absent, Drop, KeepAsIs, Rewrite};
    use super::*;

    fn verdict(lines: &[impl AsRef<[u8]>]) -> StateVerdict {
        inspect(lines.iter().map(AsRef::as_ref))
    }

    fn check(lines: &[&str], expected: StateVerdict) {
        assert_eq!(verdict(lines), expected, "{lines:?}");
    }

    fn rewrite(line: &str) -> StateVerdict {
        Rewrite(line.to_owned())
    }

    /// `count` entries `NAME01=1`, `NAME02=1` and so on.
    fn entries(name: &str, count: usize) -> String {
        (1..=count).map(|number| format!("{name}{number:02}=1")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn no_line_is_absent() {
        check(&[], Absent);
    }

    #[test]
    fn one_valid_line_is_left_alone() {
        for line in [
            "foo=1",
            "foo=1,bar=2",
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            " foo=1",
            "\tfoo=1\t",
            "foo=1 \t , \t bar=2, \t baz=3",
        ] {
            check(&[line], KeepAsIs);
        }
    }

    #[test]
    fn an_empty_header_is_accepted_and_not_passed_on() {
        check(&[""], Drop);
        check(&[" \t"], Drop);
        check(&[",", " , ,"], Drop);
    }

    #[test]
    fn several_lines_are_combined_in_their_order() {
        check(&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], rewrite("foo=1,bar=2,rojo=1,congo=2,baz=3"));
        check(&["foo=1", ""], rewrite("foo=1"));
        check(&["", "foo=1"], rewrite("foo=1"));
    }

    #[test]
    fn empty_entries_are_accepted_and_left_out() {
        check(&["foo=1,,bar=2"], rewrite("foo=1,bar=2"));
        check(&["foo=1, \t ,bar=2,"], rewrite("foo=1,bar=2"));
        check(&[&format!("{}foo=1", ",".repeat(100))], rewrite("foo=1"));
    }

    #[test]
    fn a_key_begins_with_a_lower_case_letter_or_digit_and_has_only_characters_of_keys() {
        for key in ["z", "0", "1special", "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/", "fw529a3039@dt"] {
            check(&[&format!("{key}=1")], KeepAsIs);
        }
        for key in
            ["", "@foo", "_foo", "-foo", "*foo", "/foo", "FOO", "fooBar", "foo.bar", "foo ", "foo\t", "fo o", "é"]
        {
            check(&[&format!("{key}=1")], Drop);
            check(&["bar=2", &format!("{key}=1")], Drop);
        }
    }

    #[test]
    fn at_signs_stand_anywhere_in_a_key_but_first() {
        for key in ["foo@", "foo@@bar", "foo@bar@baz", &format!("{}@v", "t".repeat(242)), "t@vvvvvvvvvvvvvvvv"] {
            check(&[&format!("{key}=1")], KeepAsIs);
        }
    }

    #[test]
    fn a_key_has_at_most_256_characters() {
        check(&[&format!("foo=1,{}=1", "z".repeat(256))], KeepAsIs);
        check(&[&format!("foo=1,{}=1", "z".repeat(257))], Drop);
    }

    #[test]
    fn a_value_has_only_printable_characters_without_comma_and_equals_sign() {
        let all: String = (' '..='~').filter(|char| !matches!(char, ',' | '=')).collect();
        check(&[&format!("foo={all}")], KeepAsIs);
        for value in ["bar=baz", "=", "\t1", "1\t2", "1\u{7f}", "1\r", "1\n2", "é"] {
            check(&[&format!("foo={value}")], Drop);
        }
        assert_eq!(verdict(&[b"foo=\xff\xfe"]), Drop);
        check(&["foo"], Drop);
    }

    #[test]
    fn a_value_has_one_to_256_characters() {
        check(&["foo=,bar=3"], Drop);
        check(&["foo= ,bar=3"], Drop);
        check(&[&format!("foo={}", "x".repeat(256))], KeepAsIs);
        check(&[&format!("foo={}", "x".repeat(257))], Drop);
        check(&[&format!("foo={}   ", "x".repeat(256))], KeepAsIs);
    }

    #[test]
    fn leading_spaces_belong_to_a_value_and_trailing_ones_do_not() {
        check(&["foo=  1  ,bar=2", "baz=3"], rewrite("foo=  1,bar=2,baz=3"));
    }

    #[test]
    fn of_two_entries_with_one_key_the_left_one_stays() {
        check(&["foo=1,foo=1"], rewrite("foo=1"));
        check(&["foo=1,bar=2,foo=3"], rewrite("foo=1,bar=2"));
        check(&["foo=1", "foo=2"], rewrite("foo=1"));
        check(&["foo=1,foo@tenant=2"], KeepAsIs);
    }

    #[test]
    fn a_list_has_at_most_32_entries() {
        check(&[&entries("bar", 32)], KeepAsIs);
        check(&[&entries("bar", 33)], Drop);
        check(&[&entries("bar", 30), "foo=1,baz=2"], rewrite(&format!("{},foo=1,baz=2", entries("bar", 30))));
        check(&[&entries("bar", 30), "foo=1,baz=2,rojo=3"], Drop);
        check(&[&format!("{},bar01=2", entries("bar", 32))], Drop);
    }

    #[test]
    fn up_to_512_characters_are_passed_on() {
        let value = "x".repeat(254);
        let line = format!("a={value},b={}", "x".repeat(253));
        assert_eq!(line.len(), MAX_CHARS);
        check(&[&line], KeepAsIs);
        check(&[&format!("a={value} , b={}", "x".repeat(253))], rewrite(&line));
    }

    #[test]
    fn a_long_list_loses_entries_above_128_characters_first() {
        let fits = format!("fits={}", "x".repeat(123));
        let large = format!("large={}", "x".repeat(123));
        assert_eq!((fits.len(), large.len()), (128, 129));
        let rest = entries("a", 20).replace("=1", "=123456789");
        assert!(large.len() + fits.len() + rest.len() > MAX_CHARS);
        check(&[&format!("{large},{fits},{rest}")], rewrite(&format!("{fits},{rest}")));
    }

    #[test]
    fn no_more_entries_above_128_characters_are_lost_than_must_be() {
        let large = |key: &str| format!("{key}={}", "x".repeat(200));
        let line = format!("{},foo=1,{},{},bar=2", large("a"), large("b"), large("c"));
        check(&[&line], rewrite(&format!("{},foo=1,{},bar=2", large("a"), large("b"))));
    }

    #[test]
    fn a_long_list_of_small_entries_loses_whole_entries_from_the_right() {
        let member = |number: usize| format!("key{number:02}={}", "x".repeat(14));
        let line = |count| (1..=count).map(member).collect::<Vec<_>>().join(",");
        assert_eq!((line(25).len(), line(26).len()), (524, 545));
        check(&[&line(24)], KeepAsIs);
        check(&[&line(26)], rewrite(&line(24)));
    }

    #[test]
    fn nothing_is_left_of_a_single_entry_above_512_characters() {
        check(&[&format!("{}={}", "k".repeat(256), "v".repeat(256))], Drop);
    }

    /// A second reading of the grammar, written from it and not from the code above.
    fn is_in_grammar(line: &str) -> bool {
        let members: Vec<(&str, &str)> = line.split(',').map(|text| text.split_once('=').unwrap_or_default()).collect();
        let key_chars = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@";
        members.len() <= 32
            && line.len() <= 512
            && members.iter().enumerate().all(|(at, (key, value))| {
                (1..=256).contains(&key.len())
                    && (1..=256).contains(&value.len())
                    && key.chars().all(|char| key_chars.contains(char))
                    && !key.starts_with(['_', '-', '*', '/', '@'])
                    && value.chars().all(|char| (' '..='~').contains(&char) && char != '=')
                    && !value.ends_with(' ')
                    && members.iter().take(at).all(|(earlier, _)| earlier != key)
            })
    }

    /// Lines that are nearly right: of valid, empty, long, repeated and now and then of wrong entries.
    fn lines() -> impl Strategy<Value = Vec<String>> {
        let member = prop_oneof![
            8 => "[a-c0-9][a-c0-9_*/@-]{0,4}= {0,2}[!-+.-<>-~]{1,24}",
            2 => "[a-d]=[x-z]{100,256}",
            2 => "[ \t]{0,3}",
            1 => "[ -~]{0,12}",
        ];
        let line = prop::collection::vec((member, "[ \t]{0,2}"), 0..14).prop_map(|members| {
            members.iter().map(|(text, space)| format!("{space}{text}{space}")).collect::<Vec<_>>().join(",")
        });
        prop::collection::vec(line, 0..4)
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..4)) {
            verdict(&values);
        }

        #[test]
        fn what_is_passed_on_is_valid_and_left_alone_by_the_next_proxy(lines in lines()) {
            match verdict(&lines) {
                Absent => prop_assert!(lines.is_empty()),
                Drop => prop_assert!(!lines.is_empty()),
                KeepAsIs => {
                    let [line] = lines.as_slice() else { return Err(TestCaseError::fail("kept several lines")) };
                    let trimmed: Vec<&str> = line.split(',').map(|text| text.trim_matches([' ', '\t'])).collect();
                    prop_assert!(is_in_grammar(&trimmed.join(",")), "{}", line);
                }
                Rewrite(line) => {
                    prop_assert!(is_in_grammar(&line), "{}", line);
                    prop_assert_eq!(verdict(&[&line]), KeepAsIs);
                }
            }
        }

        #[test]
        fn entries_keep_their_order_and_none_is_made_up(lines in lines()) {
            if let Rewrite(line) = verdict(&lines) {
                let mut left = lines.iter().flat_map(|line| line.split(',')).map(|text| text.trim_matches([' ', '\t']));
                for member in line.split(',') {
                    prop_assert!(left.any(|text| text == member), "{} in {}", member, line);
                }
            }
        }
    }
}
