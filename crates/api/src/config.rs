//! Limits of the interface, and why it cannot start.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// Port of the interface unless told otherwise.
pub const PORT_DEFAULT: u16 = 8600;

/// Where to listen, and how much to take from whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on. Loopback by default: there is no authentication beside signatures of commands.
    pub address: SocketAddr,
    /// Requests to `/v1` a second that one address may keep up. An IPv6 /64 counts as one address.
    pub requests_per_s: u32,
    /// Requests that one address may save up for a burst; at least 1.
    pub requests_burst: u32,
    /// Connections at one time; more wait in the listener's queue.
    pub connections_max: usize,
    /// Event streams at one time.
    pub event_clients_max: usize,
    /// Blocks an event stream may lag behind before it is dropped.
    pub event_lag_max: usize,
    /// A connection whose request head is not complete by then is closed.
    pub header_timeout: Duration,
    /// A request whose body is not complete by then is refused.
    pub body_timeout: Duration,
    /// A connection that takes nothing of what is written to it for that long is closed.
    pub write_timeout: Duration,
    /// What requests under way get to finish when the node stops.
    pub shutdown_grace: Duration,
}

impl Default for Config {
    /// Limits of a node in service.
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT_DEFAULT)),
            requests_per_s: 50,
            requests_burst: 200,
            connections_max: 512,
            event_clients_max: 128,
            event_lag_max: 64,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(20),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// Limits for a demo, where all members and their tools share one loopback address.
    #[must_use]
    pub fn demo(address: SocketAddr) -> Self {
        Self { address, requests_per_s: 5_000, requests_burst: 20_000, ..Self::default() }
    }
}

/// Why the interface cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody listens there already.
    #[error(
        "address {0} is in use: stop the program that listens there, or give the interface another port"
    )]
    AddressInUse(SocketAddr),
    /// No such address on this machine.
    #[error(
        "address {0} is not one of this machine: use 127.0.0.1, or an address of a network card"
    )]
    AddressUnavailable(SocketAddr),
    /// Ports below 1024 need a privilege.
    #[error("listening on {0} is not permitted: use a port from 1024 up")]
    NotPermitted(SocketAddr),
    /// Anything else the system says.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ServeError {
    pub(crate) fn of(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse(address),
            io::ErrorKind::AddrNotAvailable => Self::AddressUnavailable(address),
            io::ErrorKind::PermissionDenied => Self::NotPermitted(address),
            _ => Self::Listen { address, source },
        }
    }
}
