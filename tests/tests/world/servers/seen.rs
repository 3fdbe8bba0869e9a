//! What was seen of a server.

use std::collections::BTreeSet;

use super::differences;
use super::exchange::{Fields, messages, tools};
use super::explained::EXPLAINED;
use super::rows::Row;
use super::script::{Answers, Session};

/// What a server can, which differences are explained, and what is wrong.
pub(crate) struct Seen {
    revisions: Vec<&'static str>,
    has_sessions: bool,
    tools: usize,
    stream: String,
    /// Places in [`EXPLAINED`].
    pub(crate) explained: BTreeSet<usize>,
    /// In words.
    pub(crate) faults: Vec<String>,
    /// What differs between two sessions without Gatehouse.
    varies: bool,
}

impl Seen {
    /// Of two runs without Gatehouse and one through a plain route.
    pub(crate) fn of(direct: &Answers, again: &Answers, through: &Answers) -> Self {
        let nothing = Fields::new();
        let answer =
            |name: &str| direct.iter().find(|(asked, _)| *asked == name).map_or(&nothing, |(_, fields)| fields);
        let has_worked = |name: &str| status(answer(name)).starts_with('2') && fields_of_a_result(answer(name));
        let eras = [("2025-11-25", "initialize"), ("2026-07-28", "tools/list, 2026-07-28")];
        let mut seen = Self {
            revisions: eras.into_iter().filter(|(_, asked)| has_worked(asked)).map(|(revision, _)| revision).collect(),
            has_sessions: answer("initialize").contains_key("header mcp-session-id"),
            tools: tools(answer("tools/list")).len(),
            stream: status(answer("GET")).to_owned(),
            explained: BTreeSet::new(),
            faults: Vec::new(),
            varies: again
                .iter()
                .zip(direct)
                .any(|((asked, one), (_, other))| *asked == "tools/call" && messages(one) != messages(other)),
        };
        for difference in differences::between(direct, again, through) {
            match EXPLAINED.iter().position(|kind| kind.explains(&difference)) {
                Some(kind) => drop(seen.explained.insert(kind)),
                None => seen.faults.push(format!("{difference:?}")),
            }
        }
        if !has_worked("tools/list") || seen.tools < 2 {
            seen.faults.push(format!("it lists nothing: {:?}", answer("tools/list")));
        }
        seen
    }

    /// It speaks HTTP+SSE alone, in which every stream is a session.
    pub(crate) fn with_events_alone(self) -> Self {
        Self { revisions: vec!["2024-11-05"], has_sessions: true, ..self }
    }

    /// Through a route whose policy allows the row's call alone.
    pub(crate) fn policy(&mut self, row: &Row, direct: &Session, through: &Session) {
        let (all, shown) = (tools(&direct.listed), tools(&through.listed));
        let name = row.call.0;
        self.expect(shown.len() == 1 && shown.get(name) == all.get(name), "the policy shows one tool", through);
        self.expect(self.is_same(&direct.called[0], &through.called[0]), "the call comes through the policy", through);
        self.expect(fields_of_an_error(&through.called[1]), "the policy denies another call", through);
    }

    /// Through a route that validates arguments.
    pub(crate) fn validated(&mut self, direct: &Session, through: &Session) {
        self.expect(tools(&direct.listed) == tools(&through.listed), "the tools are the same", through);
        self.expect(self.is_same(&direct.called[0], &through.called[0]), "the call's arguments are valid", through);
        let refused = through.called[1].values().any(|value| value.contains("do not fit the tool's input schema"));
        self.expect(refused, "wrong arguments are refused by Gatehouse", through);
    }

    fn is_same(&self, direct: &Fields, through: &Fields) -> bool {
        self.varies || messages(direct) == messages(through)
    }

    fn expect(&mut self, holds: bool, what: &str, session: &Session) {
        if !holds {
            let Session { listed, called, .. } = session;
            let names: Vec<_> = tools(listed).into_keys().collect();
            self.faults.push(format!("does not hold: {what}; tools {names:?}, calls {called:#?}"));
        }
    }

    /// The cells of its row, without the first.
    pub(crate) fn cells(&self, row: &Row) -> Vec<String> {
        let (registry, package) = row.package;
        let sessions = if self.has_sessions { "yes" } else { "no" };
        let stream = if self.stream == "200" { "yes".to_owned() } else { format!("no: {}", self.stream) };
        vec![
            format!("`{package}` ({})", registry.name()),
            registry.version(package),
            self.revisions.join(", "),
            sessions.to_owned(),
            self.tools.to_string(),
            stream,
            row.remark.to_owned(),
        ]
    }
}

/// The status of an answer.
pub(crate) fn status(fields: &Fields) -> &str {
    fields.get("status").map_or("", String::as_str)
}

/// Whether there is a result.
pub(crate) fn fields_of_a_result(fields: &Fields) -> bool {
    fields.keys().any(|field| field.starts_with("message ") && field.contains(" /result"))
}

/// Whether there is an error.
pub(crate) fn fields_of_an_error(fields: &Fields) -> bool {
    fields.keys().any(|field| field.starts_with("message ") && field.contains(" /error/code"))
}
