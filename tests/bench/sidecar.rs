//! The variants of the sidecar, each the shipped bootstrap with another filter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pointsman_core::trace::{Key, TraceParent};
use pointsman_host::envoy::{Envoy, Filter, Options, Rules, binary_from_env};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::load::Connection;
use crate::push::{Push, SEEN_HEADER};
use crate::upstream;

const LUA: &str = include_str!("lua.lua");
const LUA_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";

/// The rules that ship as the example: six channels, and the request is held for the message id in its body.
const RULES: &str = include_str!("../../envoy/pointsman.json");

/// The cluster to which the pushes go.
const CLUSTER: &str = "oppo";

/// Any secret will do.
const SECRET: &str = "bench-bench-bench-bench";
const TENANT: &str = "default";

/// How long the first rules may take until they are in force, and counts until they are all to be seen.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// What stands in the sidecar's filter chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    /// Nothing but the router.
    Bare,
    /// A proxy-wasm filter that does nothing.
    Noop,
    /// A Lua filter that does the same visible work as Pointsman.
    Lua,
    /// Pointsman.
    Pointsman,
    /// Another build of Pointsman.
    Other,
}

impl Variant {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare Envoy",
            Self::Noop => "Wasm that does nothing",
            Self::Lua => "Lua",
            Self::Pointsman => "Pointsman",
            Self::Other => "Pointsman, other build",
        }
    }

    const fn is_pointsman(self) -> bool {
        matches!(self, Self::Pointsman | Self::Other)
    }
}

/// What all sidecars have in common, and the upstream behind them.
pub(crate) struct Lab {
    binary: PathBuf,
    root: PathBuf,
    other: Option<PathBuf>,
    upstream: Envoy,
}

impl Lab {
    /// Starts the upstream.
    pub(crate) async fn new(other: Option<PathBuf>) -> Result<Self> {
        let binary = binary_from_env()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let upstream = upstream::start(Options::new(&binary, bootstrap(&root), Filter::None)).await?;
        Ok(Self { binary, root, other, upstream })
    }

    /// The variants to be measured.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        let mut variants = vec![Variant::Bare, Variant::Noop, Variant::Lua, Variant::Pointsman];
        variants.extend(self.other.as_ref().map(|_| Variant::Other));
        variants
    }

    /// Starts a sidecar.
    pub(crate) async fn start(&self, variant: Variant, log_level: Option<&str>) -> Result<Sidecar> {
        let filter = match variant {
            Variant::Bare | Variant::Lua => Filter::None,
            Variant::Noop => Filter::Wasm(self.root.join("target/noop.wasm")),
            Variant::Pointsman => Filter::Wasm(self.root.join("target/pointsman.wasm")),
            Variant::Other => Filter::Wasm(self.other.clone().context("there is no other build")?),
        };
        let mut options = Options::new(&self.binary, bootstrap(&self.root), filter);
        options = options.upstream(CLUSTER, self.upstream.outbound());
        options.log_level = log_level.map(ToOwned::to_owned);
        if variant == Variant::Lua {
            options.edit = Some(Box::new(insert_lua));
        }
        if variant.is_pointsman() {
            options.rules = Rules::Config(RULES.to_owned());
            options.secret = Some(SECRET.to_owned());
        }
        let envoy = Envoy::start(options).await.with_context(|| format!("{} does not start", variant.name()))?;
        Ok(Sidecar { variant, envoy })
    }
}

fn bootstrap(root: &Path) -> PathBuf {
    root.join("envoy/bootstrap.yaml")
}

/// The HTTP connection manager of the outbound listener.
pub(crate) fn http_connection_manager(bootstrap: &mut Value) -> Option<&mut Value> {
    let listeners = bootstrap.pointer_mut("/static_resources/listeners")?.as_array_mut()?;
    let outbound = listeners.iter_mut().find(|listener| listener["name"] == "outbound")?;
    outbound.pointer_mut("/filter_chains/0/filters/0/typed_config")
}

fn insert_lua(bootstrap: &mut Value) {
    let manager = http_connection_manager(bootstrap);
    if let Some(filters) = manager.and_then(|manager| manager["http_filters"].as_array_mut()) {
        let config = json!({ "@type": LUA_TYPE, "default_source_code": { "inline_string": LUA } });
        filters.insert(0, json!({ "name": "envoy.filters.http.lua", "typed_config": config }));
    }
}

/// A running variant.
pub(crate) struct Sidecar {
    pub(crate) variant: Variant,
    envoy: Envoy,
}

impl Sidecar {
    /// Where pushes go in.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.envoy.outbound()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.envoy.pid()
    }

    pub(crate) fn log(&self) -> String {
        self.envoy.log()
    }

    /// Returns once a push comes out at the upstream as this variant must make it: with a trace or without. Rules that
    /// come from a file take a moment; what passes before is not counted by anyone.
    pub(crate) async fn ready(&self) -> Result<()> {
        let mut probe = Connection::open(self.addr(), Push::probe(0)).await?;
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let seen = seen_header(probe.exchange().await?);
            let fits = match (self.variant, &seen) {
                (Variant::Bare | Variant::Noop, seen) => seen.is_none(),
                (Variant::Lua, Some(seen)) => TraceParent::parse(seen.as_bytes()).is_ok(),
                (_, Some(seen)) => is_derived(seen, &probe.message_id()),
                (_, None) => false,
            };
            if fits {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{}: the upstream has seen traceparent {seen:?}", self.variant.name());
            sleep(POLL).await;
        }
    }

    /// Checks that Pointsman has counted all of `pushes` and the one that [`Sidecar::ready`] has sent, each as accepted
    /// and with a derived trace; and that no error hides behind the other variants.
    pub(crate) async fn check_counts(&self, pushes: u64) -> Result<()> {
        if self.variant == Variant::Lua {
            let errors = self.envoy.scrape().await?.sum("envoy_http_lua_errors", &[]);
            ensure!(errors == 0.0, "the Lua filter has failed {errors} times");
        }
        if !self.variant.is_pointsman() {
            return Ok(());
        }
        let expected = Counts { messages: pushes + 1, accepted: pushes + 1, traces: pushes + 1, derived: pushes + 1, bypassed: 0 };
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let counted = self.counts().await?;
            if counted == expected {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{} has counted {counted:?} and not {expected:?}", self.variant.name());
            }
            sleep(POLL).await;
        }
    }

    async fn counts(&self) -> Result<Counts> {
        let scrape = self.envoy.scrape().await?;
        let node = ("node", "OPPO_PUSH");
        let sum = |metric: &str, labels: &[(&str, &str)]| scrape.sum(metric, labels) as u64;
        Ok(Counts {
            messages: sum("pointsman_node_messages_total", &[]),
            accepted: sum("pointsman_node_messages_total", &[node, ("outcome", "ok")]),
            traces: sum("pointsman_trace_contexts_total", &[]),
            derived: sum("pointsman_trace_contexts_total", &[("result", "derived")]),
            bypassed: sum("pointsman_bypassed_total", &[]),
        })
    }
}

/// What Pointsman says that it has done.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    messages: u64,
    accepted: u64,
    traces: u64,
    derived: u64,
    bypassed: u64,
}

fn seen_header(head: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(SEEN_HEADER)?.strip_prefix(": ")?.to_owned());
    head.lines().find_map(value).filter(|value| !value.is_empty() && value != "-")
}

fn is_derived(traceparent: &str, message_id: &str) -> bool {
    let derived = Key::new(SECRET.as_bytes()).ok().map(|key| key.trace_id(TENANT, message_id));
    let seen = TraceParent::parse(traceparent.as_bytes()).ok().map(|context| context.trace_id);
    derived.is_some() && derived == seen
}
