//! How a document is compiled: its parts are written, and read back to make sure that they mean the same.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::compiled::{AUTHORIZATION_SERVER, FORMAT, GATEWAY, NAME, PIECE, SERVERS, checksum, is_piece};
use crate::error::one_line;
use crate::gateway::{self, Needs};
use crate::{CompiledError, Configuration, ConfigurationError, Part, Route, authorization_server, document};

/// Compiles a document, TOML or JSON. Secrets are not in it: neither are they in the result.
///
/// # Errors
/// Where the document is wrong, or is compiled already.
pub fn compile(text: &str) -> Result<String, ConfigurationError> {
    compile_with(text, &[])
}

/// The same with pieces of compiled OpenAPI documents, each with its name ([`piece_name`]).
///
/// # Errors
/// As [`compile`].
pub fn compile_with(text: &str, pieces: &[(String, String)]) -> Result<String, ConfigurationError> {
    let (parts, configuration) = document::parse(text)?.divide()?;
    let (mut index, mut written) = (String::new(), String::new());
    let mut names = vec![(GATEWAY, Part::Gateway), (AUTHORIZATION_SERVER, Part::AuthorizationServer)];
    names.push((SERVERS, Part::Servers));
    names.extend(parts.paths().map(|path| (path, Part::Route(path))));
    for (name, part) in names {
        let unfaithful = || ConfigurationError::Compiled(CompiledError::Unfaithful(one_line(name)));
        let text = parts.write(&part)?.ok_or_else(unfaithful)?;
        if !is_faithful(&part, &text, &configuration) {
            return Err(unfaithful());
        }
        // Writing into a text cannot fail.
        let _ = writeln!(index, "{name} {} {} {:08x}", written.len(), text.len(), checksum(&[&text]));
        written.push_str(&text);
    }
    for (name, text) in pieces {
        if !is_piece(name) {
            return Err(ConfigurationError::Compiled(CompiledError::Unfaithful(one_line(name))));
        }
        let _ = writeln!(index, "{name} {} {} {:08x}", written.len(), text.len(), checksum(&[text]));
        written.push_str(text);
    }
    let mut source = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(source, "{byte:02x}");
    }
    let head = format!("{NAME}{FORMAT} source=sha256:{source} index={} parts={}", index.len(), written.len());
    let sum = checksum(&[&head, &index]);
    Ok(format!("{head} check={sum:08x}\n{index}{written}\n"))
}

/// The name of a piece of the OpenAPI document that is kept under `id` ([`OpenApi::id`](crate::OpenApi::id)).
pub fn piece_name(id: &str, piece: &str) -> String {
    format!("{PIECE}{id}-{piece}")
}

/// Whether the part, read back, is that of the whole document.
fn is_faithful(part: &Part<'_>, text: &str, configuration: &Configuration) -> bool {
    match part {
        Part::Gateway => gateway::Configuration::from_part(text).is_ok_and(|read| read == configuration.gateway),
        Part::AuthorizationServer => authorization_server::Configuration::from_part(text)
            .is_ok_and(|read| read == configuration.authorization_server),
        Part::Servers => {
            let keys = configuration.gateway.caller_assertion_keys.as_ref();
            let needs = Needs::of(&configuration.authorization_server, &configuration.routes, keys);
            Needs::from_part(text).is_ok_and(|read| read == needs)
        }
        // No part of the document.
        Part::Piece(_) => false,
        Part::Route(_) | Part::OnlyRoute => {
            Route::from_part(text).is_ok_and(|read| configuration.routes.contains(&read))
        }
    }
}

#[cfg(test)]
mod tests;
