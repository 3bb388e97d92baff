//! What the server answers.

use serde_json::{Value, json};

/// An answer.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Value,
    pub(super) warnings: Vec<String>,
}

impl Answer {
    pub(super) fn new(code: u16, body: Value) -> Self {
        Self { code, body, warnings: Vec::new() }
    }
}

/// A `Status` that says what is wrong.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Answer {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    });
    Answer::new(code, body)
}
