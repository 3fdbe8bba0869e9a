//! The files of an environment as resources: `sandbox://ENVIRONMENT/PATH`, and `sandbox://ENVIRONMENT/` for the list of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_mcp_wire::json_rpc::Object;
use gatehouse_protocol::Subject;
use gatehouse_storage::Store;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sandbox_environments::{EnvironmentError, EnvironmentId};
use sandbox_run::TreePath;
use serde_json::{Value, json};

use crate::host::Host;
use crate::sandbox::Sandbox;

const SCHEME: &str = "sandbox://";
/// What a path has as it is: what is unreserved (RFC 3986, section 2.3), and the slashes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Resources on one page of a listing.
const PAGE: usize = 500;

/// What a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The list of an environment's files.
    List(EnvironmentId),
    /// A file.
    File(EnvironmentId, TreePath),
}

impl Target {
    /// Reads a URI. `None` where nothing of ours has such a one.
    pub fn parse(uri: &str) -> Option<Self> {
        let (id, path) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        let id = EnvironmentId::parse(id)?;
        if path.is_empty() {
            return Some(Self::List(id));
        }
        let path = TreePath::parse(&percent_decode_str(path).decode_utf8().ok()?).ok()?;
        // One file has one URI.
        (uri == self::uri(&id, path.as_str())).then_some(Self::File(id, path))
    }
}

/// The URI of a file.
fn uri(id: &EnvironmentId, path: &str) -> String {
    format!("{SCHEME}{}/{}", id.as_str(), utf8_percent_encode(path, ESCAPED))
}

/// The templates, as `resources/templates/list` gives them.
pub fn templates() -> Value {
    json!([
        {
            "uriTemplate": "sandbox://{environmentId}/",
            "name": "files",
            "description": "The list of the files of an environment",
            "mimeType": "application/json",
        },
        {
            "uriTemplate": "sandbox://{environmentId}/{+path}",
            "name": "file",
            "description": "A file of an environment, by its path in /work",
        },
    ])
}

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// A page of the resources of a subject, and the cursor of the next: for each environment the list of its files, and its files.
    /// `None` for a page that there is not. What comes or goes between two pages may be listed twice or not at all.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn resources(&self, subject: &Subject, cursor: Option<&str>) -> Result<Option<Object>, EnvironmentError> {
        let Ok(start) = cursor.unwrap_or("0").parse::<usize>() else { return Ok(None) };
        let environments = self.environments();
        let mut resources = Vec::new();
        for (id, environment) in environments.list(subject)? {
            let Ok(files) = environments.files(&environment) else { continue };
            let list = json!({ "uri": uri(&id, ""), "name": "files", "mimeType": "application/json" });
            let file =
                |(path, size): &(TreePath, u32)| json!({ "uri": uri(&id, path.as_str()), "name": path, "size": size });
            resources.push(list);
            resources.extend(files.iter().map(file));
        }
        let end = start.saturating_add(PAGE).min(resources.len());
        let Some(page) = resources.get(start..end) else { return Ok(None) };
        let mut result = Object::new();
        result.set("resources", page);
        if end < resources.len() {
            result.set("nextCursor", &end.to_string());
        }
        Ok(Some(result))
    }

    /// The contents of a resource; `None` where there is none of this subject.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn resource(&self, subject: &Subject, target: &Target) -> Result<Option<Object>, EnvironmentError> {
        let environments = self.environments();
        let (Target::List(id) | Target::File(id, _)) = target;
        let Some(environment) = environments.find(subject, id)? else { return Ok(None) };
        let contents = match target {
            Target::List(_) => {
                let files = environments.files(&environment)?;
                let file = |(path, size): &(TreePath, u32)| json!({ "path": path, "size": size, "uri": uri(id, path.as_str()) });
                let files: Vec<Value> = files.iter().map(file).collect();
                let text = json!({ "files": files }).to_string();
                json!({ "uri": uri(id, ""), "mimeType": "application/json", "text": text })
            }
            Target::File(_, path) => match environments.file(&environment, path)? {
                Some(bytes) => file_contents(uri(id, path.as_str()), bytes),
                None => return Ok(None),
            },
        };
        let mut result = Object::new();
        result.set("contents", &[contents]);
        Ok(Some(result))
    }
}

fn file_contents(uri: String, bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => json!({ "uri": uri, "mimeType": "text/plain", "text": text }),
        Err(error) => {
            let blob = STANDARD.encode(error.as_bytes());
            json!({ "uri": uri, "mimeType": "application/octet-stream", "blob": blob })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01010101-0101-0101-0101-010101010101";

    #[test]
    fn a_uri_names_one_file_and_a_file_has_one_uri() {
        for (path, rest) in [("a", "a"), ("a/b c.csv", "a/b%20c.csv"), ("\u{e4}%/#?", "%C3%A4%25/%23%3F")] {
            let (Some(id), Ok(path)) = (EnvironmentId::parse(ID), TreePath::parse(path)) else { panic!("{path}") };
            assert_eq!(uri(&id, path.as_str()), format!("sandbox://{ID}/{rest}"));
            assert_eq!(Target::parse(&uri(&id, path.as_str())), Some(Target::File(id, path)));
        }
        assert!(matches!(Target::parse(&format!("sandbox://{ID}/")), Some(Target::List(_))));
    }

    #[test]
    fn what_is_no_uri_of_a_file_names_nothing() {
        for uri in [
            "",
            "sandbox://",
            "sandbox:///a",
            "file:///etc/passwd",
            "sandbox://x/a",
            &format!("sandbox://{ID}"),
            &format!("sandbox://{ID}//a"),
            &format!("sandbox://{ID}/../a"),
            &format!("sandbox://{ID}/%2e%2e/a"),
            &format!("sandbox://{ID}/%61"),
            &format!("sandbox://{ID}/a%2Fb"),
            &format!("sandbox://{ID}/%c3%a4"),
            &format!("sandbox://{ID}/%ff"),
            &format!("sandbox://{ID}/a?b"),
            &format!("SANDBOX://{ID}/a"),
        ] {
            assert_eq!(Target::parse(uri), None, "{uri}");
        }
    }
}
