//! The page that the program carries: static files that ask `/api/v1`, and no others.
//!
//! Files stand under a path with a digest of them all, and may be kept for ever; only the document itself is asked for anew.
//! Browsers run nothing and load nothing that does not come from here.

mod files;
mod join;
mod squeeze;
mod wire;

pub use wire::Wire;

use crate::serve::App;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use files::{File, PAGE};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

/// Nothing but the page's own files. `trusted-types 'none'` makes browsers refuse to read markup out of text, even if a script
/// should ever ask for it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept, but never used without asking whether it still holds.
const ASK_FIRST: &str = "no-cache";

/// `/` and what it loads.
pub fn routes() -> Router<App> {
    Router::new().route("/", get(document)).route("/assets/{version}/{name}", get(asset))
}

/// Bytes of the whole page as it goes to a browser that takes gzip: of the document, and of all that it names.
pub fn size_bytes() -> usize {
    let named = PAGE.files.iter().filter(|file| PAGE.document.text.contains(file.name));
    named.map(|file| file.zipped.len()).sum::<usize>().saturating_add(PAGE.document.zipped.len())
}

async fn document(headers: HeaderMap) -> Response {
    serve(&PAGE.document, &headers, ASK_FIRST)
}

/// A file, also for a page of another version: it may have been loaded from a program that has been replaced since.
async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(file) = PAGE.files.iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    serve(file, &headers, if version == PAGE.version { FOR_EVER } else { ASK_FIRST })
}

fn serve(file: &'static File, asked: &HeaderMap, cache: &'static str) -> Response {
    let mut answer = if is_known(asked, &file.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if takes_gzip(asked) {
        ([(header::CONTENT_ENCODING, "gzip")], file.zipped.as_slice()).into_response()
    } else {
        file.text.as_bytes().into_response()
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&file.tag) {
        headers.insert(header::ETAG, tag);
    }
    answer
}

/// Whether the browser has it already.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let tags = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests;
