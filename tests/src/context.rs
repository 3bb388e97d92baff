//! The trace context of a request as its receiver sees it.

use http::{HeaderMap, HeaderValue};
use pointsman_core::trace::{SpanId, TraceParent};

/// A valid context that some caller has sent.
pub const INCOMING: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The trace id of [`INCOMING`].
pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The parent id of [`INCOMING`].
pub const PARENT_ID: &str = "00f067aa0ba902b7";

/// All header lines of a trace context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Every `traceparent`.
    pub parents: Vec<String>,
    /// Every `tracestate`.
    pub states: Vec<String>,
}

impl Context {
    /// What stands in these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let lines = |name| headers.get_all(name).iter().map(text).collect();
        Self { parents: lines("traceparent"), states: lines("tracestate") }
    }

    /// The one `traceparent`, which must be valid and of version 00.
    ///
    /// # Panics
    /// If it is not.
    pub fn parent(&self) -> Parent {
        let [line] = self.parents.as_slice() else { panic!("not one traceparent: {:?}", self.parents) };
        let parsed = TraceParent::parse(line.as_bytes()).expect("a valid traceparent");
        assert_eq!(parsed.to_string(), *line, "version 00, known flags and nothing around it");
        Parent {
            trace_id: parsed.trace_id.to_string(),
            parent_id: parsed.parent_id,
            flags: line.rsplit('-').next().unwrap_or_default().to_owned(),
        }
    }

    /// Whether there is nothing at all.
    pub fn is_none(&self) -> bool {
        self.parents.is_empty() && self.states.is_empty()
    }
}

/// A `traceparent` in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The span that has sent the request.
    pub parent_id: SpanId,
    /// Two hexadecimal digits.
    pub flags: String,
}
