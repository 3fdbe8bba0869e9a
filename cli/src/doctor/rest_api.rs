//! A REST API: whether it answers, and what becomes of its OpenAPI document.

use gatehouse_configuration::{Configuration, OpenApi, OpenApiDocument, Upstream};
use gatehouse_openapi::LARGEST_DOCUMENT;
use http::header::{ACCEPT, HeaderValue};
use http::{Method, Request, StatusCode, Uri};

use super::client::HttpClient;
use super::findings::Findings;
use crate::rest_api::{notes, summary, tools};

const MOST_BYTES: usize = 1024 * 1024;

/// Looks at the API, and reads its document as Gatehouse does. No operation is called.
pub(super) async fn examine(
    client: &HttpClient,
    configuration: &Configuration,
    upstream: &Upstream,
    api: &OpenApi,
    subject: &str,
    findings: &mut Findings,
) {
    let mut look = Request::new(Vec::new());
    (*look.method_mut(), *look.uri_mut()) = (Method::OPTIONS, upstream.url.clone());
    match client.send(look, MOST_BYTES).await {
        Ok(_) => findings.right(subject, "answers"),
        Err(error) => findings.wrong(subject, error.to_string(), error.advice()),
    }
    let document = match &api.document {
        OpenApiDocument::File(file) => {
            std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))
        }
        OpenApiDocument::At(url) => fetched(client, url).await,
    };
    let compiled =
        document.and_then(|text| tools(&text, configuration, upstream, api).map_err(|error| error.to_string()));
    match compiled {
        Ok(compiled) => {
            findings.right(subject, format!("has {}", summary(&compiled)));
            for note in notes(upstream, &compiled) {
                findings.note(subject, note, "docs/rest-apis.md says what can be served");
            }
        }
        Err(reason) => findings.wrong(subject, reason, "mend openapi, or the document"),
    }
}

async fn fetched(client: &HttpClient, url: &Uri) -> Result<String, String> {
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = url.clone();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.1"));
    let answer = client.send(request, LARGEST_DOCUMENT).await.map_err(|error| format!("{url}: {error}"))?;
    if answer.status() != StatusCode::OK {
        return Err(format!("{url} answers with {}; redirects are not followed", answer.status().as_u16()));
    }
    String::from_utf8(answer.into_body()).map_err(|_| format!("{url} is not UTF-8"))
}
