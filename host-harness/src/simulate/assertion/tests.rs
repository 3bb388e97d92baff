//! What can be asserted, and what is said of what cannot.

use super::{Assertion, AssertionError};

fn parse(text: &str) -> Result<Assertion, AssertionError> {
    text.parse()
}

#[test]
fn a_name_a_comparison_and_a_value_are_understood() {
    for text in
        ["lost==0", "oppo.late<1%", "time_to_switch<=2s", "sms-tencent.p99 < 800ms", "sent >= 99.9 %", "calls>1_000"]
    {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn what_is_no_assertion_is_said_to_be_none() {
    for text in ["", "lost", "lost=0", "lost==", "==0", ".lost==0", "lost==many", "lost<1%%", "p99<2d", "lost==NaN"] {
        let error = parse(text).unwrap_err();
        assert!(matches!(error, AssertionError::Form { .. }), "{text}: {error}");
    }
}

#[test]
fn an_unknown_name_is_told_the_known_ones() {
    let error = parse("oppo.losses==0").unwrap_err().to_string();
    assert!(error.contains("losses") && error.contains("lost, undeliverable"), "{error}");
    let assertion = parse("opop.lost==0").unwrap();
    let error = assertion.check_channel(["apns", "oppo"].into_iter()).unwrap_err().to_string();
    assert!(error.contains("no channel opop; there are apns, oppo"), "{error}");
}

#[test]
fn a_time_is_compared_with_a_time_and_a_part_with_a_share() {
    for text in ["p99<5", "time_to_detect<1%", "lost<2s", "retries<1%", "p50==0"] {
        let error = parse(text).unwrap_err();
        assert!(matches!(error, AssertionError::Unit { .. }), "{text}: {error}");
    }
}
