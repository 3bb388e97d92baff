//! A running sidecar: whether it does what its variant must do.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use pointsman_core::trace::{Key, TraceParent};
use pointsman_host::scrape::Scrape;
use pointsman_host::sidecar;
use tokio::time::{Instant, sleep};

use crate::lab::{SECRET, Variant};
use crate::load::Connection;
use crate::push::{Push, SEEN_HEADER};

/// The tenant where the rules name none.
const TENANT: &str = "default";

/// How long the first rules may take until they are in force, and counts until they are all to be seen.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// A running variant.
pub(crate) struct Sidecar {
    pub(crate) variant: Variant,
    sidecar: sidecar::Sidecar,
}

impl Sidecar {
    pub(crate) const fn new(variant: Variant, sidecar: sidecar::Sidecar) -> Self {
        Self { variant, sidecar }
    }

    /// Where pushes go in.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.sidecar.outbound()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.sidecar.pid()
    }

    pub(crate) fn log(&self) -> String {
        self.sidecar.log()
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
            let errors = self.sidecar.scrape().await?.sum("envoy_http_lua_errors", &[]);
            ensure!(errors == 0.0, "the Lua filter has failed {errors} times");
        }
        if !self.variant.is_pointsman() {
            return Ok(());
        }
        let expected = Counts::perfect(pushes + 1);
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let counted = Counts::read(&self.sidecar.scrape().await?);
            if counted == expected {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{} has counted {counted:?} and not {expected:?}", self.variant.name());
            }
            sleep(POLL).await;
        }
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

impl Counts {
    const fn perfect(pushes: u64) -> Self {
        Self { messages: pushes, accepted: pushes, traces: pushes, derived: pushes, bypassed: 0 }
    }

    fn read(scrape: &Scrape) -> Self {
        let sum = |metric: &str, labels: &[(&str, &str)]| scrape.sum(metric, labels) as u64;
        Self {
            messages: sum("pointsman_node_messages_total", &[]),
            accepted: sum("pointsman_node_messages_total", &[("node", "OPPO_PUSH"), ("outcome", "ok")]),
            traces: sum("pointsman_trace_contexts_total", &[]),
            derived: sum("pointsman_trace_contexts_total", &[("result", "derived")]),
            bypassed: sum("pointsman_bypassed_total", &[]),
        }
    }
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
