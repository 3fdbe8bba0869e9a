//! `GET /callback`: nothing is known of who calls, so nothing is ever redirected.

use crate::row::{Expected, Row};
use crate::setting::{Setting, form, with};

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let good = [("code", "code"), ("state", setting.state.as_str()), ("iss", setting.world.issuer.as_str())];
    let get = |name: &str, pairs: &[(&str, &str)]| {
        let row = Row::new("", "GET", &format!("/callback?{}", form(pairs)));
        row.named(&format!("GET /callback: {name}"))
    };
    let cookie = |row: Row| row.header("cookie", &setting.cookie);
    let mut rows = vec![cookie(Row::new("no parameters", "GET", "/callback").gets(Expected::Page(400)))];

    let mut flipped = setting.state.clone();
    flipped.replace_range(30..31, if flipped.as_bytes()[30] == b'A' { "B" } else { "A" });
    let longer = format!("{}A", setting.state);
    let long = "x".repeat(5000);
    for state in [
        "",
        "x",
        &setting.state[1..],
        &flipped,
        &longer,
        &setting.ticket,
        &setting.access_token,
        &setting.authorization.code,
        &long,
        "<script>",
    ] {
        let shown: String = state.chars().take(20).collect();
        let row = get(&format!("state is {shown:?}"), &with(&good, ("state", Some(state))));
        rows.push(cookie(row.gets(Expected::Page(400))));
    }
    rows.push(cookie(get("no state", &with(&good, ("state", None))).gets(Expected::Page(400))));
    rows.push(cookie(get("no code and no error", &with(&good, ("code", None))).gets(Expected::Page(400))));
    rows.push(cookie(get("an empty code", &with(&good, ("code", Some("")))).gets(Expected::Page(400))));
    rows.push(cookie(
        get("a code with a line break", &with(&good, ("code", Some("a\r\nb")))).gets(Expected::Page(400)),
    ));
    let both = [good.as_slice(), &[("error", "access_denied")]].concat();
    rows.push(cookie(get("code and error", &both).gets(Expected::Page(400))));
    for name in ["code", "state", "iss"] {
        let value = good.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        let doubled = [good.as_slice(), &[(name, value)]].concat();
        rows.push(cookie(get(&format!("{name} twice"), &doubled).gets(Expected::Page(400))));
    }
    for name in ["error", "error_description", "error_uri"] {
        let doubled = [&with(&good, ("code", None))[..], &[("error", "x"), (name, "x"), (name, "x")]].concat();
        rows.push(cookie(get(&format!("{name} twice"), &doubled).gets(Expected::Page(400))));
    }

    // The login is there, but was begun in another browser: it is neither finished nor used up.
    let (name, _) = setting.cookie.split_once('=').unwrap_or_default();
    let other = format!("{name}={}", "A".repeat(43));
    for (what, text) in [
        ("no cookie", None),
        ("another browser's cookie", Some(other.clone())),
        ("two cookies that are not its own", Some(format!("{other}; x{}", setting.cookie))),
    ] {
        for pairs in [good.to_vec(), [&with(&good, ("code", None))[..], &[("error", "access_denied")]].concat()] {
            let row = text.iter().fold(get(what, &pairs), |row, text| row.header("cookie", text));
            rows.push(row.gets(Expected::Page(403)));
        }
    }
    let target = format!("/callback?{}", form(&good));
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"] {
        rows.push(cookie(Row::new("wrong method", method, &target)).gets(Expected::Method("GET")));
    }
    rows
}
