//! The push that is sent over and over: an OPPO unicast as a service writes it, each with a message id of its own.

use std::io::Write as _;
use std::ops::Range;

use serde_json::json;

/// What an OPPO server answers to a push that it accepts.
pub(crate) const ANSWER: &str =
    r#"{"code":0,"message":"Success","data":{"messageId":"5f4d1c2e8a6b4d0c9e7f3a21","status":"call_success"}}"#;

/// Asks the upstream to show the `traceparent` that has reached it.
pub(crate) const PROBE_HEADER: &str = "x-bench-probe";

/// The header in which it shows that.
pub(crate) const SEEN_HEADER: &str = "x-bench-seen";

const PLACEHOLDER: &str = "pm-0000000000000000";
const PREFIX: &str = "pm-";

/// A request as it goes on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    bytes: Vec<u8>,
    digits: Range<usize>,
    number: u64,
}

impl Push {
    /// A push whose message id counts up from `first`.
    pub(crate) fn new(first: u64) -> Self {
        Self::with_headers("", first)
    }

    /// A push that asks to be told what reached the upstream.
    pub(crate) fn probe(first: u64) -> Self {
        Self::with_headers(&format!("{PROBE_HEADER}: 1\r\n"), first)
    }

    fn with_headers(headers: &str, first: u64) -> Self {
        let body = body();
        let text = format!(
            "POST /server/v1/message/notification/unicast HTTP/1.1\r\n\
             host: api.push.oppomobile.com\r\n\
             user-agent: push-service/2.1\r\n\
             accept: application/json\r\n\
             content-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\
             {headers}\r\n\
             {body}",
            body.len()
        );
        let start = text.find(PLACEHOLDER).unwrap_or_default() + PREFIX.len();
        Self { digits: start..start + PLACEHOLDER.len() - PREFIX.len(), bytes: text.into_bytes(), number: first }
    }

    /// The message id of the bytes that [`Push::next`] has given last.
    pub(crate) fn message_id(&self) -> String {
        format!("{PREFIX}{:016}", self.number)
    }

    /// The next push.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.number += 1;
        if let Some(mut digits) = self.bytes.get_mut(self.digits.clone()) {
            // The number has as many digits as there is room for, so nothing can fail.
            let _ = write!(digits, "{:016}", self.number);
        }
        &self.bytes
    }
}

fn body() -> String {
    let message = json!({
        "target_type": 2,
        "target_value": "CN_8fa0618f178145d8c2a44091a1326411",
        "notification": {
            "app_message_id": PLACEHOLDER,
            "title": "Your order is on its way",
            "content": "It left the warehouse this morning and arrives tomorrow before noon.",
            "click_action_type": 0,
            "private_msg_template_id": "order_shipped",
        },
    });
    format!("auth_token=00000000-0000-0000-0000-000000000000&message={}", encode(&message.to_string()))
}

/// Percent-encoding as forms have it.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_push_has_its_own_id_and_the_same_length() {
        let mut push = Push::new(41);
        let first = String::from_utf8(push.next().to_vec()).unwrap();
        assert!(first.contains("app_message_id%22%3A%22pm-0000000000000042%22"), "{first}");
        assert_eq!(push.message_id(), "pm-0000000000000042");
        let length = first.len();
        assert_eq!(push.next().len(), length);
        let (_, body) = first.split_once("\r\n\r\n").unwrap();
        assert!(first.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
