//! `wget`: one URL into one file.

use std::sync::Arc;

use bashkit::{Builtin, BuiltinContext, ExecResult, async_trait};
use sandbox_egress::{Request, Target};

use super::arguments::{Arguments, Known};
use super::{Network, path, seconds};

/// The options. The last ones change nothing here.
const KNOWN: [Known; 12] = [
    Known(Some('q'), "quiet", false),
    Known(Some('O'), "output-document", true),
    Known(None, "header", true),
    Known(None, "post-data", true),
    Known(None, "method", true),
    Known(None, "body-data", true),
    Known(Some('U'), "user-agent", true),
    Known(Some('T'), "timeout", true),
    Known(None, "no-verbose", false),
    Known(Some('c'), "continue", false),
    Known(Some('t'), "tries", true),
    Known(None, "show-progress", false),
];
/// wget's exit codes: of its options, of files, of the network, and of an answer that is an error.
const MISUSED: i32 = 2;
const FILE: i32 = 3;
const NETWORK: i32 = 4;
const IS_AN_ERROR: i32 = 8;

/// The command.
pub struct Wget(pub Arc<Network>);

#[async_trait]
impl Builtin for Wget {
    async fn execute(&self, context: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        Ok(match self.run(&context).await {
            Ok((stdout, stderr)) => {
                let mut result = ExecResult::ok_bytes(stdout);
                result.stderr = stderr.into();
                result
            }
            Err((code, text)) => ExecResult::err(format!("wget: {text}\n"), code),
        })
    }
}

impl Wget {
    /// What goes to standard output and to standard error.
    async fn run(&self, context: &BuiltinContext<'_>) -> Result<(Vec<u8>, String), (i32, String)> {
        let words: Vec<String> = context
            .args
            .iter()
            .map(|word| if word == "-nv" { "--no-verbose".to_owned() } else { word.clone() })
            .collect();
        let arguments = Arguments::parse(&words, &KNOWN).map_err(|text| (MISUSED, text))?;
        let (request, asked) = request(&arguments).map_err(|text| (MISUSED, text))?;
        let time = match arguments.value("timeout") {
            Some(text) => Some(seconds(text).ok_or((MISUSED, "option -T: expected a number".to_owned()))?),
            None => None,
        };
        let time = time.filter(|time| !time.is_zero());
        let answer = self.0.send(&request, true, time).map_err(|failure| (NETWORK, failure.to_string()))?;
        if answer.status >= 400 {
            return Err((IS_AN_ERROR, format!("server returned error {}: {}", answer.status, answer.url)));
        }
        let name = match arguments.value("output-document") {
            Some(name) => name.to_owned(),
            None => Some(asked).filter(|name| !name.is_empty()).unwrap_or_else(|| "index.html".to_owned()),
        };
        match name.as_str() {
            "-" | "/dev/stdout" => return Ok((answer.body, String::new())),
            "/dev/null" => {}
            name => {
                let written = context.fs.write_file(&path(context, name), &answer.body).await;
                written.map_err(|error| (FILE, format!("{name} could not be written: {error}")))?;
            }
        }
        let said =
            if arguments.has("quiet") { String::new() } else { format!("{name}: {} bytes saved\n", answer.body.len()) };
        Ok((Vec::new(), said))
    }
}

/// The request, and the name of the file that it asks for.
fn request(arguments: &Arguments) -> Result<(Request, String), String> {
    let [url] = arguments.operands.as_slice() else {
        return Err("there must be one URL".to_owned());
    };
    let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
    let data = arguments.value("post-data");
    let method = arguments.value("method").unwrap_or(if data.is_some() { "POST" } else { "GET" });
    let mut request = Request::new(method, &url);
    request.body = data.or(arguments.value("body-data")).unwrap_or_default().as_bytes().to_vec();
    let mut add = |name: &str, value: &str| request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    add("User-Agent", arguments.value("user-agent").unwrap_or("wget (gatehouse-sandbox)"));
    add("Accept", "*/*");
    let mut has_type = false;
    for header in arguments.values("header") {
        let (name, value) =
            header.split_once(':').ok_or_else(|| format!("option --header: {header:?} is no header"))?;
        has_type |= name.eq_ignore_ascii_case("content-type");
        add(name, value.trim());
    }
    if data.is_some() && !has_type {
        add("Content-Type", "application/x-www-form-urlencoded");
    }
    let asked = Target::parse(&url).map(|target| target.file_name().to_owned()).unwrap_or_default();
    Ok((request, asked))
}
