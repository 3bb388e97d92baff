//! Every call between Envoy and the filter during one push, from Envoy's own log.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::load::Connection;
use crate::push::Push;
use crate::sidecar::{Lab, Variant};

const LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// What Envoy logs when the stream is over for the filter.
const LAST: &str = "proxy_on_delete";

/// Sends one push and prints the calls.
pub(crate) async fn print(lab: &Lab) -> Result<()> {
    let sidecar = lab.start(Variant::Pointsman, Some("wasm:trace")).await?;
    sidecar.ready().await?;
    let before = sidecar.log().len();
    Connection::open(sidecar.addr(), Push::new(0)).await?.exchange().await?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let log = sidecar.log();
        let new = log.get(before..).unwrap_or_default();
        if new.contains(LAST) {
            println!("{new}");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the push left no trace in the log:\n{new}");
        sleep(POLL).await;
    }
}
