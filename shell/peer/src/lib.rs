//! `gatehouse:host/peer`: where a request comes from, as this host tells it.

mod bindings;

use gatehouse_client_address::{ClientAddress, PeerSource};
use gatehouse_configuration::ClientAddresses;
use http::HeaderMap;

#[doc(hidden)]
pub use bindings::gatehouse::host;
use host::peer::{Place, told_in};

/// Where a request with these headers comes from.
pub fn client_address(headers: &HeaderMap, addresses: &ClientAddresses) -> ClientAddress {
    let source = match told_in() {
        Place::Nothing => PeerSource::Nothing,
        Place::SpinClientAddr => PeerSource::SpinClientAddr,
    };
    ClientAddress::of(headers, source, addresses)
}
