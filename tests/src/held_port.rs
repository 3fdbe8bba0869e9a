//! Ports for those who listen.

use std::net::{Ipv4Addr, TcpListener};

/// A free port that nobody else can take. The public URL has to be in the configuration before Gatehouse listens, and
/// other programs look for ports meanwhile.
#[derive(Debug)]
pub struct HeldPort(TcpListener);

impl HeldPort {
    /// Takes a free port.
    pub fn take() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
    }

    /// The socket, which listens.
    pub fn into_listener(self) -> TcpListener {
        self.0
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }
}

/// The first of three ports in a row that were free a moment ago.
pub fn free_port_base() -> u16 {
    loop {
        let base = HeldPort::take().number();
        let is_free = |offset: u16| {
            let port = base.checked_add(offset).unwrap_or(0);
            port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        };
        if (0..3).all(is_free) {
            return base;
        }
    }
}
