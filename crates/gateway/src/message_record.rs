//! What the log says of each message.

use gatehouse_audit_log::McpCall;
use gatehouse_configuration::Route;
use gatehouse_mcp_wire::json_rpc::Body;

use crate::Milliseconds;
use crate::mcp_call::mcp_call;

/// Messages of a batch that have a line of their own in the log.
const MOST_LINES: usize = 20;

/// What the log says of one message, or of a request that has none.
#[derive(Clone, Debug, Default)]
pub struct MessageRecord<'a> {
    /// What it asks for.
    pub call: McpCall<'a>,
    /// The policy's rule by which it was decided.
    pub rule: Option<&'a str>,
    /// The prefix of the federation's member that it went to.
    pub member: Option<&'a str>,
    /// The time until the upstream began to answer.
    pub upstream: Option<Milliseconds>,
    /// Why, where it was not simply done.
    pub reason: Option<&'a str>,
    /// Whether it was refused for this message, where it came in a batch.
    pub is_denied: bool,
    /// How many messages the batch has that this is about.
    pub messages: Option<usize>,
    /// What those of them ask for that have no line of their own.
    pub further: Vec<String>,
}

impl<'a> MessageRecord<'a> {
    /// Those of all messages of a body.
    pub fn of_body(body: &'a Body, route: &Route) -> Vec<Self> {
        let record = |message| Self { call: mcp_call(message, route), ..Self::default() };
        body.messages().iter().map(record).collect()
    }

    /// The lines that are written of these messages: of a batch first one for itself, which leaves out nothing that was
    /// asked for, then those of its first messages.
    pub fn lines(records: &[Self]) -> Vec<Self> {
        let [first, _, ..] = records else { return records.to_vec() };
        let (own, further) = records.split_at_checked(MOST_LINES).unwrap_or((records, &[]));
        let denied = records.iter().find(|record| record.is_denied);
        let batch = Self {
            call: McpCall::default(),
            rule: denied.and_then(|record| record.rule),
            messages: Some(records.len()),
            further: further.iter().map(|record| record.call.text()).collect(),
            ..first.clone()
        };
        [&[batch], own].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn lines(count: usize, denied: Option<usize>) -> Vec<(Option<usize>, String, usize, Option<String>)> {
        let configuration = example::one_upstream();
        let calls: Vec<_> = (0..count)
            .map(|number| {
                format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"t{number}"}}}}"#)
            })
            .collect();
        let body = Body::parse(format!("[{}]", calls.join(",")).as_bytes(), 64).unwrap();
        let mut records = MessageRecord::of_body(&body, &configuration.routes[0]);
        if let Some(record) = denied.and_then(|number| records.get_mut(number)) {
            record.is_denied = true;
            record.rule = Some("no");
        }
        let line = |line: MessageRecord<'_>| {
            (line.messages, line.call.text(), line.further.len(), line.rule.map(str::to_owned))
        };
        MessageRecord::lines(&records).into_iter().map(line).collect()
    }

    #[test]
    fn a_message_alone_has_one_line() {
        assert_eq!(lines(1, None), [(None, "tools/call t0".to_owned(), 0, None)]);
    }

    #[test]
    fn a_batch_has_a_line_for_itself_and_one_for_each_of_its_first_messages() {
        let all = lines(3, Some(2));
        assert_eq!(all.len(), 4);
        assert_eq!(all[0], (Some(3), String::new(), 0, Some("no".to_owned())));
        assert_eq!(all[3], (None, "tools/call t2".to_owned(), 0, Some("no".to_owned())));
    }

    #[test]
    fn nothing_that_a_long_batch_asks_for_is_left_out() {
        let all = lines(25, None);
        assert_eq!(all.len(), 21);
        assert_eq!((all[0].0, all[0].2), (Some(25), 5));
    }
}
