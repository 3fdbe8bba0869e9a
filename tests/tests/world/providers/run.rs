//! A provider with a Gatehouse of its own.

use std::sync::Arc;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Flow, HeldPort, Person, Program, Step};
use serde_json::Value;
use tokio::sync::Mutex;

use super::row::{Gone, Outcome, Provider, Refresh};
use super::visitor::{Login, sign_in};

/// Who signs in where the provider's program names nobody.
const NAME: &str = "alice";
const PASSWORD: &str = "correct horse & battery";
/// Seconds for which Gatehouse's access tokens are good, and those for which they are taken behind their end.
const OWN_TOKEN_SECONDS: u64 = 60;
const GRACE_SECONDS: u64 = 10;
/// How long before its end a provider's access token is refreshed, and a half of that: then its id_token is good, too.
const DUE_SECONDS: u64 = 30;

/// Everything that a row says is done, and must be so. Where it is not, what the provider said is shown.
pub(crate) async fn run(provider: &'static Provider) -> Option<Outcome> {
    let held = HeldPort::take();
    let callback = format!("http://127.0.0.1:{}/callback", held.number());
    let folder = tempfile::tempdir().expect("a folder for what the provider writes");
    let program = Arc::new(Mutex::new(provider.start(&callback, folder.path())));
    let conversation = tokio::spawn(converse(provider, held, callback, Arc::clone(&program)));
    // What a panic says is on the standard error already.
    let outcome = conversation.await.ok();
    if outcome.is_none() {
        eprintln!("{} said:\n{}", provider.name, program.lock().await.errors().await);
    }
    outcome
}

async fn converse(provider: &Provider, held: HeldPort, callback: String, program: Arc<Mutex<Program>>) -> Outcome {
    let mut program = program.lock().await;
    let ready = program.json().await;
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    let settings = AttackSettings {
        document: Some(document(provider, &ready)),
        variables: vec![("identity_provider_secret".to_owned(), provider.secret.unwrap_or_default().to_owned())],
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_at(held, settings).await;

    let or = |key: &str, usual: &str| ready[key].as_str().unwrap_or(usual).to_owned();
    let login = Login { name: or("login", NAME), password: or("password", PASSWORD) };
    let person = Person::new(&login.name);
    let mut flow = world.flow(&person);
    flow.to(Step::SentToProvider).await;
    let at_provider = flow.provider_url.clone().expect("a URL");
    let callback_url = sign_in(&person, &login, &at_provider, &callback).await;
    flow.return_to(callback_url);
    let tokens = finish(flow, &world).await;
    let mut session = Session { world: &world, tokens };

    // Some give everybody a subject that nobody knows before.
    let subject = ready["subject"].as_str().map(|subject| format!("test:{subject}"));
    let seen = session.call().await;
    let subject = subject.unwrap_or_else(|| seen.clone());
    assert_eq!(seen, subject);
    session.outlive(provider).await;
    let before = world.store().await;
    let answer = session.refresh().await;
    assert_eq!(answer.status, 200, "{answer:?}\n{}", session.log());
    session.tokens = answer.json();
    assert_eq!(session.call().await, subject);
    // The access token itself may be the same: some providers' are a function of the user and the second.
    let is_refreshed = world.changes_since(&before).await.iter().any(|name| name.starts_with("provider-tokens"));
    let refresh = if is_refreshed { Refresh::Works } else { Refresh::NoToken };
    assert_eq!(refresh, provider.refresh, "\n{}", session.log());

    let mut gone = Vec::new();
    for leaving in provider.leaving {
        program.say(leaving.line).await;
        program.step(leaving.line).await;
        session.outlive(provider).await;
        let answer = session.refresh().await;
        gone.push(match answer.status {
            200 => {
                session.tokens = answer.json();
                (Gone::GoesOn, String::new())
            }
            _ => {
                assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_grant"), "\n{}", session.log());
                let again = session.refresh().await;
                assert_eq!(again.error(), "invalid_grant", "the session has ended: {again:?}");
                (Gone::Ends, session.reason())
            }
        });
    }
    let seen: Vec<_> = gone.iter().map(|(gone, _)| *gone).collect();
    let expected: Vec<_> = provider.leaving.iter().map(|leaving| leaving.session).collect();
    assert_eq!(seen, expected, "\n{}", session.log());
    world.gatehouse.stop().await;
    Outcome { versions: text("versions"), refresh, gone }
}

/// The rest of a sign-in; with the log, where it fails.
async fn finish(mut flow: Flow<'_>, world: &AttackWorld) -> Value {
    let answer = flow.call_back().await;
    let location = answer.location();
    let is_good = location.as_ref().is_some_and(|url| url.query_pairs().any(|(name, _)| name == "code"));
    assert!(is_good, "{answer:?}\n{}", world.gatehouse.log.lines().join("\n"));
    flow.answered(answer);
    flow.finish().await
}

/// Gatehouse's configuration before `provider`.
fn document(provider: &Provider, ready: &Value) -> String {
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    format!(
        r#"public_url = "{{public_url}}"
[lifetimes]
access_token = {OWN_TOKEN_SECONDS}

[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["http://127.0.0.1/callback", "https://client.example/callback"]

[identity_provider]
name = "test"
issuer = "{issuer}"
client_id = "{client_id}"
{secret}
{lines}

[[routes]]
path = "/mcp"
url = "{{upstream}}/inside"
name = "Server"
subject_header = "x-subject"
identity_provider_token_header = "authorization"
"#,
        issuer = text("issuer"),
        client_id = text("client_id"),
        secret = provider.secret.map_or("", |_| r#"client_secret = { secret = "identity_provider_secret" }"#),
        lines = [
            ready["metadata_url"].as_str().map(|url| format!("metadata_url = \"{url}\"\n")),
            Some(provider.lines.to_owned())
        ]
        .into_iter()
        .flatten()
        .collect::<String>(),
    )
}

/// A client's session.
struct Session<'a> {
    world: &'a AttackWorld,
    tokens: Value,
}

impl Session<'_> {
    fn token(&self, name: &str) -> String {
        self.tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.tokens)).to_owned()
    }

    /// Calls the server, which gets an access token of the provider: the user's subject.
    async fn call(&self) -> String {
        let answer = self.world.call("/mcp", &self.token("access_token")).await;
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.log());
        let requests = self.world.upstream.requests();
        let header = |name: &str| requests.last().expect("a request").header(name).to_owned();
        let (token, subject) = (header("authorization"), header("x-subject"));
        assert!(token.starts_with("Bearer ") && token.len() > 16, "the server got no token of the provider");
        assert!(subject.starts_with("test:") && subject.len() > 5, "{subject}");
        subject
    }

    /// Lets our access token end, and the provider's be due.
    async fn outlive(&self, provider: &Provider) {
        let seconds = (provider.token_seconds - DUE_SECONDS).max(OWN_TOKEN_SECONDS + GRACE_SECONDS + 1);
        self.world.gatehouse.clock.advance(seconds);
        let answer = self.world.call("/mcp", &self.token("access_token")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }

    /// What the client does then.
    async fn refresh(&self) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &self.token("refresh_token"))];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.world.token(&self.world.public(), &form).await
    }

    fn log(&self) -> String {
        self.world.gatehouse.log.lines().join("\n")
    }

    /// What the log says of the provider's refusal: what is in the brackets.
    fn reason(&self) -> String {
        let lines = self.world.gatehouse.log.lines();
        let words = lines.iter().rev().find_map(|line| {
            let (_, reason) = line.split_once("wants the user to sign in again (")?;
            Some(reason.split_once(')')?.0.to_owned())
        });
        words.unwrap_or_default()
    }
}
