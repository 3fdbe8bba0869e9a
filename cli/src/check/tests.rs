#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod external_tokens;

use std::path::Path;

use super::*;

/// As the command says it.
fn in_one_line(error: anyhow::Error) -> String {
    format!("{error:#}")
}

const DOCUMENT: &str = r#"
    public_url = "https://gateway.example"

    [registration]
    initial_access_token = { secret = "registration_token" }

    [[clients]]
    client_id = "nightly"
    client_name = "Nightly job"
    token_endpoint_auth_method = "client_secret_basic"
    client_secret = { secret = "nightly_secret" }
    grant_types = ["client_credentials"]
    scopes = ["mcp"]

    [[clients]]
    client_id = "auditor"
    client_name = "Auditor"
    token_endpoint_auth_method = "private_key_jwt"
    jwks_uri = "https://audit.example/jwks"
    grant_types = []
    may_introspect = true

    [[identity_providers]]
    name = "staff"
    profile = "entra"
    tenant = "organizations"
    client_id = "gatehouse"
    access = { any_tenant = true }
    [identity_providers.client_assertion]
    url = "http://169.254.169.254/token?api-version=1"
    headers = { Metadata = "true" }
    secret_headers = { X-IDENTITY-HEADER = { secret = "identity_header" } }

    [[identity_providers]]
    name = "partners"
    issuer = "https://login.partner.example/realm"
    client_id = "gatehouse"
    client_secret = { secret = "partner_secret" }

    [[routes]]
    path = "/mcp"
    url = "http://10.0.0.7:8080/mcp"
    secret_headers = { x-functions-key = { secret = "partner_secret" } }

    [[routes]]
    path = "/all"
    members = [{ prefix = "files", url = "http://10.0.0.8/mcp" }, { url = "http://10.0.0.9/mcp" }]
    policy = [
        { name = "readers", tools = ["*_read_*"] },
        { name = "no-guests", effect = "deny", tenants = ["guests"] },
        { name = "writers", scopes = ["files:write"] },
    ]
    rates = [
        { per = "subject", requests = 600, seconds = 60 },
        { per = "tool", tools = ["files_*", "search"], requests = 10, seconds = 1 },
    ]
    validate_arguments = true
    log_arguments = true

    [[routes]]
    path = "/old"
    url = "http://10.0.0.10/sse"
    transport = "sse"
"#;

fn check(folder: &Path, document: &str, keys: Option<&str>) -> Result<String, String> {
    let configuration = folder.join("gatehouse.toml");
    fs::write(&configuration, document).unwrap();
    let server_keys = keys.map(|keys| {
        let path = folder.join("server-keys");
        fs::write(&path, keys).unwrap();
        path
    });
    let check = Check { configuration, server_keys, manifest: None, compile: false, output: None };
    check.report().map(|(report, _)| report).map_err(in_one_line)
}

#[test]
fn a_right_configuration_is_told_in_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let keys =
        "2026-11-21:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE,old:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\n";
    let report = check(folder.path(), DOCUMENT, Some(keys)).unwrap();
    let (report, command) = report.split_once("\nThe command,").unwrap();
    assert!(command.ends_with("--manifest spin.toml says what\n"), "{command}");
    assert_eq!(
        report.lines().collect::<Vec<_>>(),
        [
            "Public URL: https://gateway.example",
            "Redirect URI to register at each identity provider: https://gateway.example/callback",
            "URL for MCP clients, /mcp: https://gateway.example/mcp",
            "URL for MCP clients, /all: https://gateway.example/all",
            "URL for MCP clients, /old: https://gateway.example/old",
            "Web pages that may call: only those at https://gateway.example",
            "Identity provider staff: https://login.microsoftonline.com/organizations/v2.0, profile entra, users of any \
             tenant, assertion by somebody else, scopes openid profile offline_access",
            "Who may come in through staff: every user of any tenant",
            "Identity provider partners: https://login.partner.example/realm, profile openid, client secret, scopes \
             openid profile",
            "Who may come in through partners: every user of the provider",
            "Route https://gateway.example/mcp: http://10.0.0.7:8080/mcp; scopes mcp",
            "Route https://gateway.example/all: http://10.0.0.8/mcp as files, http://10.0.0.9/mcp; scopes mcp, where a \
             rule asks for it files:write",
            "Rules of /all, what is denied: no-guests",
            "Rules of /all, what is else allowed: readers, writers",
            "Rate of /all: 600 in 60 seconds for each subject",
            "Rate of /all: 10 in 1 seconds for each subject and each tool files_*, search",
            "At /all: the arguments of tools must fit their schemas",
            "At /all: the log holds arguments and the URIs of resources, which may be personal",
            "Route https://gateway.example/old: http://10.0.0.10/sse (HTTP+SSE); scopes mcp",
            "Client nightly: client_secret_basic, client_credentials",
            "Client auditor: private_key_jwt, no grants, may introspect",
            "Client registration: with an initial access token, 500 an hour",
            "Client ID metadata documents: on, 500 new ones an hour",
            "Page for access tokens by hand: off",
            "Allow the outbound host http://10.0.0.10: route /old",
            "Allow the outbound host http://10.0.0.7:8080: route /mcp",
            "Allow the outbound host http://10.0.0.8: route /all",
            "Allow the outbound host http://10.0.0.9: route /all",
            "Allow the outbound host http://169.254.169.254: assertions for staff",
            "Allow the outbound host https://audit.example: keys of client auditor",
            "Allow the outbound host https://graph.microsoft.com: groups of users of staff",
            "Allow the outbound host https://login.microsoftonline.com: identity provider staff, and the hosts of the \
             endpoints in its metadata",
            "Allow the outbound host https://login.partner.example: identity provider partners, and the hosts of the \
             endpoints in its metadata",
            "Allow the outbound host https://*:443: client ID metadata documents",
            "Give the variable config: this document",
            "Give the variable identity_header: header x-identity-header for the assertions for staff",
            "Give the variable nightly_secret: secret of client nightly",
            "Give the variable partner_secret: client secret at partners, header x-functions-key of route /mcp",
            "Give the variable registration_token: initial access token of the client registration",
            "Give the variable server_keys: see `gatehouse keys generate`",
            "Server keys: 2026-11-21, then old",
        ]
    );
    assert!(!report.contains("AQEB") && !report.contains("AgIC"));
}

/// docs/cases.md, S20.
#[test]
fn a_denial_beside_a_rule_that_allows_everything_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let warnings = |rules: &str| {
        let document = DOCUMENT.replace(r#"{ name = "readers", tools = ["*_read_*"] },"#, rules);
        let report = check(folder.path(), &document, None).unwrap();
        report.lines().filter(|line| line.starts_with("Warning for /all: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(warnings(r#"{ name = "readers", tools = ["*_read_*"] },"#).is_empty());
    let found = warnings(r#"{ name = "secrets", effect = "deny", tools = ["write_secret"] },"#);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("secrets") && found[0].contains("writers") && found[0].contains("spelling"), "{found:?}");
}

#[test]
fn a_wrong_configuration_is_told_in_one_line_with_the_file_the_key_and_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let error = check(folder.path(), &DOCUMENT.replace("\"/mcp\"", "\"mcp\""), None).unwrap_err();
    assert_eq!(
        error,
        format!(
            "{}: the configuration key `routes[0].path` must start with a slash and have at most 256 characters; \
             for example: path = \"/mcp\"",
            folder.path().join("gatehouse.toml").display()
        )
    );
    let error = check(folder.path(), DOCUMENT, Some("c2VjcmV0")).unwrap_err();
    assert!(error.contains("server-keys: entry 1 of server_keys is not id:key"), "{error}");
    assert!(!error.contains("c2VjcmV0"), "{error}");
    let missing = Check {
        configuration: folder.path().join("nothing"),
        server_keys: None,
        manifest: None,
        compile: false,
        output: None,
    };
    assert!(in_one_line(missing.report().err().unwrap()).starts_with("cannot read "));
}

#[test]
fn the_checked_in_example_is_right() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gatehouse.toml");
    let check = Check { configuration: example, server_keys: None, manifest: None, compile: false, output: None };
    assert!(check.report().is_ok());
}

#[test]
fn what_is_compiled_says_the_same_and_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("gatehouse.toml");
    fs::write(&configuration, DOCUMENT).unwrap();
    let check = |output: Option<&str>, configuration: &Path| {
        let output = output.map(|name| folder.path().join(name));
        Check { configuration: configuration.to_owned(), server_keys: None, manifest: None, compile: true, output }
            .answer()
            .map(|answer| answer.text)
            .map_err(in_one_line)
    };
    let compiled = check(None, &configuration).unwrap();
    assert!(compiled.starts_with("gatehouse-configuration/6 source=sha256:"), "{compiled}");
    let report = check(Some("compiled"), &configuration).unwrap();
    assert!(report.starts_with("Public URL: https://gateway.example\n"), "{report}");
    assert_eq!(fs::read_to_string(folder.path().join("compiled")).unwrap(), compiled);
    let parts = gatehouse_configuration::Source::read(compiled).unwrap();
    assert!(parts.part(&gatehouse_configuration::Part::Route("/old")).unwrap().is_some());
    let again = check(None, &folder.path().join("compiled")).unwrap_err();
    assert!(
        again.ends_with("the configuration is compiled, and this needs the document that it was made from"),
        "{again}"
    );
    assert!(check(Some("no/such/folder"), &configuration).unwrap_err().starts_with("cannot write "));
    fs::write(&configuration, DOCUMENT.replace("\"/mcp\"", "\"mcp\"")).unwrap();
    assert!(check(Some("wrong"), &configuration).unwrap_err().contains("`routes[0].path`"));
    assert!(!folder.path().join("wrong").exists());
}

#[test]
fn who_may_come_in_which_pages_may_call_and_who_gets_tokens_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let report = |document: &str| check(folder.path(), document, None).unwrap();
    let open = report(DOCUMENT);
    assert!(!open.contains("users' tokens"), "{open}");
    let document = DOCUMENT
        .replace("access = { any_tenant = true }", "access = { tenants = [\"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10\"], roles = [\"Mcp.User\", \"Admin\"] }")
        .replace("client_secret = { secret = \"partner_secret\" }", "client_secret = { secret = \"partner_secret\" }\naccess = { groups = [\"eng\"], domains = [\"a.example\", \"b.example\"] }\naccepts_identity_assertions = true")
        .replace("path = \"/mcp\"", "path = \"/mcp\"\nidentity_provider_token_header = \"authorization\"");
    let told = report(&format!("allowed_origins = [\"*\"]\n{document}"));
    for line in [
        "Web pages that may call: every page of the web; nothing but the token protects from a page of strangers",
        "Who may come in through staff: users from the tenant 8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10 and with one of the roles Mcp.User, Admin",
        "Who may come in through partners: users in the group eng and with a verified e-mail address at one of a.example, b.example; also with the provider's identity assertions (ID-JAG)",
        "Gets users' tokens of the identity provider at /mcp: http://10.0.0.7:8080/mcp, in the header authorization",
        "Warning for /mcp: http://10.0.0.7:8080/mcp gets users' tokens without encryption (http)",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
    let some = report(&format!("allowed_origins = [\"http://localhost:6274\"]\n{DOCUMENT}"));
    let line = "Web pages that may call: those at https://gateway.example, http://localhost:6274";
    assert!(some.lines().any(|told| told == line), "{some}");
}

#[test]
fn the_command_names_the_files_that_were_checked_and_a_manifest_that_lacks_something_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("gatehouse.toml");
    fs::write(&configuration, DOCUMENT).unwrap();
    let manifest = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml"));
    let answer = |manifest| {
        let configuration = configuration.clone();
        Check { configuration, server_keys: None, manifest, compile: false, output: None }.answer().unwrap()
    };
    let without = answer(None);
    assert!(!without.lacks_something);
    assert!(
        without.text.contains(&format!("\n  --variable config=@{} \\\n", configuration.display())),
        "{}",
        without.text
    );
    let with = answer(manifest);
    assert!(with.lacks_something && with.text.contains("nightly_secret = \"{{ nightly_secret }}\""), "{}", with.text);
}

#[test]
fn a_machine_at_a_route_that_needs_users_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let warnings = |document: &str| {
        let report = check(folder.path(), document, None).unwrap();
        report
            .lines()
            .filter(|line| line.contains("no machine has such a token"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(warnings(DOCUMENT).is_empty());
    let url = "url = \"http://10.0.0.7:8080/mcp\"\n";
    let needs_user =
        DOCUMENT.replace(url, &format!("{url}        identity_provider_token_header = \"x-user-token\"\n"));
    let found = warnings(&needs_user);
    assert!(found.len() == 1 && found[0].starts_with("Warning for /mcp: the machine nightly gets 403"), "{found:?}");
    let other_scopes = needs_user.replace("x-user-token\"\n", "x-user-token\"\n        scopes = [\"users\"]\n");
    assert!(other_scopes != needs_user && warnings(&other_scopes).is_empty());
}

#[test]
fn a_rule_about_all_resources_of_a_member_but_its_apps_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let warnings = |rules: &str| {
        let document = DOCUMENT.replace(r#"{ name = "readers", tools = ["*_read_*"] },"#, rules);
        let report = check(folder.path(), &document, None).unwrap();
        report.lines().filter(|line| line.contains("MCP Apps")).map(str::to_owned).collect::<Vec<_>>()
    };
    let found = warnings(r#"{ name = "files", effect = "deny", resources = ["files+*"] },"#);
    assert_eq!(found, ["Warning for /all: rule files names files+* and not the member's MCP Apps, ui://files+*"]);
    for rules in [r#"["files+*", "ui://files+*"]"#, r#"["*"]"#, r#"["files+file:///a/*"]"#] {
        let rule = format!(r#"{{ name = "files", effect = "deny", resources = {rules} }},"#);
        assert!(warnings(&rule).is_empty(), "{rules}");
    }
}

#[test]
fn it_says_who_may_come_in_and_by_which_of_the_ways() {
    let folder = tempfile::tempdir().unwrap();
    let document = r#"
        public_url = "https://gateway.example"
        preauthorized_clients = ["desktop"]

        [browser_sign_in]
        enabled = true
        tells_token = true

        [[clients]]
        client_id = "desktop"
        client_name = "Desktop"
        redirect_uris = ["http://127.0.0.1/callback"]

        [identity_provider]
        name = "main"
        issuer = "https://login.example"
        client_id = "gatehouse"
        administrator_roles = ["Admin"]
        operator_roles = ["Ops"]
        access = { users = ["8f2c1e"] }

        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7:8080/mcp"
        unauthenticated = "redirect"
        allowed_clients = ["desktop", "gatehouse:browser"]
        environments = { url = "http://10.0.0.9:3010/environments", secret = "sandbox_administration" }

        [[routes]]
        path = "/open"
        url = "http://10.0.0.7:8080/open"
        unauthenticated = "allow"
        preauthorized_clients = ["https://client.example/metadata.json"]
    "#;
    let report = check(folder.path(), document, None).unwrap();
    for expected in [
        "Who may come in through main: users with the id 8f2c1e",
        "Clients that nobody is asked about, at every route: desktop",
        "Clients that nobody is asked about at /open: https://client.example/metadata.json",
        "Who may consent for all users of main: users with one of the roles Admin; listed at https://gateway.example/consents",
        "Who may open https://gateway.example/admin: users of main with one of the roles Ops",
        "People in browsers sign in at: https://gateway.example/.auth/login, for 3600 seconds; from there to pages of our own and to \
         nowhere else; scripts of pages there get the provider's access token",
        "The only clients at /mcp: desktop, gatehouse:browser",
        "Environments of /mcp: shown to operators; told by http://10.0.0.9:3010/environments",
        "What shows nothing at /mcp: is sent to sign in, if a browser opens a page; else 401",
        "What shows nothing at /open: goes on without an identity",
        "Warning for /open: everybody who reaches Gatehouse may do everything there: there are no rules (policy)",
    ] {
        assert!(report.lines().any(|line| line == expected), "{expected}: {report}");
    }
    let without = check(folder.path(), &document.replace("operator_roles = [\"Ops\"]", ""), None).unwrap();
    let warning = "Warning for /mcp: nobody sees its environments: no identity provider has operator_roles";
    assert!(without.lines().any(|line| line == warning) && !report.contains(warning), "{without}");
}

#[test]
fn what_servers_are_told_of_who_calls_is_told_with_what_may_be_lost_or_mistaken() {
    let folder = tempfile::tempdir().unwrap();
    let headers = "path = \"/mcp\"\nidentity_headers = { app_service = true, names = true, \
                   claims = { x_groups = \"groups\" }, assertion_header = \"x-caller\" }";
    let document = DOCUMENT.replace("path = \"/mcp\"", headers);
    let document = format!("caller_assertion_keys = {{ secret = \"caller_keys\" }}\n{document}");
    let report = check(folder.path(), &document, None).unwrap();
    for line in [
        "Learns who calls at /mcp: http://10.0.0.7:8080/mcp: the headers of App Service (x-ms-client-principal, -id, -name, -idp), \
         groups in x_groups, an assertion for http://10.0.0.7:8080/mcp in x-caller, names of users, which are personal, among it",
        "Warning for /mcp: many servers and proxies drop headers with _, such as x_groups; write - instead",
        "Warning for /mcp: callers come from several providers, or are machines: x-ms-client-principal-id tells them apart only \
         together with x-ms-client-principal-idp",
        "Keys that verify assertions of who calls: https://gateway.example/.well-known/jwks.json",
        "Give the variable caller_keys: private keys that sign assertions of who calls (PEM, PKCS #8)",
    ] {
        assert!(report.lines().any(|told| told == line), "{line}\n{report}");
    }
    let without = check(folder.path(), DOCUMENT, None).unwrap();
    assert!(!without.contains("who calls") && !without.contains("x-ms-"), "{without}");
    let missing = check(folder.path(), &DOCUMENT.replace("path = \"/mcp\"", headers), None).unwrap_err();
    assert!(missing.contains("`caller_assertion_keys` is missing"), "{missing}");
}

#[test]
fn the_tokens_of_servers_are_described_with_what_they_need_and_what_is_missing() {
    let document = r#"
        public_url = "https://gateway.example"

        [identity_provider]
        name = "staff"
        profile = "entra"
        tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
        client_id = "gatehouse"
        client_secret = { secret = "provider_secret" }

        [[token_services]]
        name = "apis"
        token_endpoint = "https://auth.example/token"
        client_id = "gatehouse"
        client_secret = { secret = "apis_secret" }

        [[routes]]
        path = "/behalf"
        url = "http://10.0.0.7:8080/mcp"
        backend_token = { flow = "on-behalf-of", scopes = ["api://orders/.default"] }

        [[routes]]
        path = "/own"
        url = "https://orders.example/mcp"
        backend_token = { flow = "client-credentials", token_service = "apis", audience = "orders", header = "x-token" }
    "#;
    let folder = tempfile::tempdir().unwrap();
    let report = check(folder.path(), document, None).unwrap();
    for line in [
        "Calls a server with a token at /behalf: http://10.0.0.7:8080/mcp: a token of the user, by on-behalf-of at the identity provider of the user, scopes api://orders/.default, in the header authorization",
        "Calls a server with a token at /own: https://orders.example/mcp: the gateway's own token, by client-credentials at apis, audience orders, in the header x-token",
        "Warning for /behalf: http://10.0.0.7:8080/mcp gets tokens without encryption (http)",
        "Warning for /behalf: the scopes of staff name none of Gatehouse's own API",
        "Allow the outbound host https://auth.example: tokens for MCP servers, by apis",
        "Give the variable apis_secret: credentials of the token service apis",
    ] {
        assert!(report.contains(line), "{line}\n\n{report}");
    }
    assert!(!report.contains("Warning for /own"), "{report}");
}

#[test]
fn it_warns_of_a_route_that_has_an_issuer_asked_about_tokens_and_counts_no_address() {
    const WARNING: &str = "Warning for /mcp: an issuer is asked about every token here";
    let folder = tempfile::tempdir().unwrap();
    let document = |rates: &str| {
        format!(
            r#"
            public_url = "https://gateway.example"
            [[token_issuers]]
            name = "asked"
            introspection = {{ url = "https://op.example/introspect", client_id = "g", client_secret = {{ secret = "s" }} }}
            [[token_issuers]]
            name = "signed"
            issuer = "https://signed.example"
            [[routes]]
            path = "/mcp"
            url = "https://server.example/mcp"
            tokens = [{{ issuer = "asked", audiences = ["api://mcp"] }}]
            {rates}
            [[routes]]
            path = "/signed"
            url = "https://server.example/mcp"
            tokens = [{{ issuer = "signed", audiences = ["api://mcp"] }}]
            "#
        )
    };
    let report = |rates: &str| check(folder.path(), &document(rates), None).unwrap();
    assert!(report("").contains(WARNING), "{}", report(""));
    let other = "rates = [{ per = \"subject\", requests = 60, seconds = 60 }]";
    assert!(report(other).contains(WARNING));
    let of_address = "rates = [{ per = \"address\", requests = 60, seconds = 60 }]";
    assert!(!report(of_address).contains("is asked about every token"), "{}", report(of_address));
    assert!(!report("").contains("Warning for /signed: an issuer is asked"));
}

#[test]
fn a_connection_says_what_to_register_whom_to_allow_and_who_links() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "[[connections]]
name = \"api\"
client_id = \"us\"
client_secret = { secret = \"api_secret\" }
authorization_endpoint = \"https://in-the-browser.example/a\"
token_endpoint = \"https://api.example/t\"
[[routes]]";
    let report = check(folder.path(), &DOCUMENT.replacen("[[routes]]", lines, 1), None).unwrap();
    for line in [
        "Redirect URI to register for the connection api: https://gateway.example/connections/callback/api",
        "Who links an account at api: each user, their own account",
        "Allow the outbound host https://api.example: connection api",
        "Give the variable api_secret: client secret at api",
    ] {
        assert!(report.lines().any(|own| own == line), "{line}\n{report}");
    }
    assert!(!report.contains("in-the-browser"), "only browsers go there: {report}");
}
