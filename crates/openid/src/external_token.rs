//! Access tokens of other issuers, at routes that accept them: JSON Web Tokens (RFC 9068 and what went before it), those of
//! Microsoft Entra ID, and opaque ones that the issuer is asked about (RFC 7662).
//!
//! 1. [`Presented::choose`]: whose the token says to be, and whether the route accepts that issuer's.
//! 2. Of a signed one: [`SignedAccessToken::keys`] says where the keys are, and [`SignedAccessToken::verify`] what it says.
//! 3. Of an opaque one: [`introspection_request`] and [`introspected`].
//!
//! Both end in an [`ExternalPrincipal`], or in a [`ExternalTokenRejection`], whose text is for the log.

mod act;
mod choice;
mod claims;
mod exchange;
mod introspection;
mod kind;
mod principal;
mod rejection;
mod signed;
mod without_groups;

pub use choice::Presented;
pub use exchange::{ActingParty, MayAct};
pub use introspection::{INTROSPECTION_BYTES, Introspected, introspected, introspection_request};
pub use kind::ExternalTokenKind;
pub use principal::ExternalPrincipal;
pub use rejection::{ExternalTokenRejection, LONGEST_TOKEN};
pub use signed::{KeySource, SignedAccessToken};
pub(crate) use signed::{is_of_version, key_source, may_be_of};
pub use without_groups::{PrincipalWithoutGroups, SignedPrincipal};

#[cfg(test)]
mod tests;
