//! JSON-RPC 2.0 messages as MCP has them: read strictly, and carried raw where nothing is changed.
//!
//! A gateway that decides by a message must read it as the server behind it does. So [`Body::parse`] refuses what two
//! readers could read differently: doubled keys, keys that some readers take for others, numbers and texts that not
//! everybody can hold. What nothing here looks at stays the sender's own text, to the last digit of its numbers.
//!
//! Reading takes steps in proportion to the bytes, whatever they say, and a batch that is too long is refused where its
//! first message too many begins.
//!
//! Sources: JSON-RPC 2.0; RFC 8259; MCP 2024-11-05 to 2026-07-28, "Base Protocol" and schema.

mod body;
pub mod code;
mod id;
mod known;
mod limits;
mod message;
mod method;
mod object;
mod reply;
mod strict;
mod unparsable;

pub use body::Body;
pub use id::Id;
pub use limits::MOST_MESSAGES;
pub use message::{Call, Message};
pub use method::{is_misspelt_request, is_notification, is_request, requests};
pub use object::Object;
pub use reply::{ErrorObject, Outcome, Reply};
pub use strict::DEEPEST;
pub use unparsable::Unparsable;
