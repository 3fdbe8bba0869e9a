//! What a user does: signs in, calls, refreshes, listens, and leaves. Each request goes to the other instance than the one before, as
//! behind a plain round robin.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;

use super::figures::{Figures, Outcome};
use super::windows::Windows;
use crate::text::{challenge_of, form, unique};
use crate::{Answer, From, Person, ScriptedProvider, parameter};

/// Where a client's authorization response goes.
pub(super) const REDIRECT_URI: &str = "https://client.example/callback";
/// Before the next attempt, where one failed.
const AGAIN: Duration = Duration::from_millis(500);
/// More attempts than any fault window lasts.
const ATTEMPTS: usize = 60;
/// How long a stream is listened to.
const LISTENS: Duration = Duration::from_secs(3);
/// How long an event may take that must come.
const EVENT: Duration = Duration::from_secs(20);

/// What all users share.
pub(super) struct Crowd {
    /// Where browsers and clients believe that Gatehouse is.
    pub(super) public_url: String,
    /// Where the instances are.
    pub(super) instances: Mutex<[String; 2]>,
    pub(super) provider: ScriptedProvider,
    pub(super) figures: Figures,
    pub(super) windows: Windows,
    /// What was acknowledged and is not there, or the other way round.
    pub(super) broken_promises: Mutex<Vec<String>>,
    pub(super) turn: AtomicUsize,
    pub(super) http: reqwest::Client,
}

/// A step that could not be made, however often it was tried.
pub(super) struct GivenUp;

/// What a user does beside calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Calls,
    Federation,
    LegacySse,
    Stream,
}

impl Habit {
    pub(super) const ALL: [Self; 4] = [Self::Calls, Self::Federation, Self::LegacySse, Self::Stream];

    /// The path of the route.
    fn path(self) -> &'static str {
        match self {
            Self::Calls | Self::LegacySse | Self::Stream => "/mcp",
            Self::Federation => "/all",
        }
    }
}

impl Crowd {
    /// The URL of a path at the instance whose turn it is.
    fn url(&self, path: &str) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let instances = self.instances.lock().expect("no panic");
        format!("{}{path}", instances[turn % 2])
    }

    fn broken(&self, promise: String) {
        self.broken_promises.lock().expect("no panic").push(promise);
    }

    /// Sends `request`, from the browser of a person where there is one, until it is answered as `is_good` wants it, and notes how each
    /// attempt ended.
    async fn until_good(
        &self,
        kind: &'static str,
        browser: Option<&Person>,
        request: impl Fn() -> RequestBuilder,
        is_good: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, GivenUp> {
        for _ in 0..ATTEMPTS {
            let began = Instant::now();
            match sent(browser, request()).await {
                Ok(answer) if is_good(&answer) => {
                    self.figures.note(kind, began, &Outcome::Good, &self.windows);
                    return Ok(answer);
                }
                Ok(answer) => {
                    let error = error_of(&answer);
                    self.figures.note(kind, began, &Outcome::Error(error), &self.windows);
                    // What is refused for good is not asked for again.
                    if answer.status < 429 && answer.location().is_none() {
                        return Err(GivenUp);
                    }
                }
                Err(_) => self.figures.note(kind, began, &Outcome::Error("no answer".to_owned()), &self.windows),
            }
            tokio::time::sleep(AGAIN).await;
        }
        Err(GivenUp)
    }

    /// A whole life of the user with this number.
    pub(super) async fn live(&self, number: usize) -> Result<(), GivenUp> {
        let habit = Habit::ALL[number % Habit::ALL.len()];
        let person = Person::new(&format!("user-{number}"));
        let mut tokens = self.sign_in(&person, habit.path()).await;
        // Where a fault took a code or a login with it, the user begins anew.
        for _ in 0..ATTEMPTS {
            if tokens.is_ok() {
                break;
            }
            tokio::time::sleep(AGAIN).await;
            tokens = self.sign_in(&person, habit.path()).await;
        }
        let mut tokens = tokens?;
        match habit {
            Habit::Calls => self.call("call", habit.path(), &tokens, None).await?,
            Habit::Federation => self.federation(habit.path(), &tokens).await?,
            Habit::LegacySse => self.legacy_sse(&tokens).await?,
            Habit::Stream => self.stream(&tokens).await?,
        }
        for _ in 0..2 {
            tokens = self.refresh(&tokens).await?;
            self.call("call", habit.path(), &tokens, None).await?;
        }
        // Half of them say goodbye.
        if (number / Habit::ALL.len()).is_multiple_of(2) {
            self.revoke(habit.path(), &tokens).await?;
        }
        Ok(())
    }

    async fn sign_in(&self, person: &Person, path: &str) -> Result<Value, GivenUp> {
        let verifier = unique("verifier-");
        let resource = format!("{}{path}", self.public_url);
        let query = form(&[
            ("response_type", "code"),
            ("client_id", "public"),
            ("redirect_uri", REDIRECT_URI),
            ("code_challenge", &challenge_of(&verifier)),
            ("code_challenge_method", "S256"),
            ("state", &unique("state-")),
            ("resource", &resource),
        ]);
        let open = || person.page(&parsed(&self.url(&format!("/authorize?{query}"))), From::Nowhere);
        let page = self.until_good("authorize", Some(person), open, |answer| answer.form("/consent").is_some()).await?;
        let decision = form(&page.form("/consent").ok_or(GivenUp)?.pressed("decision", "approve"));
        let provider = self.provider.origin();
        let leads_to = |answer: &Answer, start: &str| {
            answer.location().is_some_and(|location| location.as_str().starts_with(start))
        };
        let approve = || person.form(&self.url("/consent"), &decision, From::SameOrigin, Some(&self.public_url));
        let approved = self.until_good("consent", Some(person), approve, |answer| leads_to(answer, provider)).await?;
        let provider_url = approved.location().ok_or(GivenUp)?;
        let returned = person.sent(person.page(&provider_url, From::OtherSite)).await.map_err(|_| GivenUp)?;
        let callback = returned.location().ok_or(GivenUp)?;
        let query = callback.query().unwrap_or_default();
        let url = parsed(&self.url(&format!("/callback?{query}")));
        // A callback and a code are good once: whoever gets an error begins anew.
        let began = Instant::now();
        let answered = person.sent(person.page(&url, From::OtherSite)).await;
        let good = |answer: &Answer| leads_to(answer, &format!("{REDIRECT_URI}?code="));
        let answer = self.once("callback", began, answered, good)?;
        let code = parameter(&answer.location().ok_or(GivenUp)?, "code").ok_or(GivenUp)?;
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", &verifier),
            ("client_id", "public"),
        ];
        let began = Instant::now();
        let answered = sent(None, self.form("/token", &pairs)).await;
        Ok(self.once("redemption", began, answered, |answer| answer.status == 200)?.json())
    }

    /// Notes what came of a request that is not sent again.
    fn once(
        &self,
        kind: &'static str,
        began: Instant,
        answered: reqwest::Result<Answer>,
        is_good: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, GivenUp> {
        let outcome = match &answered {
            Ok(answer) if is_good(answer) => Outcome::Good,
            Ok(answer) => Outcome::Error(error_of(answer)),
            Err(_) => Outcome::Error("no answer".to_owned()),
        };
        self.figures.note(kind, began, &outcome, &self.windows);
        if outcome == Outcome::Good { answered.map_err(|_| GivenUp) } else { Err(GivenUp) }
    }

    fn form(&self, path: &str, pairs: &[(&str, &str)]) -> RequestBuilder {
        let request = self.http.post(self.url(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form(pairs))
    }

    async fn refresh(&self, tokens: &Value) -> Result<Value, GivenUp> {
        let token = tokens["refresh_token"].as_str().expect("a refresh token");
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "public")];
        let began = Instant::now();
        let refresh = || self.form("/token", &pairs);
        match self.until_good("refresh", None, refresh, |answer| answer.status == 200).await {
            Ok(answer) => Ok(answer.json()),
            Err(given_up) => {
                self.broken(format!(
                    "a refresh token that was acknowledged is refused, {} s later",
                    began.elapsed().as_secs()
                ));
                Err(given_up)
            }
        }
    }

    async fn revoke(&self, path: &str, tokens: &Value) -> Result<(), GivenUp> {
        let pairs = [("token", tokens["refresh_token"].as_str().expect("a refresh token")), ("client_id", "public")];
        self.until_good("revocation", None, || self.form("/revoke", &pairs), |answer| answer.status == 200).await?;
        let refused = || self.message(path, tokens, None, "ping", &json!({}));
        let answer =
            self.until_good("refusal", None, refused, |answer| answer.status == 401 || answer.status == 200).await?;
        if answer.status == 200 {
            self.broken("a token that was revoked is taken".to_owned());
        }
        Ok(())
    }

    fn message(
        &self,
        path: &str,
        tokens: &Value,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> RequestBuilder {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.http.post(self.url(path)).bearer_auth(tokens["access_token"].as_str().expect("a token"));
        let request =
            request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json, text/event-stream");
        session.into_iter().fold(request, |request, id| request.header("mcp-session-id", id)).body(message.to_string())
    }

    /// A token that was acknowledged a moment ago is good, at whichever instance.
    async fn call(&self, kind: &'static str, path: &str, tokens: &Value, session: Option<&str>) -> Result<(), GivenUp> {
        let tool = if path == "/all" { "a_quick" } else { "quick" };
        let params = json!({ "name": tool, "arguments": {} });
        let call = || self.message(path, tokens, session, "tools/call", &params);
        let answer = self.until_good(kind, None, call, |answer| [200, 401].contains(&answer.status)).await?;
        if answer.status != 200 {
            self.broken("an access token that was acknowledged is refused".to_owned());
        } else if !answer.body.contains("hello") {
            self.broken(format!("{path} answered {}", answer.body));
        }
        Ok(())
    }

    async fn federation(&self, path: &str, tokens: &Value) -> Result<(), GivenUp> {
        let params = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "soak", "version": "1" },
        });
        let begin = || self.message(path, tokens, None, "initialize", &params);
        let begun = self.until_good("federation", None, begin, |answer| answer.status == 200).await?;
        let session = begun.header("mcp-session-id").to_owned();
        let list = || self.message(path, tokens, Some(&session), "tools/list", &json!({}));
        let both = |answer: &Answer| {
            answer.status == 200 && ["a_quick", "b_quick"].iter().all(|name| answer.body.contains(name))
        };
        self.until_good("federation", None, list, both).await?;
        self.call("federation", path, tokens, Some(&session)).await
    }

    async fn begun_stream(&self, kind: &'static str, path: &str, tokens: &Value) -> Result<Response, GivenUp> {
        for _ in 0..ATTEMPTS {
            let began = Instant::now();
            let request = self.http.get(self.url(path)).bearer_auth(tokens["access_token"].as_str().expect("a token"));
            let outcome = match request.header(ACCEPT, "text/event-stream").send().await {
                Ok(answer) if answer.status() == 200 => {
                    self.figures.note(kind, began, &Outcome::Good, &self.windows);
                    return Ok(answer);
                }
                Ok(answer) => Outcome::Error(answer.status().as_str().to_owned()),
                Err(_) => Outcome::Error("no answer".to_owned()),
            };
            self.figures.note(kind, began, &outcome, &self.windows);
            tokio::time::sleep(AGAIN).await;
        }
        Err(GivenUp)
    }

    /// Listens for a while, and leaves.
    async fn stream(&self, tokens: &Value) -> Result<(), GivenUp> {
        let began = Instant::now();
        let mut stream = self.begun_stream("stream", "/mcp", tokens).await?;
        let listening = async { while let Ok(Some(_)) = stream.chunk().await {} };
        let has_ended = tokio::time::timeout(LISTENS, listening).await.is_ok();
        if has_ended {
            self.figures.note("stream", began, &Outcome::Error("ended early".to_owned()), &self.windows);
        }
        Ok(())
    }

    /// Opens the stream of a client of 2024-11-05, and posts a message to it, at the other instance.
    async fn legacy_sse(&self, tokens: &Value) -> Result<(), GivenUp> {
        for _ in 0..ATTEMPTS {
            let began = Instant::now();
            let stream = self.begun_stream("legacy SSE", "/mcp/sse", tokens).await?;
            let outcome = match self.exchange(stream, tokens).await {
                Ok(()) => return Ok(()),
                Err(error) => Outcome::Error(error),
            };
            self.figures.note("legacy SSE", began, &outcome, &self.windows);
            tokio::time::sleep(AGAIN).await;
        }
        Err(GivenUp)
    }

    async fn exchange(&self, mut stream: Response, tokens: &Value) -> Result<(), String> {
        let mut unread = String::new();
        let endpoint = next_data(&mut stream, &mut unread).await?;
        let params = json!({
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "old", "version": "1" },
        });
        let posted = self.message(&endpoint, tokens, None, "initialize", &params).send().await;
        let posted = posted.map_err(|_| "the message got no answer".to_owned())?;
        if posted.status() != 202 {
            return Err(format!("the message got {}", posted.status().as_str()));
        }
        let answer = next_data(&mut stream, &mut unread).await?;
        if answer.contains("serverInfo") { Ok(()) } else { Err("the event is an error".to_owned()) }
    }
}

/// Sends a request, and keeps the cookies of the answer where a browser asks.
async fn sent(browser: Option<&Person>, request: RequestBuilder) -> reqwest::Result<Answer> {
    match browser {
        Some(person) => person.sent(request).await,
        None => Answer::read(request.send().await?).await,
    }
}

/// The data of the next event, or why there was none.
async fn next_data(stream: &mut Response, unread: &mut String) -> Result<String, String> {
    let reading = async {
        loop {
            while let Some((event, rest)) = unread.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
                *unread = rest.to_owned();
                if let Some(data) = data {
                    return Ok(data);
                }
            }
            match stream.chunk().await {
                Ok(Some(piece)) => unread.push_str(&String::from_utf8_lossy(&piece)),
                Ok(None) | Err(_) => return Err("the stream ended early".to_owned()),
            }
        }
    };
    tokio::time::timeout(EVENT, reading).await.unwrap_or_else(|_| Err("an event did not come".to_owned()))
}

/// What an answer that is not good says.
fn error_of(answer: &Answer) -> String {
    let error = answer.location().and_then(|location| parameter(&location, "error"));
    error.map_or_else(|| answer.status.to_string(), |error| format!("error={error}"))
}

fn parsed(url: &str) -> Url {
    Url::parse(url).expect("a URL")
}

/// The users come one after the other, so many at once, until it is over: how many came.
pub(super) async fn come(crowd: &Arc<Crowd>, users: usize, at_once: usize, until: Instant) -> usize {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (crowd, next) = (Arc::clone(crowd), Arc::clone(&next));
        tasks.spawn(async move {
            let mut lives = 0;
            // Each of them comes at least once.
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= users && Instant::now() >= until {
                    return lives;
                }
                lives += usize::from(crowd.live(number % users).await.is_ok());
            }
        });
    }
    tasks.join_all().await.into_iter().sum()
}
