//! What is told of routes that take tokens of other issuers.

use super::check;

const DOCUMENT: &str = r#"
    public_url = "https://gateway.example"

    [identity_provider]
    name = "main"
    issuer = "https://login.example"
    client_id = "gatehouse"

    [[token_issuers]]
    name = "entra"
    profile = "entra"
    tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"

    [[token_issuers]]
    name = "partner"
    issuer = "https://login.partner.example/realm"

    [[token_issuers]]
    name = "partner-opaque"
    issuer = "https://login.partner.example/realm"
    introspection = { url = "https://asked.partner.example/introspect", client_id = "gatehouse", client_secret = { secret = "partner_secret" }, keep_seconds = 30 }

    [[routes]]
    path = "/mcp"
    url = "https://server.example/mcp"
    scopes = ["user_impersonation"]
    [[routes.tokens]]
    issuer = "entra"
    audiences = ["api://mcp", "2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34"]
    client_application_ids = ["aebc6443-996d-45c2-90f0-388ff96faa56"]
    required_claims = [{ name = "roles", values = ["Mcp.Admin", "Mcp.User"], match = "any" }, { name = "region" }]

    [[routes]]
    path = "/partner"
    url = "https://server.example/mcp"
    tokens = [{ issuer = "partner", audiences = ["a"] }, { issuer = "partner-opaque", audiences = ["a"] }]
    rates = [{ per = "address", requests = 600, seconds = 60 }]

    [[routes]]
    path = "/both"
    url = "https://server.example/mcp"
    own_tokens = true
    identity_provider_token_header = "x-user-token"
    tokens = [{ issuer = "entra", audiences = ["api://mcp"] }]
"#;

#[test]
fn who_may_come_in_with_tokens_of_other_issuers_is_told_and_what_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let report = check(folder.path(), DOCUMENT, None).unwrap();
    for line in [
        "Who may come in at /mcp: tokens of entra for api://mcp or 2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34, of the applications \
         aebc6443-996d-45c2-90f0-388ff96faa56, where roles holds Mcp.Admin or Mcp.User, where region holds anything",
        "Who may come in at /partner: tokens of partner for a, with the scopes mcp and their own; tokens of partner-opaque for a, \
         with the scopes mcp and their own, asked about once in 30 seconds",
        "Who may come in at /both: Gatehouse's own access tokens; tokens of entra for api://mcp, with the scopes mcp and their own",
        "Give the variable partner_secret: secret for introspection at partner-opaque",
        "Allow the outbound host https://login.microsoftonline.com: tokens of entra, and the host of the keys in its metadata",
        "Allow the outbound host https://login.partner.example: tokens of partner, and the host of the keys in its metadata",
    ] {
        assert!(report.lines().any(|told| told == line), "{line}\n{report}");
    }
}

#[test]
fn what_is_doubtful_about_tokens_of_other_issuers_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let warnings = |document: &str| {
        let report = check(folder.path(), document, None).unwrap();
        report.lines().filter(|line| line.starts_with("Warning for")).map(str::to_owned).collect::<Vec<_>>()
    };
    const OPEN: &str =
        "Warning for /both: tokens of entra have no client_application_ids: any application of the tenant may come";
    const TWICE: &str = "Warning for /partner: partner and partner-opaque are one issuer: whoever has tokens of both kinds is two subjects";
    const NO_TOKEN: &str = "Warning for /both: callers with tokens of other issuers get 403 where identity_provider_token_header is \
                            set: we have no token of the identity provider for them";
    assert_eq!(warnings(DOCUMENT), [TWICE, OPEN, NO_TOKEN]);
    let (first, last) = DOCUMENT.rsplit_once("audiences = [\"api://mcp\"]").unwrap();
    let bound = format!("{first}audiences = [\"api://mcp\"], client_application_ids = [\"an-application\"]{last}");
    assert_eq!(warnings(&bound), [TWICE, NO_TOKEN]);
    assert_eq!(warnings(&DOCUMENT.replace("identity_provider_token_header = \"x-user-token\"", "")), [TWICE, OPEN]);
    let other = DOCUMENT.replacen("login.partner.example", "other.partner.example", 1);
    assert_eq!(warnings(&other), [OPEN, NO_TOKEN]);
}

#[test]
fn without_tokens_of_other_issuers_nothing_is_told_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let report = check(folder.path(), super::DOCUMENT, None).unwrap();
    assert!(!report.contains("tokens of") && !report.contains("Who may come in at"), "{report}");
}
