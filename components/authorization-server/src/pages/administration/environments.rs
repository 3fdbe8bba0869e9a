//! The environments of sandboxes, as the administrator's page shows them.

use gatehouse_authorization_server::administration::environments::{EnvironmentPage, ReturnedText, SandboxEnvironment};
use gatehouse_protocol::UnixTime;

use crate::pages::sessions_page::label;
use crate::pages::time;
use crate::texts::{Html, Shown, Texts, fill};

/// The environments at a route.
pub(crate) struct RouteEnvironments {
    /// The route's path.
    pub(crate) path: String,
    /// What its sandbox tells; `None` where it does not answer.
    pub(crate) page: Option<EnvironmentPage>,
}

pub(super) struct EnvironmentsContent<'a> {
    pub(super) path: &'a str,
    pub(super) text: Html,
    pub(super) rows: Vec<EnvironmentRow<'a>>,
    pub(super) next: Option<&'a str>,
    pub(super) next_label: Html,
}

pub(super) struct EnvironmentRow<'a> {
    pub(super) handle: &'a str,
    pub(super) name: &'a str,
    pub(super) subject: &'a str,
    pub(super) launched: Html,
    pub(super) last_use: Html,
    pub(super) end: Html,
    pub(super) runs: u64,
    pub(super) is_running: bool,
    pub(super) label: Html,
}

impl<'a> EnvironmentsContent<'a> {
    pub(super) fn of(route: &'a RouteEnvironments, now: UnixTime, texts: &Texts) -> Self {
        let page = route.page.as_ref();
        let text = page.map_or_else(
            || fill(texts.admin_health_silent, &[]),
            |page| {
                let [count, most] = [page.count, page.most].map(|count| count.to_string());
                fill(texts.admin_environments_count, &[("count", Shown::Plain(&count)), ("most", Shown::Plain(&most))])
            },
        );
        let rows = page.into_iter().flat_map(|page| &page.environments);
        Self {
            path: &route.path,
            text,
            rows: rows.map(|environment| EnvironmentRow::of(environment, now, texts)).collect(),
            next: page.and_then(|page| page.next.as_ref()).map(ReturnedText::as_str),
            next_label: fill(texts.admin_environments_older_label, &[("path", Shown::Plain(&route.path))]),
        }
    }
}

impl<'a> EnvironmentRow<'a> {
    fn of(environment: &'a SandboxEnvironment, now: UnixTime, texts: &Texts) -> Self {
        let shown = |time| time::shown(time, now, texts);
        let subject = environment.subject.as_str();
        Self {
            handle: environment.handle.as_str(),
            name: environment.name.as_str(),
            subject,
            launched: shown(environment.launched_at),
            last_use: shown(environment.used_at),
            end: shown(environment.ends_at),
            runs: environment.runs,
            is_running: environment.is_running,
            label: label(texts.admin_environment_end_label, subject, environment.launched_at, texts),
        }
    }
}
