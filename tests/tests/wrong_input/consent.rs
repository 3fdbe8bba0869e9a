//! `POST /consent`.

use crate::row::{Expected, Row};
use crate::setting::{Setting, form, with};

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let good = [("ticket", setting.ticket.as_str()), ("decision", "approve")];
    let named = |name: &str, row: Row| row.named(&format!("POST /consent: {name}")).gets(Expected::Page(403));
    let post = || Row::new("", "POST", "/consent");
    let cookie = |row: Row| row.header("cookie", &setting.cookie);
    let mut rows = Vec::new();

    let mut flipped = setting.ticket.clone();
    flipped.replace_range(30..31, if flipped.as_bytes()[30] == b'A' { "B" } else { "A" });
    let longer = format!("{}A", setting.ticket);
    for (name, values) in [
        (
            "ticket",
            &["", "x", &setting.ticket[1..], &flipped, &longer, &setting.state, &setting.access_token, "\u{e9}\0"][..],
        ),
        ("decision", &[""]),
    ] {
        for value in values {
            let shown: String = value.chars().take(20).collect();
            let body = form(&with(&good, (name, Some(value))));
            rows.push(named(&format!("{name} is {shown:?}"), cookie(post().form(&body))));
        }
        rows.push(named(&format!("no {name}"), cookie(post().form(&form(&with(&good, (name, None)))))));
        let value = good.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        let doubled = form(&[good.as_slice(), &[(name, value)]].concat());
        rows.push(named(&format!("{name} twice"), cookie(post().form(&doubled))));
    }

    let body = form(&good);
    rows.push(named("no body", cookie(post().form(""))));
    rows.push(named("no cookie", post().form(&body)));
    let (name, value) = setting.cookie.split_once('=').unwrap_or_default();
    let other = format!("{name}={}", "A".repeat(43));
    for (what, text) in [
        ("another browser's cookie", other.clone()),
        ("half a cookie", format!("{name}={}", &value[..20])),
        ("an empty cookie", format!("{name}=")),
        ("a cookie of another name", format!("x{name}={value}")),
        ("a cookie in capitals", format!("{}={value}", name.to_ascii_uppercase())),
        ("two cookies that are not its own", format!("{other}; x{name}={value}")),
    ] {
        rows.push(named(what, post().form(&body).header("cookie", &text)));
    }
    for origin in ["https://evil.example", "null", "", "http://127.0.0.1", &setting.origin.replace("http:", "https:")] {
        rows.push(named(&format!("origin {origin:?}"), cookie(post().form(&body)).header("origin", origin)));
    }
    let two_origins =
        cookie(post().form(&body)).header("origin", &setting.origin).header("origin", "https://evil.example");
    rows.push(named("two origins", two_origins));
    for site in ["cross-site", "same-site", "none", "x"] {
        rows.push(named(&format!("sec-fetch-site {site}"), cookie(post().form(&body)).header("sec-fetch-site", site)));
    }
    for kind in
        ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencodedx", ""]
    {
        let row = cookie(post().header("content-type", kind).body(body.as_bytes()));
        rows.push(named(&format!("content type {kind:?}"), row).gets(Expected::Page(400)));
    }
    rows.push(named("no content type", cookie(post().body(body.as_bytes()))).gets(Expected::Page(400)));
    let in_query = format!("/consent?{body}");
    rows.push(cookie(Row::new("the form in the query", "POST", &in_query).form("")).gets(Expected::Page(403)));
    let large = form(&[good.as_slice(), &[("x", &"x".repeat(70_000))]].concat());
    rows.push(named("oversized", cookie(post().form(&large))).gets(Expected::Page(413)));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"] {
        rows.push(cookie(Row::new("wrong method", method, "/consent").form(&body)).gets(Expected::Method("POST")));
    }
    rows
}
