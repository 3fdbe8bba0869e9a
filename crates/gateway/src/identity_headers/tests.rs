use std::cell::Cell;

use gatehouse_configuration::Configuration;
use gatehouse_protocol::{Claims, Names, Subject};

use super::*;
use crate::example;

const RESOURCE: &str = "https://gateway.example/mcp";
const KEYS: &str = "caller_assertion_keys = { secret = \"caller_assertion_keys\" }\n";

fn wanted(table: &str) -> IdentityHeaders {
    let document = format!("{KEYS}{}identity_headers = {{ {table} }}\n", example::ONE_UPSTREAM);
    let configuration = Configuration::parse(&document).unwrap();
    *example::upstream(&configuration).identity_headers.clone().unwrap()
}

fn nobody_signs(_: &str) -> Result<SecretString, Refusal> {
    panic!("nobody asked for an assertion")
}

fn told(caller: &Caller, table: &str) -> Result<Vec<(String, String)>, Refusal> {
    let headers = identity_headers(caller, RESOURCE, &wanted(table), nobody_signs)?;
    assert!(headers.iter().all(|(_, value)| value.is_sensitive()), "a debugger's log would hold them");
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
    Ok(headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
}

fn alice(groups: &[&str]) -> Caller {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let names = Names { name: Some("Álice".to_owned()), ..Names::default() };
    let claims = Claims { tenant: Some("t".to_owned()), groups, roles: Vec::new(), names: Some(Box::new(names)) };
    Caller { claims, ..example::caller() }
}

#[test]
fn each_claim_is_told_in_its_header() {
    for (claim, expected) in [
        ("subject", Some("demo:alice")),
        ("provider", Some("demo")),
        ("client_id", Some("inspector")),
        ("resource", Some(RESOURCE)),
        ("scopes", Some("mcp files:read")),
        ("tenant", Some("t")),
        ("groups", Some(r#"["a,b","\"c\"","\u00e9\ud83d\ude00","\u007f"]"#)),
        ("roles", Some("[]")),
        ("name", Some("Álice")),
        ("preferred_username", None),
        ("email", None),
    ] {
        let caller = alice(&["a,b", "\"c\"", "é😀", "\u{7f}"]);
        let told = told(&caller, &format!("names = true, claims = {{ x-it = \"{claim}\" }}")).unwrap();
        let expected: Vec<_> = expected.iter().map(|text| ("x-it".to_owned(), (*text).to_owned())).collect();
        assert_eq!(told, expected, "{claim}");
    }
}

#[test]
fn a_list_says_every_control_character_in_ascii() {
    let caller = alice(&["a\r\nx-admin: yes\0"]);
    let told = told(&caller, "claims = { x-it = \"groups\" }").unwrap();
    assert_eq!(told[0].1, r#"["a\r\nx-admin: yes\u0000"]"#);
}

#[test]
fn the_headers_of_app_service_say_a_name_only_where_one_may_be_told() {
    let names = |table: &str| {
        let told = told(&alice(&[]), table).unwrap();
        told.into_iter()
            .map(|(name, value)| (name, if value.len() > 40 { String::new() } else { value }))
            .collect::<Vec<_>>()
    };
    let pair = |name: &str, value: &str| (format!("x-ms-client-principal{name}"), value.to_owned());
    let without = [pair("", ""), pair("-id", "alice"), pair("-name", "alice"), pair("-idp", "demo")];
    assert_eq!(names("app_service = true"), without);
    let with = [pair("", ""), pair("-id", "alice"), pair("-name", "Álice"), pair("-idp", "demo")];
    assert_eq!(names("app_service = true, names = true"), with);
}

#[test]
fn a_machine_is_told_as_one_and_has_nothing_of_a_user() {
    let subject = Subject::parse("client:nightly").unwrap();
    let machine = Caller { subject, claims: Claims::default(), ..example::caller() };
    let table = "names = true, app_service = true, claims = { x-a = \"subject\", x-b = \"tenant\", x-c = \"name\", x-d = \"groups\" }";
    let told = told(&machine, table).unwrap();
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    let of = |suffix: &str| format!("x-ms-client-principal{suffix}");
    assert_eq!(names, [of("").as_str(), &of("-id"), &of("-name"), &of("-idp"), "x-a", "x-d"]);
    let values: Vec<_> = told.iter().skip(1).map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["nightly", "nightly", "client", "client:nightly", "[]"]);
}

#[test]
fn as_many_bytes_as_allowed_are_told_and_with_one_more_the_request_is_refused() {
    // `["` and `"]` around it, and "demo:alice".
    let fits = "g".repeat(1024 - 4 - 10);
    let table = "bytes = 1024, claims = { x-a = \"groups\", x-b = \"subject\" }";
    assert_eq!(told(&alice(&[&fits]), table).unwrap().len(), 2);
    assert_eq!(told(&alice(&[&format!("{fits}g")]), table), Err(Refusal::IdentityTooLarge));
    let groups: Vec<_> = (0..1_000).map(|number| format!("00000000-0000-0000-0000-{number:012}")).collect();
    let many = alice(&groups.iter().map(String::as_str).collect::<Vec<_>>());
    for table in ["app_service = true", "claims = { x-a = \"groups\" }", "claims = { x-a = \"groups\" }, bytes = 32768"]
    {
        assert_eq!(told(&many, table), Err(Refusal::IdentityTooLarge), "{table}");
    }
    assert_eq!(told(&many, "claims = { x-a = \"groups\" }, bytes = 65536").unwrap()[0].1.len(), 1 + 1_000 * 39);
}

#[test]
fn an_assertion_is_signed_for_its_audience_and_last() {
    let audiences = Cell::new(0);
    let sign = |audience: &str| {
        audiences.set(audiences.get() + 1);
        assert_eq!(audience, "api://tools");
        Ok(SecretString::new("signed".to_owned()))
    };
    let table = "assertion_header = \"x-caller\", assertion_audience = \"api://tools\"";
    let headers = identity_headers(&alice(&[]), RESOURCE, &wanted(table), sign).unwrap();
    assert_eq!(headers, [(HeaderName::from_static("x-caller"), HeaderValue::from_static("signed"))]);
    let full = alice(&[&"g".repeat(9_000)]);
    let refused =
        identity_headers(&full, RESOURCE, &wanted(&format!("{table}, claims = {{ x-a = \"groups\" }}")), sign);
    assert_eq!((refused, audiences.get()), (Err(Refusal::IdentityTooLarge), 1), "nobody was asked to sign");
    let failing = |_: &str| Err(Refusal::Unavailable("no key".to_owned()));
    let refused = identity_headers(&alice(&[]), RESOURCE, &wanted(table), failing);
    assert_eq!(refused, Err(Refusal::Unavailable("no key".to_owned())));
}
