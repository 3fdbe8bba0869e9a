#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use super::*;

/// What the manifest that comes with Gatehouse has everything for.
const SMALL: &str = r#"
    public_url = "https://gateway.example"
    [identity_provider]
    name = "main"
    issuer = "https://accounts.example/realms/main"
    client_id = "gatehouse"
    client_secret = { secret = "identity_provider_secret" }
    [[routes]]
    path = "/mcp"
    url = "http://10.0.0.7:8080/mcp"
"#;

const MORE: &str = r#"
    secret_headers = { "x-functions-key" = { secret = "functions_key" } }
    [[routes]]
    path = "/files"
    url = "https://files.internal.example/mcp"
    secret_headers = { "x-files-key" = { secret = "files_key" } }
"#;

fn compared(manifest: &str, document: &str) -> Comparison {
    let manifest = Manifest::parse(Path::new("spin.toml"), manifest).unwrap();
    Comparison::of(&manifest, &Configuration::parse(document).unwrap()).unwrap()
}

fn shipped_text() -> &'static str {
    include_str!("../../../../spin.toml")
}

fn text(comparison: &Comparison) -> String {
    comparison.text(&Files { configuration: Path::new("gatehouse.toml"), server_keys: None })
}

#[test]
fn a_manifest_that_has_everything_is_said_to_with_the_command() {
    let comparison = compared(shipped_text(), SMALL);
    assert!(!comparison.lacks_something());
    assert_eq!(
        text(&comparison),
        r"
spin.toml has all of it.

The command, with a file for each secret:

gatehouse up --from spin.toml \
  --variable config=@gatehouse.toml \
  --variable server_keys=@server-keys \
  --variable identity_provider_origin=https://accounts.example \
  --variable identity_provider_secret=@identity-provider-secret \
  --variable upstream_origin=http://10.0.0.7:8080
"
    );
}

#[test]
fn what_a_manifest_lacks_is_printed_for_the_three_places_where_it_belongs() {
    let comparison = compared(shipped_text(), &format!("{SMALL}{MORE}"));
    assert!(comparison.lacks_something());
    let text = text(&comparison);
    let lacks = text.split("\nThe command").next().unwrap();
    assert_eq!(
        lacks,
        r#"
spin.toml lacks what follows. Add the lines to their tables; a list stands in place of the one that is there:

[variables]
files_key = { required = true, secret = true }
functions_key = { required = true, secret = true }

[component.gatehouse]
allowed_outbound_hosts = [
  "{{ identity_provider_origin }}",
  "{{ upstream_origin }}",
  "{{ graph_origin }}",
  "{{ client_document_origin }}",
  "https://files.internal.example",
]

[component.gatehouse.variables]
files_key = "{{ files_key }}"
functions_key = "{{ functions_key }}"
"#
    );
    for variable in ["files_key=@files-key", "functions_key=@functions-key", "upstream_origin=http://10.0.0.7:8080"] {
        assert!(text.contains(&format!("--variable {variable}")), "{text}");
    }
}

/// What is printed is right: with it, nothing is lacking.
#[test]
fn a_manifest_with_the_printed_lines_has_everything() {
    let document = format!("{SMALL}{MORE}");
    let bare = "spin_manifest_version = 2\n[application]\nname = \"a\"\n[variables]\n[[trigger.http]]\nroute = \"/...\"\n\
                component = \"own\"\n[component.own]\nsource = \"own.wasm\"\n[component.own.variables]\n";
    for manifest in [bare, shipped_text()] {
        let lacking = text(&compared(manifest, &document));
        let printed = lacking.split("there:\n").nth(1).unwrap().split("\nThe ").next().unwrap();
        let mut pasted = manifest.to_owned();
        if let Some((before, rest)) = pasted.clone().split_once("allowed_outbound_hosts = [") {
            pasted = format!("{before}{}", rest.split_once("]\n").unwrap().1);
        }
        for table in printed.split("\n[").skip(1) {
            let (header, lines) = table.split_once("]\n").unwrap();
            let header = format!("[{header}]\n");
            assert!(pasted.contains(&header), "{header}");
            pasted = pasted.replacen(&header, &format!("{header}{lines}\n"), 1);
        }
        let comparison = compared(&pasted, &document);
        assert!(!comparison.lacks_something(), "{pasted}\n{}", text(&comparison));
    }
}

#[test]
fn a_host_that_only_a_star_allows_is_lacking_and_one_that_a_default_names_is_not() {
    let other = SMALL.replace("http://10.0.0.7:8080", "https://mcp.internal.example").replace(
        "[[routes]]",
        "[[identity_providers]]\nname = \"b\"\nissuer = \"https://b.example\"\nclient_id = \"b\"\n[[routes]]",
    );
    let other = other.replace("[identity_provider]", "[[identity_providers]]");
    // The two variables without a default are for one provider and one server.
    let comparison = compared(shipped_text(), &other);
    assert_eq!(comparison.lacks.hosts, ["https://b.example"]);
    let named = shipped_text().replace("https://graph.microsoft.com", "https://b.example");
    assert!(!compared(&named, &other).lacks_something());
}

#[test]
fn documents_of_clients_that_cannot_be_fetched_are_told_and_are_no_fault() {
    let narrowed = shipped_text().replace("https://*:443", "https://clients.example");
    let comparison = compared(&narrowed, SMALL);
    assert!(
        !comparison.lacks_something()
            && text(&comparison).contains("The documents of clients can be fetched from no host")
    );
    let without = format!("client_documents = {{ enabled = false }}\n{SMALL}");
    assert!(!text(&compared(&narrowed, &without)).contains("documents of clients"));
}

#[test]
fn a_manifest_without_gatehouse_is_refused() {
    let two = "spin_manifest_version = 2\n[application]\nname = \"a\"\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \
               \"x\"\n[component.x]\nsource = \"x.wasm\"\n[component.y]\nsource = \"y.wasm\"\n";
    let manifest = Manifest::parse(Path::new("spin.toml"), two).unwrap();
    let error = Comparison::of(&manifest, &Configuration::parse(SMALL).unwrap()).err().unwrap();
    assert_eq!(error.to_string(), "spin.toml: no component has the variable `config`, so none is Gatehouse");
}

#[test]
fn words_of_the_command_are_quoted_where_a_shell_would_split_them() {
    assert_eq!(word("config=@gatehouse.toml"), "config=@gatehouse.toml");
    assert_eq!(word("config=@my files/it's.toml"), r"'config=@my files/it'\''s.toml'");
}
