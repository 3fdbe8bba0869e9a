//! What servers answer, on its way to the client.
//!
//! [`Answers`] reads the bodies that arrive by [`Transfers`]; [`converse`] gives what they say to an [`AnswerHandler`], and what
//! that makes of it to an [`EventSink`]. What need not be read is passed on by [`relay`].

mod answer_form;
mod answers;
mod body_format;
mod client_response;
mod conversation;
mod error_reply;
mod first_answer;
mod member_answers;
mod member_streams;
mod member_subscriptions;
mod merged_response;
mod relay;
mod rewriting;
#[cfg(test)]
pub(crate) mod scripted;
mod server_events;
mod server_status;
mod session_end;
mod stream_deadline;
mod transfers;
mod whole_body;

pub use answer_form::AnswerForm;
pub use answers::{Answers, UpstreamEvent};
pub use body_format::{BodyFormat, accepts_event_stream, is_encoded};
pub use client_response::{ClientConnection, ClientGone, ClientResponse, ClientStream};
pub use conversation::{
    AnswerHandler, Closing, ConversationEnd, EventSink, Permit, StreamEnd, TICK, UpstreamEnd, converse,
};
pub use error_reply::ErrorReply;
pub use first_answer::{EARLY_ANSWER, FirstAnswer, first_answer};
pub use member_answers::{MemberAnswers, MemberRequestTimes};
pub use member_streams::{JoinedStreams, MemberStreams};
pub use member_subscriptions::MemberSubscriptions;
pub use merged_response::MergedResponse;
pub use relay::relay;
pub use rewriting::{LEFT_OUT, Rewriting};
pub use server_events::{LateAnswer, ServerEvents};
pub use server_status::check_status;
pub use session_end::all_allow_end;
pub use stream_deadline::StreamDeadline;
pub use transfers::{Arrival, NoAnswer, Transfers};
pub use whole_body::read_whole;
