//! A tracker without a port: its routes, a config to change, and people with tokens.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode, header};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_host::switch::Crash;
use pointsman_tracker::access::{self, Access, Peer, new_token};
use pointsman_tracker::config::fault::Faults;
use pointsman_tracker::operations::{self, Line, Moment, OperationError, Operations, Reached};
use pointsman_tracker::serve::{App, router};
use pointsman_tracker::store::memory::Memory;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tower_service::Service as _;

pub(crate) const CONFIG: &str = r#"{
  "service": "push", "hold_request": true,
  "channels": ["apns", "xiaomi",
    {"name": "xiaomi-b", "adapter": "xiaomi", "hosts": ["b.xiaomi.internal"]},
    {"name": "xiaomi-c", "adapter": "xiaomi", "hosts": ["c.xiaomi.internal"]}],
  "rules": [
    {"name": "a", "auto": {"channel": "xiaomi", "to": ["xiaomi-b", "xiaomi-c"]}}
  ]
}
"#;
const BEGIN_MS: u64 = 1_800_000_000_000;
/// From here a proxy says who is calling.
pub(crate) const PROXY: &str = "10.0.0.1:1000";
pub(crate) const ABROAD: &str = "192.0.2.7:1000";

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(BEGIN_MS) };
}

/// Time of a test's own thread.
pub(crate) fn now() -> u64 {
    NOW.get()
}

pub(crate) fn pass(minutes: u64) {
    NOW.set(now() + minutes * 60_000);
}

pub(crate) struct Bed {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<Memory>,
    pub(crate) operations: Option<Operations>,
    router: Router,
    tokens: BTreeMap<&'static str, String>,
    access: access::Settings,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) cookie: Option<String>,
    pub(crate) body: Value,
}

impl Said {
    /// The code of an error.
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["error"]["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(json!({}), Arc::new(|_| Ok(()))).await
    }

    /// With other approvals, and somebody who is told how far operations come.
    pub(crate) async fn with(approval: Value, reached: Reached) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pointsman.json"), CONFIG).expect("it can be written");
        let (tokens, access) = people();
        let lifecycle = Lifecycle::builtin();
        let store = Arc::new(Memory::new(lifecycle));
        let mut bed = Self { folder, store, operations: None, router: Router::new(), tokens, access };
        bed.open(approval, reached).await.expect("it opens");
        bed
    }

    /// What a new program finds: the log and the config, and nothing else of the old one.
    pub(crate) async fn open(&mut self, approval: Value, reached: Reached) -> Result<(), OperationError> {
        self.router = Router::new();
        self.operations = None;
        let wire =
            json!({"file": {"config": self.config()}, "log": self.log(), "approval": approval, "services": ["push"]});
        let mut faults = Faults::default();
        let wire: operations::Wire = serde_json::from_value(wire).expect("it is as it is written");
        let settings = wire.validate("operations", &mut faults).expect("it is sound");
        assert_eq!(faults.0, []);
        let operations = Operations::open_watched(settings, now(), reached).await?;
        let access = Access::new(self.access.clone(), false).expect("random numbers");
        let app = App {
            access: Arc::new(access),
            operations: Some(Arc::new(operations.clone())),
            clock: now,
            ..App::new(self.store.clone(), Arc::new(Lifecycle::builtin()))
        };
        self.router = router(app);
        self.operations = Some(operations);
        Ok(())
    }

    pub(crate) async fn reopen(&mut self) {
        self.open(json!({}), Arc::new(|_| Ok(()))).await.expect("it opens");
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("pointsman.json")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("operations.jsonl")
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.config()).expect("it can be read")
    }

    /// The log, found to be whole.
    pub(crate) fn lines(&self) -> Vec<Line> {
        operations::verify(&std::fs::read(self.log()).expect("it can be read")).expect("its chain is whole")
    }

    /// How far each line of the log says that its operation has come, and what it says of it.
    pub(crate) fn steps(&self) -> Vec<Value> {
        self.lines().iter().map(|line| json!(line.step)).collect()
    }

    pub(crate) fn token(&self, person: &str) -> &str {
        &self.tokens[person]
    }

    /// A request as it is, from an address.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        peer: &str,
    ) -> Said {
        let mut request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = Peer(peer.parse().expect("an address"));
        let request = request.extension(peer).body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().call(request).await.expect("infallible");
        let status = response.status();
        let cookie = response.headers().get(header::SET_COOKIE).map(|cookie| cookie.to_str().expect("text").to_owned());
        let bytes = to_bytes(response.into_body(), 1 << 22).await.expect("a body");
        Said { status, cookie, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    /// A request with somebody's token; as nobody without one.
    pub(crate) async fn call(&self, person: &str, method: Method, path: &str, body: &Value) -> Said {
        let token = self.tokens.get(person).map(|token| format!("Bearer {token}"));
        let json = ("content-type", "application/json");
        let headers: Vec<(&str, &str)> =
            token.iter().map(|token| ("authorization", token.as_str())).chain([json]).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, &body, ABROAD).await
    }

    pub(crate) async fn post(&self, person: &str, path: &str, body: &Value) -> Said {
        self.call(person, Method::POST, path, body).await
    }

    pub(crate) async fn get(&self, person: &str, path: &str) -> Said {
        self.call(person, Method::GET, path, &Value::Null).await
    }

    /// The newest entry of the list.
    pub(crate) async fn newest(&self) -> Value {
        self.get("carol", "operations").await.body["entries"][0].clone()
    }

    /// An order that waits for somebody else.
    pub(crate) async fn waiting(&self, person: &str) -> String {
        let said = self.post(person, "operations", &wide()).await;
        assert_eq!((said.status.as_u16(), said.text("step")), (202, "waiting"), "{said:?}");
        said.text("id").to_owned()
    }
}

fn people() -> (BTreeMap<&'static str, String>, access::Settings) {
    let mut tokens = BTreeMap::new();
    let mut written = Vec::new();
    for (key, name, role) in [
        ("alice", "alice@example.com", "operator"),
        ("alice-too", " Alice@Example.com", "approver"),
        ("bob", "bob@example.com", "approver"),
        ("carol", "carol@example.com", "viewer"),
        ("dave", "dave@example.com", "operator"),
    ] {
        let token = new_token().expect("random numbers");
        written.push(json!({"name": name, "role": role, "sha256": token.hash.to_string()}));
        tokens.insert(key, token.token);
    }
    let wire = json!({"tokens": written, "proxy": {"from": ["10.0.0.0/8"], "user_header": "x-user",
        "users": {"erin": "operator"}}});
    let mut faults = Faults::default();
    let wire: access::Wire = serde_json::from_value(wire).expect("it is as it is written");
    let settings = wire.validate("access", &mut faults);
    assert_eq!(faults.0, []);
    (tokens, settings)
}

/// An order that one person may give.
pub(crate) fn switch() -> Value {
    json!({"kind": "switch", "channel": "xiaomi", "to": ["xiaomi-b"], "for": "30m", "reason": "vendor \"down\""})
}

/// One that needs a second person.
pub(crate) fn wide() -> Value {
    json!({"kind": "shed", "channel": "xiaomi", "for": "30m", "reason": "vendor \"down\""})
}

pub(crate) fn back() -> Value {
    json!({"kind": "back", "channel": "xiaomi", "reason": "it is well"})
}

/// Whoever ends everything at a moment.
pub(crate) fn crash_at(moment: Moment) -> Reached {
    Arc::new(move |reached| if reached == moment { Err(Crash) } else { Ok(()) })
}
