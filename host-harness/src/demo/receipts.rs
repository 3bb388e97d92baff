//! What vendors post to the push service about messages that have arrived, some time after they took them.

use std::net::SocketAddr;
use std::time::Duration;

use http::Request;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::push::scramble;
use super::service::RECEIPTS;
use crate::http::{Client, Version};
use crate::vendors::{Receipt, Vendors};

/// The most receipts that wait to be posted; further ones are lost.
const MAX_WAITING: usize = 4_096;

/// How long a message takes to arrive.
const SOONEST_MS: u64 = 200;
const LATEST_MS: u64 = 800;

/// Posts receipts until it is dropped.
pub(super) struct Receipts {
    _task: JoinSet<()>,
}

impl Receipts {
    pub(super) fn start(vendors: &Vendors, inbound: SocketAddr) -> Self {
        let (sender, receipts) = mpsc::channel(MAX_WAITING);
        vendors.report_to(&sender);
        let mut task = JoinSet::new();
        task.spawn(post_all(Client::new(inbound, Version::Http1), receipts));
        Self { _task: task }
    }
}

async fn post_all(client: Client, mut receipts: mpsc::Receiver<Receipt>) {
    let mut open = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            receipt = receipts.recv(), if open.len() < MAX_WAITING => match receipt {
                Some(receipt) => drop(open.spawn(post(client.clone(), receipt, number))),
                None => return,
            },
            Some(_) = open.join_next() => {}
        }
        number += 1;
    }
}

async fn post(client: Client, Receipt { vendor, body }: Receipt, number: u64) {
    tokio::time::sleep(Duration::from_millis(SOONEST_MS + scramble(number) % (LATEST_MS - SOONEST_MS))).await;
    let request = Request::post(format!("http://push.internal{RECEIPTS}{vendor}"));
    if let Ok(request) = request.header("content-type", "application/json").body(body) {
        // A receipt that does not arrive is missed in the story of its message.
        let _ = client.send(request).await;
    }
}
