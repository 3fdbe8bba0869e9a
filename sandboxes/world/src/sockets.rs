//! `wasi:sockets`: there is no network. No socket can be made, and no name is known.

use crate::World;
use crate::bindings::exports::wasi::io::poll::Pollable;
use crate::bindings::exports::wasi::io::streams::{InputStream, OutputStream};
use crate::bindings::exports::wasi::sockets::instance_network;
use crate::bindings::exports::wasi::sockets::ip_name_lookup::{self, GuestResolveAddressStream, ResolveAddressStream};
use crate::bindings::exports::wasi::sockets::network::{
    self, ErrorCode, GuestNetwork, IpAddress, IpAddressFamily, IpSocketAddress, Network, NetworkBorrow,
};
use crate::bindings::exports::wasi::sockets::tcp::{self, Duration, GuestTcpSocket, ShutdownType, TcpSocket};
use crate::bindings::exports::wasi::sockets::tcp_create_socket;
use crate::bindings::exports::wasi::sockets::udp::{
    self, GuestIncomingDatagramStream, GuestOutgoingDatagramStream, GuestUdpSocket, IncomingDatagram,
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use crate::bindings::exports::wasi::sockets::udp_create_socket;

/// The network, of which nothing can be had.
pub struct NoNetwork;

/// Sockets and what belongs to them. There are none, so what they would do need not be said.
pub enum Nothing {}

impl GuestNetwork for NoNetwork {}

impl network::Guest for World {
    type Network = NoNetwork;
}

impl instance_network::Guest for World {
    fn instance_network() -> Network {
        Network::new(NoNetwork)
    }
}

impl ip_name_lookup::Guest for World {
    type ResolveAddressStream = Nothing;

    fn resolve_addresses(_network: NetworkBorrow<'_>, _name: String) -> Result<ResolveAddressStream, ErrorCode> {
        Err(ErrorCode::NameUnresolvable)
    }
}

impl tcp_create_socket::Guest for World {
    fn create_tcp_socket(_address_family: IpAddressFamily) -> Result<TcpSocket, ErrorCode> {
        Err(ErrorCode::AccessDenied)
    }
}

impl udp_create_socket::Guest for World {
    fn create_udp_socket(_address_family: IpAddressFamily) -> Result<UdpSocket, ErrorCode> {
        Err(ErrorCode::AccessDenied)
    }
}

impl tcp::Guest for World {
    type TcpSocket = Nothing;
}

impl udp::Guest for World {
    type UdpSocket = Nothing;
    type IncomingDatagramStream = Nothing;
    type OutgoingDatagramStream = Nothing;
}

impl GuestUdpSocket for Nothing {
    fn start_bind(&self, _network: NetworkBorrow<'_>, _local_address: IpSocketAddress) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn finish_bind(&self) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn stream(
        &self,
        _remote_address: Option<IpSocketAddress>,
    ) -> Result<(IncomingDatagramStream, OutgoingDatagramStream), ErrorCode> {
        match *self {}
    }

    fn local_address(&self) -> Result<IpSocketAddress, ErrorCode> {
        match *self {}
    }

    fn remote_address(&self) -> Result<IpSocketAddress, ErrorCode> {
        match *self {}
    }

    fn address_family(&self) -> IpAddressFamily {
        match *self {}
    }

    fn unicast_hop_limit(&self) -> Result<u8, ErrorCode> {
        match *self {}
    }

    fn set_unicast_hop_limit(&self, _value: u8) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn receive_buffer_size(&self) -> Result<u64, ErrorCode> {
        match *self {}
    }

    fn set_receive_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn send_buffer_size(&self) -> Result<u64, ErrorCode> {
        match *self {}
    }

    fn set_send_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn subscribe(&self) -> Pollable {
        match *self {}
    }
}

impl GuestIncomingDatagramStream for Nothing {
    fn receive(&self, _max_results: u64) -> Result<Vec<IncomingDatagram>, ErrorCode> {
        match *self {}
    }

    fn subscribe(&self) -> Pollable {
        match *self {}
    }
}

impl GuestOutgoingDatagramStream for Nothing {
    fn check_send(&self) -> Result<u64, ErrorCode> {
        match *self {}
    }

    fn send(&self, _datagrams: Vec<OutgoingDatagram>) -> Result<u64, ErrorCode> {
        match *self {}
    }

    fn subscribe(&self) -> Pollable {
        match *self {}
    }
}

impl GuestTcpSocket for Nothing {
    fn start_bind(&self, _network: NetworkBorrow<'_>, _local_address: IpSocketAddress) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn finish_bind(&self) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn start_connect(&self, _network: NetworkBorrow<'_>, _remote_address: IpSocketAddress) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn finish_connect(&self) -> Result<(InputStream, OutputStream), ErrorCode> {
        match *self {}
    }

    fn start_listen(&self) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn finish_listen(&self) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn accept(&self) -> Result<(TcpSocket, InputStream, OutputStream), ErrorCode> {
        match *self {}
    }

    fn local_address(&self) -> Result<IpSocketAddress, ErrorCode> {
        match *self {}
    }

    fn remote_address(&self) -> Result<IpSocketAddress, ErrorCode> {
        match *self {}
    }

    fn is_listening(&self) -> bool {
        match *self {}
    }

    fn address_family(&self) -> IpAddressFamily {
        match *self {}
    }

    fn set_listen_backlog_size(&self, _value: u64) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn keep_alive_enabled(&self) -> Result<bool, ErrorCode> {
        match *self {}
    }

    fn set_keep_alive_enabled(&self, _value: bool) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn keep_alive_idle_time(&self) -> Result<Duration, ErrorCode> {
        match *self {}
    }

    fn set_keep_alive_idle_time(&self, _value: Duration) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn keep_alive_interval(&self) -> Result<Duration, ErrorCode> {
        match *self {}
    }

    fn set_keep_alive_interval(&self, _value: Duration) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn keep_alive_count(&self) -> Result<u32, ErrorCode> {
        match *self {}
    }

    fn set_keep_alive_count(&self, _value: u32) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn hop_limit(&self) -> Result<u8, ErrorCode> {
        match *self {}
    }

    fn set_hop_limit(&self, _value: u8) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn receive_buffer_size(&self) -> Result<u64, ErrorCode> {
        match *self {}
    }

    fn set_receive_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn send_buffer_size(&self) -> Result<u64, ErrorCode> {
        match *self {}
    }

    fn set_send_buffer_size(&self, _value: u64) -> Result<(), ErrorCode> {
        match *self {}
    }

    fn subscribe(&self) -> Pollable {
        match *self {}
    }

    fn shutdown(&self, _shutdown_type: ShutdownType) -> Result<(), ErrorCode> {
        match *self {}
    }
}

impl GuestResolveAddressStream for Nothing {
    fn resolve_next_address(&self) -> Result<Option<IpAddress>, ErrorCode> {
        match *self {}
    }

    fn subscribe(&self) -> Pollable {
        match *self {}
    }
}
