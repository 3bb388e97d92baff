//! Whether a change comes from the tracker's own page. A cookie, and what a proxy adds, come along with a request of any page;
//! what a page must have read before does not.

use super::{Access, Caller, Denied, How};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use sha2::Sha256;
use std::fmt::Write as _;

/// What a change has to carry.
const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What changes of a session carry.
pub(super) fn of_session(secret: &[u8; 32], id: &str) -> String {
    mac(secret, "session", id)
}

/// What changes of somebody carry whom a proxy names.
pub(super) fn of_header(secret: &[u8; 32], name: &str) -> String {
    mac(secret, "header", name)
}

fn mac(secret: &[u8; 32], kind: &str, text: &str) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    for part in [kind, "\0", text] {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Access {
    /// Whether a request that may change something comes from where it should.
    pub(super) fn check_page(&self, parts: &Parts, caller: &Caller) -> Result<(), Denied> {
        if matches!(parts.method, Method::GET | Method::HEAD) || caller.how == How::Token {
            return Ok(());
        }
        self.check_origin(parts)?;
        let Some(wanted) = &caller.csrf else { return Ok(()) };
        let token = one(&parts.headers, &HEADER).unwrap_or_default();
        let is_same = super::TokenHash::of(token).is_same(&super::TokenHash::of(wanted));
        if is_same && !token.is_empty() { Ok(()) } else { Err(Denied::NoCsrf) }
    }

    /// What browsers say of the page that asks. Whoever is no browser says nothing.
    pub(super) fn check_origin(&self, parts: &Parts) -> Result<(), Denied> {
        let site = parts.headers.get_all(FETCH_SITE).iter();
        if site.into_iter().any(|site| site != "same-origin") {
            return Err(Denied::Foreign);
        }
        if !parts.headers.contains_key(ORIGIN) {
            return Ok(());
        }
        let origin = one(&parts.headers, &ORIGIN).ok_or(Denied::Foreign)?;
        let is_known = self.settings.origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let host = one(&parts.headers, &HOST).or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
        let is_own = authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host));
        if is_known || is_own { Ok(()) } else { Err(Denied::Foreign) }
    }
}

/// The value of a header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
