//! Where a program in a sandbox may send HTTP requests to, and which. It only decides; others send.
//!
//! Egress is off unless the operator names origins. What a program asks for is read into an origin, a path and a query, and the request
//! that goes out is built from these parts: nothing that was judged is read a second time by somebody else.
//!
//! * `client`, what a run does: one request, or one with the redirects that follow, each judged anew, and all counted;
//! * `redirect`, what becomes of a request that is told to go elsewhere;
//! * `request`, which methods, headers and sizes go out;
//! * `policy`, what the operator allows;
//! * `target`, a URL;
//! * `origin`, a scheme, a host and a port;
//! * `failure`, why there is no answer.

mod client;
mod failure;
mod origin;
mod policy;
mod redirect;
mod request;
mod target;

pub use client::{Client, MOST_REDIRECTS, Room};
pub use failure::Failure;
pub use origin::{Origin, OriginError, Scheme};
pub use policy::{Egress, MOST_HOSTS};
pub use request::{Answer, Request};
pub use target::{Target, TargetError};
