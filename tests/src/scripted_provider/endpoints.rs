//! What a provider answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{Authorization, Code, Endpoint, Failure, Lineage, PERSON_HEADER, Script, ScriptedProvider, Tenant};
use crate::http_server::{self, Received};
use crate::text::{challenge_of, unique};

impl ScriptedProvider {
    pub(super) async fn answer(&self, received: Received) -> Option<Response<Bytes>> {
        let Some(endpoint) = Endpoint::of(&received.path) else {
            return Some(http_server::json(404, &json!({})));
        };
        self.0.ledger.lock().expect("no panic").requests.push((endpoint, received.clone()));
        let gate = self.0.gates.lock().expect("no panic").get(&endpoint).cloned();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        let script = self.0.script.lock().expect("no panic").clone();
        let is_lost = match script.failures.get(&endpoint) {
            Some(Failure::Cut) => return None,
            Some(Failure::Status(status)) => return Some(http_server::json(*status, &json!({}))),
            Some(Failure::Body(body)) => return Some(Response::new(Bytes::from(body.clone()))),
            Some(Failure::AnswerLost) => true,
            None => false,
        };
        let answer = match endpoint {
            Endpoint::Discovery => http_server::json(200, &self.metadata(&script)),
            Endpoint::Keys => http_server::json(200, &json!({ "keys": script.keys })),
            Endpoint::Authorize => self.authorize(&script, &received),
            Endpoint::Token => match self.token(&script, &received) {
                Ok(answer) => http_server::json(200, &answer),
                Err(error) => http_server::json(400, &json!({ "error": error })),
            },
            Endpoint::Groups => http_server::json(200, &member_groups(&script, &received)),
            Endpoint::Revoke => self.revoke(&received),
            Endpoint::Assertion => self.assertion(),
        };
        if is_lost { None } else { Some(answer) }
    }

    fn metadata(&self, script: &Script) -> Value {
        let (issuer, base) = match &self.0.tenant {
            None => (self.origin().to_owned(), self.origin().to_owned()),
            Some(tenant) => (
                format!("{}/{}/v2.0", self.origin(), tenant.in_metadata()),
                format!("{}/{}/oauth2/v2.0", self.origin(), Tenant::name(tenant)),
            ),
        };
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/keys"),
            "revocation_endpoint": format!("{base}/revoke"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            // As Entra, which names itself in no answer.
            "authorization_response_iss_parameter_supported": self.0.tenant.is_none(),
        });
        (script.metadata)(&mut metadata);
        metadata
    }

    fn authorize(&self, script: &Script, received: &Received) -> Response<Bytes> {
        let mut answer = match &script.authorization {
            Authorization::Page(page) => {
                let mut response = Response::new(Bytes::from(page.clone()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                return response;
            }
            Authorization::Error(error) => vec![("error".to_owned(), (*error).to_owned())],
            Authorization::SignIn => {
                let code = unique("provider-code-");
                let kept = Code {
                    // A browser that says nothing of who it is.
                    person: Some(received.header(PERSON_HEADER))
                        .filter(|name| !name.is_empty())
                        .unwrap_or("somebody")
                        .to_owned(),
                    nonce: received.parameter("nonce"),
                    challenge: received.parameter("code_challenge"),
                    redirect_uri: received.parameter("redirect_uri"),
                    scope: received.parameter("scope").unwrap_or_default(),
                };
                let mut ledger = self.0.ledger.lock().expect("no panic");
                ledger.codes.insert(code.clone(), kept);
                ledger.issued.push(code.clone());
                vec![("code".to_owned(), code)]
            }
        };
        answer.extend(received.parameter("state").map(|state| ("state".to_owned(), state)));
        if self.0.tenant.is_none() {
            answer.push(("iss".to_owned(), self.issuer()));
        }
        (script.response)(&mut answer);
        let mut location = Url::parse(&received.parameter("redirect_uri").expect("a redirect_uri")).expect("a URL");
        location.query_pairs_mut().extend_pairs(&answer);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, HeaderValue::from_str(location.as_str()).expect("ASCII"));
        response
    }

    fn token(&self, script: &Script, received: &Received) -> Result<Value, &'static str> {
        let field = |name: &str| received.field(name);
        let (lineage, nonce, is_first) = match field("grant_type").as_deref() {
            Some("authorization_code") => {
                let code = field("code").ok_or("invalid_request")?;
                let mut ledger = self.0.ledger.lock().expect("no panic");
                let code = ledger.codes.remove(&code).ok_or("invalid_grant")?;
                let verifier = field("code_verifier").ok_or("invalid_grant")?;
                if code.challenge != Some(challenge_of(&verifier)) || code.redirect_uri != field("redirect_uri") {
                    return Err("invalid_grant");
                }
                ledger.lineages += 1;
                let number = ledger.lineages;
                let lineage = Lineage { number, person: code.person, scope: code.scope, is_spent: false };
                (lineage, code.nonce, true)
            }
            Some("refresh_token") => {
                let token = field("refresh_token").ok_or("invalid_request")?;
                let mut ledger = self.0.ledger.lock().expect("no panic");
                let known = ledger.refresh_tokens.get_mut(&token).ok_or("invalid_grant")?;
                let lineage = known.clone();
                known.is_spent = true;
                // Strict rotation, as single-use providers have it: who comes twice has been robbed.
                if lineage.is_spent {
                    ledger.ended.push(lineage.number);
                }
                if ledger.ended.contains(&lineage.number) {
                    return Err("invalid_grant");
                }
                (lineage, None, false)
            }
            _ => return Err("unsupported_grant_type"),
        };
        let mut answer = json!({
            "access_token": (script.access_token)(&lineage.person),
            "token_type": "Bearer",
            "expires_in": script.access_token_seconds,
            "scope": lineage.scope,
        });
        if lineage.scope.split(' ').any(|scope| scope == "offline_access") {
            answer["refresh_token"] = unique("provider-refresh-").into();
        }
        if is_first {
            let mut claims = self.claims(&lineage.person, nonce.as_deref());
            (script.claims)(&mut claims);
            answer["id_token"] = (script.id_token)(&claims).into();
        }
        (script.token_answer)(&mut answer);
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let mut ledger = self.0.ledger.lock().expect("no panic");
        ledger.issued.extend(["access_token", "refresh_token", "id_token"].iter().filter_map(|name| text(name)));
        ledger.access_tokens.extend(text("access_token"));
        if let Some(token) = text("refresh_token") {
            ledger.refresh_tokens.insert(token, Lineage { is_spent: false, ..lineage });
        }
        Ok(answer)
    }

    /// A refresh token that was revoked is good for nothing; 200 in any case (RFC 7009, section 2.2).
    fn revoke(&self, received: &Received) -> Response<Bytes> {
        if let Some(token) = received.field("token") {
            let mut ledger = self.0.ledger.lock().expect("no panic");
            ledger.refresh_tokens.remove(&token);
        }
        http_server::json(200, &json!({}))
    }

    /// What Azure's managed identity answers: a token that is Gatehouse's own assertion.
    fn assertion(&self) -> Response<Bytes> {
        let assertion = unique("federated-assertion-");
        self.0.ledger.lock().expect("no panic").issued.push(assertion.clone());
        let body =
            json!({ "access_token": assertion, "expires_on": (self.now() + 3600).to_string(), "token_type": "Bearer" });
        http_server::json(200, &body)
    }
}

/// Of the groups that are asked for, those of which the user is a member.
fn member_groups(script: &Script, received: &Received) -> Value {
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let asked = asked["groupIds"].as_array().cloned().unwrap_or_default();
    let member: Vec<_> =
        asked.into_iter().filter(|group| script.groups.iter().any(|known| *group == **known)).collect();
    json!({ "value": member })
}
