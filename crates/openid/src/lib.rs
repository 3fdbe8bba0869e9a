//! Gatehouse as a relying party: the client of the OpenID provider at which users sign in.
//!
//! The crate makes requests and judges answers; a component sends the one and fetches the other. A login is, in order:
//!
//! 1. [`discovery_request`], [`ProviderMetadata::parse`]: where the provider's endpoints are.
//! 2. [`Login::begin`]: where to send the browser, and the [`LoginSecrets`] to keep, sealed, until it comes back.
//! 3. [`Callback::parse`], [`Callback::state`], [`Callback::code`]: what the browser brought back.
//! 4. [`ClientAuthentication::choose`], [`token_request`], [`ProviderTokens::parse`]: the code becomes tokens.
//! 5. [`keys_request`], [`parse_keys`]: the provider's keys.
//! 6. [`Identity::verify`]: who signed in. Where it fails with
//!    [`fresh_keys_may_help`](IdTokenRejection::fresh_keys_may_help) and the keys were from a cache, steps 5 and 6
//!    are repeated once.
//!
//! Every step fails with a reason of its own for the operator's log. All of them convert into [`LoginRejection`],
//! which says the little that the client is told.
//!
//! Requests carry secrets in their bodies and headers: they must never be logged.

mod answer;
mod callback;
mod client_authentication;
mod endpoint;
mod id_token;
mod keys;
mod login;
mod provider_metadata;
mod rejection;
#[cfg(test)]
mod test_provider;
mod token_exchange;

pub use gatehouse_jose::{KeySet, SigningAlgorithm};
pub use gatehouse_protocol::LogText;

pub use answer::AnswerRejection;
pub use callback::{AuthorizationCode, Callback, CallbackRejection, ProviderRefusal};
pub use client_authentication::{ClientAuthentication, UnsupportedClientAuthentication};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use id_token::{IdTokenRejection, Identity};
pub use keys::{KEY_SET_BYTES, KeysRejection, keys_request, parse_keys};
pub use login::{Login, LoginSecrets};
pub use provider_metadata::{METADATA_BYTES, MetadataRejection, ProviderMetadata, discovery_request};
pub use rejection::{ClientError, LoginRejection};
pub use token_exchange::{ProviderTokens, TOKEN_ANSWER_BYTES, TokenRejection, token_request};
