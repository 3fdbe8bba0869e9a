//! Sending a user to the provider (OpenID Connect Core 1.0, section 3.1.2.1).

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::{IdentityProvider, ProviderProfile};
use gatehouse_protocol::{CodeVerifier, Entropy, Scope, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::ProviderMetadata;

/// A login that is about to begin.
pub struct Login {
    /// Where the browser goes.
    pub authorization_url: Url,
    /// What proves, when it comes back, that the answer belongs to this login.
    pub secrets: LoginSecrets,
}

/// Which of the user's accounts at the provider signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChoice {
    /// The provider decides; mostly the account that is signed in there already.
    ByProvider,
    /// The user is asked, even where only one account is signed in: the last one was denied here, and would be again.
    ByUser,
}

/// What must be kept, sealed, until the browser comes back, and be used once.
///
/// Whoever knows both could redeem a stolen code in our name and place a stolen id_token in this login.
#[derive(Debug, Deserialize)]
#[serde(try_from = "StoredLoginSecrets")]
pub struct LoginSecrets {
    nonce: SecretString,
    code_verifier: CodeVerifier,
}

impl Login {
    /// Makes the authorization request. `callback_url` is ours, as registered at the provider, and `state` what leads
    /// back to this login and to the browser that began it.
    ///
    /// Two parameters are missing on purpose. `resource`: Entra refuses it (AADSTS9010010), and the tokens are for
    /// Gatehouse, not for an MCP server. `prompt=consent`, unless the operator adds it: at Entra it asks for an
    /// administrator's consent, again and again.
    pub fn begin(
        provider: &IdentityProvider,
        metadata: &ProviderMetadata,
        callback_url: &str,
        state: &str,
        account: AccountChoice,
        entropy: &mut impl Entropy,
    ) -> Self {
        let secrets = LoginSecrets::generate(entropy);
        let scope: Vec<&str> = provider.scopes.iter().map(Scope::as_str).collect();
        // The endpoint's own query stays (RFC 6749, section 3.1); Azure AD B2C has its policy there.
        let mut authorization_url = metadata.authorization_endpoint().url().clone();
        authorization_url
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", callback_url)
            .append_pair("scope", &scope.join(" "))
            .append_pair("state", state)
            .append_pair("nonce", secrets.nonce.expose())
            .append_pair("code_challenge", &secrets.code_verifier.challenge().to_wire())
            .append_pair("code_challenge_method", "S256");
        let mut further = provider.authorization_parameters.clone();
        match account {
            AccountChoice::ByProvider => {}
            AccountChoice::ByUser => {
                let prompt = further.entry("prompt".to_owned()).or_default();
                // Entra takes one value.
                if matches!(provider.profile, ProviderProfile::Entra(_)) {
                    prompt.clear();
                }
                if !prompt.split(' ').any(|one| one == "select_account") {
                    *prompt = format!("{prompt} select_account").trim_start().to_owned();
                }
            }
        }
        // No parameter may stand twice (RFC 6749, section 3.1). What the endpoint's own query says is the provider's word.
        for (name, _) in metadata.authorization_endpoint().url().query_pairs() {
            further.remove(&*name);
        }
        authorization_url.query_pairs_mut().extend_pairs(further);
        Self { authorization_url, secrets }
    }
}

/// Without the URL's query: `state` and `nonce` are the browser's business, not the log's.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl LoginSecrets {
    /// 256 random bits each.
    fn generate(entropy: &mut impl Entropy) -> Self {
        let nonce = SecretString::new(URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()));
        Self { nonce, code_verifier: CodeVerifier::generate(entropy) }
    }

    /// Whether an id_token's `nonce` is this login's, in constant time.
    pub(crate) fn nonce_is(&self, claimed: &str) -> bool {
        self.nonce.expose().as_bytes().ct_eq(claimed.as_bytes()).into()
    }

    pub(crate) const fn code_verifier(&self) -> &CodeVerifier {
        &self.code_verifier
    }
}

/// The stored form that is read.
#[derive(Deserialize)]
struct StoredLoginSecrets {
    nonce: String,
    code_verifier: String,
}

/// The stored form that is written; the same members.
#[derive(Serialize)]
#[serde(rename = "StoredLoginSecrets")]
struct StoredLoginSecretsRef<'a> {
    nonce: &'a str,
    code_verifier: &'a str,
}

impl Serialize for LoginSecrets {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = StoredLoginSecretsRef { nonce: self.nonce.expose(), code_verifier: self.code_verifier.expose() };
        stored.serialize(serializer)
    }
}

impl TryFrom<StoredLoginSecrets> for LoginSecrets {
    type Error = &'static str;

    fn try_from(stored: StoredLoginSecrets) -> Result<Self, Self::Error> {
        let nonce = SecretString::new(stored.nonce);
        // An empty nonce would match an empty claim.
        if nonce.expose().is_empty() {
            return Err("the stored nonce is empty");
        }
        let code_verifier =
            CodeVerifier::parse(&stored.code_verifier).map_err(|_| "the stored code_verifier is none")?;
        Ok(Self { nonce, code_verifier })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::test_provider::{CALLBACK_URL, Counter, entra, metadata, metadata_with, provider};

    fn parameters(url: &Url) -> BTreeMap<String, String> {
        let parameters: Vec<_> = url.query_pairs().into_owned().collect();
        let map: BTreeMap<_, _> = parameters.iter().cloned().collect();
        assert_eq!(map.len(), parameters.len(), "no parameter stands twice");
        map
    }

    #[test]
    fn the_authorization_request_has_every_parameter_and_no_other() {
        let login = Login::begin(
            &provider(),
            &metadata(),
            CALLBACK_URL,
            "sealed+state/=",
            AccountChoice::ByProvider,
            &mut Counter::default(),
        );
        let url = &login.authorization_url;
        assert!(url.as_str().starts_with("https://op.example/authorize?"), "{url}");
        let challenge = login.secrets.code_verifier.challenge().to_wire();
        let expected = [
            ("response_type", "code"),
            ("client_id", "gatehouse"),
            ("redirect_uri", CALLBACK_URL),
            ("scope", "openid profile offline_access"),
            ("state", "sealed+state/="),
            ("nonce", login.secrets.nonce.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let expected = expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(parameters(url), expected);
    }

    #[test]
    fn an_account_is_chosen_anew_only_where_the_user_wants_another() {
        let begin =
            |account| Login::begin(&provider(), &metadata(), CALLBACK_URL, "s", account, &mut Counter::default());
        let url = begin(AccountChoice::ByUser).authorization_url;
        assert_eq!(parameters(&url).get("prompt").map(String::as_str), Some("select_account"));
        assert!(!parameters(&begin(AccountChoice::ByProvider).authorization_url).contains_key("prompt"));
    }

    #[test]
    fn what_the_operator_adds_is_sent_beside_ours() {
        let mut provider = provider();
        provider.authorization_parameters = [("prompt", "consent"), ("access_type", "offline")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let begin = |account| Login::begin(&provider, &metadata(), CALLBACK_URL, "s", account, &mut Counter::default());
        for (account, prompt) in
            [(AccountChoice::ByProvider, "consent"), (AccountChoice::ByUser, "consent select_account")]
        {
            let parameters = parameters(&begin(account).authorization_url);
            assert_eq!((parameters["prompt"].as_str(), parameters["access_type"].as_str()), (prompt, "offline"));
            assert_eq!(parameters.len(), 10);
        }
        // Entra takes one prompt, and nothing is said twice.
        let entra = IdentityProvider {
            authorization_parameters: provider.authorization_parameters.clone(),
            ..entra("organizations")
        };
        let metadata =
            metadata_with(|document| document["authorization_endpoint"] = "https://op.example/a?access_type=x".into());
        let login = Login::begin(&entra, &metadata, CALLBACK_URL, "s", AccountChoice::ByUser, &mut Counter::default());
        let parameters = parameters(&login.authorization_url);
        assert_eq!((parameters["prompt"].as_str(), parameters["access_type"].as_str()), ("select_account", "x"));
    }

    #[test]
    fn a_query_of_the_endpoint_itself_stays() {
        let metadata =
            metadata_with(|document| document["authorization_endpoint"] = "https://op.example/a?p=b2c_1_in".into());
        let login =
            Login::begin(&provider(), &metadata, CALLBACK_URL, "s", AccountChoice::ByProvider, &mut Counter::default());
        let parameters = parameters(&login.authorization_url);
        assert_eq!(parameters.get("p").map(String::as_str), Some("b2c_1_in"));
        assert_eq!(parameters.get("response_type").map(String::as_str), Some("code"));
    }

    #[test]
    fn values_cannot_become_parameters() {
        let mut provider = provider();
        provider.client_id = "a&prompt=none#é".to_owned();
        let login = Login::begin(
            &provider,
            &metadata(),
            CALLBACK_URL,
            "s&nonce=1",
            AccountChoice::ByProvider,
            &mut Counter::default(),
        );
        let parameters = parameters(&login.authorization_url);
        assert_eq!(parameters.len(), 8);
        assert_eq!(parameters.get("client_id"), Some(&provider.client_id));
        assert_eq!(parameters.get("state").map(String::as_str), Some("s&nonce=1"));
    }

    #[test]
    fn every_login_has_secrets_of_its_own_and_the_url_holds_only_the_challenge() {
        let mut entropy = Counter::default();
        let mut begin =
            || Login::begin(&provider(), &metadata(), CALLBACK_URL, "s", AccountChoice::ByProvider, &mut entropy);
        let (first, second) = (begin(), begin());
        assert!(!second.secrets.nonce_is(first.secrets.nonce.expose()));
        assert_ne!(first.secrets.code_verifier.expose(), second.secrets.code_verifier.expose());
        assert_ne!(first.secrets.nonce.expose(), first.secrets.code_verifier.expose());
        assert!(!first.authorization_url.as_str().contains(first.secrets.code_verifier.expose()));
    }

    #[test]
    fn secrets_survive_storage_and_never_print() {
        let login = Login::begin(
            &provider(),
            &metadata(),
            CALLBACK_URL,
            "sealed",
            AccountChoice::ByProvider,
            &mut Counter::default(),
        );
        let printed = format!("{login:?}");
        let secrets = login.secrets;
        let stored = serde_json::to_string(&secrets).unwrap();
        let restored: LoginSecrets = serde_json::from_str(&stored).unwrap();
        assert!(restored.nonce_is(secrets.nonce.expose()));
        assert_eq!(restored.code_verifier.expose(), secrets.code_verifier.expose());
        for secret in [secrets.nonce.expose(), secrets.code_verifier.expose(), "sealed"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn damaged_stored_secrets_are_refused_without_being_quoted() {
        let verifier = "v".repeat(43);
        for stored in [
            format!(r#"{{"nonce":"","code_verifier":"{verifier}"}}"#),
            format!(r#"{{"nonce":"n","code_verifier":"{}"}}"#, &verifier[1..]),
            format!(r#"{{"code_verifier":"{verifier}"}}"#),
            r#"{"nonce":"n"}"#.to_owned(),
        ] {
            let error = serde_json::from_str::<LoginSecrets>(&stored).unwrap_err().to_string();
            assert!(!error.contains("vvv"), "{error}");
        }
    }
}
