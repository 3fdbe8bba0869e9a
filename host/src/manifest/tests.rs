use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"a\"\n";
const TRIGGER: &str = "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"c\"\n";
const PRIVATE_TRIGGER: &str = "[[trigger.http]]\nroute = { private = true }\ncomponent = \"c\"\n";
const COMPONENT: &str = "[component.c]\nsource = \"c.wasm\"\n";

fn parse(text: &str) -> Result<Manifest, StartError> {
    Manifest::parse(Path::new("app/spin.toml"), text)
}

fn error(text: &str) -> String {
    parse(text).map(|manifest| manifest.name).unwrap_err().to_string()
}

#[test]
fn the_manifest_of_gatehouse_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml");
    let manifest = Manifest::read(&path).unwrap();
    assert_eq!(manifest.name, "gatehouse");
    assert_eq!(manifest.routes, [(Route::Wildcard(String::new()), "gatehouse".to_owned())]);
    let component = &manifest.components["gatehouse"];
    assert!(component.source.ends_with("target/gatehouse.wasm"));
    assert_eq!(component.key_value_stores, ["default"]);
    assert_eq!(component.build_command.as_deref(), Some("cargo xtask build"));
    assert!(manifest.variables["server_keys"].secret);
    assert!(!manifest.loopback_only);
}

#[test]
fn everything_that_the_host_knows_is_accepted() {
    let manifest = parse(
        r#"
spin_manifest_version = 2
[application]
name = "a"
version = "1"
description = "d"
authors = ["me"]
[application.tool.gatehouse]
listen = "loopback"
[application.tool.other]
anything = { goes = true }
[variables]
origin = { default = "https://a.example", description = "d" }
secret = { required = true, secret = true }
[[trigger.http]]
id = "one"
route = "/a/..."
component = "c"
[[trigger.http]]
route = "/a/b"
component = "d"
[[trigger.http]]
route = { private = true }
component = "e"
[component.c]
description = "d"
source = "out/c.wasm"
key_value_stores = ["default", "other"]
allowed_outbound_hosts = ["{{ origin }}", "https://*.example.com", "http://e.spin.internal", "http://*.spin.internal"]
environment = { LEVEL = "debug" }
targets = ["spin-up:3"]
[component.c.variables]
secret = "{{ secret }}"
[component.c.build]
command = ["make", "make check"]
watch = ["src/**"]
[component.c.tool.other]
x = 1
[component.d]
source = "/absolute/d.wasm"
[component.e]
source = "e.wasm"
"#,
    )
    .unwrap();
    assert!(manifest.loopback_only);
    let c = &manifest.components["c"];
    assert_eq!(c.source, Path::new("app/out/c.wasm"));
    assert_eq!(c.build_command.as_deref(), Some("make"));
    assert_eq!(c.environment["LEVEL"], "debug");
    assert_eq!(manifest.components["d"].source, Path::new("/absolute/d.wasm"));
    assert!(manifest.routes.iter().all(|(_, component)| component != "e"));
    assert_eq!(manifest.private.iter().collect::<Vec<_>>(), ["e"]);
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_its_place() {
    let whole = format!("{HEAD}{TRIGGER}{COMPONENT}");
    assert!(parse(&whole).is_ok());
    let cases = [
        ("name = ", "app/spin.toml:1:8: "),
        (&format!("{HEAD}[[trigger.http]\n"), "app/spin.toml:4:16: "),
        ("spin_manifest_version = 2\n", "missing field `application`"),
        (
            &whole.replace("version = 2", "version = 1"),
            "app/spin.toml:1:25: this host reads `spin_manifest_version = 2`",
        ),
        (
            &format!("{whole}files = [\"a\"]\n"),
            "app/spin.toml:9:1: `files` is a Spin feature that this host does not offer; run this application with Spin, or remove it",
        ),
        (
            &format!("{whole}sqlite_databases = [\"default\"]\n"),
            "app/spin.toml:9:1: `sqlite_databases` is a Spin feature",
        ),
        (&format!("{whole}ai_models = [\"llama\"]\n"), "app/spin.toml:9:1: `ai_models` is a Spin feature"),
        (&format!("{whole}[component.c.dependencies]\n\"a:b/c\" = \"1\"\n"), "`dependencies` is a Spin feature"),
        (&format!("{HEAD}[[trigger.redis]]\nchannel = \"x\"\n"), "`redis` is a Spin feature"),
        (&format!("{HEAD}[[trigger.cron]]\nx = 1\n"), "unknown key `cron`, expected `http`"),
        (&format!("{HEAD}[application.trigger.http]\nbase = \"/x\"\n"), "`trigger` is a Spin feature"),
        (
            &format!("{whole}key_value_store = [\"default\"]\n"),
            "app/spin.toml:9:1: unknown key `key_value_store`, expected one of",
        ),
        (&format!("{whole}[application.tool.gatehouse]\nlisten = \"everywhere\"\n"), "unknown variant `everywhere`"),
        (
            &format!("{whole}[application.tool.gatehouse]\nlisen = \"loopback\"\n"),
            "unknown key `lisen`, expected `listen`",
        ),
        (HEAD, "there is no [[trigger.http]], so nothing to serve"),
        (&format!("{HEAD}{TRIGGER}"), "app/spin.toml:6:13: there is no [component.c]"),
        (&format!("{HEAD}{TRIGGER}{TRIGGER}{COMPONENT}"), "app/spin.toml:8:9: route \"/...\" is there twice"),
        (&whole.replace("/...", "/:id"), "app/spin.toml:5:9: route \"/:id\" uses a `:parameter` segment"),
        (&whole.replace("\"/...\"", "7"), "app/spin.toml:5:9: `route` is a path, or `{ private = true }`"),
        (&whole.replace("\"/...\"", "{ private = false }"), "app/spin.toml:5:9: `route` is a path, or"),
        (&whole.replace("\"/...\"", "{ private = true, x = 1 }"), "app/spin.toml:5:9: `route` is a path, or"),
        (&whole.replace("\"/...\"", "{ private = true }"), "all routes are private, so nothing can be served"),
        (
            &format!("{HEAD}{TRIGGER}{PRIVATE_TRIGGER}{COMPONENT}"),
            "app/spin.toml:8:9: component `c` is private, and has another route, too",
        ),
        (
            &format!("{HEAD}{PRIVATE_TRIGGER}{TRIGGER}{COMPONENT}"),
            "app/spin.toml:8:9: component `c` is private, and has another route, too",
        ),
        (
            &format!("{whole}allowed_outbound_hosts = [\"http://d.spin.internal\"]\n"),
            "app/spin.toml:9:27: no [[trigger.http]] leads to a component `d`; one with `route = { private = true }` would do",
        ),
        // It is there, and nothing leads to it.
        (
            &format!(
                "{whole}allowed_outbound_hosts = [\"http://d.spin.internal\"]\n[component.d]\nsource = \"d.wasm\"\n"
            ),
            "app/spin.toml:9:27: no [[trigger.http]] leads to a component `d`",
        ),
        (
            &format!("{whole}allowed_outbound_hosts = [\"https://c.spin.internal\"]\n"),
            "app/spin.toml:9:27: allowed outbound host \"https://c.spin.internal\": a component of the application is reached as",
        ),
        (
            &whole.replace("\"c.wasm\"", "{ url = \"https://x/c.wasm\", digest = \"sha256:0\" }"),
            "app/spin.toml:8:10: `source` must be a local path; fetch a component from a URL or registry first",
        ),
        (&whole.replace("c.wasm", "https://x/c.wasm"), "app/spin.toml:8:10: `source` must be a local path, not a URL"),
        (&format!("{whole}key_value_stores = [\" \"]\n"), "a key-value store's label is empty"),
        (
            &format!("{whole}allowed_outbound_hosts = [\"a.example\"]\n"),
            "app/spin.toml:9:27: allowed outbound host \"a.example\" has no scheme",
        ),
        (&format!("{whole}allowed_outbound_hosts = [\"\"]\n"), "app/spin.toml:9:27: an allowed outbound host is empty"),
        (
            &format!("{whole}allowed_outbound_hosts = [\"{{{{ x }}}}\"]\n"),
            "app/spin.toml:9:27: variable `x` is not declared in [variables]",
        ),
        (&format!("{whole}[component.c.variables]\nx = \"{{{{ y\"\n"), "app/spin.toml:10:5: `{{` has no matching `}}`"),
        (&format!("{whole}[component.c.variables]\nX = \"y\"\n"), "app/spin.toml:10:1: \"X\" is not a variable name"),
        (
            &format!("{whole}[variables]\nx = {{ secret = true }}\n"),
            "app/spin.toml:10:5: variable `x` needs either a `default` or `required = true`",
        ),
        (&format!("{whole}[variables]\nx = {{ default = \"\", required = true }}\n"), "variable `x` needs either"),
        (
            &format!("{whole}[variables]\nX = {{ default = \"\" }}\n"),
            "app/spin.toml:10:1: \"X\" is not a variable name",
        ),
    ];
    for (text, expected) in cases {
        let line = error(text);
        assert!(line.contains(expected), "{text}\ngave: {line}\nexpected: {expected}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn a_missing_manifest_is_named() {
    let error = Manifest::read(Path::new("/nowhere/spin.toml")).map(|manifest| manifest.name).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the manifest /nowhere/spin.toml");
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(reason, "No such file or directory (os error 2)");
}
