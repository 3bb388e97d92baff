//! The HTTP server: one port for records, queries, the page and what watches it.

mod app;
mod expire;
mod guard;
mod keys;
mod router;
mod run;
mod state;
mod stream;
mod tls;
mod watch;

pub use app::{App, Limits, PageSettings, now_ms};
pub use expire::expire;
pub use guard::Failure;
pub use keys::RecipientKeys;
pub use router::router;
pub use run::{Settings, run};
pub use state::State;
pub use tls::{Tls, TlsError};
pub use watch::watch;
