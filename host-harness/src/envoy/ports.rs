//! Free ports that stay free until Envoy has them.
//!
//! A socket that is bound but does not listen keeps its port from every other program that asks for a free one, while
//! Envoy, which names the port and sets SO_REUSEADDR as we do, may still bind it. So no port is lost between choosing and
//! using it, however many tests start at once.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

use super::EnvoyError;

/// Holds a loopback port that refuses connections for as long as nobody else listens on it.
#[derive(Debug)]
pub(super) struct Reserved {
    _socket: TcpSocket,
}

/// Where an Envoy listens, and an address where nobody does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) inbound: SocketAddr,
    pub(super) outbound: SocketAddr,
    pub(super) scrape: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) nowhere: SocketAddr,
}

impl Addresses {
    /// The addresses that must accept connections before Envoy is ready.
    pub(super) fn listeners(&self) -> [SocketAddr; 3] {
        [self.inbound, self.outbound, self.scrape]
    }
}

/// One Envoy's ports, held.
pub(super) struct Ports {
    pub(super) addresses: Addresses,
    /// Kept for as long as Envoy runs: a cluster that leads here must never find a server.
    pub(super) nowhere: Reserved,
    _until_ready: [Reserved; 4],
}

impl Ports {
    pub(super) fn reserve() -> Result<Self, EnvoyError> {
        let one = || reserve().map_err(EnvoyError::io("reserve a port on loopback"));
        let (inbound, a) = one()?;
        let (outbound, b) = one()?;
        let (scrape, c) = one()?;
        let (admin, d) = one()?;
        let (nowhere, held) = one()?;
        Ok(Self {
            addresses: Addresses { inbound, outbound, scrape, admin, nowhere },
            nowhere: held,
            _until_ready: [a, b, c, d],
        })
    }
}

fn reserve() -> std::io::Result<(SocketAddr, Reserved)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok((socket.local_addr()?, Reserved { _socket: socket }))
}
