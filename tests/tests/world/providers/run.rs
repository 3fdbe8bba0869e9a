//! A provider with a Gatehouse of its own.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Flow, HeldPort, Person, Step};
use serde_json::{Value, json};

use super::row::{Gone, Outcome, Provider, Refresh};
use super::visitor::sign_in;

/// The login name of everybody here.
const LOGIN: &str = "alice";
/// Seconds for which Gatehouse's access tokens are good, and those for which they are taken behind their end.
const OWN_TOKEN_SECONDS: u64 = 60;
const GRACE_SECONDS: u64 = 10;
/// How long before its end a provider's access token is refreshed, and a half of that: then its id_token is good, too.
const DUE_SECONDS: u64 = 30;

/// Everything that a row says is done, and must be so.
pub(crate) async fn run(provider: &Provider) -> Outcome {
    let held = HeldPort::take();
    let public_url = format!("http://127.0.0.1:{}", held.number());
    let callback = format!("{public_url}/callback");
    let mut program = provider.start(&callback);
    let ready = program.json().await;
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    let settings = AttackSettings {
        document: Some(document(provider, &ready)),
        variables: vec![("identity_provider_secret".to_owned(), provider.secret.unwrap_or_default().to_owned())],
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_at(held, settings).await;

    let person = Person::new(LOGIN);
    let mut flow = world.flow(&person);
    flow.to(Step::SentToProvider).await;
    let at_provider = flow.provider_url.clone().expect("a URL");
    let callback_url = sign_in(&person, LOGIN, &at_provider, &callback).await;
    flow.return_to(callback_url);
    let tokens = finish(flow, &world).await;
    let mut session = Session { world: &world, tokens };

    let subject = format!("test:{}", text("subject"));
    let first = session.provider_token(&subject).await;
    session.outlive(provider).await;
    let answer = session.refresh().await;
    assert_eq!(answer.status, 200, "{answer:?}\n{}", session.log());
    session.tokens = answer.json();
    let second = session.provider_token(&subject).await;
    let refresh = if first == second { Refresh::NoToken } else { Refresh::Works };
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
        lines = provider.lines,
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

    /// Calls the server, which must see `subject`; the access token of the provider that it gets.
    async fn provider_token(&self, subject: &str) -> String {
        let answer = self.world.call("/mcp", &self.token("access_token")).await;
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.log());
        assert_eq!(answer.json()["result"]["subject"], json!(subject), "{answer:?}");
        let requests = self.world.upstream.requests();
        let token = requests.last().expect("a request").header("authorization").to_owned();
        assert!(token.starts_with("Bearer ") && token.len() > 16, "the server got no token of the provider");
        token
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
