//! What every query is narrowed down to: `--match`.

use std::str::FromStr;

/// Label matchers as they stand in a selector, such as `job="push",namespace=~"push-.*"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matchers {
    text: String,
    equal: Vec<(String, String)>,
}

/// The text is no list of matchers.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no matchers: {rest:?} should be like job=\"push\", with =, !=, =~ or !~")]
pub struct MatchersError {
    /// From where on it cannot be read.
    pub rest: String,
}

impl Matchers {
    /// As they stand in a selector; empty if there are none.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Those with `=`: what is made of the selected series has these labels too.
    pub fn equal(&self) -> impl Iterator<Item = (&str, &str)> {
        self.equal.iter().map(|(label, value)| (&**label, &**value))
    }
}

impl FromStr for Matchers {
    type Err = MatchersError;

    fn from_str(text: &str) -> Result<Self, MatchersError> {
        let mut matchers = Self::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (matcher, after) = one(rest).ok_or_else(|| MatchersError { rest: rest.to_owned() })?;
            if !matchers.text.is_empty() {
                matchers.text.push(',');
            }
            matchers.text += &format!("{}{}\"{}\"", matcher.label, matcher.operator, matcher.value);
            if matcher.operator == "=" {
                matchers.equal.push((matcher.label.to_owned(), matcher.value.to_owned()));
            }
            rest = after;
        }
        Ok(matchers)
    }
}

struct Matcher<'a> {
    label: &'a str,
    operator: &'a str,
    value: &'a str,
}

/// The first matcher, and what stands behind its comma. A value has no escapes: none of the labels needs one.
fn one(text: &str) -> Option<(Matcher<'_>, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
    let (label, rest) = text.split_at(end);
    if label.is_empty() || label.starts_with("__") || label.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| rest.starts_with(operator))?;
    let rest = rest.strip_prefix(operator)?.trim_start().strip_prefix('"')?;
    let (value, rest) = rest.split_once('"')?;
    if value.contains(['\\', '\n']) {
        return None;
    }
    let rest = rest.trim_start();
    let after = if rest.is_empty() { rest } else { rest.strip_prefix(',')?.trim_start() };
    Some((Matcher { label, operator, value }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_promql_has_them() {
        let matchers: Matchers = r#"job="push", namespace =~ "push-.*",pod!="a""#.parse().unwrap();
        assert_eq!(matchers.as_str(), r#"job="push",namespace=~"push-.*",pod!="a""#);
        assert_eq!(matchers.equal().collect::<Vec<_>>(), [("job", "push")]);
        assert_eq!("".parse(), Ok(Matchers::default()));
    }

    #[test]
    fn what_is_no_matcher_is_refused_and_named() {
        for broken in
            ["job", "job=push", "job=\"push", "=\"push\"", "{job=\"push\"}", "__name__=\"x\"", "a=\"b\" c=\"d\""]
        {
            let error = broken.parse::<Matchers>().unwrap_err();
            assert!(broken.ends_with(&error.rest) || error.rest == broken, "{broken}");
        }
    }
}
