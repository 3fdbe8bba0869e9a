//! REST APIs behind routes. What is sent to one is a message, as to any server, and what comes back is an answer to it: between
//! them, the message becomes requests to the API ([`RestExchange`]), and their answers become its answer ([`RestTransfers`]).

mod exchange;
mod kept_document;
mod transfers;

pub use exchange::{RestExchange, rest_exchange};
pub use kept_document::{KeptDocument, KeptIndex, SealTexts};
pub use transfers::{RestTransfers, StartTransfers};
