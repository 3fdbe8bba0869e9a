//! What administrators do over HTTP: they see which environments there are, and end one. It has a path and a secret of its own, and is not
//! there where no secret is set. Of what is in an environment, and of its id, they are told nothing.

use gatehouse_protocol::SecretString;
use gatehouse_storage::Store;
use http::header::ALLOW;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use sandbox_environments::{EnvironmentError, Handle, Listed, Listing, Position};
use serde_json::{Value, json};

use crate::answers;
use crate::caller::only;
use crate::host::Host;
use crate::log::{Ids, Line};
use crate::sandbox::Sandbox;

/// The list. An environment is at this path, a slash and its handle.
const PATH: &str = "/environments";
/// In the query: where a page begins.
const FROM: &str = "from=";
/// The header in which an administrator proves itself.
pub const ADMINISTRATION: HeaderName = HeaderName::from_static("x-sandbox-administration");

/// What an administrator wants.
enum Act {
    /// A page of the list; `Err` where no page looks like this.
    List(Result<Option<Position>, ()>),
    /// To end an environment; `None` where no handle looks like this.
    End(Option<Handle>),
    /// Another method than the one that the path has.
    Other(&'static str),
}

impl Act {
    /// `None` where the path is none of ours.
    fn of(head: &Request<()>) -> Option<Self> {
        let (method, rest) = (head.method(), head.uri().path().strip_prefix(PATH)?);
        if rest.is_empty() {
            let from = head.uri().query().map(|query| query.strip_prefix(FROM).and_then(Position::parse).ok_or(()));
            return Some(if *method == Method::GET { Self::List(from.transpose()) } else { Self::Other("GET") });
        }
        let handle = Handle::parse(rest.strip_prefix('/')?);
        Some(if *method == Method::DELETE { Self::End(handle) } else { Self::Other("DELETE") })
    }

    /// What the log calls it.
    const fn event(&self) -> &'static str {
        match self {
            Self::List(_) => "environments-list",
            Self::End(_) => "environment-end",
            Self::Other(_) => "environments",
        }
    }
}

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// The answer to an administrator; `None` where the request is for somebody else.
    pub fn administer(&self, head: &Request<()>) -> Option<Response<Vec<u8>>> {
        let secret = self.configuration.administration_secret.as_ref()?;
        let act = Act::of(head)?;
        let ids = Ids::of(head.headers());
        // Compared in constant time.
        let presented = only(head.headers(), &ADMINISTRATION).map(|secret| SecretString::new(secret.to_owned()));
        if presented.as_ref() != Some(secret) {
            let reason = Some("the administrators' secret is missing or wrong");
            self.log(&Ids::default(), &Line { event: act.event(), decision: "refused", reason, ..Line::default() });
            return Some(refused(
                StatusCode::UNAUTHORIZED,
                "Unauthorized (x-sandbox-administration is missing or wrong)",
            ));
        }
        let event = act.event();
        Some(match act {
            Act::List(Ok(from)) => self.list_environments(&ids, event, from),
            Act::List(Err(())) => no_page(),
            Act::End(handle) => self.end_environment(&ids, event, handle.as_ref()),
            Act::Other(allowed) => {
                let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
                response
            }
        })
    }

    fn list_environments(&self, ids: &Ids, event: &'static str, from: Option<Position>) -> Response<Vec<u8>> {
        let environments = self.environments();
        let listed = environments.list_all(from).and_then(|page| Ok((environments.count()?, page)));
        let (count, listing) = match listed {
            Ok((count, Some(listing))) => (count, listing),
            Ok((_, None)) => return no_page(),
            Err(error) => return self.failed(ids, event, None, &error),
        };
        self.log(ids, &Line { event, decision: "allowed", ..Line::default() });
        let Listing { environments: listed, next } = listing;
        let rows: Vec<Value> = listed.iter().map(|listed| self.row(listed)).collect();
        let mut answer = json!({
            "count": count,
            "most": self.configuration.settings.environments,
            "environments": rows,
        });
        if let (Some(answer), Some(next)) = (answer.as_object_mut(), next) {
            answer.insert("next".to_owned(), json!(next.to_string()));
        }
        answers::json(StatusCode::OK, answer.to_string())
    }

    fn row(&self, listed: &Listed) -> Value {
        let Listed { handle, subject, environment, .. } = listed;
        let ends = environment.used_at().plus(self.configuration.settings.cool_down_seconds);
        json!({
            "handle": handle.to_string(),
            "name": handle.log_name(),
            "subject": subject.as_str(),
            "launchedAt": environment.launched_at().seconds(),
            "usedAt": environment.used_at().seconds(),
            "endsAt": ends.seconds(),
            "runs": environment.generation(),
            "isRunning": environment.is_running(self.host.now()),
        })
    }

    fn end_environment(&self, ids: &Ids, event: &'static str, handle: Option<&Handle>) -> Response<Vec<u8>> {
        let name = handle.map(Handle::log_name);
        let environments = self.environments();
        let ended = handle.map_or(Ok(None), |handle| {
            let Some(listed) = environments.listed(handle)? else { return Ok(None) };
            self.has_written.set(true);
            Ok(environments.end(&listed)?.then_some(listed))
        });
        match ended {
            Ok(Some(listed)) => {
                let subject = listed.subject.as_str();
                let line =
                    Line { event, decision: "allowed", subject: Some(subject), environment: name, ..Line::default() };
                self.log(ids, &line);
                answers::json(StatusCode::OK, json!({ "subject": subject }).to_string())
            }
            Ok(None) => {
                let reason = Some("there is no such environment");
                self.log(ids, &Line { event, decision: "refused", environment: name, reason, ..Line::default() });
                refused(StatusCode::NOT_FOUND, "There is no such environment, or no longer")
            }
            Err(error) => self.failed(ids, event, name, &error),
        }
    }

    fn failed(
        &self,
        ids: &Ids,
        event: &'static str,
        environment: Option<&str>,
        error: &EnvironmentError,
    ) -> Response<Vec<u8>> {
        let reason = error.to_string();
        self.log(ids, &Line { event, decision: "failed", environment, reason: Some(&reason), ..Line::default() });
        refused(StatusCode::SERVICE_UNAVAILABLE, "The store of the environments does not answer now")
    }
}

fn no_page() -> Response<Vec<u8>> {
    refused(StatusCode::BAD_REQUEST, "There is no such page: from is what next was")
}

fn refused(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    answers::json(status, json!({ "error": text }).to_string())
}
