//! The requests that write into the store: each can fail anywhere, is then sent again, and leads to its end or to a new sign-in.

use gatehouse_tests::{Answer, AttackWorld, Flow, From, Person, Step, TestClient, form, http, text};
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// A request that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A client registers.
    Registration,
    /// A user allows a client, and is sent to the identity provider.
    Consent,
    /// The user comes back from there, and the client gets a code.
    Callback,
    /// The client redeems the code.
    Redemption,
    /// The client refreshes its tokens.
    Refresh,
    /// The client gives its tokens back.
    Revocation,
}

/// How it went on after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// The same request, sent again, did what was asked.
    Again,
    /// The same request was refused, and a new sign-in did it.
    Anew,
}

/// An act that is about to be done.
pub(crate) struct Ready<'a> {
    act: Act,
    flow: Flow<'a>,
}

impl<'a> Ready<'a> {
    /// Comes as far as just before the act.
    pub(crate) async fn for_act(act: Act, world: &'a AttackWorld, person: &'a Person) -> Self {
        let mut flow = world.flow(person);
        flow.to(match act {
            Act::Registration => Step::Begun,
            Act::Consent => Step::Asked,
            Act::Callback => Step::Returned,
            Act::Redemption => Step::Answered,
            Act::Refresh | Act::Revocation => Step::Redeemed,
        })
        .await;
        Self { act, flow }
    }

    /// The request of the act, for this instance.
    pub(crate) fn request(&self, at: &AttackWorld) -> RequestBuilder {
        let Flow { world, person, .. } = self.flow;
        let as_public = |path: &str, pairs: &[(String, String)]| {
            let client = [("client_id".to_owned(), self.flow.client.client_id.clone())];
            at.form(path, &[pairs, &client].concat())
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self.act {
            Act::Registration => {
                let metadata = json!({ "client_name": "Registered", "redirect_uris": [self.flow.client.redirect_uri] });
                http().post(at.url("/register")).header(CONTENT_TYPE, "application/json").body(metadata.to_string())
            }
            // The browser knows the address of Gatehouse, and not that of an instance.
            Act::Consent => {
                let decision = form(&self.flow.decision("approve"));
                person.form(&at.url("/consent"), &decision, From::SameOrigin, Some(&world.gatehouse.url))
            }
            Act::Callback => {
                let url = self.flow.callback_url.as_ref().expect("a URL").as_str();
                let url = url.replace(&world.gatehouse.url, &at.gatehouse.url).parse().expect("a URL");
                person.page(&url, From::OtherSite)
            }
            Act::Redemption => as_public("/token", &self.flow.redemption()),
            Act::Refresh => {
                let token = self.token("refresh_token");
                as_public("/token", &[pair("grant_type", "refresh_token"), pair("refresh_token", &token)])
            }
            Act::Revocation => as_public("/revoke", &[pair("token", &self.token("refresh_token"))]),
        }
    }

    fn token(&self, name: &str) -> String {
        text(self.flow.tokens.as_ref().expect("tokens"), name)
    }

    /// Whether this answer says that the act was done.
    pub(crate) fn is_done(&self, answer: &Answer) -> bool {
        let leads_to = |start: &str| answer.location().is_some_and(|location| location.as_str().starts_with(start));
        match self.act {
            Act::Registration => answer.status == 201,
            Act::Consent => leads_to(self.flow.world.provider().origin()),
            Act::Callback => leads_to(&format!("{}?code=", self.flow.client.redirect_uri)),
            Act::Redemption | Act::Refresh | Act::Revocation => answer.status == 200,
        }
    }

    /// Fails unless this answer grants nothing, asks to try again later, and says nothing of the cause.
    pub(crate) fn assert_refused_for_now(&self, answer: &Answer, what: &str) {
        let act = self.act;
        assert!(!self.is_done(answer), "{act:?}, {what}: {answer:?}");
        match answer.location() {
            Some(location) => {
                let is_error = format!("{}?error=temporarily_unavailable&", self.flow.client.redirect_uri);
                assert!(location.as_str().starts_with(&is_error), "{act:?}, {what}: {location}");
            }
            None => {
                assert_eq!(answer.status, 503, "{act:?}, {what}: {answer:?}");
                assert_ne!(answer.header("retry-after"), "", "{act:?}, {what}: {answer:?}");
            }
        }
        for word in ["broken", "key-value", "SQLite", "Redis", "redis", "database"] {
            assert!(!answer.body.contains(word), "{act:?}, {what}: {answer:?}");
        }
    }

    /// What was granted before is still good, at this instance, whatever became of the act.
    pub(crate) async fn assert_nothing_is_lost(&self, at: &AttackWorld, what: &str) {
        if self.act == Act::Refresh {
            let answer = at.call("/mcp", &self.token("access_token")).await;
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
        }
    }

    /// Sends the same request again, now that all is well, and goes on to the end.
    pub(crate) async fn recover(mut self, at: &AttackWorld, what: &str) -> Recovery {
        let act = self.act;
        let answer = Answer::of(self.request(at).send().await.expect("an answer")).await;
        if self.is_done(&answer) {
            self.finish(at, &answer).await;
            return Recovery::Again;
        }
        assert_eq!(answer.status, 400, "{act:?}, {what}: {answer:?}");
        match act {
            Act::Callback => assert_eq!(answer.location(), None, "{what}: {answer:?}"),
            _ => assert_eq!(answer.error(), "invalid_grant", "{act:?}, {what}: {answer:?}"),
        }
        let tokens = self.flow.world.flow(self.flow.person).finish().await;
        assert_works(at, &self.flow.client, &tokens, what).await;
        Recovery::Anew
    }

    /// Goes on from an answer that says that the act was done.
    pub(crate) async fn finish(&mut self, at: &AttackWorld, answer: &Answer) {
        let what = format!("{:?}", self.act);
        let client = self.flow.client.clone();
        match self.act {
            Act::Registration => {
                let client_id = text(&answer.json(), "client_id");
                let client = TestClient::public(&client_id, &client.redirect_uri);
                let tokens = self.flow.world.flow_of(self.flow.person, client.clone(), "/mcp").finish().await;
                assert_works(at, &client, &tokens, &what).await;
            }
            Act::Consent | Act::Callback => {
                self.flow.answered(answer.clone());
                self.flow.to(Step::Redeemed).await;
                assert_works(at, &client, self.flow.tokens.as_ref().expect("tokens"), &what).await;
            }
            Act::Redemption | Act::Refresh => assert_works(at, &client, &answer.json(), &what).await,
            Act::Revocation => {
                assert_eq!(at.call("/mcp", &self.token("access_token")).await.status, 401, "{what}");
                let refreshed = at.refresh(&client, &self.token("refresh_token")).await;
                assert_eq!((refreshed.status, refreshed.error().as_str()), (400, "invalid_grant"), "{what}");
            }
        }
    }
}

/// Fails unless these tokens are good, and lead to the next ones.
pub(crate) async fn assert_works(at: &AttackWorld, client: &TestClient, tokens: &Value, what: &str) {
    let answer = at.call("/mcp", &text(tokens, "access_token")).await;
    assert_eq!(answer.status, 200, "{what}: {answer:?}");
    let refreshed = at.refresh(client, &text(tokens, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{what}: {refreshed:?}");
    let answer = at.call("/mcp", &text(&refreshed.json(), "access_token")).await;
    assert_eq!(answer.status, 200, "{what}: {answer:?}");
}
