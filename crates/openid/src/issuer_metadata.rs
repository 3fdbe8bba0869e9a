//! What an issuer says of itself to whoever verifies its tokens: OpenID Connect Discovery 1.0, or RFC 8414.

use gatehouse_protocol::WebOrigin;
use http::{Request, Response};
use serde::Deserialize;
use url::Url;

use crate::answer::{json, successful};
use crate::provider_metadata::get;
use crate::{Endpoint, InvalidEndpoint, LogText, MetadataRejection};

/// The issuer's metadata, as far as somebody needs it who only verifies its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerMetadata {
    issuer: String,
    jwks_uri: Endpoint,
}

/// The members as they are on the wire.
#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    jwks_uri: Option<String>,
}

impl IssuerMetadata {
    /// Reads the metadata of `issuer`, of which nothing leads to us at `own`, unless the issuer itself is there.
    ///
    /// # Errors
    /// See [`MetadataRejection`].
    pub fn parse(response: &Response<Vec<u8>>, issuer: &str, own: &WebOrigin) -> Result<Self, MetadataRejection> {
        let document: Document = json(successful(response)?)?;
        let found = document.issuer.ok_or(MetadataRejection::Missing("issuer"))?;
        if found != issuer {
            return Err(MetadataRejection::IssuerDiffers { found: LogText::new(&found) });
        }
        let jwks_uri = document.jwks_uri.ok_or(MetadataRejection::Missing("jwks_uri"))?;
        let jwks_uri = Endpoint::parse(&jwks_uri).map_err(invalid)?;
        let shares_origin = Url::parse(issuer).is_ok_and(|issuer| own.is_reached_by(&issuer));
        if own.is_reached_by(jwks_uri.url()) && !shares_origin {
            return Err(invalid(InvalidEndpoint::OwnOrigin));
        }
        Ok(Self { issuer: found, jwks_uri })
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the keys are, as metadata says that was read at `place`.
    ///
    /// # Errors
    /// Plain http is for an issuer on this machine. One elsewhere that points to loopback points into our network.
    pub fn jwks_uri(&self, place: &Endpoint) -> Result<&Endpoint, MetadataRejection> {
        match self.jwks_uri.is_plain_http() && !place.is_plain_http() {
            true => Err(invalid(InvalidEndpoint::Insecure)),
            false => Ok(&self.jwks_uri),
        }
    }
}

const fn invalid(problem: InvalidEndpoint) -> MetadataRejection {
    MetadataRejection::Endpoint { member: "jwks_uri", problem }
}

/// The request for a public document of the issuer's.
pub fn document_request(place: &Endpoint) -> Request<Vec<u8>> {
    get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.example/realm";

    fn parse(document: &str) -> Result<IssuerMetadata, MetadataRejection> {
        let own = WebOrigin::parse("https://gateway.example").unwrap();
        IssuerMetadata::parse(&Response::new(document.as_bytes().to_vec()), ISSUER, &own)
    }

    #[test]
    fn the_metadata_of_an_issuer_without_endpoints_for_users_is_enough() {
        let metadata =
            parse(r#"{"issuer":"https://issuer.example/realm","jwks_uri":"https://keys.example/jwks"}"#).unwrap();
        let place = Endpoint::parse(ISSUER).unwrap();
        assert_eq!(metadata.issuer(), ISSUER);
        assert_eq!(metadata.jwks_uri(&place).unwrap().to_string(), "https://keys.example/jwks");
    }

    #[test]
    fn metadata_of_another_issuer_or_with_keys_here_or_in_clear_is_refused() {
        let problem = |uri: &str| parse(&format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{uri}"}}"#)).unwrap_err();
        let endpoint = |problem| MetadataRejection::Endpoint { member: "jwks_uri", problem };
        for own in ["https://gateway.example/jwks", "https://GATEWAY.example:443/jwks", "https://gateway.example./jwks"]
        {
            assert_eq!(problem(own), endpoint(InvalidEndpoint::OwnOrigin), "{own}");
        }
        assert_eq!(problem("http://keys.example/jwks"), endpoint(InvalidEndpoint::Insecure));
        let inside = parse(&format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"http://127.0.0.1/jwks"}}"#)).unwrap();
        let refused = inside.jwks_uri(&Endpoint::parse(ISSUER).unwrap()).unwrap_err();
        assert_eq!(refused, endpoint(InvalidEndpoint::Insecure));
        assert!(inside.jwks_uri(&Endpoint::parse("http://127.0.0.1:81/").unwrap()).is_ok());
        let other = parse(r#"{"issuer":"https://issuer.example/","jwks_uri":"https://keys.example/jwks"}"#);
        assert!(matches!(other, Err(MetadataRejection::IssuerDiffers { .. })), "{other:?}");
        assert_eq!(parse(r#"{"jwks_uri":"https://keys.example"}"#), Err(MetadataRejection::Missing("issuer")));
    }
}
