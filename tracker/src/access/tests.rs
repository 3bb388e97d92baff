//! Who is let in, by which way, and as whom.

use super::*;
use crate::config::fault::Faults;
use http::{HeaderName, Method, Request, request::Parts};
use std::time::Duration;

const HOME: &str = "10.0.0.1";
const ABROAD: &str = "192.0.2.1";

struct Bed {
    access: Access,
    alice: String,
}

fn bed(extra: &str) -> Bed {
    let alice = new_token().unwrap();
    let text = format!(
        r#"{{"tokens": [{{"name": "alice", "role": "operator", "sha256": "{}", "groups": ["push-operators"]}}],
            "proxy": {{"from": ["10.0.0.0/8"], "user_header": "x-user", "groups_header": "x-groups",
                       "users": {{"bob": "approver"}}, "groups": {{"ops": "operator"}}}}{extra}}}"#,
        alice.hash
    );
    let mut faults = Faults::default();
    let settings = serde_json::from_str::<Wire>(&text).unwrap().validate("access", &mut faults);
    assert_eq!(faults.0, []);
    Bed { access: Access::new(settings, false).unwrap(), alice: alice.token }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn parts(method: &Method, pairs: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/api/v1/operations").body(()).unwrap();
    request.headers_mut().extend(headers(pairs));
    request.into_parts().0
}

impl Bed {
    fn caller(&self, pairs: &[(&str, &str)], peer: &str) -> Result<Caller, Denied> {
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            all.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        self.access.caller(&all, peer.parse().unwrap())
    }

    /// The cookie of a new session, and what its changes carry.
    fn session(&self, headers: &HeaderMap) -> (String, String) {
        let SignedIn { caller, cookie } = self.access.sign_in(&self.alice, headers, ABROAD.parse().unwrap()).unwrap();
        (cookie.split(';').next().unwrap().to_owned(), caller.csrf.unwrap())
    }
}

#[test]
fn a_token_says_who_calls_and_a_wrong_one_that_nobody_does() {
    let bed = bed("");
    let alice = bed.caller(&[("authorization", &format!("bearer {}", bed.alice))], ABROAD).unwrap();
    assert_eq!((alice.name.as_str(), alice.role, alice.how), ("alice", Role::Operator, How::Token));
    assert_eq!(alice.groups, ["push-operators"]);
    assert_eq!(bed.caller(&[("authorization", "Bearer nobody")], ABROAD), Err(Denied::WrongToken));
    let twice = [("authorization", "Bearer x"), ("authorization", "Bearer y")];
    assert_eq!(bed.caller(&twice, ABROAD), Err(Denied::Ambiguous));
    assert_eq!(bed.caller(&[("authorization", "Basic eDp5")], ABROAD), Err(Denied::Unknown));
}

#[test]
fn the_name_in_a_header_counts_only_from_the_proxy() {
    let bed = bed("");
    let bob = [("x-user", "bob")];
    let known = bed.caller(&bob, HOME).unwrap();
    assert_eq!((known.name.as_str(), known.role, known.how), ("bob", Role::Approver, How::Header));
    assert_eq!(bed.caller(&bob, ABROAD), Err(Denied::Unknown), "anybody can write a header");
    assert_eq!(bed.caller(&bob, "::ffff:10.0.0.1").unwrap().name, "bob");
    let carol = bed.caller(&[("x-user", "carol"), ("x-groups", "dev, ops,,system:masters")], HOME).unwrap();
    assert_eq!((carol.role, carol.groups), (Role::Operator, vec!["dev".to_owned(), "ops".to_owned()]));
    assert!(matches!(bed.caller(&[("x-user", "carol"), ("x-groups", "dev")], HOME), Err(Denied::NoRole { .. })));
    for wrong in [&[("x-user", "bob"), ("x-user", "eve")][..], &[("x-user", "")], &[("x-user", "system:admin")]] {
        assert_eq!(bed.caller(wrong, HOME), Err(Denied::Ambiguous), "{wrong:?}");
    }
}

#[test]
fn nobody_may_look_unless_the_config_says_that_anybody_may() {
    assert_eq!(bed("").caller(&[], HOME), Err(Denied::Unknown));
    let open = bed(r#", "anonymous": true"#);
    let anybody = open.caller(&[("cookie", "pointsman-session=over")], ABROAD).unwrap();
    assert_eq!((anybody.role, anybody.how), (Role::Viewer, How::Anonymous));
    assert_eq!(open.caller(&[("authorization", "Bearer nobody")], ABROAD), Err(Denied::WrongToken));
}

#[test]
fn a_session_has_an_id_that_nobody_has_chosen_and_takes_the_place_of_the_one_before() {
    let bed = bed("");
    let chosen = headers(&[("cookie", "pointsman-session=chosen")]);
    let (cookie, csrf) = bed.session(&chosen);
    assert_ne!(cookie, "pointsman-session=chosen");
    assert_eq!(bed.access.caller(&chosen, HOME.parse().unwrap()), Err(Denied::Unknown));
    let caller = bed.caller(&[("cookie", &cookie)], ABROAD).unwrap();
    assert_eq!((caller.name.as_str(), caller.how), ("alice", How::Session));
    let (next, other) = bed.session(&headers(&[("cookie", &cookie)]));
    assert_ne!(csrf, other);
    assert_eq!(bed.caller(&[("cookie", &cookie)], ABROAD), Err(Denied::Unknown), "the old one is over");
    bed.access.sign_out(&headers(&[("cookie", &next)]));
    assert_eq!(bed.caller(&[("cookie", &next)], ABROAD), Err(Denied::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_over_in_time() {
    let bed = bed(r#", "session": {"idle": "10m", "longest": "15m"}"#);
    let (cookie, _) = bed.session(&HeaderMap::new());
    let is_known = || bed.caller(&[("cookie", &cookie)], ABROAD).is_ok();
    tokio::time::advance(Duration::from_secs(9 * 60)).await;
    assert!(is_known());
    tokio::time::advance(Duration::from_secs(6 * 60)).await;
    assert!(!is_known());
}

#[tokio::test(start_paused = true)]
async fn who_guesses_tokens_has_to_wait_and_who_has_one_has_not() {
    let bed = bed("");
    let (guesser, none) = (ABROAD.parse().unwrap(), HeaderMap::new());
    for _ in 0..9 {
        assert!(matches!(bed.access.sign_in("guess", &none, guesser), Err(Denied::WrongToken)));
    }
    assert!(matches!(bed.access.sign_in("guess", &none, guesser), Err(Denied::TooMany { .. })));
    assert!(bed.access.sign_in(&bed.alice, &none, guesser).is_ok(), "it may be the address of a proxy");
    assert!(
        matches!(bed.access.sign_in("guess", &none, guesser), Err(Denied::TooMany { .. })),
        "and guesses wait still"
    );
    assert!(matches!(bed.access.sign_in("guess", &none, HOME.parse().unwrap()), Err(Denied::WrongToken)));
    let token = format!("Bearer {}", bed.alice);
    assert!(bed.caller(&[("authorization", &token)], ABROAD).is_ok(), "who has a token is no guesser");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(matches!(bed.access.sign_in("guess", &none, guesser), Err(Denied::WrongToken)));
}

#[test]
fn a_change_must_come_from_the_own_page() {
    let bed = bed(r#", "origins": ["https://push.example.com"]"#);
    let (cookie, csrf) = bed.session(&HeaderMap::new());
    let caller = bed.caller(&[("cookie", &cookie)], ABROAD).unwrap();
    let (host, token) = (("host", "tracker.internal:8080"), ("x-csrf-token", csrf.as_str()));
    let from = |origin| ("origin", origin);
    let (_, foreign_token) = bed.session(&HeaderMap::new());
    for (pairs, expected) in [
        (vec![host, token], Ok(())),
        (vec![host], Err(Denied::NoCsrf)),
        (vec![host, ("x-csrf-token", "")], Err(Denied::NoCsrf)),
        (vec![host, ("x-csrf-token", &foreign_token)], Err(Denied::NoCsrf)),
        (vec![host, token, from("http://tracker.internal:8080")], Ok(())),
        (vec![host, token, from("https://push.example.com")], Ok(())),
        (vec![host, token, from("https://evil.example.com")], Err(Denied::Foreign)),
        (vec![host, token, from("http://tracker.internal")], Err(Denied::Foreign)),
        (vec![host, token, from("null")], Err(Denied::Foreign)),
        (vec![token, from("http://tracker.internal:8080")], Err(Denied::Foreign)),
        (vec![host, token, ("sec-fetch-site", "same-origin")], Ok(())),
        (vec![host, token, ("sec-fetch-site", "same-site")], Err(Denied::Foreign)),
        (vec![host, token, ("sec-fetch-site", "cross-site")], Err(Denied::Foreign)),
        (vec![host, token, ("sec-fetch-site", "none")], Err(Denied::Foreign)),
    ] {
        assert_eq!(bed.access.check_page(&parts(&Method::POST, &pairs), &caller), expected, "{pairs:?}");
        assert_eq!(bed.access.check_page(&parts(&Method::GET, &pairs), &caller), Ok(()), "{pairs:?}");
    }
    let by_header = bed.caller(&[("x-user", "bob")], HOME).unwrap();
    let post = parts(&Method::DELETE, &[host, token]);
    assert_eq!(bed.access.check_page(&post, &by_header), Err(Denied::NoCsrf), "a proxy adds the name to any request");
    let csrf = by_header.csrf.clone().unwrap();
    assert_eq!(bed.access.check_page(&parts(&Method::PUT, &[host, ("x-csrf-token", &csrf)]), &by_header), Ok(()));
    let by_token = bed.caller(&[("authorization", &format!("Bearer {}", bed.alice))], ABROAD).unwrap();
    assert_eq!(bed.access.check_page(&parts(&Method::POST, &[]), &by_token), Ok(()), "no browser adds a token");
}

#[test]
fn what_is_printed_tells_no_secret() {
    let bed = bed("");
    let hash = TokenHash::of(&bed.alice).to_string();
    let printed = format!("{:?}", bed.access);
    assert!(printed.contains("alice") && !printed.contains(&hash) && !printed.contains(&bed.alice), "{printed}");
}
