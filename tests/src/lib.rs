//! What the end-to-end tests share: Gatehouse on its embedded host, on a real Spin or a real wasmCloud, the identity provider and
//! upstreams, and the clients that drive them: real ones from npm and PyPI, and for attacks a provider, a browser and a
//! client inside the test itself ([`AttackWorld`]).

mod attack_world;
mod audit_lines;
mod authorization;
mod client_documents;
mod clock;
mod deployment;
mod flow;
mod gatehouse;
mod held_port;
mod http_server;
pub mod jwt;
mod listening;
mod nats;
mod open_files;
mod page;
mod paths;
pub mod performance;
mod person;
mod program;
mod raw;
mod recording_upstream;
pub mod rest_double;
mod round_robin;
pub mod scripted_provider;
pub mod soak;
mod spin;
mod store;
mod store_faults;
mod store_server;
pub mod storm;
mod table;
mod tcp_proxy;
mod text;
mod tls_front;
mod token_issuer;
mod token_service;
mod wash;
mod world;

pub use attack_world::{AttackSettings, AttackWorld, ClientAuthentication, TestClient};
pub use audit_lines::foreign_audit_lines;
pub use authorization::{Authorization, CHALLENGE, VERIFIER};
pub use client_documents::ClientDocuments;
pub use clock::TestClock;
pub use deployment::{deployment_check, deployment_program, outcome};
pub use flow::{Flow, Step, parameter};
pub use gatehouse::{Gatehouse, HostKind, Settings};
pub use held_port::{HeldPort, three_ports};
pub use http_server::{Received, serve};
pub use listening::is_listened_at;
pub(crate) use open_files::allow_descriptors;
pub use page::{Answer, Form};
pub use paths::{artefact, repository, tool};
pub use person::{Cookie, From, Person};
pub use program::Program;
pub use raw::{RawAnswer, raw};
pub use recording_upstream::RecordingUpstream;
pub use round_robin::{RoundRobin, Served};
pub use scripted_provider::{Endpoint, ScriptedProvider};
pub use spin::spin_is_installed;
pub use store::snapshot;
pub use store_faults::StoreFaults;
pub use store_server::{StoreKind, StoreServer, store_is_installed};
pub use table::Table;
pub use tcp_proxy::TcpProxy;
pub use text::{challenge_of, flipped, form, text, unique};
pub use tls_front::TlsFront;
pub use token_issuer::{GRAPH_SECRET, IssuerScript, TENANT, TestIssuer};
pub use token_service::{SERVICE_SECRET, TokenService, TokenServiceScript, USER_AUDIENCE};
pub use wash::{Workload, dev as dev_on_wash, serve_on_wash, wash_is_installed};
pub use world::{CLIENT_SECRET, World, WorldSettings};

/// An HTTP client that follows nothing and keeps nothing, so that a test sees every answer itself.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client")
}
