//! What an operator asks of a route's policy; `gatehouse explain` answers in the same words.

use std::borrow::Cow;

use gatehouse_policy::{Action, Caller, Target, explain};
use gatehouse_protocol::{Claims, ClientId, Scope, Scopes, Subject};

use crate::forms::{Form, FormRejection};

/// Who wants to do what, and where.
pub(super) struct Question {
    route: String,
    pub(super) subject: Subject,
    pub(super) client_id: ClientId,
    scopes: Scopes,
    claims: Claims,
    kind: Kind,
    name: String,
}

/// What is asked about.
pub(super) enum Kind {
    Tool,
    Resource,
    Prompt,
    Method,
}

impl Question {
    /// The question in a form; `Ok(None)` where something in it cannot be what it is to be.
    pub(super) fn of(form: &Form, kind: Kind) -> Result<Option<Self>, FormRejection> {
        let field = |name| form.optional(name).map(|text| text.unwrap_or_default().trim());
        let words = |name| field(name).map(|text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let scopes = words("scopes")?.iter().map(|scope| Scope::parse(scope)).collect::<Result<Scopes, _>>();
        let tenant = Some(field("tenant")?.to_owned()).filter(|tenant| !tenant.is_empty());
        let claims = Claims::new(tenant, words("groups")?, words("roles")?);
        let parsed = (Subject::parse(field("subject")?), ClientId::parse(field("client_id")?), scopes, claims);
        let (Ok(subject), Ok(client_id), Ok(scopes), Ok(claims)) = parsed else { return Ok(None) };
        let (route, name) = (field("route")?.to_owned(), field("name")?.to_owned());
        Ok((!name.is_empty()).then_some(Self { route, subject, client_id, scopes, claims, kind, name }))
    }

    /// The answer, in lines; `None` where there is no such route.
    ///
    /// # Errors
    /// Where the route cannot be read.
    pub(super) fn answer(&self) -> Result<Option<String>, String> {
        let route = shell_configuration::route(&self.route).map_err(|error| error.to_string())?;
        let Some(route) = route else { return Ok(None) };
        let name = Cow::Borrowed(self.name.as_str());
        let (method, target) = match self.kind {
            Kind::Tool => ("tools/call", Some(Target::Tool(name))),
            Kind::Resource => ("resources/read", Some(Target::of_template(name))),
            Kind::Prompt => ("prompts/get", Some(Target::Prompt(name))),
            Kind::Method => (self.name.as_str(), None),
        };
        // Where none is given, those that the route needs, as for the command.
        let scopes = if self.scopes.is_empty() { &route.scopes } else { &self.scopes };
        let caller = Caller { subject: &self.subject, client_id: &self.client_id, scopes, claims: &self.claims };
        let explanation = explain(&route, &caller, &Action { method: Cow::Borrowed(method), target }).to_string();
        let is_kept_out = !route.allowed_clients.is_empty() && !route.allowed_clients.contains(&self.client_id);
        let kept_out = format!("denied: the client {} is none of allowed_clients of {}\n", self.client_id, route.path);
        Ok(Some(if is_kept_out { kept_out } else { explanation }))
    }
}
