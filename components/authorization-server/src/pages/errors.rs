//! The pages that say what went wrong, what to do, and how to get back.

use askama::Template;
use gatehouse_authorization_server::authorization::{AuthorizationRejection, RejectedRequest, UnboundRejection};
use gatehouse_authorization_server::fetches::NotNow;
use gatehouse_protocol::OwnPath;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response};

use super::Layout;
use super::paragraphs::Paragraphs;
use crate::texts::{Html, Shown, Texts, fill};

#[derive(Template)]
#[template(path = "rejected.html")]
struct RejectedContent<'a> {
    reason: Html,
    unchecked: Html,
    only_if: Html,
    location: &'a str,
    back: Html,
}

/// Why a person gets no further.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    /// There is no page at this address.
    NotFound,
    /// Something of ours does not work; which thing is in the log.
    OutOfOrder,
    /// The application is one that nobody here has used, and its document cannot be had at the moment.
    NotNow(NotNow),
    /// More people sign in at once than the operator allows. Seconds until it may be tried again.
    TooManySignIns(u64),
    /// The user begins more links in a minute than anybody needs. Seconds until there may be more.
    TooManyLinks(u64),
    /// From where the user is, nobody may come here.
    Network,
    /// More requests have come from there than the operator allows. Seconds until there may be more.
    TooManyFromThere(u64),
    /// The user wants to sign in, or has signed in, where they no longer can.
    WithdrawnProvider,
    /// Where the answer should go is not known.
    Unbound(Unbound),
    /// The page is for administrators.
    NoAdministrator,
    /// The form does not count.
    Form {
        /// Of the answer.
        status: u16,
    },
    /// The form could not be read.
    UnreadableForm {
        /// Of the answer.
        status: u16,
    },
    /// The page was answered before.
    AnsweredBefore,
    /// The identity provider refused, without saying which sign-in.
    RefusedByProvider,
    /// The account was not linked: the answer is of another browser, of another user, over, or was never begun.
    NotLinked {
        /// Of the answer.
        status: u16,
    },
    /// The account was not linked: the service, or the user there, did not allow it.
    LinkRefused,
    /// The sign-in is of another browser, over, or was never begun.
    NotCompleted {
        /// Of the answer.
        status: u16,
    },
}

/// What is wrong with a request that cannot be answered to its client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unbound {
    /// A parameter is missing or doubled.
    Incomplete,
    /// The client is not known.
    UnknownClient,
    /// The redirect URI is not the client's.
    RedirectUri,
    /// What it asked for has been taken away.
    WithdrawnResource,
}

impl Unbound {
    /// What the rejection is to the user; `None` where something of ours does not work.
    pub(crate) const fn of(rejection: &UnboundRejection) -> Option<Self> {
        match rejection {
            UnboundRejection::Parameter(_) => Some(Self::Incomplete),
            UnboundRejection::UnknownClient => Some(Self::UnknownClient),
            UnboundRejection::ForeignRedirectUri => Some(Self::RedirectUri),
            UnboundRejection::WithdrawnResource => Some(Self::WithdrawnResource),
            UnboundRejection::Unavailable(_) => None,
        }
    }
}

impl Problem {
    /// The status, the title, and what stands below it.
    fn texts(self, texts: &'static Texts) -> (u16, &'static str, [&'static str; 3]) {
        match self {
            Self::NotFound => (404, texts.error_not_found_title, [texts.error_not_found, "", ""]),
            Self::OutOfOrder => (503, texts.error_out_of_order_title, [texts.error_out_of_order, "", ""]),
            Self::NotNow(reason) => {
                let text = match reason {
                    NotNow::RecentFailures | NotNow::HostFailedLately => texts.error_wait_unreachable,
                    NotNow::Busy => texts.error_wait_busy,
                    NotNow::TooMany { .. } => texts.error_wait_hour,
                };
                (503, texts.error_wait_title, [text, "", ""])
            }
            Self::TooManySignIns(_) => (503, texts.error_too_many_title, [texts.error_too_many, "", ""]),
            Self::TooManyLinks(_) => (503, texts.error_too_many_links_title, [texts.error_too_many, "", ""]),
            Self::Network => (403, texts.error_network_title, [texts.error_network, "", ""]),
            Self::TooManyFromThere(_) => (429, texts.error_too_many_from_there_title, [texts.error_too_many, "", ""]),
            Self::WithdrawnProvider => {
                let text = texts.error_withdrawn_provider;
                (400, texts.error_withdrawn_provider_title, [text, texts.go_back, ""])
            }
            Self::Unbound(problem) => {
                let text = match problem {
                    Unbound::Incomplete => [texts.error_incomplete, texts.go_back, texts.error_developers],
                    Unbound::UnknownClient => [texts.error_unknown_client, "", texts.error_developers],
                    Unbound::RedirectUri => [texts.error_redirect_uri, texts.go_back, texts.error_developers],
                    Unbound::WithdrawnResource => [texts.error_withdrawn_resource, texts.go_back, ""],
                };
                (400, texts.error_link_title, text)
            }
            Self::NoAdministrator => (403, texts.consents_title, [texts.consents_no_administrator, "", ""]),
            Self::Form { status } => (status, texts.error_form_title, [texts.error_form, "", ""]),
            Self::UnreadableForm { status } => (status, texts.error_unreadable_title, [texts.error_unreadable, "", ""]),
            Self::AnsweredBefore => (403, texts.error_answered_title, [texts.error_answered, "", ""]),
            Self::RefusedByProvider => (400, texts.error_refused_title, [texts.error_refused, texts.go_back, ""]),
            Self::NotLinked { status } => {
                (status, texts.connections_not_made_title, [texts.connections_not_made, "", ""])
            }
            Self::LinkRefused => (403, texts.connections_not_made_title, [texts.connections_refused, "", ""]),
            Self::NotCompleted { status } => {
                (status, texts.error_not_completed_title, [texts.error_not_completed, texts.go_back, ""])
            }
        }
    }

    /// Seconds after which it may be tried again; `None` where that is not for us to say.
    const fn retry_after(self) -> Option<u64> {
        match self {
            Self::NotNow(reason) => reason.retry_after(),
            Self::TooManySignIns(seconds) | Self::TooManyLinks(seconds) | Self::TooManyFromThere(seconds) => {
                Some(seconds)
            }
            Self::NotFound
            | Self::Network
            | Self::OutOfOrder
            | Self::WithdrawnProvider
            | Self::Unbound(_)
            | Self::NoAdministrator
            | Self::Form { .. }
            | Self::UnreadableForm { .. }
            | Self::AnsweredBefore
            | Self::RefusedByProvider
            | Self::NotLinked { .. }
            | Self::LinkRefused
            | Self::NotCompleted { .. } => None,
        }
    }
}

/// Tells the user what went wrong, and what to do. The way back is the page itself, where another try may help, or else the
/// user's own page: nothing else here is known to be theirs.
pub(crate) fn error(layout: Layout<'_>, problem: Problem) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let (status, title, paragraphs) = problem.texts(texts);
    let way_back = match layout.address.filter(|_| matches!(status, 429 | 503)) {
        Some(address) => (address, texts.try_again),
        None if matches!(problem, Problem::NotLinked { .. } | Problem::LinkRefused) => {
            (OwnPath::Connections.as_str(), texts.connections_title)
        }
        None => (OwnPath::Sessions.as_str(), texts.sessions_title),
    };
    let paragraphs: Vec<&str> = paragraphs.into_iter().filter(|text| !text.is_empty()).collect();
    let content = Html::of(&Paragraphs { paragraphs: &paragraphs, way_back });
    let mut response = layout.answer(&layout.plain(status, title, content).with_reference());
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Tells the user that the client asked wrongly, and lets them decide whether to go back: nobody vouches for the place
/// that `location` is at.
pub(crate) fn rejected(layout: Layout<'_>, rejected: &RejectedRequest, location: &str) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let client = rejected.client.client_name.as_str();
    let host = rejected.redirect_uri.redirect_uri().host_and_port();
    let reason = match &rejected.rejection {
        AuthorizationRejection::Scope => texts.error_rejected_scope,
        AuthorizationRejection::Resource => texts.error_rejected_resource,
        AuthorizationRejection::ClientNotAllowed => texts.error_rejected_client,
        AuthorizationRejection::Parameter(_)
        | AuthorizationRejection::ResponseType
        | AuthorizationRejection::ResponseMode
        | AuthorizationRejection::ChallengeMethod
        | AuthorizationRejection::Challenge
        | AuthorizationRejection::State
        | AuthorizationRejection::PromptNone
        | AuthorizationRejection::RequestObject
        | AuthorizationRejection::Client
        | AuthorizationRejection::RequestUri => texts.error_rejected_request,
    };
    let content = Html::of(&RejectedContent {
        reason: fill(reason, &[("client", Shown::Strong(client))]),
        unchecked: fill(texts.consent_note_unchecked, &[("client", Shown::Plain(client))]),
        only_if: fill(texts.error_rejected_back, &[("host", Shown::Code(&host))]),
        location,
        back: fill(texts.back_to, &[("client", Shown::Plain(&host))]),
    });
    layout.answer(&layout.plain(400, texts.error_link_title, content).with_reference())
}
