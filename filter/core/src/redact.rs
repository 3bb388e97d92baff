//! URLs without what is secret in them: device tokens in paths, credentials in queries.

use crate::path::PathPattern;

/// What stands in the place of a secret, as OpenTelemetry's semantic conventions have it for `url.query`.
const REDACTED: &str = "REDACTED";
/// A longer one is cut: it is for reading.
const MAX_BYTES: usize = 512;

/// `path_and_query` with only those captures of `pattern` and those parameters whose names are `shown`. Without a pattern
/// nothing is known of the path, and nothing of it is shown.
pub fn url(path_and_query: &str, pattern: Option<&PathPattern>, shown: &[Box<str>]) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let is_shown = |name: &str| shown.iter().any(|shown| **shown == *name);
    let mut url = pattern.map_or_else(|| "/*".to_owned(), |pattern| pattern.show(path, &is_shown));
    let parameters = query.into_iter().flat_map(|query| query.split('&')).filter(|parameter| !parameter.is_empty());
    for (index, parameter) in parameters.enumerate() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        url.push(if index == 0 { '?' } else { '&' });
        match (is_shown(name), parameter.contains('=')) {
            (true, true) => url.push_str(&format!("{name}={value}")),
            (true, false) => url.push_str(name),
            // What has no value may itself be the secret.
            (false, true) if is_name(name) => url.push_str(&format!("{name}={REDACTED}")),
            (false, _) => url.push_str(REDACTED),
        }
    }
    match url.char_indices().nth(MAX_BYTES) {
        Some((end, _)) => url.get(..end).unwrap_or_default().to_owned(),
        None => url,
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// The longest part of a message's content that is shown, in characters.
const MAX_CONTENT_CHARS: usize = 256;
/// As many digits in a row may be a code, a phone or a card.
const SECRET_DIGITS: usize = 4;

/// A part of a message's content without what may be a secret or a person: runs of digits, words with an `@`, and `recipient`.
pub fn content(text: &str, recipient: &str) -> String {
    let cut: String = text.chars().take(MAX_CONTENT_CHARS).collect();
    let without_recipient = if recipient.is_empty() { cut } else { cut.replace(recipient, "***") };
    let words =
        without_recipient.split(' ').map(|word| if word.contains('@') { "***".to_owned() } else { digits(word) });
    words.collect::<Vec<_>>().join(" ")
}

fn digits(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut run = String::new();
    for character in word.chars().map(Some).chain([None]) {
        match character {
            Some(digit) if digit.is_numeric() => run.push(digit),
            other => {
                let secret = run.chars().count() >= SECRET_DIGITS;
                shown.push_str(if secret { "***" } else { &run });
                run.clear();
                shown.extend(other);
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_shown_without_codes_and_people() {
        let shown = content("Your code is 482913, valid 5 min, sent to reg-1 and alice@example.com", "reg-1");
        assert_eq!(shown, "Your code is ***, valid 5 min, sent to *** and ***");
        assert_eq!(content(&"很".repeat(300), "").chars().count(), 256);
    }

    #[test]
    fn only_what_may_be_shown_is() {
        let shown: Vec<Box<str>> = vec!["project".into(), "Action".into()];
        let cases = [
            (Some("/3/device/{token}"), "/3/device/abc", "/3/device/{token}"),
            (
                Some("/v1/projects/{project}/messages:send"),
                "/v1/projects/p/messages:send",
                "/v1/projects/p/messages:send",
            ),
            (Some("/*"), "/wpush/v2/abc", "/*"),
            (Some("/send"), "/send?access_token=x&debug", "/send?access_token=REDACTED&REDACTED"),
            (Some("/"), "/?Action=SendSms&Signature=x%3D", "/?Action=SendSms&Signature=REDACTED"),
            (None, "/users/alice?x=1", "/*?x=REDACTED"),
        ];
        for (pattern, path, expected) in cases {
            let pattern = pattern.map(|pattern| PathPattern::parse(pattern).unwrap());
            assert_eq!(url(path, pattern.as_ref(), &shown), expected, "{path}");
        }
    }
}
