//! Path patterns such as `/3/device/{token}`.

use thiserror::Error;

/// A pattern of a path: literal segments, captures of one segment (`{name}`), and `*` at the end for any rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<Segment>,
    open: bool,
    captures: Vec<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Capture,
}

/// Why a text is not a path pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{pattern:?} is not a path pattern: it starts with `/`, a capture is a whole segment `{{name}}`, and `*` is the last segment"
)]
pub struct InvalidPathPattern {
    /// The text given.
    pub pattern: String,
}

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(pattern: &str) -> Result<Self, InvalidPathPattern> {
        let invalid = || InvalidPathPattern { pattern: pattern.to_owned() };
        let mut rest: Vec<&str> = pattern.strip_prefix('/').ok_or_else(invalid)?.split('/').collect();
        let open = rest.last() == Some(&"*");
        if open {
            rest.pop();
        }
        let mut parsed = Self { segments: Vec::new(), open, captures: Vec::new() };
        for segment in rest {
            match segment.strip_prefix('{').map(|inner| inner.strip_suffix('}')) {
                Some(Some(name)) if !name.is_empty() => {
                    parsed.captures.push(name.into());
                    parsed.segments.push(Segment::Capture);
                }
                None if !segment.contains(['{', '}', '*', '?']) => {
                    parsed.segments.push(Segment::Literal(segment.into()));
                }
                _ => return Err(invalid()),
            }
        }
        Ok(parsed)
    }

    /// The names of the captures, in order.
    pub fn captures(&self) -> &[Box<str>] {
        &self.captures
    }

    /// The pattern, with what `path` has in the place of those captures that are `shown`.
    pub(crate) fn show(&self, path: &str, shown: &dyn Fn(&str) -> bool) -> String {
        let mut captured = self.matches(path).unwrap_or_default().into_iter().chain(std::iter::repeat(""));
        let mut names = self.captures.iter();
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Capture => {
                    let (name, value) = (names.next().map_or("", |name| name), captured.next().unwrap_or_default());
                    text.push_str(&if shown(name) { value.to_owned() } else { format!("{{{name}}}") });
                }
            }
        }
        if self.open {
            text.push_str("/*");
        }
        text
    }

    /// The captured segments if `path` (without its query) fits. An empty segment is no capture.
    pub fn matches<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        let mut given = path.strip_prefix('/')?.split('/');
        let mut captured = Vec::with_capacity(self.captures.len());
        for segment in &self.segments {
            let given = given.next()?;
            match segment {
                Segment::Literal(literal) if **literal == *given => {}
                Segment::Capture if !given.is_empty() => captured.push(given),
                _ => return None,
            }
        }
        (self.open || given.next().is_none()).then_some(captured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_segments() {
        let cases: [(&str, &str, Option<&[&str]>); 11] = [
            ("/3/device/{token}", "/3/device/abc", Some(&["abc"])),
            ("/3/device/{token}", "/3/device/", None),
            ("/3/device/{token}", "/3/device/a/b", None),
            ("/v1/projects/{p}/messages:send", "/v1/projects/x/messages:send", Some(&["x"])),
            ("/v1/projects/{p}/messages:send", "/v1/projects/x/messages:read", None),
            ("/", "/", Some(&[])),
            ("/", "/a", None),
            ("/*", "/", Some(&[])),
            ("/a/*", "/a/b/c", Some(&[])),
            ("/a/*", "/a", Some(&[])),
            ("/a/*", "/ab", None),
        ];
        for (pattern, path, expected) in cases {
            let captured = PathPattern::parse(pattern).unwrap().matches(path);
            assert_eq!(captured.as_deref(), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for pattern in ["a", "", "/{}", "/{a", "/x{a}", "/*/a", "/a*", "/a?b"] {
            assert!(PathPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
