//! Where the schemas of tools are kept, and in which form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{InvalidKey, Key, Kind};
use sha2::{Digest as _, Sha256};

use crate::{CacheDirective, ToolSchema};

const TOOL_SCHEMA: Kind = "tool-schema";
/// What is kept is sealed like the references that clients get. Those begin with other words (`gatehouse_gateway::SealedReference`), so
/// that neither is ever taken for the other.
const PREFIX: &str = "tool-schema ";

/// Places that an audience has for the tools of one server: as many schemas are kept at most, whatever the server lists and
/// however many sessions a caller begins. Of two that meet in one place, the later one stays.
pub const SLOTS: u16 = 1024;

/// Seconds. What is kept ends with the hour in which it was: whoever looks for it then knows its name without having
/// to try several. A server that says more may still change its tools today.
const HOUR: u64 = 60 * 60;

/// A tool, as callers of one route and version reach it.
#[derive(Clone, Copy, Debug)]
pub struct PublishedTool<'a> {
    /// The path of the route.
    pub route: &'a str,
    /// The member's prefix, empty where there is none.
    pub member: &'a str,
    /// The address of the server: a route can get another one.
    pub server: &'a str,
    /// What the server calls the tool.
    pub tool: &'a str,
    /// The protocol version.
    pub version: &'a str,
}

/// For whom a listing was.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// Everybody: the server says so.
    Everybody,
    /// One caller.
    Caller {
        /// The subject.
        subject: &'a str,
        /// The client: with another one, the subject may have other tokens of the identity provider.
        client_id: &'a str,
        /// The session, where there is one: servers can have other tools in each (2025-11-25 and earlier).
        session: Option<&'a str>,
    },
}

/// A place for one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaCacheEntry {
    /// Under which others may be kept, too.
    slot: String,
    /// Of this schema alone.
    id: String,
}

impl SchemaCacheEntry {
    /// The place of this tool's schema for this audience.
    pub fn of(published: &PublishedTool<'_>, audience: Audience<'_>) -> Self {
        let PublishedTool { route, member, server, tool, version } = *published;
        let mut parts = vec![route, member, server, version];
        let mut own = vec![tool];
        if let Audience::Caller { subject, client_id, session } = audience {
            parts.extend([subject, client_id]);
            own.extend(session);
        }
        let [high, low, ..] = hash(&own);
        let slot = (u16::from_be_bytes([high, low]) % SLOTS).to_string();
        let id = |more: &[&str]| URL_SAFE_NO_PAD.encode(hash(&[&parts, more].concat()));
        Self { slot: id(&["slot", &slot]), id: id(&own) }
    }

    /// The name of what is kept in this hour.
    ///
    /// # Errors
    /// Never.
    pub fn key(&self, now: UnixTime) -> Result<Key, InvalidKey> {
        Key::new(TOOL_SCHEMA, &self.slot, end(now))
    }

    /// The text to keep under [`SchemaCacheEntry::key`], sealed. `None` where it must not be kept.
    pub fn text(&self, schema: &ToolSchema, directive: CacheDirective, now: UnixTime) -> Option<String> {
        let until = now.plus(directive.seconds).min(end(now));
        (until > now).then(|| format!("{PREFIX}{} {until} {}", self.id, schema.text()))
    }

    /// Reads what [`SchemaCacheEntry::text`] wrote for this place, as long as it may be used.
    pub fn read(&self, text: &str, now: UnixTime) -> Option<ToolSchema> {
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, ' ');
        let (id, until, schema) = (parts.next()?, parts.next()?, parts.next()?);
        let is_fresh = now < UnixTime::from_seconds(until.parse().ok()?);
        // Another one may be kept here; and whoever can write to the store could have moved it.
        if is_fresh && id == self.id { ToolSchema::parse(schema).ok() } else { None }
    }
}

fn end(now: UnixTime) -> UnixTime {
    UnixTime::from_seconds((now.seconds() / HOUR).saturating_add(1).saturating_mul(HOUR))
}

/// The store holds no subject and no tool in clear.
fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length in front, no part can be continued by the next one.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
