//! A variable on the command line.

use std::fs;

use anyhow::{Context as _, Result};

/// The file from which the value of `name=@file` comes.
pub(crate) fn file_of_variable(text: &str) -> Option<&str> {
    text.split_once('=')?.1.strip_prefix('@')
}

/// `name=value` or `name=@file`. A value is not repeated in errors: it may be a secret.
pub(crate) fn parse_variable(text: &str) -> Result<(String, String)> {
    let (name, value) =
        text.split_once('=').context("--variable needs NAME=VALUE or NAME=@FILE, but one is without `=`")?;
    let value = match file_of_variable(text) {
        Some(file) => {
            fs::read_to_string(file).with_context(|| format!("variable `{name}`: cannot read the file {file}"))?
        }
        None => value.to_owned(),
    };
    Ok((name.to_owned(), value))
}
