//! What a token says of who bears it.

use std::borrow::Cow;

use gatehouse_configuration::{
    EntraVersion, RequiredClaim, RouteTokens, TokenClaimNames, TokenIssuer, TokenVerification,
};
use gatehouse_jose::Audience;
use gatehouse_protocol::{Claims, ClientId, LogText, Scope, Scopes, Subject, UnixTime};
use serde::Deserialize;
use serde_json::Value;

use super::act::actors;
use super::exchange::MayAct;
use super::kind::ExternalTokenKind;
use super::principal::ExternalPrincipal;
use super::rejection::ExternalTokenRejection;
use super::without_groups::{PrincipalWithoutGroups, SignedPrincipal};
use crate::identity::{AllClaims, is_true};
use crate::issuer::{TenantId, is_uuid};

/// What only id_tokens, refresh tokens and logout tokens have. Whoever gets such a token for a client of the same issuer has not got
/// access by it.
const OF_OTHER_TOKENS: [&str; 6] = ["nonce", "at_hash", "c_hash", "s_hash", "events", "token_use"];
/// What says which application got the token, in this order.
const CLIENTS: [&str; 4] = ["client_id", "azp", "appid", "cid"];
/// The same at Entra: version 2, and version 1.
const ENTRA_CLIENTS: [&str; 2] = ["azp", "appid"];

/// The claims of an access token. None of them stands twice.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct AccessClaims(AllClaims);

impl AccessClaims {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Refuses what only other tokens have. `token_use` and `typ` say at some providers what a token is for.
    pub(super) fn check_for_access(&self) -> Result<(), ExternalTokenRejection> {
        for name in OF_OTHER_TOKENS {
            match (name, self.get(name)) {
                (_, None) => {}
                ("token_use", Some(Value::String(text))) if text == "access" => {}
                (name, Some(_)) => return Err(ExternalTokenRejection::NotForAccess(name)),
            }
        }
        // Whoever shows it would have to prove a key, and whoever has copied it cannot (RFC 9449, section 7.2).
        if self.get("cnf").is_some() {
            return Err(ExternalTokenRejection::OfKey);
        }
        match self.text("typ") {
            None => Ok(()),
            Some(typ) if typ.eq_ignore_ascii_case("bearer") || typ.eq_ignore_ascii_case("at+jwt") => Ok(()),
            Some(_) => Err(ExternalTokenRejection::NotForAccess("typ")),
        }
    }

    /// Refuses what an id_token has not: what only access tokens and logout tokens say (OpenID Connect Core 1.0, section 2).
    pub(super) fn check_for_sign_in(&self, names: &TokenClaimNames) -> Result<(), ExternalTokenRejection> {
        if self.speaks_of_access(names) {
            return Err(ExternalTokenRejection::NotOfSignIn("scope, scp, client_id"));
        }
        if self.get("events").is_some() {
            return Err(ExternalTokenRejection::NotOfSignIn("events"));
        }
        if self.get("cnf").is_some() {
            return Err(ExternalTokenRejection::OfKey);
        }
        for name in ["token_use", "typ"] {
            let is_right = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("id"));
            if self.get(name).is_some_and(|value| !is_right(value)) {
                return Err(ExternalTokenRejection::NotOfSignIn(name));
            }
        }
        Ok(())
    }

    /// Whether it says what only an access token says: what its client may do, or which one it is beside its audience.
    pub(super) fn speaks_of_access(&self, names: &TokenClaimNames) -> bool {
        let scopes = names.scopes.as_deref().is_some_and(|name| !self.0.texts_of(name).texts.is_empty());
        scopes || ["scope", "scp", "client_id", "cid"].iter().any(|name| self.get(name).is_some())
    }

    /// What is the same for all tokens of Entra: the version that the issuer is of.
    pub(super) fn check_entra_version(&self, version: EntraVersion) -> Result<(), ExternalTokenRejection> {
        if self.text("ver") == Some(version.as_str()) { Ok(()) } else { Err(ExternalTokenRejection::Version) }
    }

    /// What is the same for all access tokens of Entra: an application. Its id_tokens name none.
    pub(super) fn check_entra_client(&self, version: EntraVersion) -> Result<(), ExternalTokenRejection> {
        let client = match version {
            EntraVersion::V1 => "appid",
            EntraVersion::V2 => "azp",
        };
        match self.text(client) {
            Some(_) => Ok(()),
            None => Err(ExternalTokenRejection::Missing(client)),
        }
    }

    /// Whether the claims name the issuer that an answer about a token must name.
    pub(super) fn is_of(&self, issuer: &str) -> bool {
        self.text("iss") == Some(issuer)
    }

    /// Who bears the token, where it is one that is accepted as one of this kind.
    pub(super) fn principal(
        &self,
        kind: ExternalTokenKind,
        issuer: &TokenIssuer,
        accepted: &RouteTokens,
        tenant: Option<TenantId>,
        ends_at: UnixTime,
    ) -> Result<SignedPrincipal, ExternalTokenRejection> {
        self.check_audience(&accepted.audiences)?;
        let is_entra = matches!(issuer.verification, TokenVerification::Entra { .. });
        let client = match kind {
            ExternalTokenKind::Access => self.client(is_entra, accepted)?,
            ExternalTokenKind::SignIn => self.signed_in_at(&accepted.audiences)?,
        };
        for required in &accepted.required_claims {
            if !self.has(required) {
                return Err(ExternalTokenRejection::RequiredClaim(LogText::new(&required.name)));
            }
        }
        let tenant = tenant.filter(|_| is_entra);
        let subject = match &tenant {
            Some(tenant) => {
                let oid = self.text("oid").ok_or(ExternalTokenRejection::Missing("oid"))?;
                if !is_uuid(oid) {
                    return Err(ExternalTokenRejection::ObjectId);
                }
                Subject::new(&issuer.name, &format!("{}.{oid}", tenant.as_str()).to_ascii_lowercase())?
            }
            None => Subject::new(&issuer.name, self.text("sub").ok_or(ExternalTokenRejection::Missing("sub"))?)?,
        };
        // Another issuer's clients are not ours, whatever they are called there.
        let client_id = ClientId::parse(&format!("{}:{}", issuer.name, client.unwrap_or_default()))
            .map_err(|_| ExternalTokenRejection::Client)?;
        let own = match kind {
            ExternalTokenKind::Access => self.scopes(&issuer.claim_names),
            // It says who has signed in, and allows nothing.
            ExternalTokenKind::SignIn => Scopes::default(),
        };
        let scopes = own.iter().chain(accepted.granted_scopes.iter()).cloned().collect();
        let lacks_groups = self.lacks_groups(&issuer.claim_names);
        let object_id = self.text("oid").filter(|_| lacks_groups);
        let elsewhere = match (lacks_groups, &tenant, object_id) {
            (false, _, _) => None,
            (true, Some(tenant), Some(object_id)) => Some((tenant.as_str().to_owned(), object_id.to_owned())),
            (true, _, _) => return Err(ExternalTokenRejection::Elsewhere("groups")),
        };
        let claims = self.policy_claims(&issuer.claim_names, tenant)?;
        let may_act = MayAct::of(self.get("may_act"), self.get("cnf"));
        let actors = actors(self.get("act"), issuer)?;
        let principal = ExternalPrincipal { subject, client_id, scopes, claims, actors, ends_at, may_act };
        Ok(match elsewhere {
            None => SignedPrincipal::Whole(principal),
            Some((tenant, object_id)) => {
                SignedPrincipal::WithoutGroups(PrincipalWithoutGroups { principal, tenant, object_id })
            }
        })
    }

    fn check_audience(&self, audiences: &[String]) -> Result<(), ExternalTokenRejection> {
        let aud = self.get("aud").ok_or(ExternalTokenRejection::Missing("aud"))?;
        let aud = Audience::deserialize(aud).map_err(|_| ExternalTokenRejection::Audience)?;
        match audiences.iter().any(|audience| aud.contains(audience)) {
            true => Ok(()),
            false => Err(ExternalTokenRejection::Audience),
        }
    }

    /// The client at which somebody has signed in. Where an id_token is for several, it must say which one asked for it, and that must be
    /// one for which tokens are taken (OpenID Connect Core 1.0, section 3.1.3.7, 4 and 5).
    fn signed_in_at(&self, audiences: &[String]) -> Result<Option<&str>, ExternalTokenRejection> {
        let sole = match self.get("aud") {
            Some(Value::String(audience)) => Some(audience.as_str()),
            Some(Value::Array(all)) => match all.as_slice() {
                [only] => only.as_str(),
                _ => None,
            },
            _ => None,
        };
        let client = match (self.get("azp"), sole) {
            (None, sole) => sole,
            (Some(azp), _) => azp.as_str(),
        };
        match client {
            Some(client) if audiences.iter().any(|audience| audience == client) => Ok(Some(client)),
            _ => Err(ExternalTokenRejection::Audience),
        }
    }

    fn client(&self, is_entra: bool, accepted: &RouteTokens) -> Result<Option<&str>, ExternalTokenRejection> {
        let names = if is_entra { ENTRA_CLIENTS.as_slice() } else { &CLIENTS };
        let client = names.iter().find_map(|name| self.text(name));
        let allowed = &accepted.client_application_ids;
        match client {
            _ if allowed.is_empty() => Ok(client),
            None => Err(ExternalTokenRejection::Missing("client_id, azp and appid")),
            Some(client) if allowed.iter().any(|id| id == client) => Ok(Some(client)),
            Some(client) => Err(ExternalTokenRejection::Application(LogText::new(client))),
        }
    }

    /// Texts that are no scopes are nobody's: what an issuer means by them is not what a rule means.
    fn scopes(&self, names: &TokenClaimNames) -> Scopes {
        let name = match &names.scopes {
            Some(name) => name.as_str(),
            None if self.get("scope").is_some() => "scope",
            None => "scp",
        };
        let texts = self.0.texts_of(name).texts;
        texts.iter().flat_map(|text| text.split(' ')).filter_map(|scope| Scope::parse(scope).ok()).collect()
    }

    /// Whether it says of the groups only where they are, or that there are some.
    fn lacks_groups(&self, names: &TokenClaimNames) -> bool {
        let announced = names.groups == "groups" && is_true(self.get("hasgroups"));
        announced || self.0.is_elsewhere(&names.groups)
    }

    fn policy_claims(
        &self,
        names: &TokenClaimNames,
        tenant: Option<TenantId>,
    ) -> Result<Claims, ExternalTokenRejection> {
        if self.0.is_elsewhere(&names.roles) {
            return Err(ExternalTokenRejection::Elsewhere("roles"));
        }
        let tenant = tenant.map(|tenant| tenant.as_str().to_ascii_lowercase());
        let groups = self.0.texts_of(&names.groups).texts.into_iter();
        let groups = groups.map(|group| if is_uuid(&group) { group.to_ascii_lowercase() } else { group });
        Ok(Claims::new(tenant, groups.collect(), self.0.texts_of(&names.roles).texts)?)
    }

    fn has(&self, required: &RequiredClaim) -> bool {
        let Some(found) = self.0.find(&required.name) else { return false };
        let written = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let held: Vec<Cow<'_, str>> = match (found, &required.separator) {
            (Value::String(text), Some(separator)) => {
                text.split(separator.as_str()).map(|part| part.trim().into()).collect()
            }
            (Value::Array(values), _) => values.iter().filter_map(written).map(Cow::Owned).collect(),
            (value, _) => written(value).map(Cow::Owned).into_iter().collect(),
        };
        let holds = |value: &String| held.iter().any(|held| held == value);
        match (&required.values, required.any) {
            (values, _) if values.is_empty() => true,
            (values, true) => values.iter().any(holds),
            (values, false) => values.iter().all(holds),
        }
    }
}
