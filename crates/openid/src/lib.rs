//! Gatehouse as a relying party: the client of the OpenID provider at which users sign in.
//!
//! The crate makes requests and judges answers; a component sends the one and fetches the other. A login is, in order:
//!
//! 1. [`discovery_request`], [`metadata_issuer`], [`ProviderMetadata::parse`]: where the provider's endpoints are.
//! 2. [`Login::begin`]: where to send the browser, and the [`LoginSecrets`] to keep, sealed, until it comes back.
//! 3. [`Callback::parse`], [`Callback::state`], [`Callback::code`]: what the browser brought back.
//! 4. [`ClientAuthentication::choose`], [`token_request`], [`TokenResponse::parse`]: the code becomes tokens.
//! 5. [`keys_request`], [`parse_keys`]: the provider's keys.
//! 6. [`Identity::verify`]: who signed in. Where it fails with
//!    [`fresh_keys_may_help`](IdTokenRejection::fresh_keys_may_help) and the keys were from a cache, steps 5 and 6
//!    are repeated once.
//! 7. [`admit`]: whether they may come in, and the claims that policies judge them by later; where it needs groups that
//!    did not fit into the token, [`group_requests`], [`Memberships::add`] and [`admit_member`].
//!
//! Later, [`refresh_request`], [`RefreshedTokens::parse`] and [`Identity::verify_refreshed`] keep the provider's tokens
//! fresh. An [`IdentityAssertion`] names a user without a login.
//!
//! Access tokens of other issuers are verified on their own: [`Presented`]. So are those of machines: [`WorkloadAssertion`].
//!
//! Every step fails with a reason of its own for the operator's log. All of them convert into [`LoginRejection`],
//! which says the little that the client is told.
//!
//! Requests carry secrets in their bodies and headers: they must never be logged.

mod access;
mod answer;
mod assertion_source;
mod authorization_response;
mod callback;
mod client_authentication;
mod client_error;
mod endpoint;
mod external_token;
mod group_lookup;
mod id_token;
mod identity;
mod identity_assertion;
mod issuer;
mod issuer_metadata;
mod keys;
mod login;
mod named_claims;
mod provider_metadata;
mod refresh;
mod rejection;
#[cfg(test)]
mod test_provider;
mod token_exchange;
mod unlisted_algorithm;
mod workload_assertion;

pub use gatehouse_jose::{KeySet, SigningAlgorithm, SigningKey};
pub use gatehouse_protocol::LogText;

pub use access::{AccessRejection, Admission, admit, admit_member};
pub use answer::AnswerRejection;
pub use assertion_source::{ASSERTION_BYTES, AssertionRejection, assertion, assertion_request, parse_assertion};
pub use authorization_response::{AuthorizationCode, CallbackRejection, ProviderRefusal};
pub use callback::Callback;
pub use client_authentication::{ClientAuthentication, ClientAuthenticationRejection, ClientCredentials};
pub use client_error::ClientError;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use external_token::{
    ActingParty, ExternalPrincipal, ExternalTokenKind, ExternalTokenRejection, INTROSPECTION_BYTES, Introspected,
    KeySource, LONGEST_TOKEN, MayAct, Presented, PrincipalWithoutGroups, SignedAccessToken, SignedPrincipal,
    introspected, introspection_request,
};
pub use group_lookup::{
    GROUPS_ANSWER_BYTES, GroupsUnknown, Memberships, application_token, application_token_request, group_requests,
    groups_to_ask, user_group_requests,
};
pub use id_token::IdTokenRejection;
pub use identity::{Identity, UserRejection};
pub use identity_assertion::{AssertedIdentity, IdentityAssertion, IdentityAssertionRejection};
pub use issuer::{IssuerRejection, metadata_issuer};
pub use issuer_metadata::{IssuerMetadata, document_request};
pub use keys::{KEY_SET_BYTES, KeysRejection, keys_request, parse_keys};
pub use login::{AccountChoice, Login, LoginSecrets};
pub use named_claims::NamedClaims;
pub use provider_metadata::{METADATA_BYTES, MetadataRejection, ProviderMetadata, discovery_request};
pub use refresh::{RefreshRejection, RefreshedTokens, refresh_request};
pub use rejection::LoginRejection;
pub use token_exchange::{TOKEN_ANSWER_BYTES, TokenRejection, TokenResponse, token_request};
pub use unlisted_algorithm::UnlistedAlgorithm;
pub use workload_assertion::{VerifiedWorkload, WorkloadAssertion, WorkloadRejection};
