//! Tools, looked for in their server's listing.

use std::collections::{BTreeSet, HashSet};

use gatehouse_mcp_wire::json_rpc::{Body, Call, Id, Message, Object, Outcome, Reply};
use thiserror::Error;

use crate::{CacheDirective, ToolSchema, UnusableSchema};

/// Pages of a listing. Servers have one, or a few.
pub const MOST_PAGES: usize = 50;
/// Bytes of all pages together.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;

const META: &str = "_meta";

/// The search for some tools of one server, page by page (MCP, tools, "Listing Tools"; pagination). It ends with the page
/// on which the last of them is found, or with the listing.
#[derive(Debug)]
pub struct Search {
    sought: BTreeSet<String>,
    found: Vec<Found>,
    /// Theirs.
    names: HashSet<String>,
    /// What every request of the caller's version says of itself.
    meta: Option<Object>,
    cursor: Option<String>,
    pages: usize,
    bytes: usize,
}

/// A tool that was found.
#[derive(Debug)]
pub struct Found {
    /// Its name.
    pub tool: String,
    /// What it publishes of its arguments.
    pub schema: Result<ToolSchema, UnusableSchema>,
    /// What the page says of how long it may be kept.
    pub directive: CacheDirective,
}

/// What comes after a message of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was something else, such as a notification: the answer is yet to come.
    Wait,
    /// The next page is to be asked for.
    Ask,
    /// Nothing.
    Done,
}

/// Why the listing cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ListingError {
    /// It is not what MCP says, or two readers could read it differently.
    #[error("its tools/list cannot be read")]
    Unreadable,
    /// The server answers with an error.
    #[error("it refuses tools/list")]
    Refused,
    /// More than [`MOST_PAGES`].
    #[error("its tools/list has more than {MOST_PAGES} pages, or leads in a circle")]
    TooManyPages,
    /// More than [`MOST_BYTES`].
    #[error("its tools/list is larger than {MOST_BYTES} bytes")]
    TooLarge,
}

impl Search {
    /// A search for these tools.
    pub fn of(tools: impl IntoIterator<Item = String>) -> Self {
        let sought = tools.into_iter().collect();
        Self { sought, found: Vec::new(), names: HashSet::new(), meta: None, cursor: None, pages: 0, bytes: 0 }
    }

    /// With what `call` says of its client in `_meta`, as every request of 2026-07-28 must: the listing is the one that
    /// this client would get. The token of its progress stays the call's own.
    #[must_use]
    pub fn in_the_name_of(self, call: &Call) -> Self {
        let mut meta = call.meta();
        meta.as_mut().map(|meta| meta.remove("progressToken"));
        Self { meta, ..self }
    }

    /// The request for the next page.
    ///
    /// # Errors
    /// [`ListingError::TooManyPages`].
    pub fn request(&mut self, id: Id) -> Result<Call, ListingError> {
        if self.pages == MOST_PAGES {
            return Err(ListingError::TooManyPages);
        }
        self.pages = self.pages.saturating_add(1);
        let mut params = Object::new();
        if let Some(meta) = &self.meta {
            params.set_raw(META, meta.to_raw());
        }
        if let Some(cursor) = &self.cursor {
            params.set("cursor", cursor);
        }
        Ok(Call::request(id, "tools/list", (!params.is_empty()).then_some(params)))
    }

    /// Reads what the server says to the request with this id: a JSON body, or the data of an event.
    ///
    /// # Errors
    /// [`ListingError`].
    pub fn read(&mut self, text: &str, id: &Id) -> Result<Step, ListingError> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MOST_BYTES {
            return Err(ListingError::TooLarge);
        }
        let body = Body::parse_answer(text.as_bytes()).map_err(|_| ListingError::Unreadable)?;
        match body.messages().iter().find_map(|message| answer(message, id)) {
            None => Ok(Step::Wait),
            Some(Outcome::Result(result)) => self.page(result),
            Some(Outcome::OtherResult(_)) => Err(ListingError::Unreadable),
            Some(Outcome::Error(_)) => Err(ListingError::Refused),
        }
    }

    /// What was found.
    pub fn into_found(self) -> Vec<Found> {
        self.found
    }

    fn page(&mut self, result: &Object) -> Result<Step, ListingError> {
        // "input_required" (2026-07-28) asks the client for something, which has not asked for a listing.
        if result.contains("resultType") && result.str("resultType").as_deref() != Some("complete") {
            return Err(ListingError::Unreadable);
        }
        let directive = CacheDirective::of(result);
        for tool in result.array("tools").ok_or(ListingError::Unreadable)? {
            let name = Object::of(&tool).and_then(|tool| tool.str("name")).ok_or(ListingError::Unreadable)?;
            if self.sought.remove(&name) {
                self.names.insert(name.clone());
                self.found.push(Found { tool: name, schema: ToolSchema::of(&tool), directive });
            } else if self.names.contains(&name) {
                // Which of them is called?
                return Err(ListingError::Unreadable);
            }
        }
        let cursor = match result.get("nextCursor") {
            None => None,
            Some(cursor) if cursor.get() == "null" => None,
            Some(_) => Some(result.str("nextCursor").ok_or(ListingError::Unreadable)?),
        };
        if self.sought.is_empty() || cursor.is_none() {
            return Ok(Step::Done);
        }
        if cursor == self.cursor {
            return Err(ListingError::TooManyPages);
        }
        self.cursor = cursor;
        Ok(Step::Ask)
    }
}

/// An error may have no id: the server could not read it.
fn answer<'m>(message: &'m Message, id: &Id) -> Option<&'m Outcome> {
    match message {
        Message::Response(Reply { id: replied, outcome, .. }) if replied.is_none() || replied.as_ref() == Some(id) => {
            Some(outcome)
        }
        Message::Response(_) | Message::Request(_) | Message::Notification(_) => None,
    }
}

#[cfg(test)]
mod tests;
