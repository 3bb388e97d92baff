//! What a stand-in has seen and said, kept by the vendor's own words so that a filter's metrics can be compared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::api::{Answer, Delivery, Operation};
use super::received::Received;

/// The most requests that a stand-in keeps.
pub const MAX_REQUESTS: usize = 512;

/// The most bytes of requests that a stand-in keeps; the last request is kept whatever its size.
pub const MAX_REQUEST_BYTES: usize = 64 << 20;

/// The most recipients of messages that a stand-in keeps account of; further ones are not booked.
pub const MAX_BOOKED: usize = 500_000;

/// The counts of one vendor since its start. A send that is still open stands in `open` and nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests of every kind, at their headers.
    pub requests: u64,
    /// Sends that have ended, answered or not; token calls and dry runs are no sends.
    pub calls: u64,
    /// Sends that got an answer in full.
    pub answered: u64,
    /// Sends that did not: by a fault, or because the client left before.
    pub unanswered: u64,
    /// Sends that have neither ended nor been given up by the client.
    pub open: u64,
    /// Recipients of answered sends that the vendor accepted.
    pub messages_accepted: u64,
    /// Recipients of answered sends that the vendor refused.
    pub messages_refused: u64,
    /// Recipients of unanswered sends, as far as the request was read.
    pub messages_unanswered: u64,
    /// Recipients of answered sends by the vendor's verdict: the code as the API writes it, success included
    /// (`0`, `Ok`), and the status where an answer has no code (`200`, `502`).
    pub messages_by_code: BTreeMap<String, u64>,
    /// Answered sends by HTTP status.
    pub calls_by_status: BTreeMap<u16, u64>,
    /// Sends that a fault has hit, by kind of fault.
    pub calls_by_fault: BTreeMap<String, u64>,
    /// Requests with a credential that is not this vendor's, where it was said which one that is.
    pub foreign_credentials: u64,
}

/// How often a vendor has accepted one message for one recipient, whether or not its answer arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sends {
    /// As the vendor counts them.
    pub accepted: u64,
    /// As the recipient sees them: a vendor that removes repeats shows one.
    pub seen: u64,
}

/// The books of one stand-in.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    counts: Counts,
    requests: VecDeque<Received>,
    bytes: usize,
    sends: BTreeMap<Delivery, Sends>,
}

/// One open request. Dropped without an answer, it counts as unanswered if it is a send.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Arc<Ledger>,
    send: bool,
    recipients: u64,
    ended: bool,
}

impl Ledger {
    pub(super) fn counts(&self) -> Counts {
        self.pages().counts.clone()
    }

    /// The requests kept, oldest first.
    pub(super) fn requests(&self) -> Vec<Received> {
        self.pages().requests.iter().cloned().collect()
    }

    /// How often each message was accepted for each recipient.
    pub(super) fn sends(&self) -> BTreeMap<Delivery, Sends> {
        self.pages().sends.clone()
    }

    /// Books what the vendor accepts. `removes_repeats`: of several with the same message id the recipient sees one.
    pub(super) fn accept(&self, deliveries: &[Delivery], removes_repeats: bool) {
        let sends = &mut self.pages().sends;
        for delivery in deliveries {
            if sends.len() >= MAX_BOOKED && !sends.contains_key(delivery) {
                continue;
            }
            let booked = sends.entry(delivery.clone()).or_default();
            booked.accepted += 1;
            if !removes_repeats || delivery.message_id.is_empty() || booked.seen == 0 {
                booked.seen += 1;
            }
        }
    }

    /// Counts a request that carries another's credential.
    pub(super) fn foreign_credential(&self) {
        self.pages().counts.foreign_credentials += 1;
    }

    pub(super) fn forget_requests(&self) {
        let mut pages = self.pages();
        pages.requests.clear();
        pages.bytes = 0;
    }

    pub(super) fn open(self: &Arc<Self>, send: bool, fault: Option<&str>) -> Entry {
        let counts = &mut self.pages().counts;
        counts.requests += 1;
        counts.open += u64::from(send);
        if let Some(kind) = fault {
            add(&mut counts.calls_by_fault, kind.to_owned(), 1);
        }
        Entry { ledger: Arc::clone(self), send, recipients: 0, ended: false }
    }

    pub(super) fn keep(&self, request: Received) {
        let mut pages = self.pages();
        pages.bytes += request.size();
        pages.requests.push_back(request);
        while pages.requests.len() > 1 && (pages.requests.len() > MAX_REQUESTS || pages.bytes > MAX_REQUEST_BYTES) {
            let Some(oldest) = pages.requests.pop_front() else {
                break;
            };
            pages.bytes -= oldest.size();
        }
    }

    /// Counts are plain numbers, valid after a panic elsewhere as before.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(super) const fn is_send(&self) -> bool {
        self.send
    }

    /// Says how many recipients the call has, should it stay unanswered.
    pub(super) fn expect(&mut self, recipients: u64) {
        self.recipients = recipients;
    }

    /// Books the answer that is about to be written.
    pub(super) fn answered(mut self, answer: &Answer) {
        self.ended = true;
        if !self.send {
            return;
        }
        let counts = &mut self.ledger.pages().counts;
        counts.open -= 1;
        if answer.operation != Operation::Send {
            return;
        }
        counts.calls += 1;
        counts.answered += 1;
        add(&mut counts.calls_by_status, answer.status.as_u16(), 1);
        for verdict in &answer.verdicts {
            add(&mut counts.messages_by_code, verdict.code.clone(), verdict.recipients);
            if verdict.accepted {
                counts.messages_accepted += verdict.recipients;
            } else {
                counts.messages_refused += verdict.recipients;
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.send && !self.ended {
            let counts = &mut self.ledger.pages().counts;
            counts.open -= 1;
            counts.calls += 1;
            counts.unanswered += 1;
            counts.messages_unanswered += self.recipients;
        }
    }
}

fn add<K: Ord>(map: &mut BTreeMap<K, u64>, key: K, by: u64) {
    *map.entry(key).or_default() += by;
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::super::received::Received;
    use super::{Ledger, MAX_REQUEST_BYTES, MAX_REQUESTS};

    fn request(body: Bytes) -> Received {
        let (head, body) = Request::post("/").body(body).unwrap().into_parts();
        Received::new(head, body, None)
    }

    #[test]
    fn the_oldest_requests_go_first_by_number_and_by_size() {
        let ledger = Ledger::default();
        for number in 0..=MAX_REQUESTS {
            ledger.keep(request(number.to_string().into()));
        }
        let kept = ledger.requests();
        assert_eq!(kept.len(), MAX_REQUESTS);
        assert_eq!(kept[0].body, "1");
        ledger.keep(request(Bytes::from(vec![0; MAX_REQUEST_BYTES + 1])));
        assert_eq!(ledger.requests().len(), 1);
        ledger.keep(request(Bytes::from_static(b"small")));
        assert_eq!(ledger.requests()[0].body, "small");
    }
}
