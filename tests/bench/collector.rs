//! Takes records and knows how long they were.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use pointsman_host::otlp::Receiver;

/// A running receiver.
pub(crate) struct Collector {
    receiver: Receiver,
    records: Arc<AtomicU64>,
}

impl Collector {
    pub(crate) fn start() -> Result<Self> {
        let records = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&records);
        let count = move |_: &_| {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        let receiver = Receiver::start_streaming((Ipv4Addr::LOCALHOST, 0).into(), count);
        Ok(Self { receiver: receiver.context("cannot listen for records")?, records })
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.receiver.addr()
    }

    /// Bytes of all bodies by the number of records in them, with what stands once for all in a body.
    pub(crate) fn bytes_per_record(&self) -> Option<f64> {
        let records = self.records.load(Ordering::Relaxed);
        (records > 0).then(|| self.receiver.bytes() as f64 / records as f64)
    }
}
