//! Filled-in requests pass the stand-ins' own checks, and filled-in answers say what the stand-ins say.

use super::{AnswerKey, Calls};
use crate::abi::Headers;
use crate::demo::push::{recipient, scramble};
use crate::simulate::scenario::Scenario;
use crate::simulate::template::Fill;
use bytes::Bytes;
use http::Request;

const CHANNELS: [(&str, usize, &str); 8] = [
    ("apns", 1, "Unregistered"),
    ("fcm", 1, "UNREGISTERED"),
    ("oppo", 1, "10000"),
    ("oppo", 3, "10000"),
    ("wechat", 1, "43004"),
    ("sms-tencent", 4, "FailedOperation.PhoneNumberInBlacklist"),
    ("lc", 1, "7"),
    ("twilio", 1, "21610"),
];

fn calls(channel: &str) -> Calls {
    let adapter = if channel == "lc" { "generic-json" } else { channel };
    let text = format!("duration = \"1m\"\ntraffic.rate = 1\nchannels.{channel}.adapter = \"{adapter}\"");
    Calls::new(&Scenario::parse(&text).unwrap().channels[0], Some("x-business"))
}

fn request(headers: &Headers, body: Bytes) -> Request<Bytes> {
    let text = |name| headers.get_str(name).unwrap();
    let mut request = Request::builder().method(text(":method")).uri(text(":path"));
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        request = request.header(name, value);
    }
    request.body(body).unwrap()
}

#[test]
fn a_filled_in_request_is_accepted_for_every_recipient() {
    for (channel, count, _) in CHANNELS {
        let mut calls = calls(channel);
        let recipients: Vec<String> = (0..count as u64).map(|index| recipient(channel, scramble(index + 99))).collect();
        let message_id = "00000007-0000-4000-8000-000000000007";
        let fill = Fill { message_id, recipients: &recipients, number: 0, now_ms: 0 };
        let (headers, body) = calls.request(&fill, "order").unwrap();
        assert_eq!(headers.get_str("x-business"), Some("order"));
        assert_eq!(headers.get_str("content-length"), Some(body.len().to_string().as_str()), "{channel}");
        let everything = format!("{:?} {}", headers.get_str(":path"), String::from_utf8_lossy(&body));
        let everything = everything.replace("%2B", "+") + headers.get_str("apns-id").unwrap_or_default();
        assert!(recipients.iter().all(|recipient| everything.contains(recipient)), "{channel}: {everything}");
        assert!(everything.contains(message_id), "{channel}: {everything}");
        let (_, accepted, refused) = calls.answer_any(request(&headers, body), None);
        assert_eq!((accepted, refused), (count as u64, 0), "{channel}");
    }
}

#[test]
fn a_filled_in_answer_is_the_stand_ins_own() {
    for (channel, count, code) in CHANNELS {
        let mut calls = calls(channel);
        let recipients: Vec<String> = (0..count as u64).map(|index| recipient(channel, scramble(index + 99))).collect();
        let fill = Fill {
            message_id: "00000007-0000-4000-8000-000000000007",
            recipients: &recipients,
            number: 0,
            now_ms: 1_700_000_000_017,
        };
        for (refused, expected) in [(None, count), (Some((code.to_owned(), None)), 0)] {
            let key = AnswerKey { recipients: count, refused };
            let (answer, accepted) = calls.answer(&key, &fill).unwrap();
            assert_eq!(accepted, expected as u64, "{channel}");
            let (headers, body) = calls.request(&fill, "order").unwrap();
            let code = key.refused.as_ref().map(|(code, _)| code.as_str());
            let (own, ..) = calls.answer_any(request(&headers, body), code);
            assert_eq!(answer.headers.get(":status"), own.headers.get(":status"), "{channel}");
            assert_eq!(answer.headers.get("content-length"), Some(answer.body.len().to_string().as_bytes()));
            assert_eq!(digits_apart(&answer.body), digits_apart(&own.body), "{channel}");
        }
    }
}

#[test]
fn a_part_of_a_batch_can_be_refused() {
    for (channel, count, code) in CHANNELS.into_iter().filter(|(_, count, _)| *count > 1) {
        let mut calls = calls(channel);
        let recipients: Vec<String> = (0..count as u64).map(|index| recipient(channel, scramble(index))).collect();
        let fill =
            Fill { message_id: "00000007-0000-4000-8000-000000000007", recipients: &recipients, number: 0, now_ms: 0 };
        let key = AnswerKey { recipients: count, refused: Some((code.to_owned(), Some(2))) };
        assert_eq!(calls.answer(&key, &fill).unwrap().1, count as u64 - 2, "{channel}");
    }
}

/// A body without numbers: those differ between two answers.
fn digits_apart(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|c| !c.is_ascii_hexdigit()).collect()
}
