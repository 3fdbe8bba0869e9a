//! The pages that people see.

use askama::Template;

use crate::answers::STYLE;
use crate::people::{LONGEST_NAME, SAMPLES};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    style: &'static str,
    client_id: &'a str,
    fields: &'a [(&'static str, String)],
    samples: [(&'static str, &'static str); 3],
    longest_name: usize,
    name: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    style: &'static str,
    reason: &'a str,
}

/// The login page of a request made of `fields`. `name` stands in the text field; `problem` says what was wrong with
/// it.
///
/// # Errors
/// Where rendering fails, which only writing to memory could make it.
pub fn login(
    client_id: &str,
    fields: &[(&'static str, String)],
    name: &str,
    problem: Option<&str>,
) -> Result<String, askama::Error> {
    LoginPage { style: STYLE, client_id, fields, samples: SAMPLES, longest_name: LONGEST_NAME, name, problem }.render()
}

/// The page that says why a request went no further.
///
/// # Errors
/// See [`login`].
pub fn refused(reason: &str) -> Result<String, askama::Error> {
    RefusedPage { style: STYLE, reason }.render()
}
