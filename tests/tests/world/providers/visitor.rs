//! A person at a provider's pages: fills in who they are, allows what is asked for, and comes back to Gatehouse.

use gatehouse_tests::{Answer, From, Person, form, parameter};
use http::Method;
use serde_json::json;
use url::Url;

use super::page::{Field, Form, forms};

/// Who signs in.
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Pages and redirects until something is in a circle.
const STEPS: usize = 25;
/// What is pressed where a form has several buttons.
const APPROVALS: [&str; 6] = ["allow", "accept", "approve", "authorize", "yes", "continue"];

/// The page of glewlwyd, which is a script.
const GLEWLWYD_PAGE: &str = "/login.html";

/// Goes from `url` through the provider's pages as who it is, until the browser is sent to `callback`.
pub(crate) async fn sign_in(person: &Person, login: &Login, url: &Url, callback: &str) -> Url {
    let mut answer = person.open(url, From::OtherSite).await;
    let mut path = Vec::new();
    for _ in 0..STEPS {
        path.push(format!("{} {}", answer.status, answer.url.path()));
        answer = match answer.location() {
            Some(location) if location.as_str().starts_with(&format!("{callback}?")) => return location,
            Some(location) => person.open(&location, From::SameOrigin).await,
            None if answer.url.path() == GLEWLWYD_PAGE => call_glewlwyd(person, login, url).await,
            None => submit(person, login, &answer).await,
        };
    }
    panic!("the provider sends nobody back: {path:#?}");
}

/// What the script of glewlwyd's page does: signs in, allows what is asked for, and goes on with the request at `url`.
async fn call_glewlwyd(person: &Person, login: &Login, url: &Url) -> Answer {
    let parameter = |name: &str| parameter(url, name).expect("a parameter of the authorization request");
    let grant = format!("/api/auth/grant/{}", parameter("client_id"));
    let calls = [
        (Method::POST, "/api/auth/", json!({ "username": login.name, "password": login.password })),
        (Method::PUT, &grant, json!({ "scope": parameter("scope") })),
    ];
    for (method, path, body) in calls {
        let answer = person.call(method, &url.join(path).expect("a URL"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut again = url.clone();
    again.query_pairs_mut().append_pair("g_continue", "");
    person.open(&again, From::SameOrigin).await
}

/// Fills in and sends the form of a page.
async fn submit(person: &Person, login: &Login, page: &Answer) -> Answer {
    let forms = forms(page);
    let is_for_us = |form: &&Form| asks(form) || approval(form).is_some();
    let form_of_page = forms.iter().find(is_for_us).or(forms.first());
    let form_of_page = form_of_page.unwrap_or_else(|| panic!("a page without a form: {page:?}"));
    let pairs = filled(form_of_page, login);
    let mut target = form_of_page.action.clone();
    if form_of_page.is_post {
        let origin = page.url.origin().ascii_serialization();
        return person.post(target.as_str(), &form(&pairs), From::SameOrigin, Some(&origin)).await;
    }
    target.set_query(Some(&form(&pairs)));
    person.open(&target, From::SameOrigin).await
}

fn is_typed(field: &Field) -> bool {
    matches!(field.kind.as_str(), "text" | "email" | "password")
}

fn asks(form: &Form) -> bool {
    form.fields.iter().any(is_typed)
}

/// The button that says yes.
fn approval(form: &Form) -> Option<&Field> {
    let says_yes = |field: &&Field| {
        let words = format!("{} {}", field.name, field.value).to_ascii_lowercase();
        field.kind == "submit" && APPROVALS.iter().any(|word| words.contains(word))
    };
    form.fields.iter().find(says_yes)
}

/// What the browser sends.
fn filled(form: &Form, login: &Login) -> Vec<(String, String)> {
    let button = approval(form).or_else(|| form.fields.iter().find(|field| field.kind == "submit"));
    let value = |field: &Field| match field.kind.as_str() {
        "text" | "email" => Some(if field.value.is_empty() { login.name.clone() } else { field.value.clone() }),
        "password" => Some(login.password.clone()),
        "checkbox" | "radio" => field.is_checked.then(|| field.value.clone()),
        "submit" => (Some(field) == button).then(|| field.value.clone()),
        "button" | "reset" => None,
        _ => Some(field.value.clone()),
    };
    let named = form.fields.iter().filter(|field| !field.name.is_empty());
    named.filter_map(|field| Some((field.name.clone(), value(field)?))).collect()
}
