//! The request that curl's options describe.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bashkit::BuiltinContext;
use sandbox_egress::Request;

use super::curl_options::{Options, Refused};
use super::path;

/// What a program is told that calls this curl.
const USER_AGENT: &str = "curl (gatehouse-sandbox)";
/// curl's exit code where a file cannot be read.
const UNREADABLE: i32 = 26;
/// The media type of data.
const FORM: &str = "application/x-www-form-urlencoded";

/// The request.
///
/// # Errors
/// Where a file cannot be read, or an option cannot be meant so.
pub async fn request(options: &Options, context: &BuiltinContext<'_>) -> Result<Request, Refused> {
    let arguments = &options.arguments;
    let data = data(options, context).await?;
    let upload = match arguments.value("upload-file") {
        Some(name) => Some(contents(name, context).await?),
        None => None,
    };
    let is_query = arguments.has("get");
    let method = match arguments.value("request") {
        Some(method) => method,
        None if arguments.has("head") => "HEAD",
        None if is_query => "GET",
        None if data.is_some() => "POST",
        None if upload.is_some() => "PUT",
        None => "GET",
    };
    let mut request = Request::new(method, &options.url);
    let has_data = data.is_some() && !is_query;
    match data {
        Some(data) if is_query => request.url = with_query(&request.url, &String::from_utf8_lossy(&data)),
        Some(data) => request.body = data,
        None => request.body = upload.unwrap_or_default(),
    }
    request.headers = headers(options, has_data)?;
    Ok(request)
}

/// The headers: curl's own, unless an option says another value or takes them away.
fn headers(options: &Options, has_data: bool) -> Result<Vec<(String, Vec<u8>)>, Refused> {
    let arguments = &options.arguments;
    let mut own = vec![("User-Agent", arguments.value("user-agent").unwrap_or(USER_AGENT).to_owned())];
    let is_json = arguments.has("json");
    own.push(("Accept", if is_json { "application/json" } else { "*/*" }.to_owned()));
    if has_data {
        own.push(("Content-Type", if is_json { "application/json" } else { FORM }.to_owned()));
    }
    if let Some(user) = arguments.value("user") {
        let user = if user.contains(':') { user.to_owned() } else { format!("{user}:") };
        own.push(("Authorization", format!("Basic {}", STANDARD.encode(user))));
    }
    own.extend(arguments.value("referer").map(|referer| ("Referer", referer.to_owned())));
    own.extend(arguments.value("cookie").map(|cookies| ("Cookie", cookies.to_owned())));
    let mut headers = Vec::new();
    for header in arguments.values("header") {
        let (name, value) = match (header.split_once(':'), header.strip_suffix(';')) {
            (Some((name, value)), _) => (name, value.trim()),
            (None, Some(name)) => (name, ""),
            (None, None) => return Err(Refused(2, format!("option -H: {header:?} is no header"))),
        };
        own.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        // `Name:` takes a header away, and `Name;` sends it with nothing in it.
        if !value.is_empty() || header.ends_with(';') {
            headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(own.map(|(name, value)| (name.to_owned(), value.into_bytes())).chain(headers).collect())
}

/// All data together; nothing where there is no such option.
async fn data(options: &Options, context: &BuiltinContext<'_>) -> Result<Option<Vec<u8>>, Refused> {
    let mut all: Option<Vec<u8>> = None;
    for (option, value) in &options.arguments.options {
        let file = value.strip_prefix('@');
        let part = match (*option, file) {
            ("data" | "data-ascii", Some(name)) => {
                let mut contents = contents(name, context).await?;
                contents.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                contents
            }
            ("data-binary" | "json", Some(name)) => contents(name, context).await?,
            ("data" | "data-ascii" | "data-raw" | "data-binary" | "json", _) => value.clone().into_bytes(),
            ("data-urlencode", _) => encoded_part(value, context).await?,
            _ => continue,
        };
        let all = match &mut all {
            // Parts of JSON are one text.
            Some(all) if *option == "json" => all,
            Some(all) => {
                all.push(b'&');
                all
            }
            None => all.insert(Vec::new()),
        };
        all.extend(part);
    }
    Ok(all)
}

/// `CONTENT`, `=CONTENT`, `NAME=CONTENT`, `@FILE` or `NAME@FILE`.
async fn encoded_part(value: &str, context: &BuiltinContext<'_>) -> Result<Vec<u8>, Refused> {
    let (name, content) = match (value.find('='), value.find('@')) {
        (Some(equals), at) if at.is_none_or(|at| equals < at) => {
            let (name, rest) = value.split_at_checked(equals).unwrap_or((value, ""));
            (name, rest.get(1..).unwrap_or_default().as_bytes().to_vec())
        }
        (_, Some(at)) => {
            let (name, rest) = value.split_at_checked(at).unwrap_or((value, ""));
            (name, contents(rest.get(1..).unwrap_or_default(), context).await?)
        }
        _ => ("", value.as_bytes().to_vec()),
    };
    let equals = if name.is_empty() { "" } else { "=" };
    Ok(format!("{name}{equals}{}", encoded(&content)).into_bytes())
}

/// A file, or standard input where the name is `-`.
async fn contents(name: &str, context: &BuiltinContext<'_>) -> Result<Vec<u8>, Refused> {
    if name == "-" {
        return Ok(context.stdin.map(|stdin| stdin.as_bytes().to_vec()).unwrap_or_default());
    }
    let read = context.fs.read_file(&path(context, name)).await;
    read.map_err(|_error| Refused(UNREADABLE, format!("Failed to open {name}")))
}

/// Everything but letters, digits, `-`, `.`, `_` and `~` as `%XX`.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a text does not fail.
            let _written = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn with_query(url: &str, query: &str) -> String {
    let (url, fragment) = url.split_at_checked(url.find('#').unwrap_or(url.len())).unwrap_or((url, ""));
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{query}{fragment}")
}
