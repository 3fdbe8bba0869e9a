//! Spin's runtime configuration, as far as this host has what it says: where the key-value stores are.
//!
//! ```toml
//! [key_value_store.default]
//! type = "redis"
//! url = "redis://127.0.0.1:6379"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::error::{StartError, one_line};
use crate::key_value::RedisUrl;
use crate::position::position;

/// Where a key-value store is.
#[derive(Debug, Clone)]
pub(crate) enum StorePlace {
    /// `type = "spin"`: SQLite in this file.
    File(PathBuf),
    /// `type = "redis"`.
    Redis(RedisUrl),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    key_value_store: BTreeMap<String, StoreTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    r#type: Spanned<String>,
    path: Option<Spanned<PathBuf>>,
    url: Option<Spanned<String>>,
}

/// What Spin reads there, too, and this host has not.
const SPIN_ONLY_KEYS: [&str; 11] = [
    "client_tls",
    "config_provider",
    "llm_compute",
    "log_dir",
    "outbound_http",
    "outbound_mysql",
    "outbound_networking",
    "outbound_redis",
    "sqlite_database",
    "state_dir",
    "variables_provider",
];

/// Reads the file at `path`: the stores by their labels.
///
/// # Errors
/// The first thing that is wrong, with line and column. The words hold no value of the file.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, StorePlace>, StartError> {
    let text = fs::read_to_string(path).map_err(|error| StartError::RuntimeConfig {
        path: path.to_owned(),
        message: format!("the runtime configuration cannot be read: {error}"),
    })?;
    let file = File { path, text: &text };
    // Not the whole error: it shows the line, and there may be a password in it.
    let document: Document =
        toml::from_str(&text).map_err(|error| file.error(error.span().unwrap_or(0..0), explain(error.message())))?;
    document.key_value_store.into_iter().map(|(label, table)| Ok((label, file.place(table)?))).collect()
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, table: StoreTable) -> Result<StorePlace, StartError> {
        let is_of = |what: &str, kind: &str| format!("`{what}` is for `type = \"{kind}\"`");
        match (table.r#type.get_ref().as_str(), table.path, table.url) {
            ("spin", Some(path), None) => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                Ok(StorePlace::File(folder.join(path.into_inner())))
            }
            ("spin", None, None) => Err(self.error(
                table.r#type.span(),
                "a store of `type = \"spin\"` needs `path`, the file of its database: in Spin, one without is in memory, \
                 which this host does not offer",
            )),
            ("spin", _, Some(url)) => Err(self.error(url.span(), is_of("url", "redis"))),
            ("redis", None, Some(url)) => RedisUrl::parse(url.get_ref())
                .map(StorePlace::Redis)
                .map_err(|error| self.error(url.span(), format!("`url`: {error}"))),
            ("redis", None, None) => {
                Err(self.error(table.r#type.span(), "a store of `type = \"redis\"` needs `url`, such as redis://HOST:6379"))
            }
            ("redis", Some(path), _) => Err(self.error(path.span(), is_of("path", "spin"))),
            _ => Err(self.error(
                table.r#type.span(),
                "`type` is \"redis\", with `url`, or \"spin\" (SQLite), with `path`; this host has no other key-value stores",
            )),
        }
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> StartError {
        let (line, column) = position(self.text, span.start);
        let path = PathBuf::from(format!("{}:{line}:{column}", self.path.display()));
        StartError::RuntimeConfig { path, message: message.into() }
    }
}

/// A message of the TOML parser, in words that say what to do, and without the value that it is about.
fn explain(message: &str) -> String {
    let message = one_line(message);
    for beginning in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(beginning) {
            let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, "something else"));
            let kind = found.split([' ', ',']).next().unwrap_or_default();
            return format!("{beginning}{kind}, expected {expected}");
        }
    }
    let key = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match key {
        Some(key) if SPIN_ONLY_KEYS.contains(&key) => {
            format!(
                "`{key}` is Spin's; this host reads `[key_value_store.LABEL]` from the runtime configuration, and nothing else"
            )
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<BTreeMap<String, StorePlace>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runtime-config.toml");
        fs::write(&path, text).unwrap();
        let folder = format!("{}/", folder.path().display());
        read(&path).map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[test]
    fn a_store_is_in_a_redis_or_in_a_file_beside_the_configuration() {
        assert!(parsed("").unwrap().is_empty());
        let stores = parsed(
            "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://:s3cret@store.example/1\"\n\
             [key_value_store.other]\ntype = \"spin\"\npath = \"data/other.db\"\n\
             [key_value_store.absolute]\ntype = \"spin\"\npath = \"/data/other.db\"\n",
        )
        .unwrap();
        assert!(
            matches!(&stores["default"], StorePlace::Redis(url) if url.to_string() == "redis://store.example:6379/1")
        );
        assert!(
            matches!(&stores["other"], StorePlace::File(path) if path.ends_with("data/other.db") && path.is_absolute())
        );
        assert!(matches!(&stores["absolute"], StorePlace::File(path) if path == Path::new("/data/other.db")));
        assert!(!format!("{stores:?}").contains("s3cret"));
    }

    #[test]
    fn what_this_host_cannot_do_is_refused_with_its_place_and_without_its_value() {
        for (text, line) in [
            ("[key_value_store.default]\ntype = \"spin\"\n", "2:8: a store of `type = \"spin\"` needs `path`"),
            ("[key_value_store.default]\ntype = \"redis\"\n", "2:8: a store of `type = \"redis\"` needs `url`"),
            ("[key_value_store.a]\ntype = \"redis\"\nurl = \"s3cret\"\n", "3:7: `url`: it is no URL of Redis"),
            (
                "[key_value_store.a]\ntype = \"redis\"\nurl = \"http://:s3cret@host\"\n",
                "3:7: `url`: it is no URL of Redis",
            ),
            (
                "[key_value_store.a]\ntype = \"redis\"\nurl = \"rediss://h#insecure\"\n",
                "3:7: `url`: `#insecure` would let",
            ),
            ("[key_value_store.a]\ntype = \"redis\"\nurl = \"redis://h\"\npath = \"x\"\n", "4:8: `path` is for"),
            ("[key_value_store.a]\ntype = \"spin\"\nurl = \"redis://:s3cret@h\"\npath = \"x\"\n", "3:7: `url` is for"),
            ("[key_value_store.a]\ntype = \"azure_cosmos\"\n", "2:8: `type` is \"redis\", with `url`, or \"spin\""),
            (
                "[key_value_store.a]\ntype = \"redis://:s3cret@h\"\n",
                "2:8: `type` is \"redis\", with `url`, or \"spin\"",
            ),
            ("[key_value_store.a]\ntype = \"redis\"\nurl = redis://:s3cret@h\n", "3:"),
            ("[key_value_store.a]\ntype = \"redis\"\nurl = [\"redis://:s3cret@h\"]\n", "3:7: invalid type: sequence"),
            ("[key_value_store.a]\ntype = \"redis\"\nurl = \"redis://:s3cret@h\n", "3:"),
            ("[key_value_store.a]\nurl = \"redis://:s3cret@h\"\n", "1:1: missing field `type`"),
            (
                "[key_value_store.a]\ntype = \"redis\"\nuri = \"redis://:s3cret@h\"\n",
                "3:1: unknown field `uri`, expected one of",
            ),
            ("[sqlite_database.default]\ntype = \"spin\"\n", "1:2: `sqlite_database` is Spin's; this host reads"),
            ("state_dir = \"x\"\n", "1:1: `state_dir` is Spin's; this host reads"),
            ("[key_value_store]\ndefault = \"redis://:s3cret@h\"\n", "2:11: invalid type: string, expected"),
            ("key_value_store = \"redis://:s3cret@h, expected\"\n", "1:19: invalid type: string, expected"),
            ("[outbound_networking]\nblock_networks = [\"private\"]\n", "1:2: `outbound_networking` is Spin's"),
            ("[key_value_stores.default]\n", "1:2: unknown field `key_value_stores`, expected `key_value_store`"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(&format!("runtime-config.toml:{line}")), "{text}: {error}");
            assert!(!error.contains("s3cret") && !error.contains('\n'), "{text}: {error}");
        }
        let absent = read(Path::new("/absent/runtime-config.toml")).unwrap_err().to_string();
        assert!(
            absent.starts_with("/absent/runtime-config.toml: the runtime configuration cannot be read"),
            "{absent}"
        );
    }
}
