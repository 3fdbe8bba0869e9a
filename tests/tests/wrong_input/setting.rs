//! One Gatehouse, and something of everything that a request can present to it.

use gatehouse_tests::{Authorization, CHALLENGE, VERIFIER, World, WorldSettings, http, raw};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::row::Row;

/// What the rows are made of.
pub(crate) struct Setting {
    pub(crate) world: World,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    /// A code that nobody has redeemed.
    pub(crate) authorization: Authorization,
    /// Tokens of another sign-in, for another client.
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) client_id: String,
    /// A consent page that nobody has answered.
    pub(crate) ticket: String,
    /// `name=value` of the browser to which it was shown.
    pub(crate) cookie: String,
    /// The state of a login that has not come back, begun in the same browser.
    pub(crate) state: String,
    /// How many requests the upstream had seen before the first row.
    pub(crate) requests_at_upstream: Value,
}

/// The redirect URI of the client `conformance`.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:19311/callback";

/// Form or query text.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// `pairs` with `change`: a name with a value takes the value's place, one without is left out.
pub(crate) fn with<'a>(pairs: &[(&'a str, &'a str)], change: (&'a str, Option<&'a str>)) -> Vec<(&'a str, &'a str)> {
    let others = pairs.iter().copied().filter(|(name, _)| *name != change.0);
    others.chain(change.1.map(|value| (change.0, value))).collect()
}

impl Setting {
    pub(crate) async fn start() -> Self {
        let world =
            World::start(WorldSettings { upstream: &["conformance-upstream.mjs"], ..WorldSettings::default() }).await;
        let origin = world.gatehouse.url.clone();
        let tokens = world.sign_in("alice").await;
        let text = |name: &str| tokens[name].as_str().expect("text").to_owned();
        let (page, cookie) = consent_page(&origin, None).await;
        let approval = form(&[("ticket", &ticket_of(&page)), ("decision", "approve")]);
        let approved =
            Row::new("approve", "POST", "/consent").form(&approval).header("cookie", &cookie).send(&origin).await;
        let location = url::Url::parse(approved.headers("location").first().expect("a redirect")).expect("a URL");
        let state = location.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
        let (page, _) = consent_page(&origin, Some(&cookie)).await;
        let mut setting = Self {
            authorization: world.authorize("alice").await,
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            client_id: text("client_id"),
            ticket: ticket_of(&page),
            cookie,
            state,
            requests_at_upstream: Value::Null,
            origin,
            world,
        };
        setting.requests_at_upstream = setting.requests_at_upstream().await;
        setting
    }

    /// The parameters of a good authorization request.
    pub(crate) fn authorization_request(&self) -> Vec<(&'static str, &'static str)> {
        authorization_request()
    }

    /// What the upstream has seen.
    pub(crate) async fn requests_at_upstream(&self) -> Value {
        let url = self.world.upstream_url.replace("/mcp", "/_test/closed");
        let text = http().get(url).send().await.expect("an answer").text().await.expect("text");
        serde_json::from_str::<Value>(&text).expect("JSON")["received"].clone()
    }

    /// The form that redeems the code.
    pub(crate) fn redemption(&self) -> Vec<(&str, &str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", &self.authorization.code),
            ("redirect_uri", &self.authorization.redirect_uri),
            ("code_verifier", VERIFIER),
            ("client_id", "conformance"),
        ]
    }

    /// The form that refreshes.
    pub(crate) fn refresh(&self) -> Vec<(&str, &str)> {
        vec![("grant_type", "refresh_token"), ("refresh_token", &self.refresh_token), ("client_id", &self.client_id)]
    }

    /// Presents everything as it should be.
    pub(crate) async fn everything_still_works(&self) {
        let post = |target: &str, pairs: &[(&str, &str)]| Row::new("good", "POST", target).form(&form(pairs));
        let approval = [("ticket", self.ticket.as_str()), ("decision", "approve")];
        let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let call = Row::new("good", "POST", "/mcp").bearer(&self.access_token).json(&list.to_string());
        let call = call.header("accept", "application/json, text/event-stream");
        let callback = format!("/callback?{}", form(&[("error", "access_denied"), ("state", &self.state)]));
        for (row, status) in [
            (post("/token", &self.redemption()), 200),
            (call, 400), // the upstream's own: there is no session
            (post("/token", &self.refresh()), 200),
            (post("/consent", &approval).header("cookie", &self.cookie), 303),
            (Row::new("good", "GET", &callback).header("cookie", &self.cookie), 303),
        ] {
            let answer = row.send(&self.origin).await;
            assert_eq!(answer.status, Some(status), "{}", answer.text);
        }
        assert_ne!(self.requests_at_upstream().await, self.requests_at_upstream);
    }
}

fn authorization_request() -> Vec<(&'static str, &'static str)> {
    vec![
        ("response_type", "code"),
        ("client_id", "conformance"),
        ("redirect_uri", REDIRECT_URI),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s t&a=t\r\n?"),
    ]
}

/// The consent page, and the browser's cookie.
async fn consent_page(origin: &str, cookie: Option<&str>) -> (String, String) {
    let row = Row::new("consent", "GET", &format!("/authorize?{}", form(&authorization_request())));
    let row = cookie.into_iter().fold(row, |row, cookie| row.header("cookie", cookie));
    let answer = raw(origin, &row.bytes()).await;
    assert_eq!(answer.status, Some(200), "{}", answer.text);
    let cookie = answer.headers("set-cookie").first().expect("a cookie").split(';').next().expect("a value").to_owned();
    (answer.body(), cookie)
}

fn ticket_of(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"ticket\" value=\"").expect("a ticket");
    rest.split('"').next().expect("a value").to_owned()
}
