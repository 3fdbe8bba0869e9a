//! Who makes the request, and what is sealed for them.

use std::cell::OnceCell;

use gatehouse_gateway::{Handle, Refusal};
use gatehouse_protocol::{Claims, SecretString};
use gatehouse_sealed_storage::sealing::HandleKeys;
use http::HeaderValue;
use shell_http::SystemEntropy;

use crate::bindings::gatehouse::auth::handles;
use crate::bindings::gatehouse::auth::sessions::{self, Principal};

/// Who makes the request.
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) claims: Claims,
    pub(crate) token: SecretString,
    handle_keys: OnceCell<HandleKeys>,
}

impl Caller {
    /// Who has presented `token`.
    pub(crate) fn new(principal: Principal, token: SecretString) -> Self {
        Self { claims: claims(&principal), principal, token, handle_keys: OnceCell::new() }
    }

    /// The caller, as the policy asks about it.
    pub(crate) fn as_policy_sees_it(&self) -> gatehouse_policy::Caller<'_> {
        gatehouse_policy::Caller {
            subject: &self.principal.subject,
            client_id: &self.principal.client_id,
            scopes: &self.principal.scopes,
            claims: &self.claims,
        }
    }

    /// Seals a handle, so that it opens for this subject at this route and for nobody else.
    ///
    /// # Errors
    /// Where it cannot be sealed: then it is not given out.
    pub(crate) fn bind(&self, handle: &Handle) -> Result<String, Refusal> {
        self.handle_keys()?
            .seal(&handle.to_text(), &mut SystemEntropy)
            .map_err(|error| Refusal::Unavailable(format!("a handle cannot be bound: {error}")))
    }

    /// Opens what [`Caller::bind`] made; `None` for what it has never made.
    ///
    /// # Errors
    /// Where nothing can be opened at the moment.
    pub(crate) fn open(&self, bound: &str) -> Result<Option<Handle>, Refusal> {
        let opened = self.handle_keys()?.open(bound).ok();
        Ok(opened.and_then(|text| Handle::parse(text.expose())))
    }

    /// The caller's own keys: asked for once, however many handles and events there are.
    pub(crate) fn handle_keys(&self) -> Result<&HandleKeys, Refusal> {
        if let Some(keys) = self.handle_keys.get() {
            return Ok(keys);
        }
        let keys = handle_keys(&self.principal.subject, &self.principal.resource)?;
        Ok(self.handle_keys.get_or_init(|| keys))
    }

    /// Seals a session for `Mcp-Session-Id`.
    ///
    /// # Errors
    /// Where it cannot be sealed.
    pub(crate) fn bind_header(&self, handle: &Handle) -> Result<HeaderValue, Refusal> {
        HeaderValue::try_from(self.bind(handle)?)
            .map_err(|_| Refusal::Unavailable("a bound Mcp-Session-Id cannot stand in a header".to_owned()))
    }
}

/// The keys that seal what belongs to `subject` at `resource`.
///
/// # Errors
/// Where there are none: then nothing is given out or taken back.
pub(crate) fn handle_keys(subject: &str, resource: &str) -> Result<HandleKeys, Refusal> {
    handles::keys(subject, resource)
        .and_then(|keys| HandleKeys::parse(&keys).map_err(|error| error.to_string()))
        .map_err(|reason| Refusal::Unavailable(format!("handles cannot be bound or opened: {reason}")))
}

/// What the identity provider said of the user.
fn claims(principal: &Principal) -> Claims {
    let sessions::Claims { tenant, groups, roles } = principal.claims.clone();
    Claims { tenant, groups, roles }
}
