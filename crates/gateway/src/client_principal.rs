//! Who calls, as Azure App Service tells applications behind it (Microsoft, "Work with user identities in Azure App Service
//! authentication"; the claim types are those that its mapping gives to tokens of Entra).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_configuration::IdentityHeaders;
use gatehouse_protocol::Claims;
use serde::Serialize;

use crate::Caller;

const NAME_IDENTIFIER: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
const EMAIL_ADDRESS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const OBJECT_IDENTIFIER: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
const SCOPE: &str = "http://schemas.microsoft.com/identity/claims/scope";
const PREFERRED_USERNAME: &str = "preferred_username";
const NAME: &str = "name";
const GROUPS: &str = "groups";
/// App Service leaves `roles` as it is, and names the type of `ClaimTypes.Role` as that of roles, under which there are then none.
const ROLES: &str = "roles";

/// A caller, as App Service says it.
pub(crate) struct ClientPrincipal<'a> {
    caller: &'a Caller,
    /// The user's object id at Entra.
    object_id: Option<&'a str>,
    /// What people call the user, where the server is told.
    names: Option<&'a gatehouse_protocol::Names>,
}

/// `X-MS-CLIENT-PRINCIPAL`, decoded.
#[derive(Serialize)]
struct Principal<'a> {
    auth_typ: &'a str,
    claims: Vec<Claim<'a>>,
    name_typ: &'a str,
    role_typ: &'a str,
}

#[derive(Serialize)]
struct Claim<'a> {
    typ: &'a str,
    val: &'a str,
}

impl<'a> ClientPrincipal<'a> {
    /// The caller, with what people call them where `with_names`.
    pub(crate) fn of(caller: &'a Caller, with_names: bool) -> Self {
        let object_id = object_id(caller.subject.sub(), &caller.claims);
        Self { caller, object_id, names: caller.claims.names.as_deref().filter(|_| with_names) }
    }

    /// `X-MS-CLIENT-PRINCIPAL-IDP`: `aad` for Entra, else the configured name.
    pub(crate) fn provider(&self) -> &'a str {
        if self.object_id.is_some() { IdentityHeaders::ENTRA } else { self.caller.subject.provider() }
    }

    /// `X-MS-CLIENT-PRINCIPAL-ID`: the object id at Entra, else the `sub`. It is unique at its provider only.
    pub(crate) fn id(&self) -> &'a str {
        self.object_id.unwrap_or(self.caller.subject.sub())
    }

    /// `X-MS-CLIENT-PRINCIPAL-NAME`: the id where there is no name, or none that the server is told. Microsoft's `@azure/functions`
    /// throws where the header is absent.
    pub(crate) fn name(&self) -> &'a str {
        self.names.and_then(gatehouse_protocol::Names::shown).unwrap_or(self.id())
    }

    /// `X-MS-CLIENT-PRINCIPAL`: JSON in base64; `None` where it cannot be written.
    pub(crate) fn encoded(&self) -> Option<String> {
        let scopes = self.caller.scopes.to_string();
        let Claims { tenant, groups, roles, names: _ } = &self.caller.claims;
        let name = self.names.and_then(|names| names.name.as_deref());
        let user_name = self.names.and_then(|names| names.preferred_username.as_deref());
        let email = self.names.and_then(|names| names.email.as_deref());
        let single = [
            (NAME_IDENTIFIER, Some(self.caller.subject.sub())),
            (OBJECT_IDENTIFIER, self.object_id),
            (TENANT_ID, tenant.as_deref()),
            ("azp", Some(self.caller.client_id.as_str())),
            (SCOPE, Some(scopes.as_str()).filter(|scopes| !scopes.is_empty())),
            (NAME, name),
            (PREFERRED_USERNAME, user_name),
            (EMAIL_ADDRESS, email),
        ];
        let single = single.into_iter().filter_map(|(typ, val)| Some(Claim { typ, val: val? }));
        let each = |typ: &'static str, values: &'a [String]| values.iter().map(move |val| Claim { typ, val });
        let principal = Principal {
            auth_typ: self.provider(),
            claims: single.chain(each(GROUPS, groups)).chain(each(ROLES, roles)).collect(),
            // The claim of the name that `X-MS-CLIENT-PRINCIPAL-NAME` says.
            name_typ: match (email, user_name, name) {
                (None, Some(_), _) => PREFERRED_USERNAME,
                (None, None, Some(_)) => NAME,
                (Some(_), ..) | (None, None, None) => EMAIL_ADDRESS,
            },
            role_typ: ROLES,
        };
        serde_json::to_vec(&principal).ok().map(|json| STANDARD.encode(json))
    }
}

/// The object id of a user of Entra: only they have a tenant, and their `sub` is `TENANT.OBJECT` here.
fn object_id<'a>(sub: &'a str, claims: &Claims) -> Option<&'a str> {
    sub.strip_prefix(claims.tenant.as_deref()?)?.strip_prefix('.')
}

#[cfg(test)]
mod tests {
    use gatehouse_protocol::{Names, Scopes, Subject};
    use serde_json::{Value, json};

    use super::*;
    use crate::example;

    const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";
    const OBJECT: &str = "5b5450db-eb26-4c1a-981c-ba1d25f0483d";

    fn names() -> Option<Box<Names>> {
        let text = |text: &str| Some(text.to_owned());
        Some(Box::new(Names { name: text("Álice"), preferred_username: text("alice"), email: text("a@b.example") }))
    }

    fn decoded(principal: &ClientPrincipal<'_>) -> Value {
        serde_json::from_slice(&STANDARD.decode(principal.encoded().unwrap()).unwrap()).unwrap()
    }

    fn claim(typ: &str, val: &str) -> Value {
        json!({ "typ": typ, "val": val })
    }

    #[test]
    fn a_user_of_entra_is_as_app_service_says() {
        let caller = Caller {
            subject: Subject::parse(&format!("staff:{TENANT}.{OBJECT}")).unwrap(),
            claims: Claims {
                tenant: Some(TENANT.to_owned()),
                groups: vec!["g1".to_owned(), "g2".to_owned()],
                roles: vec!["Mcp.User".to_owned()],
                names: names(),
            },
            ..example::caller()
        };
        let principal = ClientPrincipal::of(&caller, true);
        assert_eq!((principal.provider(), principal.id(), principal.name()), ("aad", OBJECT, "a@b.example"));
        assert_eq!(
            decoded(&principal),
            json!({
                "auth_typ": "aad",
                "claims": [
                    claim(NAME_IDENTIFIER, &format!("{TENANT}.{OBJECT}")),
                    claim(OBJECT_IDENTIFIER, OBJECT),
                    claim(TENANT_ID, TENANT),
                    claim("azp", "inspector"),
                    claim(SCOPE, "mcp files:read"),
                    claim("name", "Álice"),
                    claim("preferred_username", "alice"),
                    claim(EMAIL_ADDRESS, "a@b.example"),
                    claim("groups", "g1"),
                    claim("groups", "g2"),
                    claim("roles", "Mcp.User"),
                ],
                "name_typ": EMAIL_ADDRESS,
                "role_typ": "roles",
            })
        );
    }

    #[test]
    fn users_of_others_and_machines_come_from_their_provider_and_are_called_by_their_id() {
        for (subject, provider, id) in
            [("demo:alice", "demo", "alice"), ("demo:urn:a", "demo", "urn:a"), ("client:nightly", "client", "nightly")]
        {
            let caller = Caller {
                subject: Subject::parse(subject).unwrap(),
                scopes: Scopes::default(),
                claims: Claims { names: names(), ..Claims::default() },
                ..example::caller()
            };
            let principal = ClientPrincipal::of(&caller, false);
            assert_eq!((principal.provider(), principal.id(), principal.name()), (provider, id, id));
            let expected = json!({
                "auth_typ": provider,
                "claims": [claim(NAME_IDENTIFIER, id), claim("azp", "inspector")],
                "name_typ": EMAIL_ADDRESS,
                "role_typ": "roles",
            });
            assert_eq!(decoded(&principal), expected);
        }
    }

    #[test]
    fn the_type_of_names_is_that_of_the_name_that_is_told() {
        for (email, user_name, typ) in
            [(true, true, EMAIL_ADDRESS), (false, true, "preferred_username"), (false, false, "name")]
        {
            let mut names = *names().unwrap();
            names.email = names.email.filter(|_| email);
            names.preferred_username = names.preferred_username.filter(|_| user_name);
            let claims = Claims { names: Some(Box::new(names)), ..Claims::default() };
            let caller = Caller { claims, ..example::caller() };
            let principal = ClientPrincipal::of(&caller, true);
            let told = decoded(&principal);
            let of_type = told["claims"].as_array().unwrap().iter().find(|claim| claim["typ"] == typ).unwrap();
            assert_eq!((&told["name_typ"], of_type["val"].as_str()), (&json!(typ), Some(principal.name())));
        }
    }

    #[test]
    fn a_tenant_alone_makes_nobody_a_user_of_entra() {
        for (sub, tenant) in [("alice", Some("t")), ("t.alice", None), ("talice", Some("t")), ("t.alice", Some("u"))] {
            let claims = Claims { tenant: tenant.map(str::to_owned), ..Claims::default() };
            assert_eq!(object_id(sub, &claims), None, "{sub} {tenant:?}");
        }
    }
}
