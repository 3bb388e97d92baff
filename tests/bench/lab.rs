//! The variants of the sidecar: the shipped bootstrap of Envoy with one filter or another, and the native proxy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pointsman_host::envoy::{Envoy, Filter, Options, Rules, binary_from_env};
use pointsman_host::sidecar::{self, Native, NativeOptions, Setup};
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::sidecar::Sidecar;
use crate::upstream;

const LUA: &str = include_str!("lua.lua");
const LUA_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";

/// The rules that ship as the example: six channels, and the request is held for the message id in its body.
const RULES: &str = include_str!("../../envoy/pointsman.json");

/// The same channels with breakers, and with failover in flight: answers wait until they have been judged.
const WITH_RULES: &str = include_str!("../../host-harness/scenarios/rules.json");

/// The cluster to which the pushes go, and the one of the collector.
const CLUSTER: &str = "oppo";
const COLLECTOR: &str = "otlp";

/// The share of traces whose spans are exported.
const SAMPLED: f64 = 0.1;

/// Any secret will do.
pub(crate) const SECRET: &str = "bench-bench-bench-bench";

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
    /// Pointsman with rules for every channel.
    Rules,
    /// Pointsman that exports the states of all messages, and spans of some.
    Records,
    /// Another build of Pointsman.
    Other,
    /// Pointsman in the native proxy.
    Native,
}

impl Variant {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare Envoy",
            Self::Noop => "Wasm that does nothing",
            Self::Lua => "Lua",
            Self::Pointsman => "Pointsman",
            Self::Rules => "Pointsman with rules",
            Self::Records => "Pointsman with records",
            Self::Other => "Pointsman, other build",
            Self::Native => "Pointsman in the native proxy",
        }
    }

    pub(crate) const fn is_pointsman(self) -> bool {
        matches!(self, Self::Pointsman | Self::Rules | Self::Records | Self::Other | Self::Native)
    }

    /// Whether what it adds to a bare Envoy means something.
    pub(crate) const fn adds_to_envoy(self) -> bool {
        !matches!(self, Self::Bare | Self::Native)
    }
}

/// What all sidecars have in common, and the upstream behind them.
pub(crate) struct Lab {
    binary: PathBuf,
    root: PathBuf,
    other: Option<PathBuf>,
    upstream: Envoy,
    collector: Collector,
}

impl Lab {
    /// Starts the upstream.
    pub(crate) async fn new(other: Option<PathBuf>) -> Result<Self> {
        let binary = binary_from_env()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let upstream = upstream::start(Options::new(&binary, bootstrap(&root), Filter::None)).await?;
        Ok(Self { binary, root, other, upstream, collector: Collector::start()? })
    }

    /// The variants to be measured.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        let mut variants =
            vec![Variant::Bare, Variant::Noop, Variant::Lua, Variant::Pointsman, Variant::Rules, Variant::Records];
        variants.extend(self.other.as_ref().map(|_| Variant::Other));
        variants.push(Variant::Native);
        variants
    }

    /// Bytes that a record has taken on the wire so far, on average; `None` before the first.
    pub(crate) fn bytes_per_record(&self) -> Option<f64> {
        self.collector.bytes_per_record()
    }

    /// Starts a sidecar.
    pub(crate) async fn start(&self, variant: Variant, log_level: Option<&str>) -> Result<Sidecar> {
        if variant == Variant::Native {
            return Ok(Sidecar::new(variant, sidecar::Sidecar::Native(self.native(1).await?)));
        }
        let filter = match variant {
            Variant::Bare | Variant::Lua | Variant::Native => Filter::None,
            Variant::Noop => Filter::Wasm(self.root.join("target/noop.wasm")),
            Variant::Pointsman | Variant::Rules | Variant::Records => {
                Filter::Wasm(self.root.join("target/pointsman.wasm"))
            }
            Variant::Other => Filter::Wasm(self.other.clone().context("there is no other build")?),
        };
        let mut options = Options::new(&self.binary, bootstrap(&self.root), filter);
        options = options.upstream(CLUSTER, self.upstream.outbound());
        options = options.upstream(COLLECTOR, self.collector.addr());
        options.log_level = log_level.map(ToOwned::to_owned);
        if variant == Variant::Lua {
            options.edit = Some(Box::new(insert_lua));
        }
        if variant.is_pointsman() {
            options.rules = Rules::Config(match variant {
                Variant::Rules => WITH_RULES.to_owned(),
                Variant::Records => with_records()?,
                _ => RULES.to_owned(),
            });
            options.secret = Some(SECRET.to_owned());
        }
        let envoy = Envoy::start(options).await.with_context(|| format!("{} does not start", variant.name()))?;
        Ok(Sidecar::new(variant, sidecar::Sidecar::Envoy(Box::new(envoy))))
    }

    /// Starts the native proxy in its release build; compiled modules are kept from one start to the next.
    pub(crate) async fn native(&self, workers: u32) -> Result<Native> {
        let target = self.root.join("target");
        let options = NativeOptions {
            program: target.join("release/pointsman"),
            config: self.root.join("host-harness/pointsman.yaml"),
            module_cache: Some(target.join("modules")),
            setup: Setup {
                filter_wasm: target.join("pointsman.wasm"),
                rules: RULES.to_owned(),
                upstreams: BTreeMap::from([(CLUSTER.to_owned(), self.upstream.outbound().into())]),
                credentials: BTreeMap::new(),
                workers,
                secret: SECRET.to_owned(),
            },
        };
        Native::start(options).await.context("the native proxy does not start")
    }
}

/// The rules of the example, and the collector.
fn with_records() -> Result<String> {
    let mut rules: Value = serde_json::from_str(RULES)?;
    rules["records"] = json!({ "cluster": COLLECTOR });
    rules["sample_ratio"] = json!(SAMPLED);
    Ok(rules.to_string())
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
