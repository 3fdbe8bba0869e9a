//! Ports for those who listen.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

use socket2::{Domain, Socket, Type};

/// How many clients may wait until they are accepted.
const BACKLOG: i32 = 1024;

/// What [`HeldPort::lend`] lent. The sockets are closed when the process ends.
static LENT: Mutex<Vec<HeldPort>> = Mutex::new(Vec::new());

/// A free port of 127.0.0.1 that nobody else is given. The public URL has to be in the configuration before Gatehouse listens, and
/// other programs look for ports meanwhile.
///
/// Its socket is bound, and does not listen. So the system gives the port neither to a connection nor to a program that asks for any
/// port; but a program that asks for this one may listen there, as programs set `SO_REUSEADDR`.
#[derive(Debug)]
pub struct HeldPort(Socket);

impl HeldPort {
    /// Takes a free port.
    pub fn take() -> Self {
        Self::bind(0).expect("a free port")
    }

    fn bind(port: u16) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        Ok(Self(socket))
    }

    /// The socket, which listens.
    pub fn into_listener(self) -> TcpListener {
        self.0.listen(BACKLOG).expect("nobody else listens there");
        self.0.into()
    }

    /// Lends it to a program that opens a socket of its own at this number. The port stays held for as long as this process runs: the
    /// program may end and start again there.
    pub fn lend(self) -> u16 {
        let number = self.number();
        LENT.lock().expect("no panic").push(self);
        number
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        let address = self.0.local_addr().expect("an address");
        address.as_socket().expect("an address of IPv4").port()
    }
}

/// The first of three ports in a row, for programs that open their own sockets.
pub fn three_ports() -> u16 {
    loop {
        let first = HeldPort::take();
        let base = first.number();
        let next = |offset: u16| HeldPort::bind(base.checked_add(offset)?).ok();
        if let (Some(second), Some(third)) = (next(1), next(2)) {
            for held in [first, second, third] {
                held.lend();
            }
            return base;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_listens_at_a_number_that_nobody_else_is_given() {
        let number = HeldPort::take().lend();
        // Nobody listens there: whoever connects is refused, and is not given this port for its own side either.
        let refused = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, number)).expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        for _ in 0..2 {
            let program = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).expect("the program may listen");
            let second = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).expect_err("one program at a time");
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
            drop(program);
        }
    }

    #[test]
    fn three_ports_in_a_row_are_held_together() {
        let base = three_ports();
        let listeners: Vec<_> = (0..3).map(|offset| TcpListener::bind((Ipv4Addr::LOCALHOST, base + offset))).collect();
        assert!(listeners.iter().all(Result::is_ok), "{listeners:?}");
    }
}
