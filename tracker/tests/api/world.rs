//! A tracker with a history out of a file, asked as a client does.

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::access::Peer;
use pointsman_tracker::api;
use pointsman_tracker::event::{Event, Facts};
use pointsman_tracker::serve::{App, PageSettings};
use pointsman_tracker::store::Store;
use pointsman_tracker::store::memory::Memory;
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::sync::Arc;
use tower_service::Service as _;

/// What time it is.
pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const MINUTE: u64 = 60_000;

/// A tracker.
pub(crate) struct World {
    pub(crate) app: App,
}

/// The names of what many events have in common; all else in a line of a history is the event's own.
const FACTS: [&str; 17] = [
    "kind",
    "name",
    "tenant",
    "service",
    "node",
    "channel",
    "status",
    "outcome",
    "code",
    "business",
    "template",
    "fate",
    "switched_from",
    "conflict",
    "text",
    "on_time",
    "drill",
];

/// An event out of a line: flat, with `ago_ms` in the place of a time and the rest as an object.
pub(crate) fn event(line: &Value) -> Event {
    let (mut facts, mut own) = (Map::new(), Map::new());
    facts.insert("tenant".to_owned(), "default".into());
    for (name, value) in line.as_object().expect("an object") {
        match name.as_str() {
            "ago_ms" => drop(own.insert("at_ms".to_owned(), (NOW - value.as_u64().expect("a number")).into())),
            "rest" => drop(own.insert(name.clone(), value.to_string().into())),
            name if FACTS.contains(&name) => drop(facts.insert(name.to_owned(), value.clone())),
            _ => drop(own.insert(name.clone(), value.clone())),
        }
    }
    let facts: Facts = serde_json::from_value(facts.into()).expect("facts");
    let event: Event = serde_json::from_value(own.into()).expect("an event");
    Event { facts: Arc::new(facts), ..event }
}

impl World {
    /// With these events.
    pub(crate) async fn with(events: Vec<Event>) -> Self {
        let store = Arc::new(Memory::new(Lifecycle::builtin()));
        store.append(events).await.expect("kept");
        Self::on(store)
    }

    /// With a history of `histories/`.
    pub(crate) async fn of(history: &str) -> Self {
        let path = format!("{}/tests/api/histories/{history}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a history");
        let lines: Vec<Value> = serde_json::from_str(&text).expect("a list");
        Self::with(lines.iter().map(event).collect()).await
    }

    /// On this store.
    pub(crate) fn on(store: Arc<dyn Store>) -> Self {
        let page = PageSettings {
            trace_link: Some("https://traces.example.com/t/{trace_id}".to_owned()),
            ..PageSettings::default()
        };
        let app = App { clock: || NOW, page: Arc::new(page), ..App::new(store, Arc::new(Lifecycle::builtin())) };
        Self { app }
    }

    /// What comes for a request.
    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> Response<Body> {
        let mut router: Router = Router::new().nest("/api/v1", api::routes()).with_state(self.app.clone());
        let mut request: Request<Body> = request.body(body.into()).expect("a request");
        request.extensions_mut().insert(Peer(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        router.call(request).await.expect("a router never fails")
    }

    /// The status and the JSON that come for a path below `/api/v1/`.
    pub(crate) async fn ask(&self, path: &str) -> (StatusCode, Value) {
        json(self.send(Request::get(format!("/api/v1/{path}")), Body::empty()).await).await
    }

    /// The answer for a path below `/api/v1/`.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    /// The error for a path below `/api/v1/`.
    pub(crate) async fn refused(&self, path: &str) -> (u16, String, String) {
        let (status, answer) = self.ask(path).await;
        let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
        (status.as_u16(), text("code"), text("message"))
    }

    /// The status and the JSON that come for a body sent to a path below `/api/v1/`.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post(format!("/api/v1/{path}")).header("content-type", "application/json");
        json(self.send(request, body).await).await
    }
}

/// The status and the JSON of a response.
pub(crate) async fn json(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into()))
}

/// The ids of messages.
pub(crate) fn ids(messages: &Value) -> Vec<&str> {
    messages.as_array().expect("a list").iter().map(|message| message["id"].as_str().expect("an id")).collect()
}
