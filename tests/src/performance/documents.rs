//! The configurations that are measured.

use std::fmt::Write as _;

use serde_json::json;

use crate::jwt::SigningKey;

/// About 500 bytes where everything is filled in.
pub(super) const SMALL: &str = r#"public_url = "{public_url}"
[[clients]]
client_id = "public"
client_name = "P"
redirect_uris = ["https://client.example/callback"]

{provider}
[[routes]]
path = "/mcp"
url = "{upstream}/mcp"
scopes = ["mcp"]
"#;

/// The line of a route where tokens are believed until they expire.
pub(super) const AT_EXPIRY: &str = "revocation = \"at-expiry\"";

/// The issuer of [`other_issuer`], and for whom its tokens are.
pub(super) const OTHER_ISSUER: &str = "https://issuer.example";
pub(super) const OTHER_AUDIENCE: &str = "api://mcp";

/// How many more routes the large document has, and how many rules each.
const MORE_ROUTES: usize = 60;
const RULES: usize = 20;

/// The small document with more routes before the one that is asked for, each with rules: some 110 KB.
pub(super) fn large() -> String {
    document(MORE_ROUTES, RULES)
}

/// So many routes before the one that is asked for, each of them with so many rules.
pub(super) fn document(more_routes: usize, rules: usize) -> String {
    let mut routes = String::new();
    for route in 0..more_routes {
        let _ = writeln!(
            routes,
            "[[routes]]\npath = \"/team-{route}/mcp\"\nurl = \"{{upstream}}/mcp\"\nscopes = [\"mcp\"]"
        );
        routes += &policy(route, rules);
    }
    let (before, asked_for) = SMALL.split_once("[[routes]]").expect("a route");
    format!("{before}{routes}[[routes]]{asked_for}{}", policy(more_routes, rules))
}

/// Rules as operators write them. The last one allows the call that is measured.
fn policy(route: usize, rules: usize) -> String {
    if rules == 0 {
        return String::new();
    }
    let mut text = String::from("policy = [\n");
    for rule in 1..rules {
        let _ = writeln!(
            text,
            "  {{ name = \"rule-{rule}\", effect = \"allow\", groups = [\"team-{route}-{rule}\"], tools = [\"read_{rule}_*\"] }},"
        );
    }
    text + "  { name = \"everybody\", effect = \"allow\", scopes = [\"mcp\"], tools = [\"echo\"] },\n]\n"
}

/// The small document with two members, between which the tools are divided, in place of one server.
pub(super) fn federation(tools: usize) -> String {
    let (before, _) = SMALL.split_once("[[routes]]").expect("a route");
    let half = tools / 2;
    format!(
        "{before}[[routes]]\npath = \"/mcp\"\nscopes = [\"mcp\"]\nmembers = [\
         {{ prefix = \"one\", url = \"{{upstream}}/tools/{half}\" }}, \
         {{ prefix = \"two\", url = \"{{upstream}}/tools/{half}\" }}]\n"
    )
}

/// The small document with these lines for its route.
pub(super) fn with_route_lines(lines: &str) -> String {
    format!("{SMALL}{lines}\n")
}

/// The small document for a route that takes access tokens of another issuer, and none of ours. Its keys are in the document: nobody
/// is asked for them.
pub(super) fn other_issuer() -> String {
    let (before, route) = SMALL.split_once("[[routes]]").expect("a route");
    let keys = json!({ "keys": [SigningKey::Rsa.jwk()] });
    format!(
        "{before}[[token_issuers]]\nname = \"partner\"\nissuer = \"{OTHER_ISSUER}\"\njwks = '{keys}'\n\n\
         [[routes]]{route}tokens = [{{ issuer = \"partner\", audiences = [\"{OTHER_AUDIENCE}\"] }}]\n"
    )
}

/// The small document for so many event streams of a subject. The base has no other limit of them.
pub(super) fn streams_of_the_base(most: usize) -> String {
    format!("{SMALL}[routes.limits]\nstreams_per_subject = {most}\n")
}

/// The small document for so many event streams.
pub(super) fn streams(most: usize) -> String {
    format!("{}streams_per_route = {most}\n[limits]\nlong_requests = {}\n", streams_of_the_base(most), 4 * most)
}
