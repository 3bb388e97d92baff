//! Pushes at a steady rate that no slow answer changes: each begins at its time, on a connection of its own, so that
//! both workers get as many.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use pointsman_host::http::{Version, send_within};
use pointsman_host::vendors::Vendors;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What the issue of a failing vendor is looked at with.
pub(crate) const A_SECOND: u32 = 200;

/// Longer than any answer takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// One push and what its caller got.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    /// Its number, of which id and recipient are made.
    pub(crate) number: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Nothing if no whole answer has come.
    pub(crate) answer: Option<(StatusCode, Bytes)>,
}

impl Push {
    pub(crate) fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |(status, _)| status.as_u16())
    }

    /// Whether the answer says so, in the shape of OPPO, the gateway or FCM.
    pub(crate) fn is_done(&self) -> bool {
        let Some((StatusCode::OK, body)) = &self.answer else { return false };
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        body["code"] == 0 || body["name"].is_string() || body["Response"]["SendStatusSet"][0]["Code"] == "Ok"
    }
}

/// A stream of pushes under way.
pub(crate) struct Steady {
    stop: watch::Sender<bool>,
    begun: watch::Receiver<usize>,
    sender: JoinHandle<()>,
    ended: UnboundedReceiver<Push>,
    pushes: Vec<Push>,
}

impl Steady {
    /// Begins to send what `make` makes of the numbers from 0 on.
    pub(crate) fn start(listener: SocketAddr, make: fn(usize) -> Request<Bytes>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (into, ended) = unbounded_channel();
        let (beginning, begun) = watch::channel(0);
        let sender = tokio::spawn(async move {
            let mut pace = interval(Duration::from_secs(1) / A_SECOND);
            // What a busy machine was too late for is made up for, so that the rate stays.
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for number in 0.. {
                pace.tick().await;
                if *stopped.borrow() {
                    break;
                }
                beginning.send_replace(number + 1);
                let into = into.clone();
                tokio::spawn(async move {
                    let began = Instant::now();
                    let request = make(number).map(Full::new);
                    let answer = send_within(listener, Version::Http1, request, ANSWER_LIMIT).await.ok();
                    let answer = answer.map(|answer| (answer.status, answer.body));
                    let _ = into.send(Push { number, began, ended: Instant::now(), answer });
                });
            }
        });
        Self { stop, begun, sender, ended, pushes: Vec::new() }
    }

    /// The pushes that have ended so far.
    pub(crate) fn so_far(&mut self) -> &[Push] {
        while let Ok(push) = self.ended.try_recv() {
            self.pushes.push(push);
        }
        &self.pushes
    }

    /// Waits until the pushes that have ended are enough.
    pub(crate) async fn until(&mut self, what: &str, mut enough: impl FnMut(&[Push]) -> bool) {
        let deadline = Instant::now() + 2 * pointsman_tests::PATIENCE;
        while !enough(self.so_far()) {
            assert!(Instant::now() < deadline, "waited for {what}, after {} pushes", self.pushes.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many more pushes have begun, whether or not they end.
    pub(crate) async fn until_begun(&mut self, more: usize) {
        let enough = *self.begun.borrow() + more;
        let begun =
            tokio::time::timeout(pointsman_tests::PATIENCE, self.begun.wait_for(|begun| *begun >= enough)).await;
        begun.expect("pushes go on").expect("the sender lives");
    }

    /// Waits until a push that began after this instant has ended.
    pub(crate) async fn run_until(&mut self, instant: Instant) {
        self.until("pushes to go on", |pushes| pushes.iter().any(|push| push.began >= instant)).await;
    }

    /// Lets every push that is under way end, and returns all, in their order.
    pub(crate) async fn stop(mut self) -> Vec<Push> {
        let _ = self.stop.send(true);
        self.sender.await.unwrap();
        while let Some(push) = self.ended.recv().await {
            self.pushes.push(push);
        }
        self.pushes.sort_by_key(|push| push.number);
        self.pushes
    }
}

/// How often each recipient's message was accepted, and seen, by whom. The pushes of a test have a recipient each, so
/// that one message has one line, though vendors may know it by different ids.
pub(crate) struct Tally(BTreeMap<String, Vec<(&'static str, u64, u64)>>);

impl Tally {
    pub(crate) fn of(vendors: &[&Vendors]) -> Self {
        let mut tally: BTreeMap<String, Vec<(&'static str, u64, u64)>> = BTreeMap::new();
        for books in vendors.iter().map(|vendors| vendors.books()) {
            for (_, recipient, book) in books.iter() {
                let by = Vendors::names().map(|vendor| (vendor, book.by(vendor).accepted, book.by(vendor).seen));
                tally.entry(recipient.to_owned()).or_default().extend(by.filter(|(_, accepted, _)| *accepted > 0));
            }
        }
        Self(tally)
    }

    fn of_one(&self, recipient: &str) -> &[(&'static str, u64, u64)] {
        self.0.get(recipient).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn accepted(&self, recipient: &str) -> u64 {
        self.of_one(recipient).iter().map(|(_, accepted, _)| accepted).sum()
    }

    pub(crate) fn seen(&self, recipient: &str) -> u64 {
        self.of_one(recipient).iter().map(|(.., seen)| seen).sum()
    }

    pub(crate) fn is_by(&self, recipient: &str, vendor: &str) -> bool {
        self.of_one(recipient).iter().any(|(known, ..)| *known == vendor)
    }

    /// Those of some pushes that no vendor has accepted.
    pub(crate) fn lost<'a>(&self, pushes: &'a [Push], recipient: fn(usize) -> String) -> Vec<&'a Push> {
        pushes.iter().filter(|push| self.accepted(&recipient(push.number)) == 0).collect()
    }

    /// Those that were accepted more than once.
    pub(crate) fn doubled<'a>(&self, pushes: &'a [Push], recipient: fn(usize) -> String) -> Vec<&'a Push> {
        pushes.iter().filter(|push| self.accepted(&recipient(push.number)) > 1).collect()
    }

    /// The share of some pushes that one vendor has accepted.
    pub(crate) fn share<'a>(
        &self,
        pushes: impl Iterator<Item = &'a Push>,
        recipient: fn(usize) -> String,
        vendor: &str,
    ) -> f64 {
        let (mut there, mut all) = (0.0, 0.0);
        for push in pushes {
            all += 1.0;
            there += f64::from(u8::from(self.is_by(&recipient(push.number), vendor)));
        }
        there / all
    }
}
