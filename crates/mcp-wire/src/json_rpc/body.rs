//! What a request, an answer or an event carries: a message, or a batch of them.

use std::collections::HashSet;
use std::{fmt, slice, str};

use serde_json::value::RawValue;

use crate::json_rpc::known;
use crate::json_rpc::object::{ENVELOPE, written};
use crate::json_rpc::{DEEPEST, MOST_MESSAGES, Message, Object, Unparsable, answer, strict};

/// One message, or a batch (JSON-RPC 2.0, section 6; MCP 2025-03-26 alone has them).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A message.
    Single(Message),
    /// A batch, which is never empty.
    Batch(Vec<Message>),
}

impl Body {
    /// Reads what a client says: nested no deeper than `depth` (at most [`DEEPEST`]; a batch is one level), in a batch of
    /// at most [`MOST_MESSAGES`].
    ///
    /// # Errors
    /// What [`Unparsable`] says. One wrong message makes the whole batch wrong.
    pub fn parse(bytes: &[u8], depth: usize) -> Result<Self, Unparsable> {
        let text = str::from_utf8(bytes).map_err(|_| Unparsable::NotUtf8)?;
        Self::read(text, depth, MOST_MESSAGES)
    }

    /// Reads what a server says, or what was made of it: as deep as everybody reads, in a batch of any length. What is wrong in
    /// a single text or item of it, and costs nobody else anything, is mended: half a
    /// character becomes U+FFFD, and an item of a listing that two readers could read differently is left out.
    ///
    /// # Errors
    /// As [`Body::parse`].
    pub fn parse_answer(bytes: &[u8]) -> Result<Self, Unparsable> {
        Self::parse_answer_counting(bytes).map(|(body, _)| body)
    }

    /// The same, with the number of items of a listing that are left out.
    ///
    /// # Errors
    /// As [`Body::parse`].
    pub fn parse_answer_counting(bytes: &[u8]) -> Result<(Self, usize), Unparsable> {
        let text = str::from_utf8(bytes).map_err(|_| Unparsable::NotUtf8)?;
        let text = answer::with_whole_characters(text);
        Self::read(&text, DEEPEST, usize::MAX).map(|body| (body, 0)).or_else(|error| {
            let (text, left_out) = answer::without_bad_items(&text).ok_or(error)?;
            Self::read(&text, DEEPEST, usize::MAX).map(|body| (body, left_out))
        })
    }

    fn read(text: &str, depth: usize, messages: usize) -> Result<Self, Unparsable> {
        strict::check(text, depth, messages, &known::ENVELOPE)?;
        match serde_json::from_str::<Vec<Box<RawValue>>>(text) {
            Ok(items) => batch(&items),
            Err(_) => single(serde_json::from_str(text).ok()).map(Self::Single),
        }
    }

    /// The message, or those of the batch.
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Single(message) => slice::from_ref(message),
            Self::Batch(messages) => messages,
        }
    }

    /// The body as it is sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_text().into_bytes()
    }

    /// The same as text.
    pub fn to_text(&self) -> String {
        written(self, self.messages().iter().map(|message| message.text_length().saturating_add(ENVELOPE)).sum())
    }
}

fn single(members: Option<Object>) -> Result<Message, Unparsable> {
    members.ok_or(Unparsable::NotJsonRpc("it is no object")).and_then(Message::read)
}

fn batch(items: &[Box<RawValue>]) -> Result<Body, Unparsable> {
    if items.is_empty() {
        return Err(Unparsable::EmptyBatch);
    }
    let messages = items.iter().map(|item| single(Object::of(item))).collect::<Result<Vec<_>, _>>()?;
    let mut ids = HashSet::new();
    // Whose answer would it be?
    if messages.iter().filter_map(Message::call).filter_map(|call| call.id.as_ref()).any(|id| !ids.insert(id)) {
        return Err(Unparsable::NotJsonRpc("two requests of a batch have the same id"));
    }
    Ok(Body::Batch(messages))
}

impl fmt::Display for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(message) => message.fmt(formatter),
            Self::Batch(messages) => {
                for (index, message) in messages.iter().enumerate() {
                    write!(formatter, "{}{message}", if index == 0 { '[' } else { ',' })?;
                }
                formatter.write_str("]")
            }
        }
    }
}

#[cfg(test)]
mod tests;
