//! The way to a cluster, as kubectl finds it, and the three calls that are made there.

use super::error::ClusterError;
use super::object::Object;
use http::{Method, Request, header};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How long a call may take, with all that the client tries again by itself.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
const WHO_AM_I: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// Somebody in whose name a caller acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
}

/// How to get to a cluster.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The kubeconfig; without it `KUBECONFIG`, `~/.kube/config`, or a pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; without it the current one.
    pub context: Option<String>,
    /// In whose name.
    pub acting: Option<Person>,
}

/// A cluster, and who asks.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    acting: Option<Person>,
    call: Duration,
}

impl Cluster {
    /// Finds the way to a cluster. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ClusterError::Access`].
    pub async fn connect(access: &Access) -> Result<Self, ClusterError> {
        let mut config = config(access).await?;
        config.connect_timeout = Some(CONNECT);
        // Where the kubeconfig acts in somebody's name already, that name is what can be changed per call.
        let name = config.auth_info.impersonate.take();
        let groups = config.auth_info.impersonate_groups.take().unwrap_or_default();
        let acting = access.acting.clone().or_else(|| name.map(|name| Person { name, groups }));
        let client = Client::try_from(config).map_err(|error| ClusterError::Access(Box::new(error)))?;
        Ok(Self { client, acting, call: CALL })
    }

    /// The same cluster in somebody's name: the API server allows that only to who may `impersonate` them, and judges each
    /// call by what *they* may do. So a service that has signed a user in needs no rights of its own on any object.
    #[must_use]
    pub fn acting_as(&self, person: Person) -> Self {
        Self { acting: Some(person), ..self.clone() }
    }

    /// With another limit for a call than ten seconds.
    #[must_use]
    pub fn within(self, call: Duration) -> Self {
        Self { call, ..self }
    }

    /// Who the API server takes the caller for.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn user(&self) -> Result<String, ClusterError> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let review = self.call("who you are", None, Method::POST, WHO_AM_I, Some(&review)).await?;
        let user = review["status"]["userInfo"]["username"].as_str();
        user.map(str::to_owned).ok_or_else(|| no_object("it does not say who you are"))
    }

    /// The name to sign with: the caller's own, which `claimed` may only repeat.
    ///
    /// # Errors
    /// [`ClusterError::NotYou`], and what can go wrong with a call.
    pub async fn signer(&self, claimed: Option<&str>) -> Result<String, ClusterError> {
        let user = self.user().await?;
        match claimed {
            Some(claimed) if claimed != user => Err(ClusterError::NotYou { user, claimed: claimed.to_owned() }),
            _ => Ok(user),
        }
    }

    /// An object as it stands.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn get(&self, object: &Object) -> Result<Value, ClusterError> {
        let found = self.call("to read", Some(object), Method::GET, &object.path(), None).await?;
        if found["metadata"]["resourceVersion"].is_string() { Ok(found) } else { Err(no_object("it has no version")) }
    }

    /// Puts a whole object in the place of the one of the same `resourceVersion`, if it still is the one.
    pub(super) async fn replace(&self, object: &Object, new: &Value, dry_run: bool) -> Result<Value, ClusterError> {
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager=pointsman{dry}", object.path());
        self.call("to change", Some(object), Method::PUT, &path, Some(new)).await
    }

    async fn call(
        &self,
        what: &str,
        object: Option<&Object>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClusterError> {
        let what = object.map_or_else(|| what.to_owned(), |object| format!("{what} {object}"));
        let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
        if let Some(person) = &self.acting {
            request = request.header("impersonate-user", &person.name);
            for group in &person.groups {
                request = request.header("impersonate-group", group);
            }
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = request.body(body).map_err(|error| ClusterError::Access(Box::new(error)))?;
        match tokio::time::timeout(self.call, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| ClusterError::of_call(&what, object, error)),
            Err(_) => Err(ClusterError::too_slow(&what, self.call)),
        }
    }
}

async fn config(access: &Access) -> Result<Config, ClusterError> {
    let unreachable = |error: kube::config::KubeconfigError| ClusterError::Access(Box::new(error));
    let options = KubeConfigOptions { context: access.context.clone(), cluster: None, user: None };
    match &access.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(unreachable)?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(unreachable)
        }
        None if access.context.is_some() => Config::from_kubeconfig(&options).await.map_err(unreachable),
        None => Config::infer().await.map_err(|error| ClusterError::Access(Box::new(error))),
    }
}

fn no_object(message: &str) -> ClusterError {
    ClusterError::Answer { code: 0, message: message.to_owned() }
}
