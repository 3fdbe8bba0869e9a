//! `gatehouse keys api`.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use gatehouse_api_keys::{digest, generate};
use gatehouse_protocol::{Entropy, SecretString};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::doctor::client::HttpClient;
use crate::system_entropy::SystemEntropy;

/// The environment variable with the administrator's token, where no file is named.
const TOKEN_VARIABLE: &str = "GATEHOUSE_ADMINISTRATOR_TOKEN";
/// Bytes. A key and what is around it.
const LARGEST_ANSWER: usize = 16 * 1024;

#[derive(Subcommand)]
pub(crate) enum ApiKeys {
    /// Print a new API key, and the SHA-256 of it that goes into `routes[].api_keys.keys`. The key is printed once
    New,
    /// Print the key of a session pool
    Fetch(Pool),
    /// Replace the key of a session pool, and print the new one
    Regenerate(Pool),
}

#[derive(Args)]
pub(crate) struct Pool {
    /// The `public_url` of Gatehouse
    #[arg(value_name = "URL")]
    url: Url,
    /// The value of `routes[].api_keys.session_pool`
    #[arg(value_name = "SESSION_POOL")]
    session_pool: String,
    /// The administrator's bearer token is in this file (or in standard input, -) [default: the environment variable
    /// GATEHOUSE_ADMINISTRATOR_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// Trust the certificate authorities in this file besides the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<std::path::PathBuf>,
}

/// Prints a key, and nothing of it anywhere else.
pub(crate) fn run(keys: ApiKeys) -> Result<ExitCode> {
    let text = match keys {
        ApiKeys::New => {
            let mut entropy = SystemEntropy::default();
            let text = new(&mut entropy);
            entropy.into_result()?;
            text
        }
        ApiKeys::Fetch(pool) => pool.ask("fetchMCPServerCredentials")?,
        ApiKeys::Regenerate(pool) => pool.ask("regenerateCredentials")?,
    };
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The lines for the caller and for the configuration.
fn new(entropy: &mut impl Entropy) -> Zeroizing<String> {
    let key = generate(entropy);
    let mut text = Zeroizing::new(format!("key = \"{}\"\nsha256 = \"", key.expose()));
    for byte in digest(key.expose()).expose() {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str("\"\n");
    text
}

/// What Gatehouse answers.
#[derive(Deserialize)]
struct Credentials {
    #[serde(rename = "apiKey")]
    api_key: String,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureDetails,
}

#[derive(Deserialize)]
struct FailureDetails {
    message: String,
}

impl Pool {
    fn ask(&self, action: &str) -> Result<Zeroizing<String>> {
        let request = self.request(action, &self.token(io::stdin())?)?;
        let client = HttpClient::new(self.ca_file.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let answer = runtime.block_on(client.send(request, LARGEST_ANSWER));
        let answer = answer.map_err(|error| anyhow::anyhow!("{}: {error}; {}", self.url, error.advice()))?;
        Ok(Zeroizing::new(format!("{}\n", read(&answer)?.expose())))
    }

    fn token(&self, mut input: impl Read) -> Result<SecretString> {
        let mut text = Zeroizing::new(String::new());
        match self.token_file.as_deref() {
            Some("-") => input.read_to_string(&mut text).map(drop).context("cannot read standard input")?,
            Some(file) => {
                *text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            }
            None => {
                let unset = || format!("no --token-file is given, and {TOKEN_VARIABLE} is not set");
                *text = std::env::var(TOKEN_VARIABLE).ok().with_context(unset)?;
            }
        }
        let token = text.trim();
        if token.is_empty() {
            bail!("the administrator's token is empty");
        }
        Ok(SecretString::new(token.to_owned()))
    }

    /// As `az rest` sends it. Subscription and resource group mean nothing here.
    fn request(&self, action: &str, token: &SecretString) -> Result<Request<Vec<u8>>> {
        let mut url = self.url.clone();
        if !matches!(url.scheme(), "https" | "http") || url.path() != "/" {
            bail!("{url} is not the public_url of a Gatehouse, which has no path");
        }
        let segments = ["subscriptions", "-", "resourceGroups", "-", "providers", "Microsoft.App", "sessionPools"];
        url.path_segments_mut()
            .ok()
            .context("the URL has no path")?
            .clear()
            .extend(segments)
            .extend([self.session_pool.as_str(), action]);
        url.set_query(Some("api-version=2025-02-02-preview"));
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut bearer = HeaderValue::from_str(&bearer).ok().context("the administrator's token cannot be sent")?;
        bearer.set_sensitive(true);
        let request = Request::post(url.as_str()).header(AUTHORIZATION, bearer);
        request.body(Vec::new()).context("the session pool cannot be asked for")
    }
}

/// The key that is answered with.
fn read(answer: &Response<Vec<u8>>) -> Result<SecretString> {
    if answer.status() == StatusCode::OK {
        let credentials: Result<Credentials, _> = serde_json::from_slice(answer.body());
        // Of an answer that is not understood, nothing is repeated: it may hold a key.
        return match credentials {
            Ok(credentials) => Ok(SecretString::new(credentials.api_key)),
            Err(_) => bail!("the answer has no apiKey"),
        };
    }
    let failure: Option<Failure> = serde_json::from_slice(answer.body()).ok();
    let message = failure.map_or_else(String::new, |failure| format!(": {}", failure.error.message));
    let advice = match answer.status() {
        StatusCode::UNAUTHORIZED => "; look at session_pool and administrators in the configuration, and at the token",
        StatusCode::NOT_FOUND => "; look whether the URL is that of Gatehouse",
        _ => "",
    };
    bail!("the answer is {}{message}{advice}", answer.status())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use super::*;

    fn pool(url: &str) -> Pool {
        let token_file = Some("-".to_owned());
        Pool { url: url.parse().unwrap(), session_pool: "code".to_owned(), token_file, ca_file: None }
    }

    #[test]
    fn a_new_key_comes_with_the_digest_that_the_configuration_takes() {
        let mut entropy = SystemEntropy::default();
        let (first, second) = (new(&mut entropy), new(&mut entropy));
        assert_ne!(first, second);
        let written: toml::Table = toml::from_str(&first).unwrap();
        let (key, hash) = (written["key"].as_str().unwrap(), written["sha256"].as_str().unwrap());
        let expected: String = digest(key).expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((hash, hash.len(), key.len()), (expected.as_str(), 64, 53));
    }

    #[test]
    fn a_request_is_the_one_that_the_command_line_of_azure_sends() {
        let token = pool("https://gateway.example").token(" token \n".as_bytes()).unwrap();
        let request = pool("https://gateway.example").request("fetchMCPServerCredentials", &token).unwrap();
        let url = "https://gateway.example/subscriptions/-/resourceGroups/-/providers/Microsoft.App/sessionPools/code/\
                   fetchMCPServerCredentials?api-version=2025-02-02-preview";
        assert_eq!((request.uri().to_string().as_str(), request.method().as_str()), (url, "POST"));
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer token");
        for wrong in ["https://gateway.example/mcp", "ftp://gateway.example/"] {
            assert!(pool(wrong).request("x", &token).is_err(), "{wrong}");
        }
        assert!(pool("https://gateway.example").token(" \n".as_bytes()).is_err());
    }

    #[test]
    fn a_key_is_read_and_an_error_says_what_to_look_at_and_repeats_no_key() {
        let answer = |status: u16, body: &str| {
            let mut answer = Response::new(body.as_bytes().to_vec());
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            read(&answer).map(|key| key.expose().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(answer(200, r#"{"apiKey":"k"}"#).unwrap(), "k");
        assert_eq!(answer(200, r#"{"apikey":"secret"}"#).unwrap_err(), "the answer has no apiKey");
        let refused = answer(401, r#"{"error":{"code":"x","message":"Wrong"}}"#).unwrap_err();
        assert!(refused.starts_with("the answer is 401 Unauthorized: Wrong; look at session_pool"), "{refused}");
        assert!(answer(404, "<html>").unwrap_err().contains("the URL is that of Gatehouse"));
    }
}
