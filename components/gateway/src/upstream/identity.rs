//! What one MCP server is told of who calls.

use gatehouse_configuration::{IdentityHeaders, Upstream};
use gatehouse_gateway::{Refusal, identity_headers};
use gatehouse_protocol::{Actor, Claims, Scope, SecretString};
use http::{HeaderName, HeaderValue};

use crate::bindings::gatehouse::auth::assertions::{self, Assertion};
use crate::bindings::gatehouse::auth::sessions::{self, Principal};
use crate::caller::Caller;
use crate::context::RequestContext;

/// The headers of `identity_headers`. Where nobody is known, this is not called: there is nobody to tell of.
///
/// # Errors
/// Where the server cannot be told all of it.
pub(super) fn headers(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let Some(wanted) = &upstream.identity_headers else { return Ok(Vec::new()) };
    let resource = context.endpoint.resource();
    identity_headers(&caller.identity, &resource, wanted, |audience| sign(context, caller, &resource, wanted, audience))
}

fn sign(
    context: &RequestContext<'_>,
    caller: &Caller,
    resource: &str,
    wanted: &IdentityHeaders,
    audience: &str,
) -> Result<SecretString, Refusal> {
    let unavailable = |reason: String| Refusal::Unavailable(format!("an assertion cannot be signed: {reason}"));
    let configuration = context.endpoint.configuration;
    let keys = configuration.caller_assertion_keys.as_ref();
    let keys = keys.ok_or_else(|| unavailable("caller_assertion_keys is missing".to_owned()))?;
    let assertion = Assertion {
        caller: principal(&caller.identity, resource, wanted.names),
        issuer: configuration.public_url.as_str().to_owned(),
        audience: audience.to_owned(),
        signing_keys: keys.as_str().to_owned(),
    };
    assertions::sign(&assertion).map(SecretString::new).map_err(unavailable)
}

fn principal(caller: &gatehouse_gateway::Caller, resource: &str, with_names: bool) -> Principal {
    let Claims { tenant, groups, roles, names } = caller.claims.clone();
    let names = names.filter(|_| with_names).map(|names| sessions::Names {
        name: names.name,
        preferred_username: names.preferred_username,
        email: names.email,
    });
    Principal {
        subject: caller.subject.to_string(),
        client_id: caller.client_id.to_string(),
        resource: resource.to_owned(),
        scopes: caller.scopes.iter().map(Scope::as_str).map(str::to_owned).collect(),
        claims: sessions::Claims { tenant, groups, roles, names },
        actors: caller.actors.iter().map(actor).collect(),
    }
}

fn actor(actor: &Actor) -> sessions::Actor {
    sessions::Actor { sub: actor.sub().to_owned(), iss: actor.iss().map(str::to_owned) }
}
