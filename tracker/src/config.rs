//! The config file: wire types, and what they become once they are found to be sound.
//!
//! Each section is read by itself, so that what is wrong in one does not hide what is wrong in another.

pub mod fault;
mod limits;
mod recipients;
mod sections;
mod statuses;
mod store;
mod tls;
pub mod values;

pub use recipients::Recipients;
pub use store::StoreSettings;
pub use tls::TlsFiles;

use crate::answers::patterns;
use crate::serve::{Limits, PageSettings};
use crate::{access, ingest, operations, page};
use fault::Faults;
use pointsman_core::lifecycle::Lifecycle;
use sections::Sections;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A config in which nothing is wrong.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and key; without them it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Which engine keeps the events.
    pub store: StoreSettings,
    /// How records are taken.
    pub ingest: ingest::Settings,
    /// Who may look, and who may do more; without it anybody may look.
    pub access: Option<access::Settings>,
    /// Whose rules may be changed, and by which operations; without it nobody can.
    pub operations: Option<operations::Settings>,
    /// What the page is told, and how many failures of a kind are too many.
    pub page: PageSettings,
    /// How recipients are hashed.
    pub recipients: Recipients,
    /// The statuses, those that are built in and those that are added.
    pub lifecycle: Lifecycle,
    /// Bounds of queries.
    pub limits: Limits,
    /// The most connections at once.
    pub connections: usize,
    /// How long a peer may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long requests that are under way may take once it is told to stop.
    pub stop_timeout: Duration,
}

impl Config {
    /// Reads a config in YAML; an empty one is all defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(yaml: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut sections = Sections::read(yaml, &mut faults);
        let listen = listen(sections.take("listen", &mut faults), &mut faults);
        let tls = sections.take::<Option<tls::Wire>>("tls", &mut faults).map(tls::Wire::validate);
        let store = sections.take::<store::Wire>("store", &mut faults).validate("store", &mut faults);
        let ingest = sections.take::<ingest::Wire>("ingest", &mut faults).validate("ingest", &mut faults);
        let access = sections.take::<Option<access::Wire>>("access", &mut faults);
        let access = access.map(|wire| wire.validate("access", &mut faults));
        let operations = sections.take::<Option<operations::Wire>>("operations", &mut faults);
        let operations = operations.and_then(|wire| wire.validate("operations", &mut faults));
        let patterns = sections.take::<patterns::Wire>("patterns", &mut faults).validate("patterns", &mut faults);
        let page = sections.take::<page::Wire>("page", &mut faults).validate("page", &mut faults);
        let page = PageSettings { patterns, ..page };
        let recipients =
            sections.take::<recipients::Wire>("recipients", &mut faults).validate("recipients", &mut faults);
        let lifecycle =
            statuses::validate(&sections.take::<Vec<statuses::Wire>>("statuses", &mut faults), "statuses", &mut faults);
        let limits = sections.take::<limits::Wire>("limits", &mut faults).validate("limits", &mut faults);
        sections.end(&mut faults);
        let limits::All { limits, connections, header_timeout, stop_timeout } = limits;
        let config = Self {
            listen,
            tls,
            store,
            ingest,
            access,
            operations,
            page,
            recipients,
            lifecycle,
            limits,
            connections,
            header_timeout,
            stop_timeout,
        };
        if faults.is_empty() {
            config.check_reach(config.listen, &mut faults);
        }
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// Whoever else can reach the port must not be able to write or to look without saying who they are.
    pub fn check_reach(&self, listen: SocketAddr, faults: &mut Faults) {
        if listen.ip().is_loopback() {
            return;
        }
        if self.ingest.tokens.is_empty() {
            let what = format!("others can reach {listen}, and anybody could send records: give `ingest.tokens`");
            faults.add("listen", what);
        }
        if self.access.is_none() {
            let what = format!(
                "others can reach {listen}, and anybody could look: give `access.tokens` or `access.proxy`, or say \
                 `access: {{anonymous: true}}` to let everybody look"
            );
            faults.add("listen", what);
        }
    }
}

/// The address that is written, else the one of OTLP on this machine alone.
fn listen(text: Option<String>, faults: &mut Faults) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 4318));
    let Some(text) = text else { return default };
    text.parse().unwrap_or_else(|_| {
        faults.add("listen", format!("`{text}` is no address with a port: write it like {default}"));
        default
    })
}

#[cfg(test)]
mod tests;
