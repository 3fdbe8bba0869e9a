//! A sign-in, step by step. It can be stopped at every step, and every value of it can be had and exchanged.

use serde_json::Value;
use url::Url;

use crate::attack_world::{AttackWorld, RESOURCE, TestClient};
use crate::page::{Answer, Form};
use crate::person::{From, Person};
use crate::text::{challenge_of, form, unique};

/// How far a sign-in has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Nothing has been asked yet.
    Begun,
    /// The choice of the provider is on the screen.
    Choosing,
    /// The consent page is on the screen.
    Asked,
    /// The browser knows where the provider is: [`Flow::provider_url`].
    SentToProvider,
    /// The provider has sent the browser back: [`Flow::callback_url`].
    Returned,
    /// Gatehouse has answered the client: [`Flow::client_url`].
    Answered,
    /// The client has its tokens: [`Flow::tokens`].
    Redeemed,
}

/// A sign-in of a person for a client.
pub struct Flow<'a> {
    /// Where.
    pub world: &'a AttackWorld,
    /// Whose browser.
    pub person: &'a Person,
    /// For which client.
    pub client: TestClient,
    /// The parameters of the authorization request; to change before the first step.
    pub request: Vec<(String, String)>,
    /// The PKCE verifier.
    pub verifier: String,
    /// From where the browser comes to the authorization endpoint.
    pub from: From,
    /// Which provider is chosen, where there is a choice; the first one otherwise.
    pub provider: Option<String>,
    /// Whether the box on the consent page is ticked.
    pub remember: bool,
    /// What is on the screen, or what the last request got.
    pub page: Option<Answer>,
    /// Where the browser goes to sign in.
    pub provider_url: Option<Url>,
    /// Where the provider has sent it.
    pub callback_url: Option<Url>,
    /// Where Gatehouse has sent it: the authorization response.
    pub client_url: Option<Url>,
    /// The token answer.
    pub tokens: Option<Value>,
    step: Step,
}

impl AttackWorld {
    /// A sign-in of `person` for the client `public` at `/mcp`.
    pub fn flow<'a>(&'a self, person: &'a Person) -> Flow<'a> {
        self.flow_of(person, self.public(), RESOURCE)
    }

    /// A sign-in of `person` for `client` at the resource with this path.
    pub fn flow_of<'a>(&'a self, person: &'a Person, client: TestClient, resource: &str) -> Flow<'a> {
        Flow::new(self, person, client, resource)
    }
}

impl<'a> Flow<'a> {
    fn new(world: &'a AttackWorld, person: &'a Person, client: TestClient, resource: &str) -> Self {
        let verifier = unique("verifier-");
        let pairs = [
            ("response_type", "code"),
            ("client_id", &client.client_id),
            ("redirect_uri", &client.redirect_uri),
            ("code_challenge", &challenge_of(&verifier)),
            ("code_challenge_method", "S256"),
            ("state", &unique("state-")),
            ("resource", &world.url(resource)),
        ];
        let request = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self {
            world,
            person,
            client,
            request,
            verifier,
            from: From::Nowhere,
            provider: None,
            remember: false,
            page: None,
            provider_url: None,
            callback_url: None,
            client_url: None,
            tokens: None,
            step: Step::Begun,
        }
    }

    /// The flow with another parameter in its request, or without it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.request.retain(|(known, _)| known != name);
        self.request.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// The URL of the authorization request.
    pub fn authorization_url(&self) -> Url {
        Url::parse(&format!("{}/authorize?{}", self.world.gatehouse.url, form(&self.request))).expect("a URL")
    }

    /// How far it has come.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Goes on until `step` is reached. Pages that do not come up (no choice, a remembered consent) are passed over.
    pub async fn to(&mut self, step: Step) -> &mut Self {
        while self.step < step {
            self.advance().await;
        }
        self
    }

    /// Signs in and redeems; the token answer.
    pub async fn finish(mut self) -> Value {
        self.to(Step::Redeemed).await;
        self.tokens.expect("tokens")
    }

    /// One step.
    pub async fn advance(&mut self) {
        match self.step {
            Step::Begun => {
                let answer = self.person.open(&self.authorization_url(), self.from).await;
                self.arrive(answer);
            }
            Step::Choosing => {
                let form = self.form("/choose");
                let mut provider = form.buttons.iter().filter(|(name, _)| name == "provider").map(|(_, value)| value);
                let chosen = self.provider.clone().or_else(|| provider.next().cloned()).expect("a provider");
                let pressed = form.pressed("provider", &chosen);
                let answer = self.person.submit(&self.world.gatehouse.url, "/choose", &pressed).await;
                self.arrive(answer);
            }
            Step::Asked => {
                let answer = self.decide("approve").await;
                self.arrive(answer);
            }
            Step::SentToProvider => {
                let answer = self.person.open(self.provider_url.as_ref().expect("a URL"), From::OtherSite).await;
                self.return_to(answer.location().unwrap_or_else(|| panic!("the provider: {answer:?}")));
            }
            Step::Returned => {
                let answer = self.call_back().await;
                self.arrive(answer);
            }
            Step::Answered => {
                let answer = self.redeem().await;
                assert_eq!(answer.status, 200, "{answer:?}");
                self.tokens = Some(answer.json());
                self.step = Step::Redeemed;
            }
            Step::Redeemed => {}
        }
    }

    /// Takes where the provider has sent the browser, for tests that have gone through its pages themselves.
    pub fn return_to(&mut self, callback_url: Url) {
        self.callback_url = Some(callback_url);
        self.step = Step::Returned;
    }

    /// Takes Gatehouse's answer to the callback, for tests that have opened it themselves.
    pub fn answered(&mut self, answer: Answer) {
        self.arrive(answer);
    }

    /// Finds out where an answer of ours leads: to a page, to the provider or to the client.
    fn arrive(&mut self, answer: Answer) {
        let redirect_uri = self.request.iter().find(|(name, _)| name == "redirect_uri").map_or("", |(_, uri)| uri);
        let action = |action| answer.form(action).is_some();
        self.step = match answer.location() {
            None if action("/choose") => Step::Choosing,
            None if action("/consent") => Step::Asked,
            Some(location) if location.as_str().starts_with(&format!("{redirect_uri}?")) => {
                self.client_url = Some(location);
                Step::Answered
            }
            Some(location) => {
                self.provider_url = Some(location);
                Step::SentToProvider
            }
            None => panic!("neither a page nor a redirect: {answer:?}"),
        };
        self.page = Some(answer);
    }

    /// The form on the screen that goes to `action`.
    pub fn form(&self, action: &str) -> Form {
        let page = self.page.as_ref().expect("a page");
        page.form(action).unwrap_or_else(|| panic!("no form for {action}: {page:?}"))
    }

    /// The ticket of the page on the screen.
    pub fn ticket(&self) -> String {
        self.form("/consent").field("ticket").to_owned()
    }

    /// What the consent form sends with this decision.
    pub fn decision(&self, decision: &str) -> Vec<(String, String)> {
        let form = self.form("/consent");
        let mut pairs = form.pressed("decision", decision);
        if self.remember {
            pairs.extend(form.checkboxes.into_iter().filter(|(name, _)| name == "remember"));
        }
        pairs
    }

    /// Presses a button of the consent page.
    pub async fn decide(&self, decision: &str) -> Answer {
        self.person.submit(&self.world.gatehouse.url, "/consent", &self.decision(decision)).await
    }

    /// Opens the callback, as the provider's redirect does.
    pub async fn call_back(&self) -> Answer {
        self.person.open(self.callback_url.as_ref().expect("a URL"), From::OtherSite).await
    }

    /// The `state` under which Gatehouse knows the login.
    pub fn provider_state(&self) -> String {
        parameter(self.provider_url.as_ref().expect("a URL"), "state").expect("a state")
    }

    /// The parameter `name` of the authorization response.
    pub fn response(&self, name: &str) -> Option<String> {
        parameter(self.client_url.as_ref().expect("an authorization response"), name)
    }

    /// The code.
    pub fn code(&self) -> String {
        self.response("code").unwrap_or_else(|| panic!("no code: {:?}", self.client_url))
    }

    /// The form that redeems the code; the client's own authentication is not in it.
    pub fn redemption(&self) -> Vec<(String, String)> {
        let redirect_uri = self.request.iter().find(|(name, _)| name == "redirect_uri").expect("a redirect_uri");
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", &self.code()),
            ("redirect_uri", &redirect_uri.1),
            ("code_verifier", &self.verifier),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Redeems the code.
    pub async fn redeem(&self) -> Answer {
        self.world.token(&self.client, &self.redemption()).await
    }
}

/// The value of `name` in the query of `url`.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
