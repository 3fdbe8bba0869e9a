//! What a person sees. No page runs a script; every one can be used with the keyboard alone.
//!
//! A page is its content, made here from a template and from [`crate::texts`], and the [`Layout`] around it. To add one: its
//! texts in every language, perhaps a template, and a function here that calls [`Layout::answer`]. A page that only says
//! something is a [`Problem`].

mod administration;
mod asking;
mod browser_sign_in;
mod connections_page;
mod consents_page;
mod errors;
mod layout;
mod paragraphs;
mod policy;
mod sessions_page;
mod time;
mod token_page;

pub(crate) use administration::{
    Found, FoundClient, FoundSessions, Health, Open, OpenAt, Overview, RouteEnvironments, RouteKeys, administration,
};
pub(crate) use asking::{choose, consent, not_let_in, not_let_in_to_sessions_page};
pub(crate) use browser_sign_in::{choose_sign_in, confirm_browser_sign_out, signed_in_browser};
pub(crate) use connections_page::{ConnectionView, ConnectionsView, connections};
pub(crate) use consents_page::{ConsentsView, consents};
pub(crate) use errors::{Problem, Unbound, error, rejected};
pub(crate) use layout::Layout;
pub(crate) use paragraphs::home;
pub(crate) use sessions_page::{
    CONNECTIONS, SessionsView, confirm_sign_out, sessions, sign_in, signed_out, signed_out_everywhere,
};
pub(crate) use time::machine as machine_time;
pub(crate) use token_page::{access_token, token_page};

#[cfg(test)]
mod tests;
