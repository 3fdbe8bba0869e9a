//! `/admin`: what operators see of this server while it runs, and what they end, remove and replace.
//!
//! Whoever signs in as for `/sessions` and has one of the provider's `operator_roles` sees it. What is found by a name that is typed is asked for by a
//! form, so that the name is in no address.

mod configuration;
mod environments;
mod overview;
mod question;

use gatehouse_api_keys::IssuedKeys;
use gatehouse_audit_log::TokenEvent;
use gatehouse_authorization_server::administration;
use gatehouse_authorization_server::administration::environments::ReturnedText;
use gatehouse_authorization_server::browser::Browser;
use gatehouse_authorization_server::client::{Client, ClientUnknown};
use gatehouse_authorization_server::page::ReturnedTicket;
use gatehouse_authorization_server::sessions_page::SignedInUser;
use gatehouse_authorization_server::signed_out::note_sign_out;
use gatehouse_protocol::{ClientId, OwnPath, Subject};
use http::{Request, Response};
use shell_http::{SystemEntropy, wait};

use self::question::{Kind, Question};
use crate::context::Context;
use crate::forms::{self, Form, FormRejection};
use crate::log::Details;
use crate::pages::{Found, FoundClient, FoundSessions, Problem};
use crate::sessions_page::{ask_to_sign_in, not_signed_in};
use crate::{cookies, failures, pages};

const ACTION: &str = "administration";
const NO_OPERATOR: &str = "the user has none of the provider's operator_roles";
const REPLAYED: &str = "the form, or another one of the same page, was sent before";
/// Milliseconds until one looks again whether somebody else has replaced the key.
const PAUSE: u64 = 50;

/// What an operator wants.
enum Act {
    FindSessions(Subject),
    EndSession(Subject, String),
    EndSessions(Subject),
    FindClient(ClientId),
    RemoveClient(ClientId),
    RenewKey(String),
    /// Of the environments of a route, those from here on.
    FindEnvironments(String, ReturnedText),
    EndEnvironment(String, ReturnedText),
    Ask(Box<Question>),
}

impl Act {
    /// What the form asks for; `Err` where it is incomplete, and `Ok(None)` where a name in it cannot be one.
    fn of(form: &Form) -> Result<Option<Self>, FormRejection> {
        let subject = || form.required("subject").map(|text| Subject::parse(text.trim()).ok());
        let route = || form.required("route").map(str::to_owned);
        let returned = |name| form.required(name).map(ReturnedText::parse);
        let client = || form.required("client_id").map(|text| ClientId::parse(text.trim()).ok());
        Ok(match form.required("act")? {
            "find-sessions" => subject()?.map(Self::FindSessions),
            "end-session" => {
                let id = form.required("session")?;
                subject()?.map(|subject| Self::EndSession(subject, id.to_owned()))
            }
            "end-sessions" => subject()?.map(Self::EndSessions),
            "find-client" => client()?.map(Self::FindClient),
            "remove-client" => client()?.map(Self::RemoveClient),
            "renew-key" => Some(Self::RenewKey(form.required("pool")?.to_owned())),
            "find-environments" => {
                let route = route()?;
                returned("from")?.map(|from| Self::FindEnvironments(route, from))
            }
            "end-environment" => {
                let route = route()?;
                returned("environment")?.map(|handle| Self::EndEnvironment(route, handle))
            }
            "ask-tool" => Self::ask(form, Kind::Tool)?,
            "ask-resource" => Self::ask(form, Kind::Resource)?,
            "ask-prompt" => Self::ask(form, Kind::Prompt)?,
            "ask-method" => Self::ask(form, Kind::Method)?,
            _ => return Err(FormRejection::Incomplete),
        })
    }

    fn ask(form: &Form, kind: Kind) -> Result<Option<Self>, FormRejection> {
        Ok(Question::of(form, kind)?.map(|question| Self::Ask(Box::new(question))))
    }

    /// What the log calls it.
    const fn name(&self) -> &'static str {
        match self {
            Self::FindSessions(_) => "administration-sessions",
            Self::EndSession(..) => "administration-end-session",
            Self::EndSessions(_) => "administration-end-sessions",
            Self::FindClient(_) => "administration-client",
            Self::RemoveClient(_) => "administration-remove-client",
            Self::RenewKey(_) => "administration-renew-key",
            Self::FindEnvironments(..) => environments::FIND,
            Self::EndEnvironment(..) => "administration-end-environment",
            Self::Ask(_) => "administration-ask",
        }
    }

    const fn changes(&self) -> bool {
        match self {
            Self::EndSession(..)
            | Self::EndSessions(_)
            | Self::RemoveClient(_)
            | Self::RenewKey(_)
            | Self::EndEnvironment(..) => true,
            Self::FindSessions(_) | Self::FindClient(_) | Self::FindEnvironments(..) | Self::Ask(_) => false,
        }
    }

    /// What becomes of tokens of ours, once it is done.
    const fn token_event(&self) -> Option<TokenEvent> {
        match self {
            Self::EndSession(..) | Self::EndSessions(_) => Some(TokenEvent::Revoked),
            Self::FindSessions(_)
            | Self::FindClient(_)
            | Self::RemoveClient(_)
            | Self::RenewKey(_)
            | Self::FindEnvironments(..)
            | Self::EndEnvironment(..)
            | Self::Ask(_) => None,
        }
    }

    /// What the log says of it, beside its name.
    fn details<'a>(&'a self, operator: &'a SignedInUser, context: &'a Context) -> Details<'a> {
        let details = Details { subject: Some(operator.subject.as_str()), ..Details::default() };
        match self {
            Self::FindSessions(subject) | Self::EndSession(subject, _) | Self::EndSessions(subject) => {
                Details { target_subject: Some(subject.as_str()), ..details }
            }
            Self::FindClient(client) | Self::RemoveClient(client) => {
                Details { client_id: Some(client.as_str()), ..details }
            }
            Self::RenewKey(name) => {
                let mut pools = context.configuration.session_pools.iter();
                Details {
                    route: pools.find(|(_, pool)| pool.name == *name).map(|(route, _)| route.as_str()),
                    ..details
                }
            }
            Self::FindEnvironments(path, _) | Self::EndEnvironment(path, _) => {
                let mut routes = context.configuration.environments.iter().map(|(route, _)| route.as_str());
                Details { route: routes.find(|route| route == path), ..details }
            }
            Self::Ask(question) => Details {
                target_subject: Some(question.subject.as_str()),
                client_id: Some(question.client_id.as_str()),
                ..details
            },
        }
    }
}

/// `GET /admin`: the page, to an operator; to nobody in particular, a way to sign in.
pub(crate) fn show(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let account = browser.as_ref().and_then(|browser| cookies::signed_in_user(request.headers(), browser, context));
    let (Some(browser), Some(operator)) = (&browser, account) else {
        return ask_to_sign_in(context, browser, OwnPath::Administration, 200);
    };
    if !operator.is_operator(&context.configuration) {
        return no_operator(context);
    }
    context.log.completed(ACTION, Details { subject: Some(operator.subject.as_str()), ..Details::default() });
    page(context, &operator, browser.first(), Found::default())
}

/// `POST /admin`: an operator looks for something, asks something, or changes something.
pub(crate) fn act(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let (form, operator, ticket) = match own_form(context, request) {
        Ok(Some(own)) => own,
        Ok(None) => return not_signed_in(context, request, OwnPath::Administration, ACTION),
        Err(rejection) => return forms::refused(context, ACTION, &rejection),
    };
    if !operator.is_operator(&context.configuration) {
        return no_operator(context);
    }
    let browser = form.browser.first();
    let act = match Act::of(&form) {
        Ok(Some(act)) => act,
        Ok(None) => return page(context, &operator, browser, Found::nothing()),
        Err(rejection) => return forms::refused(context, ACTION, &rejection),
    };
    let details = act.details(&operator, context);
    if act.changes() {
        match administration::is_first_change(&ticket, &context.store) {
            Ok(true) => {}
            Ok(false) => {
                context.log.refused_about(act.name(), details, REPLAYED);
                return pages::error(context.layout(), Problem::AnsweredBefore);
            }
            Err(error) => return failed(context, &act, details, &error.to_string()),
        }
        context.log.begun_about(act.name(), details);
    }
    match done(context, &act) {
        Ok(found) => {
            // Whose an environment was, its sandbox tells when it has ended it.
            let target_subject = found.subject_of_ended().or(details.target_subject);
            context.log.completed(act.name(), Details { token: act.token_event(), target_subject, ..details });
            page(context, &operator, browser, found)
        }
        Err(reason) => failed(context, &act, details, &reason),
    }
}

/// A form of the page; `None` where nobody is signed in, or no longer.
fn own_form(
    context: &Context,
    request: &Request<Vec<u8>>,
) -> Result<Option<(Form, SignedInUser, ReturnedTicket)>, FormRejection> {
    let form = Form::read(context, request)?;
    let ticket = form.required("ticket")?;
    let Some(operator) = cookies::signed_in_user(request.headers(), &form.browser, context) else { return Ok(None) };
    let check = |browser: &Browser| administration::check(&operator, ticket, browser, &context.keys, context.now);
    let ticket = form.browser.open(check)?;
    Ok(Some((form, operator, ticket)))
}

/// Does it; what the page then shows.
fn done(context: &Context, act: &Act) -> Result<Found, String> {
    match act {
        Act::FindSessions(subject) => sessions_of(context, subject),
        Act::EndSession(subject, id) => {
            context.sessions().end_one(subject, id).map_err(|error| error.to_string())?;
            sessions_of(context, subject).map(Found::after_a_change)
        }
        Act::EndSessions(subject) => {
            // What is under way to a session must not open one afterwards.
            note_sign_out(subject, &context.keys, &context.store, context.now, &mut SystemEntropy)
                .map_err(|error| error.to_string())?;
            context.sessions().end_all(subject).map_err(|error| error.to_string())?;
            sessions_of(context, subject).map(Found::after_a_change)
        }
        Act::FindClient(id) => client_of(context, id).map(Found::client),
        Act::RemoveClient(id) => match client(context, id)? {
            Some(client) if client.remove(&context.store, context.now).map_err(|error| error.to_string())? => {
                Ok(Found::default().after_a_change())
            }
            Some(_) | None => Ok(Found::nothing()),
        },
        Act::RenewKey(name) => {
            let mut pools = context.configuration.session_pools.iter();
            let Some((route, pool)) = pools.find(|(_, pool)| pool.name == *name) else { return Ok(Found::nothing()) };
            let keys = IssuedKeys {
                store: &context.store,
                keys: &context.keys,
                route: route.as_str(),
                now: context.now,
                overlap: pool.validation_seconds,
            };
            // The page does not show it: whoever may have it fetches it with a token of their own.
            keys.regenerate(&mut SystemEntropy, &|| wait(PAUSE)).map_err(|error| error.to_string())?;
            Ok(Found::default().after_a_change())
        }
        Act::FindEnvironments(route, from) => Ok(Found::environments(route.clone(), from.clone())),
        Act::EndEnvironment(route, handle) => {
            let ended = environments::end(context, route, handle)?;
            Ok(ended.map_or_else(Found::nothing, |subject| Found::ended(subject).after_a_change()))
        }
        Act::Ask(question) => Ok(question.answer()?.map_or_else(Found::nothing, Found::answer)),
    }
}

fn sessions_of(context: &Context, subject: &Subject) -> Result<Found, String> {
    let listing = context.sessions().list(subject).map_err(|error| error.to_string())?;
    let open = overview::of_subject(context, subject)?;
    let sessions = FoundSessions { subject: subject.as_str().to_owned(), listing, open };
    Ok(Found::sessions(sessions))
}

fn client(context: &Context, id: &ClientId) -> Result<Option<Client>, String> {
    match Client::find(id, &context.configuration, &context.keys, &context.store, context.now) {
        Ok(client) => Ok(Some(client)),
        Err(ClientUnknown::NotRegistered) => Ok(None),
        Err(ClientUnknown::Unavailable(error)) => Err(error.to_string()),
    }
}

fn client_of(context: &Context, id: &ClientId) -> Result<FoundClient, String> {
    Ok(match client(context, id)? {
        None => FoundClient::None(id.as_str().to_owned()),
        Some(client) => FoundClient::Some(Box::new(client)),
    })
}

fn page(context: &Context, operator: &SignedInUser, browser: &Browser, found: Found) -> Response<Vec<u8>> {
    let ticket = administration::ticket(operator, browser, &context.keys, context.now, &mut SystemEntropy);
    let shown = ticket.map_err(|error| error.to_string()).and_then(|ticket| {
        let overview = overview::of(context, &found)?;
        Ok(pages::administration(context.layout(), &overview, &found, operator.name(), &ticket))
    });
    shown.unwrap_or_else(|reason| failures::out_of_order(context, ACTION, None, &reason))
}

fn failed(context: &Context, act: &Act, details: Details<'_>, reason: &str) -> Response<Vec<u8>> {
    context.log.failed_about(act.name(), details, reason);
    pages::error(context.layout(), Problem::OutOfOrder)
}

fn no_operator(context: &Context) -> Response<Vec<u8>> {
    context.log.refused(ACTION, None, NO_OPERATOR);
    pages::error(context.layout(), Problem::NoAdministrator)
}
