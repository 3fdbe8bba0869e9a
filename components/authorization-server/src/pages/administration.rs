//! The administrator's page.

mod environments;

use askama::Template;
use gatehouse_authorization_server::administration::environments::ReturnedText;
use gatehouse_authorization_server::administration::{ClientOrigin, EntryCounts};
use gatehouse_authorization_server::client::Client;
use gatehouse_configuration::Route;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{OwnPath, Subject, UnixTime};
use gatehouse_sessions::{Listing, Summary};
use http::Response;

use self::environments::EnvironmentsContent;
pub(crate) use self::environments::RouteEnvironments;
use super::policy::Forms;
use super::sessions_page::label;
use super::{Layout, time};
use crate::texts::{Html, Shown, Texts, fill};

/// What is so at this moment.
pub(crate) struct Overview<'a> {
    /// The configuration.
    pub(crate) configuration: &'a Configuration,
    /// Each server: the route that it is behind, where it is, and whether it answers.
    pub(crate) servers: Vec<(String, String, Health)>,
    /// Each identity provider: its issuer, and whether what it says of itself is there.
    pub(crate) providers: Vec<(&'a str, Health)>,
    /// What lasts at this moment.
    pub(crate) open: Open,
    /// The clients that the configuration does not name, and the linked accounts.
    pub(crate) counts: EntryCounts,
    /// Each connection, by its name for people; whether it is linked, where all share one account.
    pub(crate) connections: Vec<(&'a str, Option<bool>)>,
    /// The API keys of each route that has some.
    pub(crate) keys: Vec<RouteKeys>,
    /// The environments at each route that has some.
    pub(crate) environments: Vec<RouteEnvironments>,
    /// The configuration as it was read.
    pub(crate) text: String,
    /// The time of the request.
    pub(crate) now: UnixTime,
}

/// Whether something answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It does.
    Answers,
    /// It does not.
    Silent,
    /// Nobody has asked it lately.
    Unknown,
}

/// What lasts, of everybody or of one subject.
#[derive(Default)]
pub(crate) struct Open {
    /// At each route.
    pub(crate) at: Vec<OpenAt>,
    /// At all routes.
    pub(crate) all: u64,
}

/// What lasts at a route, and what its rates have counted.
pub(crate) struct OpenAt {
    pub(crate) path: String,
    pub(crate) streams: u64,
    pub(crate) calls: u64,
    /// How many of how many in how many seconds.
    pub(crate) rates: Vec<(u64, u64, u64)>,
}

/// The API keys of a route, by what they are called.
pub(crate) struct RouteKeys {
    path: String,
    keys: Vec<(String, Option<UnixTime>)>,
    pool: Option<String>,
}

/// What an operator has looked for, and found.
#[derive(Default)]
pub(crate) struct Found {
    environments_from: Option<(String, ReturnedText)>,
    ended: Option<Subject>,
    sessions: Option<FoundSessions>,
    client: Option<FoundClient>,
    answer: Option<String>,
    notice: Option<Notice>,
}

#[derive(Clone, Copy)]
enum Notice {
    Done,
    Nothing,
}

/// The sessions of a user.
pub(crate) struct FoundSessions {
    pub(crate) subject: String,
    pub(crate) listing: Listing,
    /// What lasts of the user, and what is used of the rates that count by user.
    pub(crate) open: Open,
}

/// The client with an id, if there is one.
pub(crate) enum FoundClient {
    None(String),
    Some(Box<Client>),
}

impl Found {
    /// The sessions of a user.
    pub(crate) fn sessions(sessions: FoundSessions) -> Self {
        Self { sessions: Some(sessions), ..Self::default() }
    }

    /// The client with an id, or that there is none.
    pub(crate) fn client(client: FoundClient) -> Self {
        Self { client: Some(client), ..Self::default() }
    }

    /// The environments at a route, from here on.
    pub(crate) fn environments(route: String, from: ReturnedText) -> Self {
        Self { environments_from: Some((route, from)), ..Self::default() }
    }

    /// An environment of this subject was ended.
    pub(crate) fn ended(subject: Subject) -> Self {
        Self { ended: Some(subject), ..Self::default() }
    }

    /// From where on the environments at a route are looked for.
    pub(crate) const fn environments_from(&self) -> Option<&(String, ReturnedText)> {
        self.environments_from.as_ref()
    }

    /// Whose environment was ended.
    pub(crate) fn subject_of_ended(&self) -> Option<&str> {
        self.ended.as_ref().map(Subject::as_str)
    }

    /// What the policy says.
    pub(crate) fn answer(answer: String) -> Self {
        Self { answer: Some(answer), ..Self::default() }
    }

    /// What was looked for cannot be, or is not there.
    pub(crate) fn nothing() -> Self {
        Self { notice: Some(Notice::Nothing), ..Self::default() }
    }

    /// The same, after something was changed.
    pub(crate) fn after_a_change(self) -> Self {
        Self { notice: Some(Notice::Done), ..self }
    }
}

impl RouteKeys {
    /// Those of the route; `None` where it takes none.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        let keys = route.api_keys.as_ref()?;
        Some(Self {
            path: route.path.as_str().to_owned(),
            keys: keys.keys.iter().map(|key| (key.label.clone(), key.expires)).collect(),
            pool: keys.session_pool.as_ref().map(|pool| pool.name.clone()),
        })
    }
}

#[derive(Template)]
#[template(path = "administration.html")]
struct AdministrationContent<'a> {
    texts: &'static Texts,
    user: Html,
    account: &'static str,
    ticket: &'a str,
    notice: Option<&'static str>,
    answer: Option<&'a str>,
    subject: &'a str,
    sessions: Option<SessionsContent<'a>>,
    counts: Html,
    client_id: &'a str,
    client: Option<ClientContent<'a>>,
    configured: Vec<(&'a str, &'a str)>,
    keys: Vec<KeysContent<'a>>,
    environments: Vec<EnvironmentsContent<'a>>,
    links: Html,
    connections: Vec<(&'a str, &'static str)>,
    health: Vec<(&'a str, &'a str, &'static str)>,
    open: Html,
    open_at: Vec<(&'a str, Html)>,
    route: &'a str,
    kinds: [(&'static str, &'static str); 4],
    configuration: &'a str,
}

struct SessionsContent<'a> {
    title: Html,
    open: Html,
    open_at: Vec<(&'a str, Html)>,
    rows: Vec<SessionRow<'a>>,
}

struct SessionRow<'a> {
    id: &'a str,
    client_name: &'a str,
    client_id: &'a str,
    resource: &'a str,
    scopes: String,
    first_use: Html,
    last_use: Html,
    end: Html,
    label: Html,
}

struct ClientContent<'a> {
    name: &'a str,
    origin: Html,
    redirect_uris: Vec<String>,
    is_removable: bool,
}

struct KeysContent<'a> {
    path: &'a str,
    keys: Vec<(&'a str, Option<Html>)>,
    pool: Option<&'a str>,
    label: Html,
}

/// Shows the page to an operator whom the provider calls `user`.
pub(crate) fn administration(
    layout: Layout<'_>,
    overview: &Overview<'_>,
    found: &Found,
    user: &str,
    ticket: &str,
) -> Response<Vec<u8>> {
    let (texts, configuration) = (layout.texts(), overview.configuration);
    let sessions = found.sessions.as_ref();
    let (client, client_id) = match &found.client {
        Some(FoundClient::Some(client)) => (Some(client.as_ref()), client.client_id.as_str()),
        Some(FoundClient::None(id)) => (None, id.as_str()),
        None => (None, ""),
    };
    let health = overview.servers.iter().map(|(route, place, health)| (route.as_str(), place.as_str(), *health));
    let names = configuration.identity_providers.iter().map(|provider| provider.display_name.as_str());
    let health = health.chain(names.zip(&overview.providers).map(|(name, (issuer, health))| (name, *issuer, *health)));
    let notice = match found.notice {
        Some(Notice::Done) => Some(texts.admin_done),
        Some(Notice::Nothing) => Some(texts.admin_nothing),
        None if found.client.is_some() && client.is_none() => Some(texts.admin_nothing),
        None => None,
    };
    let content = Html::of(&AdministrationContent {
        texts,
        user: fill(texts.admin_user, &[("user", Shown::Strong(user))]),
        account: OwnPath::Sessions.as_str(),
        ticket,
        notice,
        answer: found.answer.as_deref(),
        subject: sessions.map_or("", |sessions| &sessions.subject),
        sessions: sessions.map(|sessions| SessionsContent::of(sessions, overview.now, texts)),
        counts: counts(&overview.counts, texts),
        client_id,
        client: client.map(|client| ClientContent::of(client, overview.now, texts)),
        configured: configuration
            .clients
            .iter()
            .map(|client| (client.client_name.as_str(), client.client_id.as_str()))
            .collect(),
        keys: overview.keys.iter().map(|keys| KeysContent::of(keys, overview.now, texts)).collect(),
        environments: overview
            .environments
            .iter()
            .map(|environments| EnvironmentsContent::of(environments, overview.now, texts))
            .collect(),
        links: links(&overview.counts, texts),
        connections: overview
            .connections
            .iter()
            .map(|(name, linked)| (*name, linked_in_words(*linked, texts)))
            .collect(),
        health: health.map(|(name, place, health)| (name, place, in_words(health, texts))).collect(),
        open: fill(texts.admin_open_all, &[("count", Shown::Plain(&overview.open.all.to_string()))]),
        open_at: overview.open.at.iter().map(|at| (at.path.as_str(), open_at(at, texts))).collect(),
        route: overview.open.at.first().map_or("", |at| &at.path),
        kinds: [
            ("ask-tool", texts.admin_ask_tool),
            ("ask-resource", texts.admin_ask_resource),
            ("ask-prompt", texts.admin_ask_prompt),
            ("ask-method", texts.admin_ask_method),
        ],
        configuration: &overview.text,
    });
    layout.answer(&layout.plain(200, texts.admin_title, content).with_forms(Forms::to_ourselves()))
}

const fn in_words(health: Health, texts: &Texts) -> &'static str {
    match health {
        Health::Answers => texts.admin_health_answers,
        Health::Silent => texts.admin_health_silent,
        Health::Unknown => texts.admin_health_unknown,
    }
}

const fn linked_in_words(linked: Option<bool>, texts: &Texts) -> &'static str {
    match linked {
        Some(true) => texts.connections_linked,
        Some(false) => texts.connections_not_linked,
        None => "",
    }
}

fn links(counts: &EntryCounts, texts: &Texts) -> Html {
    let count = counts.linked_accounts.to_string();
    let text = if counts.is_cut { texts.admin_links_count_cut } else { texts.admin_links_count };
    fill(text, &[("count", Shown::Plain(&count))])
}

fn counts(counts: &EntryCounts, texts: &Texts) -> Html {
    let [used, before, unused, documents] =
        [counts.used, counts.used_before, counts.unused, counts.with_document].map(|count| count.to_string());
    let values = [("used", &used), ("before", &before), ("unused", &unused), ("documents", &documents)];
    let text = if counts.is_cut { texts.admin_clients_counts_cut } else { texts.admin_clients_counts };
    fill(text, &values.map(|(name, value)| (name, Shown::Plain(value))))
}

fn open_at(at: &OpenAt, texts: &Texts) -> Html {
    let [streams, calls] = [at.streams, at.calls].map(|count| count.to_string());
    let rates: Vec<_> =
        at.rates.iter().map(|(used, quota, seconds)| format!("{used} / {quota} / {seconds} s")).collect();
    let rates = if rates.is_empty() { "0".to_owned() } else { rates.join("; ") };
    let values = [("streams", &streams), ("calls", &calls), ("rates", &rates)];
    let text = if at.rates.is_empty() { texts.admin_open_at } else { texts.admin_open_at_rates };
    fill(text, &values.map(|(name, value)| (name, Shown::Plain(value))))
}

impl<'a> SessionsContent<'a> {
    fn of(found: &'a FoundSessions, now: UnixTime, texts: &Texts) -> Self {
        let total = found.listing.total.to_string();
        let values = [("user", Shown::Code(&found.subject)), ("count", Shown::Plain(&total))];
        let all = found.open.all.to_string();
        Self {
            title: fill(texts.admin_sessions_of, &values),
            open: fill(texts.admin_open_all, &[("count", Shown::Plain(&all))]),
            open_at: found.open.at.iter().map(|at| (at.path.as_str(), open_at(at, texts))).collect(),
            rows: found.listing.newest.iter().map(|session| SessionRow::of(session, now, texts)).collect(),
        }
    }
}

impl<'a> SessionRow<'a> {
    fn of(session: &'a Summary, now: UnixTime, texts: &Texts) -> Self {
        let shown = |time| time::shown(time, now, texts);
        Self {
            id: &session.id,
            client_name: session.client_name.as_str(),
            client_id: session.client_id.as_str(),
            resource: session.resource.as_str(),
            scopes: session.scopes.to_string(),
            first_use: shown(session.opened_at),
            last_use: shown(session.last_used_at),
            end: shown(session.expires_at),
            label: label(texts.sessions_end_one_label, session.client_name.as_str(), session.opened_at, texts),
        }
    }
}

impl<'a> ClientContent<'a> {
    fn of(client: &'a Client, now: UnixTime, texts: &Texts) -> Self {
        let origin = match client.origin() {
            ClientOrigin::Configured => fill(texts.admin_client_configured, &[]),
            ClientOrigin::Document => fill(texts.admin_client_document, &[]),
            ClientOrigin::Registered { last_used: None } => fill(texts.admin_client_unused, &[]),
            ClientOrigin::Registered { last_used: Some([from, until]) } => {
                let [from, until] = [from, until.min(now)].map(|time| time::point(time, texts));
                fill(texts.admin_client_used, &[("from", Shown::Html(&from)), ("until", Shown::Html(&until))])
            }
        };
        Self {
            name: client.client_name.as_str(),
            origin,
            redirect_uris: client.redirect_uris.iter().map(|uri| uri.comparable().into_owned()).collect(),
            is_removable: matches!(client.origin(), ClientOrigin::Registered { .. }),
        }
    }
}

impl<'a> KeysContent<'a> {
    fn of(route: &'a RouteKeys, now: UnixTime, texts: &Texts) -> Self {
        let end = |end: &Option<UnixTime>| end.map(|end| time::shown(end, now, texts));
        Self {
            path: &route.path,
            keys: route.keys.iter().map(|(label, expires)| (label.as_str(), end(expires))).collect(),
            pool: route.pool.as_deref(),
            label: fill(texts.admin_key_renew_label, &[("path", Shown::Plain(&route.path))]),
        }
    }
}
