//! Log texts that pages quote: each must be in the code, letter by letter.
//!
//! In a table whose first column is called "Log text", what stands in that column between backticks is a quotation. `…` in
//! it stands for what differs from time to time.

use std::path::Path;

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::Lit;

use super::{
    document::code,
    files::{files, read},
};

/// The first column of a table that quotes.
const COLUMN: &str = "Log text";
/// Where the code is that writes to the log.
const CODE: [&str; 6] = ["crates", "shell", "components", "sandboxes", "host/src", "cli/src"];

/// The quotations of pages that no text of the code has, each in a line.
pub fn faults(root: &Path) -> Result<Vec<String>> {
    let mut texts = None;
    let mut faults = Vec::new();
    for page in files(&root.join("docs"), ".md")? {
        for quotation in quotations(&read(&page)?) {
            let texts = match &texts {
                Some(texts) => texts,
                None => texts.insert(texts_of_code(root)?),
            };
            if !is_said(&quotation, texts) {
                let page = page.strip_prefix(root).unwrap_or(&page).display();
                faults.push(format!("{page} quotes a log text that the code lacks: {quotation}"));
            }
        }
    }
    Ok(faults)
}

/// What the page quotes.
pub fn quotations(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut quotes = false;
    for line in page.lines() {
        let Some(first) = line.strip_prefix('|').and_then(|row| row.split('|').next()) else {
            quotes = false;
            continue;
        };
        if first.trim() == COLUMN {
            quotes = true;
        } else if quotes {
            found.extend(code(first));
        }
    }
    found
}

/// Whether every piece between `…` is in one of the texts.
pub fn is_said(quotation: &str, texts: &[String]) -> bool {
    let mut pieces = quotation.split('…').map(str::trim).filter(|piece| !piece.is_empty()).peekable();
    pieces.peek().is_some() && pieces.all(|piece| texts.iter().any(|text| text.contains(piece)))
}

/// Every text literal of the code, without doc comments and tests.
fn texts_of_code(root: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for folder in CODE {
        for file in files(&root.join(folder), ".rs")? {
            let is_test = file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests");
            if !is_test {
                let source = read(&file)?;
                let tokens: TokenStream = source
                    .parse()
                    .map_err(|error| anyhow::anyhow!("{error}"))
                    .with_context(|| format!("cannot read the tokens of {}", file.display()))?;
                collect(tokens, &mut texts);
            }
        }
    }
    Ok(texts)
}

/// The literals in the tokens. `#[doc = "…"]` is passed over, and so is a module for tests.
pub fn collect(tokens: TokenStream, texts: &mut Vec<String>) {
    let mut for_tests = false;
    for token in tokens {
        match token {
            TokenTree::Literal(literal) => match Lit::new(literal) {
                Lit::Str(text) => texts.push(text.value()),
                Lit::ByteStr(text) => texts.push(String::from_utf8_lossy(&text.value()).into_owned()),
                _ => {}
            },
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let inner = group.stream().to_string();
                if inner.starts_with("cfg") && inner.contains("test") {
                    for_tests = true;
                } else if !inner.starts_with("doc ") && !inner.starts_with("doc=") {
                    collect(group.stream(), texts);
                }
            }
            TokenTree::Group(group) => {
                // What `#[cfg(test)]` stands before ends with its braces.
                let skipped = for_tests && group.delimiter() == Delimiter::Brace;
                for_tests &= !skipped;
                if !skipped {
                    collect(group.stream(), texts);
                }
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => for_tests = false,
            TokenTree::Punct(_) | TokenTree::Ident(_) => {}
        }
    }
}
