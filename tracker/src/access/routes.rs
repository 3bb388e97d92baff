//! Signing in and out.

use super::extract::peer;
use super::{Caller, Denied, How, JsonBody, Role, SignedIn};
use crate::serve::App;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MAX_BODY_BYTES: usize = 4 * 1_024;

/// `session`, below `/api/v1`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/session", get(show).post(sign_in).delete(sign_out))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    token: String,
}

/// What the page has to know of whoever looks at it.
#[derive(Serialize)]
struct Shown {
    name: Option<String>,
    role: Option<Role>,
    how: Option<How>,
    csrf: Option<String>,
    operations: bool,
    sign_in: bool,
}

impl Shown {
    fn of(app: &App, caller: Option<Caller>) -> Self {
        let shown = Self {
            name: None,
            role: None,
            how: None,
            csrf: None,
            operations: app.operations.is_some(),
            sign_in: app.access.can_sign_in(),
        };
        match caller {
            Some(Caller { name, role, how, csrf, .. }) => {
                Self { name: Some(name), role: Some(role), how: Some(how), csrf, ..shown }
            }
            None => shown,
        }
    }
}

/// Who is calling. Nobody in particular is an answer too: the page then offers to sign in.
async fn show(State(app): State<App>, parts: Parts) -> Result<Json<Shown>, Denied> {
    let caller = match app.access.caller(&parts.headers, peer(&parts)) {
        Err(Denied::Unknown) => None,
        known => Some(known?),
    };
    Ok(Json(Shown::of(&app, caller)))
}

async fn sign_in(
    State(app): State<App>,
    parts: Parts,
    JsonBody(body): JsonBody<Credentials>,
) -> Result<Response, Denied> {
    app.access.check_origin(&parts)?;
    let SignedIn { caller, cookie } = app.access.sign_in(&body.token, &parts.headers, peer(&parts))?;
    let cookie = HeaderValue::try_from(cookie).map_err(|_| Denied::NoSession)?;
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie)], Json(Shown::of(&app, Some(caller)))).into_response())
}

async fn sign_out(State(app): State<App>, parts: Parts) -> Result<Response, Denied> {
    let caller = app.access.caller(&parts.headers, peer(&parts))?;
    app.access.check_page(&parts, &caller)?;
    app.access.sign_out(&parts.headers);
    let cookie = HeaderValue::try_from(app.access.cookie.set("", Duration::ZERO)).map_err(|_| Denied::NoSession)?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}
