//! Asking Microsoft Graph for groups that did not fit into a token ("group overage": more than 200 in a JWT).

use std::collections::BTreeSet;

use gatehouse_configuration::{EntraProfile, GroupLookup, IdentityProvider, ProviderProfile};
use gatehouse_protocol::SecretString;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::form_urlencoded;

use crate::answer::{json, successful};
use crate::issuer::is_uuid;
use crate::{AnswerRejection, ClientError, Endpoint, InvalidEndpoint, NamedClaims};

/// The largest answer worth reading, in bytes: at most 20 ids.
pub const GROUPS_ANSWER_BYTES: usize = 64 * 1024;

/// "You can check up to a maximum of 20 groups per request" (Microsoft Graph, directoryObject: checkMemberGroups).
const GROUPS_PER_REQUEST: usize = 20;

/// Those of the asked groups that the user is in, directly or through other groups.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Memberships(Vec<String>);

/// It cannot be known in which groups the user is; nobody comes in then. The text is a clause.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupsUnknown {
    /// Only Entra has a place to ask.
    #[error("only at an Entra provider can they be asked for; let the provider put fewer into the token")]
    NoLookup,
    /// Only a sign-in gives a token to ask with.
    #[error("with an identity assertion comes no access token to ask for them with; use app roles")]
    NoAccessToken,
    /// Names cannot be asked for.
    #[error("a group of access.groups or of a denying rule is no object id (a UUID), and only those can be asked for")]
    NoObjectIds,
    /// `graph` of the configuration.
    #[error("the URL of Microsoft Graph {0}")]
    Graph(#[from] InvalidEndpoint),
    /// The access token is not what can stand in a header.
    #[error("the user's access token cannot be sent")]
    AccessToken,
    /// The access token does not allow it.
    #[error(
        "Microsoft Graph does not tell them (status {0}): ask for the scope \
         https://graph.microsoft.com/GroupMember.Read.All and have an administrator consent to it; or use app roles \
         instead of groups; or let the token hold only the groups that are assigned to the application"
    )]
    NotPermitted(StatusCode),
    /// Our application gets no token.
    #[error("the application of group_lookup gets no token: Entra {0}")]
    Application(AnswerRejection),
    /// Something else came.
    #[error("Microsoft Graph {0}")]
    Answer(#[from] AnswerRejection),
    /// Nothing came; the reason is the connection's.
    #[error("Microsoft Graph did not answer: {0}")]
    NoAnswer(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    group_ids: &'a [&'a str],
}

#[derive(Deserialize)]
struct Answer {
    value: Vec<String>,
}

/// The requests that ask in which of the groups that the provider's access rules and policies name the user with this
/// access token is. All must be sent, and their answers be read by [`Memberships::add`].
///
/// The headers hold the token.
///
/// # Errors
/// Where nothing can be asked.
pub fn group_requests(
    provider: &IdentityProvider,
    named: &NamedClaims<'_>,
    access_token: &SecretString,
) -> Result<Vec<Request<Vec<u8>>>, GroupsUnknown> {
    let ProviderProfile::Entra(entra) = &provider.profile else { return Err(GroupsUnknown::NoLookup) };
    let groups = asked_groups(provider, named)?;
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    requests(&format!("{}/v1.0/me/checkMemberGroups", entra.graph), &groups, access_token)
}

fn requests(url: &str, groups: &[&str], access_token: &SecretString) -> Result<Vec<Request<Vec<u8>>>, GroupsUnknown> {
    let endpoint = Endpoint::parse(url)?;
    let bearer = SecretString::new(format!("Bearer {}", access_token.expose()));
    let mut authorization = HeaderValue::from_str(bearer.expose()).map_err(|_| GroupsUnknown::AccessToken)?;
    authorization.set_sensitive(true);
    let request = |groups: &[&str]| {
        // A list of texts is always JSON.
        let body = serde_json::to_vec(&Question { group_ids: groups }).unwrap_or_default();
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.uri().clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, authorization.clone());
        request
    };
    Ok(groups.chunks(GROUPS_PER_REQUEST).map(request).collect())
}

/// The request for a token with which our application asks Microsoft Graph (RFC 6749, section 4.4). Its body holds our secret.
///
/// # Errors
/// Where no safe URL can be made of what is configured.
pub fn application_token_request(
    entra: &EntraProfile,
    lookup: &GroupLookup,
    tenant: &str,
    secret: &SecretString,
) -> Result<Request<Vec<u8>>, GroupsUnknown> {
    let endpoint = Endpoint::parse(&format!("{}/{tenant}/oauth2/v2.0/token", entra.authority))?;
    let scope = format!("{}/.default", entra.graph);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("scope", &scope);
    form.append_pair("client_id", &lookup.client_id).append_pair("client_secret", secret.expose());
    let mut request = Request::new(form.finish().into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri().clone();
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Ok(request)
}

/// The token in the answer to [`application_token_request`].
///
/// # Errors
/// Where there is none.
pub fn application_token(response: &Response<Vec<u8>>) -> Result<SecretString, GroupsUnknown> {
    #[derive(Deserialize)]
    struct TokenAnswer {
        access_token: String,
    }
    let answer = successful(response).and_then(json::<TokenAnswer>).map_err(GroupsUnknown::Application)?;
    Ok(SecretString::new(answer.access_token))
}

/// The groups that must be asked for of the bearer of a token of another issuer that does not hold them, in lower case; empty where no rule
/// needs any.
///
/// # Errors
/// Where a denying rule names one that cannot be asked for.
pub fn groups_to_ask(named: &NamedClaims<'_>) -> Result<BTreeSet<String>, GroupsUnknown> {
    if !named.denied_groups.iter().copied().all(is_uuid) {
        return Err(GroupsUnknown::NoObjectIds);
    }
    let groups = named.groups.iter().copied().filter(|group| is_uuid(group));
    Ok(groups.map(str::to_ascii_lowercase).collect())
}

/// The requests that ask in which of the groups the user with this object id is, with our application's token.
///
/// # Errors
/// Where nothing can be asked.
pub fn user_group_requests(
    entra: &EntraProfile,
    object_id: &str,
    groups: &BTreeSet<String>,
    token: &SecretString,
) -> Result<Vec<Request<Vec<u8>>>, GroupsUnknown> {
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    requests(&format!("{}/v1.0/users/{object_id}/checkMemberGroups", entra.graph), &groups, token)
}

/// The groups that must be asked for of a user with too many for a token, in lower case; empty where no rule needs any.
///
/// Nobody comes in by a group that cannot be asked for, and an allowing rule that names one allows nothing. What a denying
/// rule names must be known.
///
/// # Errors
/// Where what must be known cannot be asked for.
pub(crate) fn asked_groups(
    provider: &IdentityProvider,
    named: &NamedClaims<'_>,
) -> Result<BTreeSet<String>, GroupsUnknown> {
    let of_access = || provider.access.groups.iter().map(String::as_str);
    let (can_be_asked, unknown): (fn(&str) -> bool, _) = match &provider.profile {
        ProviderProfile::Entra(_) => (is_uuid, GroupsUnknown::NoObjectIds),
        ProviderProfile::OpenId => (|_| false, GroupsUnknown::NoLookup),
    };
    let shut_out = !provider.access.groups.is_empty() && !of_access().any(can_be_asked);
    if shut_out || !named.denied_groups.iter().copied().all(can_be_asked) {
        return Err(unknown);
    }
    let groups = of_access().chain(named.groups.iter().copied()).filter(|group| can_be_asked(group));
    Ok(groups.map(str::to_ascii_lowercase).collect())
}

impl Memberships {
    /// Adds the groups of one answer to a request of [`group_requests`].
    ///
    /// # Errors
    /// Where it is not an answer of Microsoft Graph. None of the other answers counts then.
    pub fn add(&mut self, response: &Response<Vec<u8>>) -> Result<(), GroupsUnknown> {
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(GroupsUnknown::NotPermitted(response.status()));
        }
        let answer: Answer = json(successful(response)?)?;
        self.0.extend(answer.value);
        Ok(())
    }

    /// Those of the groups that the user is in.
    pub(crate) fn among<'g>(&self, groups: &'g BTreeSet<String>) -> impl Iterator<Item = &'g str> {
        groups.iter().map(String::as_str).filter(|group| self.holds(group))
    }

    /// Whether the user is in the group with this id.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.0.iter().any(|member_of| member_of.eq_ignore_ascii_case(id))
    }
}

impl GroupsUnknown {
    /// What the client is told.
    pub(crate) fn to_wire(&self) -> ClientError {
        match self {
            Self::NoLookup
            | Self::NoAccessToken
            | Self::NoObjectIds
            | Self::Graph(_)
            | Self::AccessToken
            | Self::NotPermitted(_) => ClientError::AccessDenied,
            Self::Application(answer) | Self::Answer(answer) => answer.to_wire(),
            Self::NoAnswer(_) => ClientError::TemporarilyUnavailable,
        }
    }
}

#[cfg(test)]
mod tests;
