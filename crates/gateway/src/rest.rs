//! REST APIs behind routes. What is sent to one is a message, as to any server, and what comes back is an answer to it: between
//! them, the message becomes a request to the API ([`RestExchange`]), and the API's answer becomes its answer ([`RestTransfers`]).

mod exchange;
mod kept_document;
mod transfers;

pub use exchange::{RestCall, RestExchange, rest_exchange};
pub use kept_document::{KeptDocument, KeptIndex, SealTexts};
pub use transfers::{RestTransfers, StartTransfers};
