//! Stand-ins of vendors' push APIs: same paths, same checks, same shapes, with faults on demand.
//!
//! They run in the process of a test or a demo, or on fixed ports for `pointsman vendors`. Each keeps count of what
//! it was asked and what it said, in the vendor's own words, so that a filter's view can be held against the truth.

mod api;
mod apns;
mod body;
mod books;
mod control;
mod fault;
mod fcm;
mod gateway;
mod ledger;
mod oppo;
mod received;
mod serve;
mod standin;
mod tencent;
mod twilio;
mod wechat;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::http::{serve as serve_http, serve_until};
use standin::StandIn;

pub(crate) use api::{Answer, Api, page};
pub use books::{Book, Books};
pub use fault::{Effect, Fault, FaultError, Refusal, ResetAt};
pub use ledger::{Counts, MAX_BOOKED, MAX_REQUEST_BYTES, MAX_REQUESTS, Sends};
pub use received::Received;
pub use serve::serve;
pub use standin::Receipt;

/// Every stand-in, in the order of their ports.
static ALL: [&dyn Api; 7] =
    [&apns::Apns, &fcm::Fcm, &oppo::Oppo, &wechat::Wechat, &tencent::TencentSms, &gateway::Gateway, &twilio::Twilio];

/// How long what is under way may take to end when a vendor begins to refuse connections.
const CLOSING: Duration = Duration::from_secs(1);

/// How long a stand-in waits for its port, should another have it when it takes connections again.
const PORT_PAUSE: Duration = Duration::from_millis(20);

/// A vendor's API by the name of its stand-in.
pub(crate) fn api(name: &str) -> Option<&'static dyn Api> {
    ALL.into_iter().find(|api| api.name() == name)
}

/// Running stand-ins, one listener each. Dropping them closes every listener and connection.
#[derive(Debug)]
pub struct Vendors {
    running: Vec<Running>,
    control: SocketAddr,
    tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Running {
    addr: SocketAddr,
    stand_in: Arc<StandIn>,
}

/// Why the stand-ins do not do as asked.
#[derive(Debug, Error)]
pub enum VendorsError {
    /// A port is not free.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The base port leaves no room for one port per vendor.
    #[error("base port {base_port} leaves no room for {} ports", ALL.len())]
    BasePort {
        /// The port that was asked for.
        base_port: u16,
    },
    /// No stand-in has this name.
    #[error("no stand-in is named \"{name}\"; there are {}", Vendors::names().collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The vendor has no such fault.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl Vendors {
    /// Starts every stand-in and the control endpoint on free ports of the loopback interface.
    ///
    /// # Errors
    /// [`VendorsError::Listen`] when the system has no port left.
    pub async fn start() -> Result<Self, VendorsError> {
        Self::start_on(0, 0).await
    }

    /// [`Vendors::start`] on `base_port` and the ports that follow it, in the order of [`Vendors::names`], with the
    /// control endpoint on `control_port`. 0 means free ports.
    ///
    /// # Errors
    /// [`VendorsError::Listen`] or [`VendorsError::BasePort`].
    pub async fn start_on(base_port: u16, control_port: u16) -> Result<Self, VendorsError> {
        let mut tasks = JoinSet::new();
        let mut running = Vec::with_capacity(ALL.len());
        for (index, api) in ALL.into_iter().enumerate() {
            let listener = listen(port(base_port, index)?).await?;
            let addr = local(&listener)?;
            let stand_in = Arc::new(StandIn::new(api));
            running.push(Running { addr, stand_in: Arc::clone(&stand_in) });
            tasks.spawn(stand(listener, addr, stand_in));
        }
        let listener = listen(control_port).await?;
        let control = local(&listener)?;
        let all = running.clone();
        let handler = move |request| control::handle(all.clone(), request);
        tasks.spawn(serve_http(listener, handler, std::future::pending()));
        Ok(Self { running, control, tasks })
    }

    /// The names of all stand-ins, which are the names of their channels.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.into_iter().map(Api::name)
    }

    /// Where a stand-in listens, for HTTP/1.1 and HTTP/2 alike.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn addr(&self, vendor: &str) -> Result<SocketAddr, VendorsError> {
        Ok(find(&self.running, vendor)?.addr)
    }

    /// The authority under which the real vendor serves, such as `fcm.googleapis.com`.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn host(&self, vendor: &str) -> Result<&'static str, VendorsError> {
        Ok(find(&self.running, vendor)?.stand_in.api.host())
    }

    /// The key under which [`Counts::messages_by_code`] has the recipients that the vendor accepted.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn accepted_code(&self, vendor: &str) -> Result<&'static str, VendorsError> {
        Ok(find(&self.running, vendor)?.stand_in.api.accepted_code())
    }

    /// Where the control endpoint listens.
    pub fn control_addr(&self) -> SocketAddr {
        self.control
    }

    /// Puts a fault in force from the next send on, in place of the one before. One that refuses connections, or its end, is in
    /// force once [`settled`](Self::settled) says so.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`], or [`VendorsError::Fault`] when the vendor has no such code or no such answer.
    pub fn set_fault(&self, vendor: &str, fault: Fault) -> Result<(), VendorsError> {
        set_fault(&self.running, vendor, fault)
    }

    /// Ends the fault in force, for sends that come from now on.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn clear_fault(&self, vendor: &str) -> Result<(), VendorsError> {
        find(&self.running, vendor)?.stand_in.set_fault(None);
        Ok(())
    }

    /// Waits until connections are refused, or taken again, as the fault in force has it, and those that were open are gone.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub async fn settled(&self, vendor: &str) -> Result<(), VendorsError> {
        let stand_in = &find(&self.running, vendor)?.stand_in;
        let open = *stand_in.open.borrow();
        // The sender lives as long as the stand-in.
        let _ = stand_in.refuses.subscribe().wait_for(|refuses| *refuses != open).await;
        Ok(())
    }

    /// What the vendor has counted since its start.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn counts(&self, vendor: &str) -> Result<Counts, VendorsError> {
        Ok(find(&self.running, vendor)?.stand_in.ledger.counts())
    }

    /// Says what the `authorization` header of sends to this vendor must be: without it, or with another's, the answer is
    /// 401, and [`Counts::foreign_credentials`] counts requests that carry any other credential.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn require_credential(&self, vendor: &str, authorization: &str) -> Result<(), VendorsError> {
        find(&self.running, vendor)?.stand_in.require_credential(authorization);
        Ok(())
    }

    /// Hands on what the vendors post about messages that they have accepted: whoever takes it plays their part. A receipt that
    /// finds the channel full is lost.
    pub fn report_to(&self, receipts: &mpsc::Sender<Receipt>) {
        for running in &self.running {
            running.stand_in.report_to(receipts.clone());
        }
    }

    /// How often each message was accepted for each recipient, over all vendors.
    pub fn books(&self) -> Books {
        Books::of(self.running.iter().map(|it| (it.stand_in.api.name(), it.stand_in.ledger.sends())))
    }

    /// The last requests as received, oldest first: at most [`MAX_REQUESTS`] of at most [`MAX_REQUEST_BYTES`].
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn requests(&self, vendor: &str) -> Result<Vec<Received>, VendorsError> {
        Ok(find(&self.running, vendor)?.stand_in.ledger.requests())
    }

    /// Forgets the requests kept, but no count.
    ///
    /// # Errors
    /// [`VendorsError::Unknown`].
    pub fn forget_requests(&self, vendor: &str) -> Result<(), VendorsError> {
        find(&self.running, vendor)?.stand_in.ledger.forget_requests();
        Ok(())
    }

    /// Closes every listener and connection and returns when the ports are free again.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("vendor", &self.stand_in.api.name())
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// Serves one stand-in for as long as it takes connections, and again once it does.
async fn stand(mut listener: TcpListener, addr: SocketAddr, stand_in: Arc<StandIn>) {
    let mut open = stand_in.open.subscribe();
    loop {
        let serving = Arc::clone(&stand_in);
        let handler = move |request| Arc::clone(&serving).handle(request);
        let mut closing = open.clone();
        let closed = async move {
            // The sender lives as long as the stand-in.
            let _ = closing.wait_for(|open| !*open).await;
        };
        serve_until(listener, handler, closed, CLOSING).await;
        stand_in.refuses.send_replace(true);
        let _ = open.wait_for(|open| *open).await;
        listener = loop {
            match TcpListener::bind(addr).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(PORT_PAUSE).await,
            }
        };
        stand_in.refuses.send_replace(false);
    }
}

fn find<'a>(running: &'a [Running], vendor: &str) -> Result<&'a Running, VendorsError> {
    running
        .iter()
        .find(|it| it.stand_in.api.name() == vendor)
        .ok_or_else(|| VendorsError::Unknown { name: vendor.to_owned() })
}

fn set_fault(running: &[Running], vendor: &str, fault: Fault) -> Result<(), VendorsError> {
    let stand_in = &find(running, vendor)?.stand_in;
    if let Effect::Error(refusal) = fault.effect() {
        stand_in.api.check(refusal)?;
    }
    stand_in.set_fault(Some(fault));
    Ok(())
}

fn port(base_port: u16, index: usize) -> Result<u16, VendorsError> {
    if base_port == 0 {
        return Ok(0);
    }
    let index = u16::try_from(index).ok();
    index.and_then(|index| base_port.checked_add(index)).ok_or(VendorsError::BasePort { base_port })
}

async fn listen(port: u16) -> Result<TcpListener, VendorsError> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(addr).await.map_err(|source| VendorsError::Listen { addr, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, VendorsError> {
    listener
        .local_addr()
        .map_err(|source| VendorsError::Listen { addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), source })
}

#[cfg(test)]
mod tests;
