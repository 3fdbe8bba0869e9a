//! Addresses to listen on.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// `ADDRESS:PORT`, where the address may be a name.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let mut addresses =
        text.to_socket_addrs().map_err(|_| "write it as ADDRESS:PORT, for example 127.0.0.1:3000".to_owned())?;
    addresses.next().ok_or_else(|| "it has no address".to_owned())
}
