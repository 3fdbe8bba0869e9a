//! In which form an answer is passed on.

use http::{Response, StatusCode};

use super::body_format::{BodyFormat, is_encoded};
use super::rewriting::Rewriting;
use crate::Refusal;

/// In which form an answer is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// A JSON body, read whole and rewritten.
    RewrittenJson,
    /// Events, each rewritten.
    RewrittenEvents,
    /// As it is, byte for byte.
    Unchanged {
        /// Whether it is a stream of events that can be read, so that something of ours can come between two of them.
        takes_events: bool,
    },
}

impl AnswerForm {
    /// The form of the answer with this head.
    ///
    /// # Errors
    /// [`Refusal::UpstreamMalformed`] where something of the answer must change and it cannot be read.
    pub fn of(head: &Response<()>, rewriting: &Rewriting<'_>) -> Result<Self, Refusal> {
        let format = BodyFormat::of(head.headers());
        let has_content = !matches!(head.status(), StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
        let is_other = format == BodyFormat::Other && head.status().is_success() && has_content;
        if rewriting.reads_messages() && (is_other || is_encoded(head.headers())) {
            return Err(Refusal::UpstreamMalformed("it is neither JSON nor events"));
        }
        let changes_events = format == BodyFormat::EventStream && rewriting.changes_events();
        if changes_events && is_encoded(head.headers()) {
            return Err(Refusal::UpstreamMalformed("its events are compressed"));
        }
        Ok(match format {
            BodyFormat::Json if rewriting.reads_messages() => Self::RewrittenJson,
            BodyFormat::EventStream if changes_events => Self::RewrittenEvents,
            format => {
                Self::Unchanged { takes_events: format == BodyFormat::EventStream && !is_encoded(head.headers()) }
            }
        })
    }

    /// Whether the client can get other bytes than the upstream sent.
    pub fn changes_bytes(self) -> bool {
        self != Self::Unchanged { takes_events: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::response;
    use crate::example::{self, OpenSeal};

    const UNREADABLE: &str = "it is neither JSON nor events";

    #[test]
    fn an_answer_is_read_only_where_something_of_it_must_change() {
        let configuration = example::with_policy();
        let (policy, caller) = (&configuration.routes[0].policy, example::caller());
        let unchanged = |takes_events| Ok(AnswerForm::Unchanged { takes_events });
        let refused = |why| Err(Refusal::UpstreamMalformed(why));
        for (status, content_type, coding, read, resumed) in [
            (200, "application/json", "", Ok(AnswerForm::RewrittenJson), unchanged(false)),
            (200, "text/event-stream", "", Ok(AnswerForm::RewrittenEvents), Ok(AnswerForm::RewrittenEvents)),
            (200, "text/html", "", refused(UNREADABLE), unchanged(false)),
            (202, "text/html", "", unchanged(false), unchanged(false)),
            (404, "text/html", "", unchanged(false), unchanged(false)),
            (200, "application/json", "gzip", refused(UNREADABLE), unchanged(false)),
            (200, "text/event-stream", "gzip", refused(UNREADABLE), refused("its events are compressed")),
        ] {
            let head = match coding {
                "" => response(status, &[("content-type", content_type)]),
                coding => response(status, &[("content-type", content_type), ("content-encoding", coding)]),
            };
            let reads = Rewriting::new(policy, &caller, &OpenSeal, true);
            assert_eq!(AnswerForm::of(&head, &reads), read, "{status} {content_type} {coding}");
            let resumes = Rewriting::new(policy, &caller, &OpenSeal, false).resumable(None);
            assert_eq!(AnswerForm::of(&head, &resumes), resumed, "{status} {content_type} {coding}");
            let passes = Rewriting::new(policy, &caller, &OpenSeal, false);
            let form = AnswerForm::of(&head, &passes).unwrap();
            let takes_events = content_type == "text/event-stream" && coding.is_empty();
            assert_eq!(form, AnswerForm::Unchanged { takes_events }, "{status} {content_type} {coding}");
            assert_eq!(form.changes_bytes(), takes_events, "{status} {content_type} {coding}");
        }
    }
}
