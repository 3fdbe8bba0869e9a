//! Where users sign in.

use gatehouse_protocol::Scopes;

use crate::SecretName;

/// An OpenID provider and what it knows of us.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    /// A short id; the first part of every subject. Changing it makes every user a new one.
    pub name: String,
    /// What people read on the consent page.
    pub display_name: String,
    /// The issuer identifier, letter by letter as the provider's metadata and tokens have it.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// Where our client secret is; a public client has none.
    pub client_secret: Option<SecretName>,
    /// What is asked for; always with `openid`.
    pub scopes: Scopes,
}
