//! What a tool publishes about its arguments: they are validated by it, and headers that mirror them are checked.
//!
//! A schema is a server's text, and arguments are a client's. Neither may make the gateway fetch something or work for long:
//!
//! * Nothing is ever fetched. `$ref` leads within the schema or makes it unusable; an unknown `$schema`, too.
//! * A schema has at most [`LONGEST`] bytes, 64 levels and 64 patterns. What compiling it takes follows from that: a pattern
//!   becomes at most 256 KiB.
//! * A schema whose references lead in a circle without going down into the arguments is unusable; so is one with a chain of
//!   more than 64.
//! * Before arguments are validated, the steps that it would take are counted, by every way that leads to a part of the schema
//!   with a part of the arguments, and by what comparing and matching takes there. Where they are more than a million for all
//!   calls of a request, or would go more than 256 levels deep, it is refused. That is the bound for schemas that branch at every level, which no
//!   limit on size can be.
//! * Patterns are matched in linear time, or (where they look around or back) with at most 10,000 steps backwards.
//!
//! Sources: MCP 2026-07-28 ("Tools", "Custom Headers from Tool Parameters", "Caching"), JSON Schema 2020-12.

mod arguments;
mod cache_directive;
mod calls;
mod compiled_schema;
mod dialect;
mod equality;
mod evaluated;
mod keywords;
mod mirrored;
mod misfit;
mod pattern;
mod schema;
mod schema_cache;
mod search;
mod structure;
mod unusable_schema;
mod validator;
mod work;

pub use arguments::InvalidArguments;
pub use cache_directive::{CacheDirective, SchemaScope};
pub use calls::Calls;
pub use mirrored::{HeaderMismatch, InvalidAnnotation, Mirrored};
pub use schema::ToolSchema;
pub use schema_cache::{Audience, PublishedTool, SLOTS, SchemaCacheEntry};
pub use search::{Found, ListingError, MOST_BYTES, MOST_PAGES, Search, Step};
pub use unusable_schema::{LONGEST, UnusableSchema};
