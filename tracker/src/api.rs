//! Questions and answers as JSON over HTTP.
//!
//! One table ([`table`]) makes both the router and the document that describes it, so that neither has what the other lacks.

mod ask;
mod error;
mod messages;
mod numbers;
mod openapi;
mod route;
mod rows;
mod search;
mod state;

pub use error::ApiError;
pub use openapi::document;
pub use route::Route;

use crate::serve::App;
use axum::Router;
use axum::response::IntoResponse;
use std::sync::Arc;

/// Everything that can be asked.
pub fn table() -> Vec<Route> {
    let mut table = messages::table();
    table.extend(search::table());
    table.extend(numbers::table());
    table.extend(state::table());
    table
}

/// The routes below `/api/v1`.
pub fn routes() -> Router<App> {
    let document: Arc<str> = document(&table()).to_string().into();
    let mut router = Router::new();
    for route in table() {
        router = router.route(route.path, route.serve);
    }
    let serve = move |_: crate::access::Viewer| {
        let document = document.to_string();
        async move { ([("content-type", "application/json"), ("cache-control", "no-store")], document).into_response() }
    };
    router.route("/openapi.json", axum::routing::get(serve))
}
