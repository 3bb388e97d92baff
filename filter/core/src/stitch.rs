//! What the workers of one process remember of a message between its visits: its contexts, its attempts, the vendor's
//! name for it, and its life.
//!
//! A service that takes a message off a queue, or out of a thread that has forgotten where it came from, sends it without
//! a trace context. The proxy has seen the message come in, with its id and its context, so it can tie the two together.
//! All of it is in tables of the shared data that forget: what is not found begins a trace of its own, and nothing waits.

use crate::board::SharedData;
use crate::roster::{seal, unseal};
use crate::slots::{ABSENT, SlotKey, TRIES, Table, Update};
use crate::time::{Monotonic, WallClock};
use crate::trace::{Key, TraceParent};
use std::time::Duration;

mod alias;
mod message;
mod report;

pub use alias::{MAX_TIED_BYTES, Tied};
pub use message::{MAX_CONTEXTS, MAX_VISITS, Recalled};
pub use report::{Reported, UNTIMED};

use message::Message;

/// Name and version of the process's key.
const MAGIC: &[u8; 4] = b"pmk1";
const PROCESS_KEY: &str = "pointsman/stitch/key";

/// The memory as one worker sees it.
#[derive(Debug)]
pub struct Memory {
    messages: Table,
    aliases: Table,
    lives: Table,
    process_key: Key,
}

impl Memory {
    /// A memory with tables of that many buckets, which ties messages for that long. Before [`load`](Self::load) it
    /// shares nothing with other workers, unless there is a secret.
    pub fn new(buckets: u32, remember: Duration) -> Self {
        let table = |prefix| Table::new(prefix, buckets, remember);
        Self {
            messages: table("stitch/messages"),
            aliases: table("stitch/aliases"),
            lives: table("stitch/lives"),
            process_key: Key::of_process([0; 16]),
        }
    }

    /// Agrees with the other workers of the process on its key: that of the first one stands. Without one, whoever names
    /// message ids could choose the bucket of a table that they go to.
    pub fn load(&mut self, random: [u8; 16], shared: &mut dyn SharedData) {
        let mut key = random;
        for _ in 0..TRIES {
            let found = shared.get(PROCESS_KEY);
            let agreed = found.as_ref().and_then(|(value, _)| <[u8; 16]>::try_from(unseal(MAGIC, value)?).ok());
            let version = found.map_or(ABSENT, |(_, version)| version);
            key = agreed.unwrap_or(random);
            if agreed.is_some() || shared.set(PROCESS_KEY, &seal(MAGIC, &random), version) {
                break;
            }
        }
        self.process_key = Key::of_process(key);
    }

    /// The name of a message in the tables: with a secret the bytes of its derived trace id, without one a hash under the
    /// process's key.
    pub fn message_key(&self, secret: Option<&Key>, tenant: &str, message_id: &str) -> SlotKey {
        SlotKey(*secret.unwrap_or(&self.process_key).trace_id(tenant, message_id).as_bytes())
    }

    /// Inbound: the message came in with this context, at this time.
    pub fn keep(
        &self,
        key: &SlotKey,
        context: &TraceParent,
        entered_at: WallClock,
        now: Monotonic,
        shared: &mut dyn SharedData,
    ) -> Update {
        self.messages.update(key, now, shared, &mut |value| {
            let mut message = Message::decode(value, now, self.messages.remember());
            message.keep(context, entered_at, now);
            Some(message.encode())
        })
    }

    /// Outbound: what is known of the message.
    pub fn recall(&self, key: &SlotKey, now: Monotonic, shared: &mut dyn SharedData) -> Recalled {
        let value = self.messages.find(key, now, shared);
        Message::decode(value.as_deref(), now, self.messages.remember()).recalled()
    }

    /// Outbound: the same, and counts this visit. The number is how many visits of the same node and recipients were
    /// counted for the message, this one included; `visit` is a hash of node and recipients. It is too low once a message
    /// has more than [`MAX_VISITS`] different ones, or if other workers were quicker three times.
    pub fn recall_and_count(
        &self,
        key: &SlotKey,
        visit: u32,
        now: Monotonic,
        shared: &mut dyn SharedData,
    ) -> (Recalled, u32) {
        let mut seen = (Recalled::default(), 1);
        self.messages.update(key, now, shared, &mut |value| {
            let mut message = Message::decode(value, now, self.messages.remember());
            seen = (message.recalled(), message.count(visit));
            Some(message.encode())
        });
        seen
    }

    /// A vendor has named its own id for the message.
    pub fn tie(
        &self,
        channel: &str,
        vendor_id: &str,
        message: &Tied,
        now: Monotonic,
        shared: &mut dyn SharedData,
    ) -> Update {
        let value = message.encode();
        self.aliases.update(&self.slot("alias", [channel, vendor_id, ""]), now, shared, &mut |_| value.clone())
    }

    /// The message that a vendor's id is of.
    pub fn tied(&self, channel: &str, vendor_id: &str, now: Monotonic, shared: &mut dyn SharedData) -> Option<Tied> {
        Tied::decode(&self.aliases.find(&self.slot("alias", [channel, vendor_id, ""]), now, shared)?)
    }

    fn slot(&self, kind: &str, parts: [&str; 3]) -> SlotKey {
        SlotKey(self.process_key.slot(kind, parts))
    }
}

#[cfg(test)]
mod tests;
