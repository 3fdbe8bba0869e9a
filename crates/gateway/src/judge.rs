//! Whether the policy lets messages go on.

use gatehouse_audit_log::CredentialKind;
use gatehouse_configuration::Rule;
use gatehouse_mcp_wire::json_rpc::{Body, Message};
use gatehouse_policy::{Decision, actions, decide};

use crate::{Caller, Endpoint, MessageRecord, Refusal, denied};

/// Decides about each message by the route's policy, and notes the rules in the messages' records. The body decides, never a
/// header that mirrors it. Where one is refused, all are.
///
/// # Errors
/// [`Refusal::Denied`], [`Refusal::InsufficientScope`], and [`Refusal::InvalidParams`] for a message that does not say what
/// it would do.
pub fn judge_by_policy<'m, 'e: 'm>(
    endpoint: &Endpoint<'e>,
    caller: &Caller,
    body: &Body,
    records: &mut [MessageRecord<'m>],
) -> Result<(), Refusal> {
    records.iter_mut().zip(body.messages()).try_for_each(|(record, message)| {
        let judged = judge(endpoint, caller, message, record);
        record.is_denied = judged.is_err();
        judged
    })
}

fn judge<'m, 'e: 'm>(
    endpoint: &Endpoint<'e>,
    caller: &Caller,
    message: &Message,
    record: &mut MessageRecord<'m>,
) -> Result<(), Refusal> {
    let policy = &endpoint.route.policy;
    if policy.is_empty() {
        // Whatever is wrong with the message, the server says it better.
        return Ok(());
    }
    let actions = actions(message).map_err(|malformed| Refusal::InvalidParams(malformed.to_string().into()))?;
    for action in &actions {
        match decide(policy, &caller.for_policy(), action) {
            Decision::Allowed { rule } => record.rule = rule.map(Rule::name),
            Decision::Denied { rule, step_up } => {
                record.rule = rule.map(Rule::name);
                // A key has the scopes that the operator gave it: there is nothing to ask for.
                let step_up = step_up.filter(|_| caller.credential != CredentialKind::ApiKey);
                return Err(denied(endpoint, &caller.scopes, step_up.as_ref()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// The rule that a message met, and whether it is denied.
    type Judged = (Option<String>, bool);

    fn judged(rules: bool, text: &str) -> (Result<(), Refusal>, Vec<Judged>) {
        let configuration = if rules { example::with_policy() } else { example::one_upstream() };
        let endpoint = example::endpoint(&configuration);
        let body = Body::parse(text.as_bytes(), 64).unwrap();
        let mut records = MessageRecord::of_body(&body, endpoint.route);
        let judgement = judge_by_policy(&endpoint, &example::caller(), &body, &mut records);
        let records = records.into_iter().map(|record| (record.rule.map(str::to_owned), record.is_denied));
        (judgement, records.collect())
    }

    fn call(tool: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":"{tool}","method":"tools/call","params":{{"name":"{tool}"}}}}"#)
    }

    #[test]
    fn the_rule_that_decides_is_in_the_record() {
        assert_eq!(judged(true, &call("read")), (Ok(()), vec![(Some("readers".to_owned()), false)]));
        assert_eq!(judged(true, &call("write")), (Err(Refusal::Denied), vec![(None, true)]));
        let erase = judged(true, &call("erase"));
        assert_eq!(erase, (Err(Refusal::Denied), vec![(Some("no-erasing".to_owned()), true)]));
    }

    #[test]
    fn a_batch_is_refused_for_its_first_message_that_is() {
        let batch = format!("[{},{},{}]", call("read"), call("erase"), call("other"));
        let (judgement, records) = judged(true, &batch);
        assert_eq!(judgement, Err(Refusal::Denied));
        let denied: Vec<_> = records.iter().map(|(_, is_denied)| *is_denied).collect();
        assert_eq!(denied, [false, true, false]);
    }

    #[test]
    fn a_scope_that_would_help_is_asked_for_but_not_of_a_caller_with_an_api_key() {
        assert!(matches!(judged(true, &call("publish")).0, Err(Refusal::InsufficientScope(_))));
        let configuration = example::with_policy();
        let endpoint = example::endpoint(&configuration);
        let body = Body::parse(call("publish").as_bytes(), 64).unwrap();
        let mut records = MessageRecord::of_body(&body, endpoint.route);
        let caller = Caller { credential: CredentialKind::ApiKey, ..example::caller() };
        assert_eq!(judge_by_policy(&endpoint, &caller, &body, &mut records), Err(Refusal::Denied));
    }

    #[test]
    fn a_message_that_does_not_say_what_it_would_do_is_refused_where_there_are_rules() {
        let nameless = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#;
        assert!(matches!(judged(true, nameless).0, Err(Refusal::InvalidParams(_))));
        assert_eq!(judged(false, nameless).0, Ok(()));
    }
}
