//! Whose token it is: the issuer, and at Entra the tenant.

use gatehouse_configuration::{EntraProfile, IdentityProvider, ProviderProfile};
use gatehouse_protocol::LogText;
use serde::Deserialize;
use thiserror::Error;

/// What stands in an Entra issuer for the tenant of the token, where one endpoint serves several tenants.
pub(crate) const TENANT_PLACEHOLDER: &str = "{tenantid}";
/// The tenant of personal Microsoft accounts, as Microsoft documents it.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The issuer that the provider's metadata must name, letter by letter: the configured one, but of an Entra endpoint for
/// several tenants `https://login.microsoftonline.com/{tenantid}/v2.0`, with the braces.
pub fn metadata_issuer(provider: &IdentityProvider) -> String {
    match &provider.profile {
        ProviderProfile::OpenId => provider.issuer.clone(),
        ProviderProfile::Entra(entra) => {
            let tenant = sole_tenant(entra).unwrap_or(TENANT_PLACEHOLDER);
            format!("{}/{tenant}/v2.0", entra.authority)
        }
    }
}

/// The only tenant whose users sign in, where there is one.
pub(crate) fn sole_tenant(entra: &EntraProfile) -> Option<&str> {
    match entra.tenant.as_str() {
        "organizations" | "common" => None,
        "consumers" => Some(CONSUMERS),
        own => Some(own),
    }
}

/// Whether `issuer` may be what `template` stands for, of whichever tenant.
pub(crate) fn may_be(template: &str, issuer: &str) -> bool {
    match template.split_once(TENANT_PLACEHOLDER) {
        None => template == issuer,
        Some((before, after)) => issuer
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|tenant| TenantId::parse(tenant).is_some()),
    }
}

/// An Entra tenant (`tid`): a UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantId(String);

impl TenantId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_uuid(text).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the text is a UUID as Entra writes its ids.
pub(crate) fn is_uuid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    text.split('-').count() == groups.len()
        && text
            .split('-')
            .zip(groups)
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The claims by which a token says whose it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Origin {
    iss: Option<String>,
    tid: Option<String>,
}

/// A token of another issuer than the provider. The text is a predicate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IssuerRejection {
    /// A required claim is absent.
    #[error("lacks {0}")]
    Missing(&'static str),
    /// Another issuer's.
    #[error("is of the issuer {0}")]
    Differs(LogText),
    /// `tid` is not a tenant's id, or not that of the only tenant whose users sign in.
    #[error("is of the tenant {0}, which is not the provider's")]
    Tenant(LogText),
}

impl Origin {
    /// Who says to have issued the token.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.iss.as_deref()
    }

    /// Whether it is the issuer `template`, with the token's own tenant in place of the placeholder.
    ///
    /// Entra publishes the keys of all tenants together, each with the issuer whose tokens it may sign; without this
    /// check, a key of one tenant could sign for another ("Validate the signing key's issuer", Microsoft identity
    /// platform, access tokens).
    pub(crate) fn is(&self, template: &str) -> bool {
        let Some(issuer) = self.issuer() else { return false };
        if !template.contains(TENANT_PLACEHOLDER) {
            return template == issuer;
        }
        self.tenant().is_some_and(|tenant| template.replacen(TENANT_PLACEHOLDER, tenant.as_str(), 1) == issuer)
    }

    /// Whether it is the provider whose metadata names `metadata_issuer`. Returns the tenant at Entra.
    pub(crate) fn check(
        &self,
        provider: &IdentityProvider,
        metadata_issuer: &str,
    ) -> Result<Option<TenantId>, IssuerRejection> {
        let issuer = self.issuer().ok_or(IssuerRejection::Missing("iss"))?;
        let differs = || IssuerRejection::Differs(LogText::new(issuer));
        match &provider.profile {
            // Without placeholders: only Entra means something by them.
            ProviderProfile::OpenId if issuer == metadata_issuer => Ok(None),
            ProviderProfile::OpenId => Err(differs()),
            ProviderProfile::Entra(entra) => {
                let tid = self.tid.as_deref().ok_or(IssuerRejection::Missing("tid"))?;
                let tenant = self.tenant().ok_or_else(|| IssuerRejection::Tenant(LogText::new(tid)))?;
                if !self.is(metadata_issuer) {
                    return Err(differs());
                }
                if sole_tenant(entra).is_some_and(|sole| sole != tenant.as_str()) {
                    return Err(IssuerRejection::Tenant(LogText::new(tid)));
                }
                Ok(Some(tenant))
            }
        }
    }

    pub(crate) fn tenant(&self) -> Option<TenantId> {
        self.tid.as_deref().and_then(TenantId::parse)
    }
}

#[cfg(test)]
mod tests;
