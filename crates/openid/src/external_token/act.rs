//! Who acts by a token (`act`, RFC 8693, section 4.1).

use gatehouse_configuration::TokenIssuer;
use gatehouse_protocol::{Actor, Actors};
use serde_json::Value;

use super::rejection::ExternalTokenRejection;

/// Bytes of the longest name that is taken: as of a subject.
const LONGEST_NAME: usize = 255;

/// All whom `act` names, beginning with who acts now. What stands in it beside their names does not say who they are.
///
/// A name is the token's issuer's to give where `act` does not say whose it is.
///
/// # Errors
/// Where somebody has no name, or they are more than are kept: the token would otherwise be used by somebody whom no log names.
pub(super) fn actors(act: Option<&Value>, issuer: &TokenIssuer) -> Result<Actors, ExternalTokenRejection> {
    let own = issuer.url().unwrap_or_else(|| issuer.name.clone());
    let (mut next, mut actors) = (act, Vec::new());
    while let Some(act) = next {
        if actors.len() >= Actors::MOST {
            return Err(ExternalTokenRejection::Act);
        }
        let text = |name: &str| act.get(name).and_then(Value::as_str);
        let iss = match act.get("iss") {
            None => own.as_str(),
            Some(iss) => iss.as_str().ok_or(ExternalTokenRejection::Act)?,
        };
        let sub = text("sub").or_else(|| text("client_id")).filter(|sub| sub.len() <= LONGEST_NAME);
        let actor = sub.and_then(|sub| Actor::new(sub, Some(iss)).ok());
        actors.push(actor.ok_or(ExternalTokenRejection::Act)?);
        next = act.get("act");
    }
    Actors::new(actors).map_err(|_| ExternalTokenRejection::Act)
}
