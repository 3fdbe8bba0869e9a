//! The OAuth server of a connection: what is configured of it, or what it says of itself (RFC 8414).

use gatehouse_configuration::{Connection, ConnectionEndpoints, SecretMethod};
use gatehouse_openid::{
    AnswerRejection, ClientAuthenticationRejection, Endpoint, InvalidEndpoint, LogText, MetadataRejection,
    metadata_places,
};
use gatehouse_protocol::WebOrigin;
use http::{Response, StatusCode};
use serde::Deserialize;
use url::Url;

/// The server's endpoints, and how it is talked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub(crate) authorization: Endpoint,
    pub(crate) token: Endpoint,
    pub(crate) revocation: Option<Endpoint>,
    issuer: Option<String>,
    names_itself: bool,
    methods: Option<Vec<String>>,
}

/// The members as they are on the wire.
#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    authorization_response_iss_parameter_supported: Option<bool>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Where the metadata of a connection with discovery can be: the place that is configured, or the two usual ones. None where the
/// endpoints are known already.
///
/// # Errors
/// Where no safe URL can be made of what is configured.
pub fn places(connection: &Connection) -> Result<Vec<Endpoint>, InvalidEndpoint> {
    match &connection.endpoints {
        ConnectionEndpoints::Discovered { issuer, metadata_url } => metadata_places(issuer, metadata_url.as_deref()),
        ConnectionEndpoints::Given { .. } => Ok(Vec::new()),
    }
}

impl Server {
    /// The server as it is configured; `None` where its metadata says where it is.
    ///
    /// # Errors
    /// Where an endpoint that is configured is no safe URL, or leads to us at `own`.
    pub fn of(connection: &Connection, own: &WebOrigin) -> Result<Option<Self>, MetadataRejection> {
        let ConnectionEndpoints::Given { issuer, authorization, token, revocation } = &connection.endpoints else {
            return Ok(None);
        };
        let endpoint = |member: &'static str, url: &String| {
            Endpoint::parse(url).map_err(|problem| MetadataRejection::Endpoint { member, problem })
        };
        let server = Self {
            authorization: endpoint("authorization_endpoint", authorization)?,
            token: endpoint("token_endpoint", token)?,
            revocation: revocation.as_ref().map(|url| endpoint("revocation_endpoint", url)).transpose()?,
            issuer: issuer.clone(),
            names_itself: false,
            methods: None,
        };
        server.away_from(own).map(Some)
    }

    /// Reads the metadata of `issuer`, of which nothing leads to us at `own`.
    ///
    /// # Errors
    /// See [`MetadataRejection`].
    pub fn parse(response: &Response<Vec<u8>>, issuer: &str, own: &WebOrigin) -> Result<Self, MetadataRejection> {
        if response.status() != StatusCode::OK {
            return Err(AnswerRejection::Status(response.status()).into());
        }
        let document: Document = serde_json::from_slice(response.body())
            .map_err(|error| AnswerRejection::Json { line: error.line(), column: error.column() })?;
        let found = document.issuer.ok_or(MetadataRejection::Missing("issuer"))?;
        if found != issuer {
            return Err(MetadataRejection::IssuerDiffers { found: LogText::new(&found) });
        }
        let endpoint = |member: &'static str, url: &str| {
            let endpoint = Endpoint::parse(url).map_err(|problem| MetadataRejection::Endpoint { member, problem })?;
            // Plain http is for a server on this machine. One elsewhere that points to loopback points into our network.
            match endpoint.is_plain_http() && !issuer.starts_with("http:") {
                true => Err(MetadataRejection::Endpoint { member, problem: InvalidEndpoint::Insecure }),
                false => Ok(endpoint),
            }
        };
        let required = |member: &'static str, url: Option<String>| {
            endpoint(member, &url.ok_or(MetadataRejection::Missing(member))?)
        };
        let server = Self {
            authorization: required("authorization_endpoint", document.authorization_endpoint)?,
            token: required("token_endpoint", document.token_endpoint)?,
            revocation: document.revocation_endpoint.map(|url| endpoint("revocation_endpoint", &url)).transpose()?,
            names_itself: document.authorization_response_iss_parameter_supported.unwrap_or(false),
            methods: document.token_endpoint_auth_methods_supported,
            issuer: Some(found),
        };
        server.away_from(own)
    }

    /// What the server names there, users' browsers and our own requests go to: at ours, they would be requests in our name.
    fn away_from(self, own: &WebOrigin) -> Result<Self, MetadataRejection> {
        let is_own = |endpoint: &Endpoint| Url::parse(&endpoint.to_string()).is_ok_and(|url| own.is_reached_by(&url));
        let endpoints = [
            ("authorization_endpoint", Some(&self.authorization)),
            ("token_endpoint", Some(&self.token)),
            ("revocation_endpoint", self.revocation.as_ref()),
        ];
        let to_us = endpoints.into_iter().find(|(_, endpoint)| endpoint.is_some_and(is_own)).map(|(member, _)| member);
        match to_us {
            Some(member) => Err(MetadataRejection::Endpoint { member, problem: InvalidEndpoint::OwnOrigin }),
            None => Ok(self),
        }
    }

    /// The issuer that its answers must be of, where it is known.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether each of its answers names its issuer (RFC 9207).
    pub const fn names_itself_in_answers(&self) -> bool {
        self.names_itself
    }

    /// Whether tokens can be revoked there.
    pub const fn can_revoke(&self) -> bool {
        self.revocation.is_some()
    }

    /// Where codes become tokens.
    pub const fn token_endpoint(&self) -> &Endpoint {
        &self.token
    }

    /// How a secret of `connection` is sent there.
    ///
    /// # Errors
    /// Where the server takes none.
    pub fn secret_method(&self, connection: &Connection) -> Result<SecretMethod, ClientAuthenticationRejection> {
        let takes = |name: &str| self.methods.as_ref().is_none_or(|methods| methods.iter().any(|it| it == name));
        match connection.secret_method {
            Some(method) => Ok(method),
            None if takes("client_secret_basic") => Ok(SecretMethod::Basic),
            None if takes("client_secret_post") => Ok(SecretMethod::Post),
            None => Err(ClientAuthenticationRejection::NoSecrets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::tests::{connection, discovered};

    fn own() -> WebOrigin {
        WebOrigin::parse("https://gateway.example").unwrap()
    }

    fn parse(document: &str) -> Result<Server, MetadataRejection> {
        Server::parse(&Response::new(document.as_bytes().to_vec()), "https://api.example", &own())
    }

    fn document(authorization: &str, token: &str) -> String {
        format!(
            r#"{{"issuer":"https://api.example","authorization_endpoint":"{authorization}","token_endpoint":"{token}","revocation_endpoint":"https://api.example/r","authorization_response_iss_parameter_supported":true,"token_endpoint_auth_methods_supported":["client_secret_post"]}}"#
        )
    }

    #[test]
    fn metadata_says_where_the_endpoints_are_and_how_a_secret_is_sent() {
        let server = parse(&document("https://api.example/a", "https://api.example/t")).unwrap();
        assert_eq!(server.token_endpoint().to_string(), "https://api.example/t");
        assert!(server.can_revoke() && server.names_itself_in_answers());
        assert_eq!(server.issuer(), Some("https://api.example"));
        assert_eq!(server.secret_method(&connection()), Ok(SecretMethod::Post));
        let places: Vec<_> = places(&discovered()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            places,
            [
                "https://api.example/.well-known/openid-configuration",
                "https://api.example/.well-known/oauth-authorization-server"
            ]
        );
    }

    #[test]
    fn metadata_of_another_issuer_or_that_leads_to_us_or_into_our_network_is_refused() {
        for (text, problem) in [
            (document("https://gateway.example/authorize", "https://api.example/t"), InvalidEndpoint::OwnOrigin),
            (document("https://api.example/a", "https://GATEWAY.example:443/token"), InvalidEndpoint::OwnOrigin),
            (document("https://api.example/a", "http://127.0.0.1:1/t"), InvalidEndpoint::Insecure),
            (document("javascript:alert(1)", "https://api.example/t"), InvalidEndpoint::NotAUrl),
        ] {
            let refused = parse(&text).unwrap_err();
            assert!(
                matches!(refused, MetadataRejection::Endpoint { problem: found, .. } if found == problem),
                "{text}"
            );
        }
        let other = document("https://api.example/a", "https://api.example/t")
            .replace("\"issuer\":\"https://api", "\"issuer\":\"https://evil");
        assert!(matches!(parse(&other), Err(MetadataRejection::IssuerDiffers { .. })));
        assert_eq!(
            parse("{\"issuer\":\"https://api.example\"}"),
            Err(MetadataRejection::Missing("authorization_endpoint"))
        );
    }

    #[test]
    fn given_endpoints_at_our_own_origin_are_refused() {
        let mut given = connection();
        assert!(Server::of(&given, &own()).unwrap().is_some());
        assert_eq!(Server::of(&discovered(), &own()), Ok(None));
        if let ConnectionEndpoints::Given { authorization, .. } = &mut given.endpoints {
            *authorization = "https://gateway.example/authorize".to_owned();
        }
        assert!(Server::of(&given, &own()).is_err());
    }
}
