//! Whether a program has begun to listen.

use std::net::TcpStream;

/// Whether somebody listens at `address`, a loopback one with its port. While nobody does, the kernel can connect a socket to
/// itself, if it gives it that very port: that is nobody.
pub fn is_listened_at(address: &str) -> bool {
    TcpStream::connect(address).is_ok_and(|stream| match (stream.local_addr(), stream.peer_addr()) {
        (Ok(own), Ok(other)) => own != other,
        (Err(_), _) | (_, Err(_)) => false,
    })
}
