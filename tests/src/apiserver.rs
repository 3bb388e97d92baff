//! A stand-in of the Kubernetes API server, as strict as the real one in what `pointsman` asks of it.
//!
//! Rights come from Roles and bindings as they ship, refusals from the admission policies as they ship. It does not answer
//! whom it does not know, forgets no `resourceVersion`, and can be slow, cut a connection, or hide behind a load balancer.

mod answer;
pub mod rights;

pub use rights::User;

use crate::admission::{Authorizer, Grant, Request as Asked, refusals};
use answer::{Answer, status};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use pointsman_host::http::{Body, Connection, full, serve};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, oneshot};

/// What happens to one request.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Its answer takes so long.
    Slow(Duration),
    /// It waits for others.
    Meet(Arc<Barrier>),
    /// The connection is cut before anything is done.
    Cut,
    /// The connection is cut when all is done.
    CutBehind,
    /// Somebody else writes the object first.
    Rival,
    /// A load balancer answers, in HTML.
    BadGateway,
}

/// One request, as an audit log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// In whose name.
    pub user: String,
    /// Who has asked in that name, if it was somebody else.
    pub asked_by: Option<String>,
    /// The method and the path.
    pub what: String,
    /// The answer.
    pub code: u16,
}

#[derive(Default)]
struct State {
    objects: Vec<Value>,
    users: Vec<(String, User)>,
    troubles: VecDeque<(Method, Trouble)>,
    audit: Vec<Audit>,
    version: u64,
}

/// A server on loopback.
pub struct ApiServer {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    folder: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
}

impl ApiServer {
    /// Starts with these objects, those of an overlay for example. Tokens are `token-of-NAME`.
    pub async fn start(objects: &[Value], users: &[(&str, &[&str])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let users = users.iter().map(|(name, groups)| (format!("token-of-{name}"), User::new(name, groups)));
        let state = Arc::new(Mutex::new(State { users: users.collect(), ..State::default() }));
        let (stop, stopped) = oneshot::channel::<()>();
        let handler = {
            let state = Arc::clone(&state);
            move |request| handle(Arc::clone(&state), request)
        };
        tokio::spawn(serve(listener, handler, async {
            let _ = stopped.await;
        }));
        let server = Self { addr, state, folder: tempfile::tempdir().expect("a folder"), _stop: stop };
        for object in objects {
            server.put(object.clone());
        }
        server
    }

    /// A kubeconfig of a user, with a token.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        let text = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.addr)}}],
            "users": [{"name": "me", "user": {"token": format!("token-of-{user}")}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": "push"}}],
        });
        let path = self.folder.path().join(user);
        std::fs::write(&path, text.to_string()).expect("the file can be written");
        path
    }

    /// Puts an object there, whatever the rules say.
    pub fn put(&self, object: Value) {
        self.lock().store(object);
    }

    /// An object as it stands.
    ///
    /// # Panics
    /// If there is none.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        crate::manifests::object(&self.lock().objects, kind, name).clone()
    }

    /// What happens to the next request of a method; told again, to the one after it.
    pub fn trouble(&self, method: Method, trouble: Trouble) {
        self.lock().troubles.push_back((method, trouble));
    }

    /// All requests so far.
    pub fn audit(&self) -> Vec<Audit> {
        self.lock().audit.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with the lock")
    }
}

async fn handle(
    state: Arc<Mutex<State>>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let trouble = {
        let mut state = state.lock().expect("no test panics with the lock");
        let index = state.troubles.iter().position(|(method, _)| *method == parts.method);
        index.and_then(|index| state.troubles.remove(index)).map(|(_, trouble)| trouble)
    };
    match &trouble {
        Some(Trouble::Slow(pause)) => tokio::time::sleep(*pause).await,
        Some(Trouble::Meet(others)) => {
            others.wait().await;
        }
        Some(Trouble::Cut) => return cut(&parts),
        Some(Trouble::BadGateway) => {
            let page = "<html>\n<head><title>502 Bad Gateway</title></head>\n</html>";
            let response = Response::builder().status(502).header("content-type", "text/html").body(full(page));
            return response.map_err(io::Error::other);
        }
        _ => {}
    }
    let answer = state.lock().expect("no test panics with the lock").answer(&parts, &body, trouble.as_ref());
    if matches!(trouble, Some(Trouble::CutBehind)) {
        return cut(&parts);
    }
    let mut response = Response::builder().status(answer.code).header("content-type", "application/json");
    for warning in &answer.warnings {
        response = response.header("warning", format!("299 - \"{warning}\""));
    }
    response.body(full(answer.body.to_string())).map_err(io::Error::other)
}

fn cut(parts: &http::request::Parts) -> Result<Response<Body>, io::Error> {
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.reset_on_close();
    }
    Err(io::Error::other("cut"))
}

/// The object that a path names.
struct Named {
    group: String,
    resource: String,
    namespace: String,
    name: String,
}

impl Named {
    fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", "networking.istio.io", "v1alpha3", rest @ ..] => ("networking.istio.io", rest),
            _ => return None,
        };
        let ["namespaces", namespace, resource @ ("configmaps" | "envoyfilters"), name] = rest else { return None };
        let [group, resource, namespace, name] = [group, resource, namespace, name].map(|text| (*text).to_owned());
        Some(Self { group, resource, namespace, name })
    }

    fn kind(&self) -> &'static str {
        if self.resource == "configmaps" { "ConfigMap" } else { "EnvoyFilter" }
    }
}

impl State {
    fn store(&mut self, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        object["metadata"]["managedFields"] = json!([{"manager": "test", "operation": "Update"}]);
        let same = |known: &Value| {
            ["/kind", "/metadata/name", "/metadata/namespace"].iter().all(|at| known.pointer(at) == object.pointer(at))
        };
        self.objects.retain(|known| !same(known));
        self.objects.push(object.clone());
        object
    }

    fn answer(&mut self, parts: &http::request::Parts, body: &Bytes, trouble: Option<&Trouble>) -> Answer {
        let what = format!("{} {}", parts.method, parts.uri.path());
        let (user, asked_by) = match self.who(parts) {
            Ok(known) => known,
            Err(answer) => {
                let audit = Audit { user: String::new(), asked_by: None, what, code: answer.code };
                self.audit.push(audit);
                return answer;
            }
        };
        let answer = self.asked(&user, parts, body, trouble);
        self.audit.push(Audit { user: user.name, asked_by, what, code: answer.code });
        answer
    }

    /// Who asks, and who asks in their name.
    fn who(&self, parts: &http::request::Parts) -> Result<(User, Option<String>), Answer> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let token = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let known = self.users.iter().find(|(known, _)| Some(known.as_str()) == token);
        let Some((_, caller)) = known else { return Err(status(401, "Unauthorized", "Unauthorized")) };
        let Some(name) = header("impersonate-user") else { return Ok((caller.clone(), None)) };
        let groups = parts.headers.get_all("impersonate-group").iter().filter_map(|group| group.to_str().ok());
        let user = User::new(name, &groups.collect::<Vec<_>>());
        let grants = rights::grants(&self.objects, caller);
        let named = user.groups.iter().filter(|group| *group != "system:authenticated").map(|group| ("groups", group));
        for (resource, name) in std::iter::once(("users", &user.name)).chain(named) {
            if !rights::allows(&grants, "impersonate", "", resource, "", name) {
                return Err(rights::forbidden(caller, "impersonate", "", resource, "", name));
            }
        }
        Ok((user, Some(caller.name.clone())))
    }

    fn asked(&mut self, user: &User, parts: &http::request::Parts, body: &Bytes, trouble: Option<&Trouble>) -> Answer {
        let path = parts.uri.path();
        if (&parts.method, path) == (&Method::POST, "/apis/authentication.k8s.io/v1/selfsubjectreviews") {
            let info = json!({"username": user.name, "groups": user.groups});
            return Answer::new(201, json!({"kind": "SelfSubjectReview", "status": {"userInfo": info}}));
        }
        let Some(named) = Named::of(path) else {
            return status(404, "NotFound", "the server could not find the requested resource");
        };
        let verb = match parts.method {
            Method::GET => "get",
            Method::PUT => "update",
            _ => {
                return status(
                    405,
                    "MethodNotAllowed",
                    "the server does not allow this method on the requested resource",
                );
            }
        };
        let grants = rights::grants(&self.objects, user);
        let Named { group, resource, namespace, name } = &named;
        if !rights::allows(&grants, verb, group, resource, namespace, name) {
            return rights::forbidden(user, verb, group, resource, namespace, name);
        }
        let of = |object: &&Value| {
            let metadata = &object["metadata"];
            object["kind"] == named.kind() && metadata["name"] == *name && metadata["namespace"] == *namespace
        };
        let Some(old) = self.objects.iter().find(of).cloned() else {
            return status(404, "NotFound", &format!("{resource} \"{name}\" not found"));
        };
        if verb == "get" {
            return Answer::new(200, old);
        }
        let old = if matches!(trouble, Some(Trouble::Rival)) { self.store(old) } else { old };
        let dry_run = parts.uri.query().unwrap_or_default().contains("dryRun=All");
        self.update(user, &named, old, body, dry_run, grants)
    }

    fn update(
        &mut self,
        user: &User,
        named: &Named,
        old: Value,
        body: &Bytes,
        dry_run: bool,
        grants: Vec<Grant>,
    ) -> Answer {
        let Named { group, resource, namespace, name } = named;
        let Ok(new) = serde_json::from_slice::<Value>(body) else {
            return status(400, "BadRequest", "the object provided is unrecognized");
        };
        let metadata = &new["metadata"];
        if new["kind"] != named.kind() || metadata["name"] != *name || metadata["namespace"] != *namespace {
            return status(400, "BadRequest", "the object does not match the URL");
        }
        // The real one takes a ConfigMap without a version and writes over what others have done: here nobody may.
        match metadata["resourceVersion"].as_str() {
            None => return status(422, "Invalid", "metadata.resourceVersion: must be specified for an update"),
            Some(version) if old["metadata"]["resourceVersion"] != version => {
                let text = format!(
                    "Operation cannot be fulfilled on {resource} \"{name}\": the object has been modified; please apply \
                     your changes to the latest version and try again"
                );
                return status(409, "Conflict", &text);
            }
            Some(_) => {}
        }
        let asked = Asked {
            group: group.clone(),
            version: if group.is_empty() { "v1" } else { "v1alpha3" }.to_owned(),
            user: json!({"username": user.name, "groups": user.groups}),
            authorizer: grants.into_iter().collect::<Authorizer>(),
            ..Asked::update(resource, namespace, old, new.clone())
        };
        match self.admit(&asked, resource, name) {
            Err(refused) => refused,
            Ok(warnings) => {
                let body = if dry_run { new } else { self.store(new) };
                Answer { warnings, ..Answer::new(200, body) }
            }
        }
    }

    /// What the policies say: warnings, or a refusal.
    fn admit(&self, asked: &Asked, resource: &str, name: &str) -> Result<Vec<String>, Answer> {
        let of_kind = |kind: &'static str| self.objects.iter().filter(move |object| object["kind"] == kind);
        let mut warnings = Vec::new();
        for binding in of_kind("ValidatingAdmissionPolicyBinding") {
            let policy = of_kind("ValidatingAdmissionPolicy")
                .find(|policy| policy["metadata"]["name"] == binding["spec"]["policyName"])
                .expect("a binding names a policy");
            let refused = match refusals(policy, binding, asked) {
                Ok(refused) => refused,
                Err(_) if policy["spec"]["failurePolicy"] == "Ignore" => continue,
                Err(fault) => vec![fault],
            };
            let actions = binding["spec"]["validationActions"].as_array().cloned().unwrap_or_default();
            for message in refused {
                if !actions.contains(&json!("Deny")) {
                    warnings.push(message);
                    continue;
                }
                let (policy, binding) = (&policy["metadata"]["name"], &binding["metadata"]["name"]);
                let text = format!(
                    "{resource} \"{name}\" is forbidden: ValidatingAdmissionPolicy '{}' with binding '{}' denied request: \
                     {message}",
                    policy.as_str().unwrap_or_default(),
                    binding.as_str().unwrap_or_default()
                );
                return Err(status(422, "Invalid", &text));
            }
        }
        Ok(warnings)
    }
}
