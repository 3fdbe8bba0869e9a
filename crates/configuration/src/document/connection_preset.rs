//! Servers whose endpoints and ways are known from their documents.

use std::collections::BTreeMap;

use super::values::uuid;
use crate::error::problem;
use crate::{ConfigurationError, ConnectionEndpoints, SecretMethod};

/// A known server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    GitHub,
    Google,
    /// With the tenant whose users link their accounts.
    MicrosoftGraph(String),
    Slack,
    Atlassian,
}

/// Which keys are written that say where a server is.
pub(super) struct PresetKeys {
    pub(super) issuer: bool,
    pub(super) metadata_url: bool,
    pub(super) authorization_endpoint: bool,
    pub(super) token_endpoint: bool,
}

impl Preset {
    /// The preset with this name, which says where the server is: nothing else may.
    pub(super) fn parse(
        name: Option<&str>,
        tenant: Option<&str>,
        written: &PresetKeys,
        key: impl Fn(&str) -> String,
    ) -> Result<Option<Self>, ConfigurationError> {
        const TENANT: &str = r#"tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10""#;
        if tenant.is_some() && name != Some("microsoft-graph") {
            return Err(problem(
                key("tenant"),
                "is only for the preset microsoft-graph",
                r#"preset = "microsoft-graph""#,
            ));
        }
        let preset = match name {
            None => return Ok(None),
            Some("github") => Self::GitHub,
            Some("google") => Self::Google,
            Some("microsoft-graph") => {
                let tenant = tenant.unwrap_or("common");
                let named = matches!(tenant, "organizations" | "common" | "consumers").then(|| tenant.to_owned());
                Self::MicrosoftGraph(named.or_else(|| uuid(tenant)).ok_or_else(|| {
                    let text = "must be the tenant's id (a UUID), organizations, common or consumers";
                    problem(key("tenant"), text, TENANT)
                })?)
            }
            Some("slack") => Self::Slack,
            Some("atlassian") => Self::Atlassian,
            Some(_) => {
                let text = "must be github, google, microsoft-graph, slack or atlassian";
                return Err(problem(key("preset"), text, r#"preset = "github""#));
            }
        };
        let PresetKeys { issuer, metadata_url, authorization_endpoint, token_endpoint } = *written;
        let others = [
            ("issuer", issuer),
            ("metadata_url", metadata_url),
            ("authorization_endpoint", authorization_endpoint),
            ("token_endpoint", token_endpoint),
        ];
        match others.into_iter().find(|(_, is_written)| *is_written) {
            Some((name, _)) => {
                Err(problem(key(name), "must not be given with preset, which says it", r#"preset = "github""#))
            }
            None => Ok(Some(preset)),
        }
    }

    /// Where the server is; `revocation`, where the operator says so.
    pub(super) fn endpoints(&self, revocation: Option<String>) -> ConnectionEndpoints {
        let (issuer, authorization, token, known) = match self {
            Self::GitHub => (
                None,
                "https://github.com/login/oauth/authorize".to_owned(),
                "https://github.com/login/oauth/access_token".to_owned(),
                None,
            ),
            Self::Google => (
                Some("https://accounts.google.com"),
                "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
                "https://oauth2.googleapis.com/token".to_owned(),
                Some("https://oauth2.googleapis.com/revoke"),
            ),
            Self::MicrosoftGraph(tenant) => (
                None,
                format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"),
                format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
                None,
            ),
            Self::Slack => (
                None,
                "https://slack.com/oauth/v2_user/authorize".to_owned(),
                "https://slack.com/api/oauth.v2.user.access".to_owned(),
                Some("https://slack.com/api/auth.revoke"),
            ),
            Self::Atlassian => (
                None,
                "https://auth.atlassian.com/authorize".to_owned(),
                "https://auth.atlassian.com/oauth/token".to_owned(),
                None,
            ),
        };
        let revocation = revocation.or_else(|| known.map(str::to_owned));
        ConnectionEndpoints::Given { issuer: issuer.map(str::to_owned), authorization, token, revocation }
    }

    /// All of them document it.
    pub(super) const fn secret_method(&self) -> SecretMethod {
        SecretMethod::Post
    }

    /// What brings a refresh token.
    pub(super) const fn further_scope(&self) -> Option<&'static str> {
        match self {
            Self::MicrosoftGraph(_) | Self::Atlassian => Some("offline_access"),
            Self::GitHub | Self::Google | Self::Slack => None,
        }
    }

    /// What the server asks for beside the parameters of OAuth. Google gives a refresh token only with both.
    pub(super) fn authorization_parameters(&self) -> BTreeMap<String, String> {
        let parameters: &[(&str, &str)] = match self {
            Self::Google => &[("access_type", "offline"), ("prompt", "consent")],
            Self::Atlassian => &[("audience", "api.atlassian.com"), ("prompt", "consent")],
            Self::GitHub | Self::MicrosoftGraph(_) | Self::Slack => &[],
        };
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}
