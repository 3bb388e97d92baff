//! Every call between Envoy and the filter during one push, from Envoy's own log.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::lab::{Lab, Variant};
use crate::load::Connection;
use crate::push::Push;

const LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// What Envoy logs when the stream is over for the filter.
const LAST: &str = "host<-vm] proxy_on_delete";

/// What Envoy logs when it calls the filter, and when the filter calls Envoy.
const CALLBACK: &str = "[host->vm]";
const HOST_CALL: &str = "[vm->host]";

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
            show(new);
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the push left no trace in the log:\n{new}");
        sleep(POLL).await;
    }
}

/// One line per callback, and below it one for each host call that it makes. The allocations that a host call asks of the
/// filter in its turn are callbacks too.
fn show(log: &str) {
    let host_calls = log.lines().filter(|line| line.contains(HOST_CALL)).count();
    for line in log.lines() {
        if let Some(at) = line.find(CALLBACK) {
            println!("{}", &line[at..]);
        } else if let Some(at) = line.find(HOST_CALL) {
            println!("    {}", &line[at..]);
        }
    }
    println!("{host_calls} host calls");
}
