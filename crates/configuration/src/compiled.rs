//! The compiled form of a document: its parts as text, with an index in front, so that a request reads only its own.
//!
//! ```text
//! gatehouse-configuration/6 source=sha256:… index=… parts=… check=…
//! gateway 0 55 8d8c3a1f
//! authorization-server 55 1640 0c1f77aa
//! servers 1695 98 5be0d1c2
//! /mcp 1793 402 91d3a0e4
//! {"public_url":…}{…}…
//! ```
//!
//! The first line names the format, the document that was compiled, the lengths of what follows, and a checksum (CRC-32)
//! of itself and the index. A line of the index is a part's name (a route has its path), its place and length in bytes
//! behind the index, and its checksum. Checksums find what was cut off, mixed up or edited; who can replace the setting can
//! also compile another document.

use std::ops::Range;

use crate::error::one_line;
use crate::{CompiledError, Part};

/// What the compiled form begins with, and no document in TOML or JSON does.
pub(crate) const NAME: &str = "gatehouse-configuration/";
/// Raised with every change of what is written here or of what a part's keys mean.
pub(crate) const FORMAT: &str = "6";

pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const AUTHORIZATION_SERVER: &str = "authorization-server";
pub(crate) const SERVERS: &str = "servers";
/// What the names of pieces begin with.
pub(crate) const PIECE: &str = "openapi-";

/// A compiled configuration whose index is whole.
pub(crate) struct Compiled {
    text: String,
    /// Where the index is in the text, in bytes.
    index: Range<usize>,
    /// Where the parts are that it lists.
    parts: Range<usize>,
}

/// Whether the text is, or was, a compiled configuration.
pub(crate) fn is_compiled(text: &str) -> bool {
    text.trim_start().starts_with(NAME)
}

impl Compiled {
    /// Reads the first line and checks the index; a part is checked when it is read.
    pub(crate) fn open(text: String) -> Result<Self, CompiledError> {
        let (index, parts) = Self::places(&text)?;
        Ok(Self { text, index, parts })
    }

    /// Where the index and the parts are.
    fn places(untrimmed: &str) -> Result<(Range<usize>, Range<usize>), CompiledError> {
        // Shells and editors add and remove line breaks at the end.
        let text = untrimmed.trim();
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let format = first.strip_prefix(NAME).and_then(|rest| rest.split(' ').next()).ok_or(CompiledError::Header)?;
        if format != FORMAT {
            return Err(CompiledError::OtherFormat(one_line(&format.chars().take(16).collect::<String>())));
        }
        let header = Header::parse(first).ok_or(CompiledError::Header)?;
        let expected = header.index.checked_add(header.parts).ok_or(CompiledError::Header)?;
        if rest.len() != expected {
            let first = first.len().saturating_add(1);
            return Err(CompiledError::Length { expected: first.saturating_add(expected), found: text.len() });
        }
        let (index, parts) = rest.split_at_checked(header.index).ok_or(CompiledError::Index)?;
        if checksum(&[header.checked, index]) != header.checksum {
            return Err(CompiledError::Index);
        }
        let end = untrimmed.trim_end().len();
        let between = end.saturating_sub(parts.len());
        Ok((between.saturating_sub(index.len())..between, between..end))
    }

    /// The part, as it was written; `None` where there is no such route.
    pub(crate) fn part(&self, part: &Part<'_>) -> Result<Option<&str>, CompiledError> {
        let name = match part {
            Part::Gateway => GATEWAY,
            Part::AuthorizationServer => AUTHORIZATION_SERVER,
            Part::Servers => SERVERS,
            // Nothing but a path begins with a slash, and no path has a space.
            Part::Route(path) if path.starts_with('/') && !path.contains(' ') => path,
            Part::Route(_) => return Ok(None),
            Part::Piece(name) if is_piece(name) => name,
            Part::Piece(_) => return Ok(None),
            Part::OnlyRoute => {
                let mut paths = self.paths();
                let (Some(only), None) = (paths.next(), paths.next()) else { return Ok(None) };
                only
            }
        };
        match (self.place(name), part) {
            (Some(place), _) => self.read(name, place).map(Some),
            (None, Part::Route(_) | Part::OnlyRoute | Part::Piece(_)) => Ok(None),
            (None, _) => Err(CompiledError::Index),
        }
    }

    /// The paths of the routes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        // Nothing but a path begins with a slash.
        let paths = self.index().lines().filter(|line| line.starts_with('/'));
        paths.filter_map(|line| line.split(' ').next())
    }

    /// What the index says of the part with this name. It may have hundreds of lines, and a request looks for two.
    fn place(&self, name: &str) -> Option<&str> {
        let mut lines = self.index();
        loop {
            let (line, rest) = lines.split_once('\n')?;
            if let Some(place) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')) {
                return Some(place);
            }
            lines = rest;
        }
    }

    fn index(&self) -> &str {
        self.text.get(self.index.clone()).unwrap_or_default()
    }

    fn read(&self, name: &str, place: &str) -> Result<&str, CompiledError> {
        let (range, sum) = Self::range(place).ok_or(CompiledError::Index)?;
        let text = self.text.get(self.parts.clone()).and_then(|parts| parts.get(range)).ok_or(CompiledError::Index)?;
        if checksum(&[text]) != sum {
            return Err(CompiledError::Part(one_line(name)));
        }
        Ok(text)
    }

    fn range(text: &str) -> Option<(Range<usize>, u32)> {
        let mut words = text.split(' ');
        let start: usize = words.next()?.parse().ok()?;
        let end = start.checked_add(words.next()?.parse().ok()?)?;
        let sum = u32::from_str_radix(words.next()?, 16).ok()?;
        words.next().is_none().then_some((start..end, sum))
    }
}

/// Whether the name is one of a piece, which no other part has.
pub(crate) fn is_piece(name: &str) -> bool {
    name.starts_with(PIECE)
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

struct Header<'a> {
    /// What the checksum is of, beside the index.
    checked: &'a str,
    index: usize,
    parts: usize,
    checksum: u32,
}

impl<'a> Header<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (checked, sum) = line.split_once(" check=")?;
        let mut words = checked.split(' ').skip(1);
        let source = words.next()?.strip_prefix("source=sha256:")?;
        let index = words.next()?.strip_prefix("index=")?.parse().ok()?;
        let parts = words.next()?.strip_prefix("parts=")?.parse().ok()?;
        if words.next().is_some() || source.len() != 64 || sum.len() != 8 {
            return None;
        }
        Some(Self { checked, index, parts, checksum: u32::from_str_radix(sum, 16).ok()? })
    }
}

/// CRC-32 of the texts, one after another.
pub(crate) fn checksum(texts: &[&str]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    texts.iter().for_each(|text| hasher.update(text.as_bytes()));
    hasher.finalize()
}
