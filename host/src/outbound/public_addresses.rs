//! Which addresses are on the public internet.
//!
//! A wildcard in `allowed_outbound_hosts` means "anybody's public server": client metadata documents are fetched from
//! addresses that whoever opens a sign-in page has chosen. A name that resolves into this machine or its network must
//! not lead there (server-side request forgery, DNS rebinding), so addresses are looked at after resolution, at the
//! moment of connecting.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ip_network::IpNetwork;
use ipnet::IpNet;
use tower_service::Service;

/// Parts of the public ranges that lead elsewhere: 6to4 and its relays, Teredo and the other protocol assignments (all
/// carry an IPv4 address inside), multicast, documentation (IANA special-purpose address registries).
const EXCEPTIONS: [&str; 5] = ["192.88.99.0/24", "224.0.0.0/4", "2001::/23", "2002::/16", "3fff::/20"];
/// The only IPv6 addresses that are assigned for global unicast (RFC 4291, section 2.4; IANA). Mapped IPv4 addresses and
/// NAT64 are outside.
const GLOBAL_UNICAST: &str = "2000::/3";

/// Whether `address` is one of a server on the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let is_in = |network: &str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
    let may_be_global = address.is_ipv4() || is_in(GLOBAL_UNICAST);
    may_be_global && IpNetwork::from(address).is_global() && !EXCEPTIONS.iter().any(|network| is_in(network))
}

/// Resolves names to public addresses only.
#[derive(Clone)]
pub(crate) struct PublicResolver(GaiResolver);

impl PublicResolver {
    pub(crate) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

/// The name, or the literal address, is not of a public server.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public, and only a wildcard of allowed_outbound_hosts allows it")]
pub(crate) struct NotPublic;

impl Service<Name> for PublicResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move {
            let public: Vec<_> = resolving.await?.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, NotPublic));
            }
            Ok(public.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_public_servers_are_public() {
        for address in ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
