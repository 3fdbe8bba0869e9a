//! One answer of many, as the client gets it.

use gatehouse_configuration::Policy;
use gatehouse_federation::{Federation, MergedAnswer};
use gatehouse_mcp_wire::json_rpc::Message;
use http::StatusCode;

use super::rewriting::filtered;
use crate::{Caller, Refusal, SealedReference};

/// One answer of many.
#[derive(Debug)]
pub struct MergedResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// A message; empty where there is none.
    pub text: String,
    /// The session that began with it, to be sealed.
    pub session: Option<SealedReference>,
}

impl MergedResponse {
    /// What the caller gets of `merged`.
    ///
    /// # Errors
    /// Where nothing but an error came of it.
    pub fn of(
        merged: MergedAnswer,
        federation: &Federation,
        policy: &Policy,
        caller: &Caller,
    ) -> Result<Self, Refusal> {
        match merged {
            MergedAnswer::Answer { status, reply, sessions } => Ok(Self {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
                text: filtered(policy, caller, Message::Response(reply)).to_text(),
                session: sessions.map(|sessions| SealedReference::Sessions(federation.entries(&sessions))),
            }),
            MergedAnswer::Accepted => Ok(Self { status: StatusCode::ACCEPTED, text: String::new(), session: None }),
            MergedAnswer::SessionLost => Err(Refusal::UnknownSession),
            MergedAnswer::Failed { members } => Err(Refusal::MembersFailed(members)),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_federation::{FailureReason, Lifecycle, MemberOutcome, Plan};
    use gatehouse_mcp_wire::json_rpc::{Body, Id, Object, Reply};

    use super::*;
    use crate::example;

    fn response(merged: MergedAnswer) -> Result<MergedResponse, Refusal> {
        let configuration = example::federation();
        let route = &configuration.routes[0];
        let federation = Federation::of(route, Lifecycle::Session).unwrap();
        MergedResponse::of(merged, &federation, &route.policy, &example::caller())
    }

    #[test]
    fn an_answer_is_filtered_and_has_its_status() {
        let reply = Reply::result(Id::from(1), Object::parse(r#"{"tools":[]}"#).unwrap());
        let response = response(MergedAnswer::Answer { status: 200, reply, sessions: None }).unwrap();
        assert_eq!(response.text, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#);
        assert_eq!((response.status, response.session), (StatusCode::OK, None));
    }

    #[test]
    fn a_session_of_members_is_one_reference() {
        let configuration = example::federation();
        let route = &configuration.routes[0];
        let federation = Federation::of(route, Lifecycle::Session).unwrap();
        let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;
        let Ok(Body::Single(message)) = Body::parse(initialize.as_bytes(), 64) else { panic!("{initialize}") };
        let Plan::ToAll { requests, merge } = federation.plan(&message, None) else { panic!("not to all") };
        let result = r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"a","version":"1"}}"#;
        let outcome = |member: usize| {
            let reply = Reply::result(Id::from(1), Object::parse(result).unwrap());
            (member, MemberOutcome::Answer { status: 200, session: Some(format!("s{member}")), reply })
        };
        let merged = merge.finish(requests.iter().map(|request| outcome(request.member)).collect());
        let response = MergedResponse::of(merged, &federation, &route.policy, &example::caller()).unwrap();
        assert!(matches!(response.session, Some(SealedReference::Sessions(_))), "{response:?}");
    }

    #[test]
    fn what_came_of_nobody_is_refused() {
        assert_eq!(response(MergedAnswer::Accepted).unwrap().status, StatusCode::ACCEPTED);
        assert_eq!(response(MergedAnswer::SessionLost).unwrap_err(), Refusal::UnknownSession);
        let members = vec![("files".to_owned(), FailureReason::TooLate)];
        let failed = MergedAnswer::Failed { members: members.clone() };
        assert_eq!(response(failed).unwrap_err(), Refusal::MembersFailed(members));
    }
}
