//! A development OpenID provider: anyone can sign in as anyone.
//!
//! It exists so that Gatehouse can be tried, and its login tested, without an account anywhere. It speaks the part of
//! OpenID Connect Core 1.0 that every relying party uses: discovery, the authorization code flow with PKCE, signed ID
//! tokens, refresh tokens and the userinfo endpoint. It serves one client, and only on a loopback address.

mod answers;
mod authorization;
mod component;
mod discovery;
mod grants;
mod login_page;
mod people;
mod provider;
mod settings;
mod signing;
mod token;
mod userinfo;

#[cfg(test)]
mod tests;
