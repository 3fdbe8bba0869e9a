//! The page on which users see the accounts that they have linked, link others, and remove them.

use askama::Template;
use gatehouse_configuration::{Connection, IdentityProvider};
use gatehouse_connections::LinkFacts;
use gatehouse_protocol::{OwnPath, Scope, UnixTime};
use http::Response;

use super::policy::Forms;
use super::{Layout, time};
use crate::texts::{Html, Shown, Texts, fill};

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsContent<'a> {
    texts: &'static Texts,
    user: Html,
    text: &'static str,
    connections: Vec<Row<'a>>,
    sessions: &'static str,
    ticket: &'a str,
}

struct Row<'a> {
    id: &'a str,
    name: &'a str,
    is_shared: bool,
    may_change: bool,
    linked: Option<Html>,
    linked_by: Option<&'a str>,
    end: Option<Html>,
    scopes: String,
    link: &'static str,
    link_label: Html,
    remove_label: Option<Html>,
}

/// A connection, as one user sees it.
pub(crate) struct ConnectionView<'a> {
    /// The connection.
    pub(crate) connection: &'a Connection,
    /// The link that the user's calls use, where there is one.
    pub(crate) link: Option<LinkFacts>,
    /// Whether the user may make and remove it.
    pub(crate) may_change: bool,
}

/// What the page of a user's linked accounts is made of.
pub(crate) struct ConnectionsView<'a> {
    /// Where they signed in.
    pub(crate) provider: &'a IdentityProvider,
    /// What they are called.
    pub(crate) user: &'a str,
    /// All connections.
    pub(crate) connections: &'a [ConnectionView<'a>],
    /// The ticket of the forms.
    pub(crate) ticket: &'a str,
    /// The time of the request.
    pub(crate) now: UnixTime,
}

/// Shows what a user has linked.
pub(crate) fn connections(layout: Layout<'_>, view: &ConnectionsView<'_>) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let user = [("user", Shown::Strong(view.user)), ("provider", Shown::Plain(&view.provider.display_name))];
    let changeable = || view.connections.iter().filter(|it| it.may_change).map(|it| it.connection);
    let content = Html::of(&ConnectionsContent {
        texts,
        user: fill(texts.sessions_user, &user),
        text: if view.connections.is_empty() { texts.connections_none } else { texts.connections_text },
        connections: view.connections.iter().map(|connection| Row::of(connection, view, texts)).collect(),
        sessions: OwnPath::Sessions.as_str(),
        ticket: view.ticket,
    });
    let forms = if changeable().next().is_some() { Forms::to_connections(changeable()) } else { Forms::none() };
    layout.answer(&layout.plain(200, texts.connections_title, content).with_forms(forms))
}

impl<'a> Row<'a> {
    fn of(view: &'a ConnectionView<'a>, page: &ConnectionsView<'_>, texts: &'static Texts) -> Self {
        let ConnectionView { connection, link, may_change } = view;
        let name = connection.display_name.as_str();
        let label = |text| fill(text, &[("connection", Shown::Plain(name))]);
        let shown = |time| time::shown(time, page.now, texts);
        let (link_text, link_label) = match link {
            Some(_) => (texts.connections_renew, texts.connections_renew_label),
            None => (texts.connections_link, texts.connections_link_label),
        };
        Self {
            id: &connection.name,
            name,
            is_shared: connection.is_shared(),
            may_change: *may_change,
            linked: link.as_ref().map(|link| shown(link.linked_at)),
            linked_by: link.as_ref().and_then(|link| link.linked_by.as_deref()).filter(|_| *may_change),
            end: link.as_ref().map(|link| shown(link.ends_at)),
            scopes: connection.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join("; "),
            link: link_text,
            link_label: label(link_label),
            remove_label: link.as_ref().map(|_| label(texts.connections_remove_label)),
        }
    }
}
