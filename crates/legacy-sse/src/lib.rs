//! What one request must hand to the open stream of another.
//!
//! Requests share no memory, and may be served by different instances. In the transport of MCP 2024-11-05 the answer to a
//! POST goes out on the event stream that a GET has open, so it goes through the store: the POST writes it into a
//! numbered place, and the GET looks for numbers that it has not read. The names of the places and what opens them come
//! from the channel's secret, which the client carries, sealed, in the URL that it posts to.
//!
//! A channel has any number of writers and one reader. The messages of one writer are read in the order in which it wrote
//! them.

mod channel;
mod entries;
mod message;
mod reading;
mod upstream_session;

pub use channel::{Channel, Rejection, close, is_closed, open};
pub use entries::LARGEST_MESSAGE;
pub use message::{MOST_WAITING, post};
pub use reading::{Cursor, take_next};
pub use upstream_session::{set_upstream_session, upstream_session};

#[cfg(test)]
mod example;
