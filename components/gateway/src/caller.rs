//! Who makes the request, and what is sealed for them.

use gatehouse_gateway::{Handle, Refusal};
use gatehouse_protocol::{Claims, SecretString};
use http::HeaderValue;

use crate::bindings::gatehouse::auth::handles;
use crate::bindings::gatehouse::auth::sessions::{self, Principal};
use crate::rejection;

/// Who makes the request.
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) claims: Claims,
    pub(crate) token: SecretString,
}

impl Caller {
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
        handles::bind(&self.principal, &handle.to_text()).map_err(rejection::of_binding)
    }

    /// Opens what [`Caller::bind`] made; `None` for what it has never made.
    ///
    /// # Errors
    /// Where nothing can be opened at the moment.
    pub(crate) fn open(&self, bound: &str) -> Result<Option<Handle>, Refusal> {
        match handles::open(&self.principal, bound) {
            Ok(text) => Ok(Handle::parse(&text)),
            Err(handles::Rejection::Unrecognised) => Ok(None),
            Err(handles::Rejection::Unavailable(reason)) => {
                Err(Refusal::Unavailable(format!("a handle cannot be opened: {reason}")))
            }
        }
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

/// What the identity provider said of the user.
pub(crate) fn claims(principal: &Principal) -> Claims {
    let sessions::Claims { tenant, groups, roles } = principal.claims.clone();
    Claims { tenant, groups, roles }
}
