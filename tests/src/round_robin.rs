//! A plain load balancer: each request goes to the next instance, whoever sends it and over whichever connection.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::held_port::HeldPort;

/// The balancer; it ends with the test's runtime.
#[derive(Clone)]
pub struct RoundRobin {
    served: Arc<Mutex<Vec<Served>>>,
}

/// A request that was handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its method and path.
    pub what: String,
    /// The place of the instance among those that were given.
    pub instance: usize,
}

impl RoundRobin {
    /// Listens at the port that is held, in front of the instances at these origins.
    pub fn start(held: HeldPort, origins: &[&str]) -> Self {
        let addresses: Vec<String> = origins.iter().map(|origin| authority(origin)).collect();
        let listener = held.into_listener();
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a socket");
        let balancer = Self { served: Arc::default() };
        let (served, addresses) = (Arc::clone(&balancer.served), Arc::new(addresses));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, addresses) = (Arc::clone(&served), Arc::clone(&addresses));
                let service = service_fn(move |request: Request<Incoming>| {
                    let instance = turn(&served, &request, addresses.len());
                    let address = addresses[instance].clone();
                    async move { hand_on(request, &address).await }
                });
                tokio::spawn(async move {
                    // Clients leave, and instances are stopped.
                    let _ended = server::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        balancer
    }

    /// What was handed on so far, in order.
    pub fn served(&self) -> Vec<Served> {
        self.served.lock().expect("no panic").clone()
    }
}

fn authority(origin: &str) -> String {
    Url::parse(origin).expect("an origin").authority().to_owned()
}

/// Whose turn it is.
fn turn(served: &Mutex<Vec<Served>>, request: &Request<Incoming>, instances: usize) -> usize {
    let mut served = served.lock().expect("no panic");
    let instance = served.len() % instances;
    served.push(Served { what: format!("{} {}", request.method(), request.uri().path()), instance });
    instance
}

/// Over a connection of its own, with the head as it came but for what is said to us.
async fn hand_on(mut request: Request<Incoming>, address: &str) -> Result<Response<Incoming>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{address}: {error}");
    without_own_fields(request.headers_mut());
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    tokio::spawn(connection);
    let mut response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    without_own_fields(response.headers_mut());
    Ok(response)
}

fn without_own_fields(fields: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
        fields.remove(name);
    }
}
