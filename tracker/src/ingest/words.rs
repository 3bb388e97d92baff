//! What somebody says of a failure, with that taken out which is another one each time: equal faults have equal words.

/// The most bytes that are left.
const MAX_BYTES: usize = 120;
/// No more than so many bytes of what was said are looked at.
const MAX_LOOKED_AT: usize = 1_024;
/// From this length on letters and digits together are an id, and letters that are all hexadecimal digits too.
const MIN_ID: usize = 8;

/// In lower case, with numbers, ids and what stands between quotes made `#`, and cut.
pub(super) fn normalised(said: &str) -> String {
    let said = said.get(..said.floor_char_boundary(MAX_LOOKED_AT)).unwrap_or(said);
    let mut words = String::with_capacity(said.len().min(MAX_BYTES));
    let mut left = said;
    while words.len() < MAX_BYTES + 4
        && let Some(first) = left.chars().next()
    {
        let length = match first {
            '\'' if ends_in_word(&words) => None,
            '"' | '\'' | '`' | '“' | '「' => quoted(first, left),
            _ => None,
        };
        if let Some(length) = length {
            hash(&mut words);
            left = left.get(length..).unwrap_or_default();
        } else if first.is_ascii_alphanumeric() {
            let end = left.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(left.len());
            let (token, rest) = left.split_at_checked(end).unwrap_or((left, ""));
            put_token(&mut words, token);
            left = rest;
        } else {
            put_other(&mut words, first);
            left = left.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    words.truncate(words.floor_char_boundary(MAX_BYTES));
    words.truncate(words.trim_end().len());
    words
}

/// The length of what begins with a quote and ends with one.
fn quoted(quote: char, text: &str) -> Option<usize> {
    let closing = match quote {
        '“' => '”',
        '「' => '」',
        same => same,
    };
    let inner = text.get(quote.len_utf8()..)?;
    Some(quote.len_utf8() + inner.find(closing)? + closing.len_utf8())
}

/// Whether a quote that follows is an apostrophe.
fn ends_in_word(words: &str) -> bool {
    words.chars().next_back().is_some_and(char::is_alphanumeric)
}

fn put_token(words: &mut String, token: &str) {
    let has_digit = token.bytes().any(|byte| byte.is_ascii_digit());
    let is_hexadecimal = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_long = token.len() >= MIN_ID;
    if (has_digit && (is_hexadecimal || is_long)) || (is_hexadecimal && is_long) {
        return hash(words);
    }
    for character in token.chars() {
        if character.is_ascii_digit() {
            hash(words);
        } else {
            words.push(character.to_ascii_lowercase());
        }
    }
}

fn put_other(words: &mut String, character: char) {
    if character.is_whitespace() || character.is_control() {
        if !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
    } else {
        words.extend(character.to_lowercase());
    }
}

/// One `#` for all that hangs together: the groups of a UUID, the parts of an address, a number and its fraction.
fn hash(words: &mut String) {
    let joined = words.trim_end_matches(['-', '.', ':', '_', '/', ',', '+']);
    if joined.ends_with('#') {
        words.truncate(joined.len());
    } else {
        words.push('#');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_faults_have_equal_words() {
        let cases = [
            ("Invalid token abc123def456", "invalid token #"),
            ("invalid  TOKEN\t0f0f0f0f0f", "invalid token #"),
            ("user 550e8400-e29b-41d4-a716-446655440000 not found", "user # not found"),
            ("connect to 10.1.2.3:8080 timed out after 2.5 s", "connect to # timed out after # s"),
            ("message \"order-42\" can't be sent", "message # can't be sent"),
            ("template '1001' of `shop` is gone", "template # of # is gone"),
            ("HTTP2 error, code=-1", "http# error, code=-#"),
            ("模板“订单”不存在: 40037", "模板#不存在: #"),
            ("deadbeefcafe", "#"),
            ("added a face", "added a face"),
            ("", ""),
            (" \u{1}\n ", ""),
            ("unclosed \"quote 7", "unclosed \"quote #"),
        ];
        for (said, words) in cases {
            assert_eq!(normalised(said), words, "{said}");
        }
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let words = normalised(&"消息".repeat(10_000));
        assert_eq!(words, "消息".repeat(20));
        assert_eq!(normalised(&"word ".repeat(1_000)).len(), 119);
    }
}
