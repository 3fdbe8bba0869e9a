#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use gatehouse_configuration::{Configuration, ConfigurationError};
use serde_json::{Value, json};

use super::document::{Key, Kind, ROOT};
use super::files::files;
use super::*;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn document() -> Document {
    Document::read(&repository().join(DOCUMENT)).unwrap()
}

/// A document with something in every table, so that each key can be set in it.
fn full() -> Value {
    json!({
        "public_url": "https://gateway.example",
        "clients": [{
            "client_id": "robot", "client_name": "Robot", "token_endpoint_auth_method": "client_secret_basic",
            "client_secret": { "secret": "robot_secret" }, "redirect_uris": ["https://robot.example/callback"],
        }],
        "identity_provider": { "name": "main", "issuer": "https://login.example", "client_id": "gatehouse" },
        "routes": [{
            "path": "/mcp", "url": "https://mcp.example/mcp",
            "rates": [{ "per": "subject", "requests": 10, "seconds": 60 }],
            "policy": [{ "name": "readers", "tools": ["read"] }],
        }],
    })
}

/// An issuer whose tokens a route can accept.
fn token_issuers() -> Value {
    json!([{
        "name": "entra",
        "introspection": {
            "url": "https://partner.example/introspect", "client_id": "gatehouse",
            "client_secret": { "secret": "introspection_secret" },
        },
    }])
}

/// The same, changed so that the keys of the table at `path` may be set.
fn document_for(path: &str, key: &str) -> Value {
    let mut document = full();
    if path.contains("members") {
        document["routes"][0].as_object_mut().unwrap().remove("url");
        document["routes"][0]["members"] = json!([{ "url": "https://mcp.example/mcp" }]);
    }
    if path == "identity_provider" && matches!(key, "authority" | "graph") {
        document["identity_provider"] = json!({ "name": "main", "profile": "entra", "client_id": "x", "tenant": "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10" });
    }
    if path.contains("api_keys") {
        document["routes"][0]["api_keys"] = json!({
            "session_pool": "code", "administrators": [{ "label": "operations", "secret": "administrator" }],
            "keys": [{ "label": "robot", "sha256": "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592" }],
        });
    }
    if path.starts_with("token_issuers") || path.starts_with("routes[].tokens") {
        document["token_issuers"] = token_issuers();
        document["routes"][0]["own_tokens"] = json!(true);
        document["routes"][0]["tokens"] =
            json!([{ "issuer": "entra", "audiences": ["api://mcp"], "required_claims": [{ "name": "roles" }] }]);
    }
    let is_exchange = path.contains("may_exchange") || path.contains("accepted_actors");
    if path == "workloads[]" || is_exchange {
        document["token_issuers"] = json!([{ "name": "github", "issuer": "https://token.example" }]);
    }
    if path == "workloads[]" {
        document["workloads"] = json!([{
            "name": "deploy", "issuer": "github", "claims": { "sub": "repo:a/b" }, "routes": ["/mcp"], "scopes": ["mcp"],
        }]);
    }
    if is_exchange {
        document["clients"][0]["grant_types"] = json!(["urn:ietf:params:oauth:grant-type:token-exchange"]);
        document["clients"][0]["scopes"] = json!(["mcp"]);
        document["clients"][0]["may_exchange"] =
            json!([{ "issuer": "github", "audiences": ["api://frontend"], "granted_scopes": ["mcp"] }]);
    }
    if path.contains("accepted_actors") {
        document["clients"][0]["accepted_actors"] = json!([{ "issuer": "github", "audiences": ["api://frontend"] }]);
    }
    if path.contains("identity_headers") {
        let server = &mut document["routes"][0];
        let server = if path.contains("members") { &mut server["members"][0] } else { server };
        server["identity_headers"] = json!({ "claims": { "x-who": "subject" } });
    }
    if path == "token_services[]" || path.ends_with("backend_token") {
        document["token_services"] = json!([{
            "name": "apis", "token_endpoint": "https://auth.example/token", "client_id": "gatehouse",
            "client_secret": { "secret": "token_service_secret" },
        }]);
    }
    if path.ends_with("backend_token") {
        let server = &mut document["routes"][0];
        let server = if path.contains("members") { &mut server["members"][0] } else { server };
        server["backend_token"] = match key {
            "connection" => json!({}),
            _ => json!({ "flow": "client-credentials", "token_service": "apis" }),
        };
    }
    if path.starts_with("connections") || path.ends_with("backend_token") {
        let preset = if key == "tenant" { "microsoft-graph" } else { "github" };
        document["connections"] = json!([{ "name": "github", "preset": preset, "client_id": "gatehouse" }]);
        document["connections"][0]["client_secret"] = json!({ "secret": "github_secret" });
    }
    if path == "trusted_proxies" && key != "hops" {
        document["trusted_proxies"] = json!({ "ranges": ["10.0.0.0/8"] });
    }
    if path == "rates[]" {
        document["rates"] = json!([{ "per": "address", "requests": 10, "seconds": 60 }]);
    }
    if key.starts_with("openapi_") {
        let server = &mut document["routes"][0];
        let server = if path.contains("members") { &mut server["members"][0] } else { server };
        server["openapi"] = json!("@openapi.json");
    }
    if path.ends_with("cors") {
        document["routes"][0]["cors"] = json!({ "origins": ["https://page.example"] });
    }
    if path == "token_issuers[]" && key == "profile" {
        document["token_issuers"][0] = json!({ "name": "entra", "issuer": "https://login.example" });
    }
    if path.starts_with("token_issuers[]") && matches!(key, "group_lookup" | "graph") {
        document["token_issuers"][0] = json!({
            "name": "entra", "profile": "entra", "tenant": "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10",
            "group_lookup": { "client_id": "lookup", "client_secret": { "secret": "lookup_secret" } },
        });
    }
    if path == "token_issuers[]" && matches!(key, "authority" | "versions") {
        document["token_issuers"][0] =
            json!({ "name": "entra", "profile": "entra", "tenant": "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10" });
    }
    // So that the shortest session is as long as the shortest access token.
    if key == "session" {
        document["lifetimes"] = json!({ "access_token": 1 });
    }
    document
}

/// Sets the key in the table at `path`, such as `routes[].limits`.
fn set(mut document: Value, path: &str, key: &str, value: Value) -> String {
    let mut table = &mut document;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        table = match part.strip_suffix("[]") {
            Some(list) => &mut table[list][0],
            None => &mut table[part],
        };
        if table.is_null() {
            *table = json!({});
        }
    }
    table[key] = value;
    document.to_string()
}

/// Every key with a path at which it stands: in each of them but those of several providers.
fn keys(document: &Document) -> Vec<(String, &Key)> {
    let sections = document.in_order();
    let tables = sections.iter().flat_map(|(name, paths)| paths.iter().map(move |path| (*name, path)));
    let tables = tables.filter(|(_, path)| !path.starts_with("identity_providers"));
    tables
        .flat_map(|(name, path)| document.table(name).unwrap().keys.iter().map(move |key| (path.clone(), key)))
        .collect()
}

#[test]
fn the_pages_in_the_repository_are_those_of_the_code() {
    let faults = faults(repository(), &pages(repository()).unwrap()).unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_number_is_taken_at_its_bounds_and_refused_past_them() {
    let document = document();
    let mut tried = 0;
    for (path, key) in keys(&document) {
        let Some((least, most)) = key.bounds else { continue };
        let refused_at = |number: u64| {
            let text = set(document_for(&path, &key.name), &path, &key.name, json!(number));
            match Configuration::parse(&text) {
                Ok(_) => None,
                Err(ConfigurationError::Key { key, .. }) => Some(key),
                Err(error) => panic!("{path}.{} = {number}: {error}", key.name),
            }
        };
        let name = format!("{path}.{}", key.name);
        assert_eq!((refused_at(least), refused_at(most)), (None, None), "{name}");
        let written = name.replace("[]", "[0]");
        assert_eq!(refused_at(most + 1), Some(written.clone()), "{name}");
        if least > 0 {
            assert_eq!(refused_at(least - 1), Some(written), "{name}");
        }
        tried += 1;
    }
    assert!(tried >= 18, "{tried}");
}

#[test]
fn every_default_is_what_holds_where_the_key_is_absent() {
    let document = document();
    let mut tried = 0;
    for (path, key) in keys(&document) {
        let default = key.default.as_deref().and_then(|text| text.strip_prefix('`')?.strip_suffix('`'));
        let Some(value) = default.map(|text| serde_json::from_str::<Value>(text).unwrap()) else { continue };
        let absent = document_for(&path, &key.name);
        let given = set(absent.clone(), &path, &key.name, value);
        let meaning = |text: &str| format!("{:?}", Configuration::parse(text).unwrap());
        // A table that stands there empty means what its absence means; of the method, the robot has another one.
        if key.name != "token_endpoint_auth_method" {
            assert_eq!(meaning(&given), meaning(&absent.to_string()), "{path}.{}", key.name);
            tried += 1;
        }
    }
    assert!(tried >= 25, "{tried}");
}

#[test]
fn every_listed_value_is_known_and_no_other() {
    let document = document();
    for (path, key) in keys(&document) {
        if key.values.is_empty() {
            continue;
        }
        let problem = |value: &str| {
            let value = if matches!(key.kind, Kind::List(_)) { json!([value]) } else { json!(value) };
            let text = set(document_for(&path, &key.name), &path, &key.name, value);
            Configuration::parse(&text).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let unknown = problem("nothing-like-it");
        assert!(unknown.contains(&key.name), "{path}.{}: {unknown}", key.name);
        for value in &key.values {
            assert_ne!(problem(value), unknown, "{path}.{} = {value}", key.name);
        }
    }
}

/// Whether the value is as the schema says. It knows the keywords that [`schema`] writes, and refuses others.
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let members = || value.as_object().into_iter().flatten();
    schema.as_object().unwrap().iter().all(|(keyword, says)| match keyword.as_str() {
        "$defs" | "$schema" | "title" | "description" | "default" => true,
        "examples" => says.as_array().unwrap().iter().all(|example| {
            let mut without = schema.clone();
            without.as_object_mut().unwrap().remove("examples");
            fits(example, &without, root)
        }),
        "$ref" => fits(value, root.pointer(says.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), root),
        "type" => match says.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64(),
            other => panic!("{other}"),
        },
        "enum" => says.as_array().unwrap().contains(value),
        "minimum" => value.as_u64() >= says.as_u64(),
        "maximum" => value.as_u64() <= says.as_u64(),
        "maxItems" => items.len() as u64 <= says.as_u64().unwrap(),
        "items" => items.iter().all(|item| fits(item, says, root)),
        "required" => says.as_array().unwrap().iter().all(|key| !value[key.as_str().unwrap()].is_null()),
        "properties" => members().filter_map(|(key, it)| Some((it, says.get(key)?))).all(|(it, of)| fits(it, of, root)),
        "additionalProperties" => {
            let others = members().filter(|(key, _)| schema["properties"].get(*key).is_none());
            others.map(|(_, other)| other).all(|other| says.is_object() && fits(other, says, root))
        }
        other => panic!("{other}"),
    })
}

#[test]
fn the_schema_takes_the_demos_configuration_and_refuses_what_gatehouse_refuses() {
    let schema: Value = serde_json::from_str(&schema::text(&document()).unwrap()).unwrap();
    let demo = fs::read_to_string(repository().join("examples/gatehouse.toml")).unwrap();
    let demo = toml::from_str::<Value>(&demo).unwrap();
    for right in [demo, full()] {
        assert!(fits(&right, &schema, &schema), "{right}");
    }
    for (path, key, value) in [
        ("", "public_uri", json!("https://gateway.example")),
        ("lifetimes", "access_token", json!(3601)),
        ("routes[].rates[]", "per", json!("day")),
        ("routes[]", "secret_headers", json!({ "x-key": "hunter2" })),
        ("clients[]", "grant_types", json!(["password"])),
    ] {
        let text = set(full(), path, key, value);
        assert!(!fits(&serde_json::from_str(&text).unwrap(), &schema, &schema), "{text}");
        assert!(Configuration::parse(&text).is_err(), "{text}");
    }
}

/// Lays what a fragment of a document says over a whole one: a fragment's `[[routes.policy]]` is about its first route.
fn lay_over(base: &mut Value, fragment: Value) {
    match (base, fragment) {
        (Value::Array(list), fragment @ Value::Object(_)) => lay_over(&mut list[0], fragment),
        (Value::Object(table), Value::Object(fragment)) => {
            for (key, value) in fragment {
                lay_over(table.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, fragment) => *base = fragment,
    }
}

#[test]
fn every_configuration_in_the_documents_is_right() {
    let mut documents = files(&repository().join("docs"), ".md").unwrap();
    documents.push(repository().join("README.md"));
    let mut tried = 0;
    for file in documents {
        let text = fs::read_to_string(&file).unwrap();
        for block in text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let fragment: Value = toml::from_str(block).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            // A manifest, or Spin's runtime configuration.
            if ["variables", "component", "key_value_store", "outbound_networking"]
                .iter()
                .any(|key| !fragment[key].is_null())
            {
                continue;
            }
            let mut document = full();
            if !fragment["identity_providers"].is_null() {
                document.as_object_mut().unwrap().remove("identity_provider");
            }
            if fragment["identity_provider"]["profile"] == json!("entra") {
                document["identity_provider"].as_object_mut().unwrap().remove("issuer");
            }
            if fragment.to_string().contains("\"tokens\":") && fragment["token_issuers"].is_null() {
                document["token_issuers"] = token_issuers();
            }
            let of_workload = fragment["workloads"][0]["issuer"].as_str();
            let of_client = fragment["clients"][0]["may_exchange"][0]["issuer"].as_str();
            if let (Some(name), true) = (of_workload.or(of_client), fragment["token_issuers"].is_null()) {
                document["token_issuers"] = json!([{ "name": name, "issuer": "https://token.example" }]);
            }
            let of_backend = fragment["routes"][0]["backend_token"]["connection"].as_str();
            if let (Some(name), true) = (of_backend, fragment["connections"].is_null()) {
                document["connections"] = json!([{ "name": name, "preset": "github", "client_id": "gatehouse" }]);
            }
            lay_over(&mut document, fragment);
            let parsed = Configuration::parse(&document.to_string());
            assert!(parsed.is_ok(), "{}: {}\n{block}", file.display(), parsed.unwrap_err());
            tried += 1;
        }
    }
    assert!(tried > 8, "{tried}");
}

/// A repository with the document's types and those of the log alone, changed.
fn changed(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = files(&repository().join(DOCUMENT), ".rs").unwrap();
    sources.push(repository().join(DOCUMENT).with_extension("rs"));
    sources.extend(files(&repository().join("crates/audit-log/src"), ".rs").unwrap());
    let mut is_changed = false;
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        is_changed |= text.contains(from);
        let copy = folder.path().join(source.strip_prefix(repository()).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, text.replace(from, to)).unwrap();
    }
    assert!(is_changed, "{from}");
    fs::create_dir_all(folder.path().join("docs/decisions")).unwrap();
    for page in files(&repository().join("docs/decisions"), ".md").unwrap() {
        fs::copy(&page, folder.path().join(page.strip_prefix(repository()).unwrap())).unwrap();
    }
    fs::copy(repository().join("docs/audit.md"), folder.path().join("docs/audit.md")).unwrap();
    for page in pages(repository()).unwrap() {
        fs::write(folder.path().join(page.path), page.text).unwrap();
    }
    folder
}

#[test]
fn a_key_a_default_or_a_meaning_that_the_page_does_not_have_is_drift() {
    for (from, to) in [
        ("per_minute: Option<u32>", "per_second: Option<u32>"),
        ("DEFAULT_SIGN_INS_PER_MINUTE: u32 = 3_000", "DEFAULT_SIGN_INS_PER_MINUTE: u32 = 3_001"),
        ("How many sign-ins may begin in a minute", "How many sign-ins may start in a minute"),
    ] {
        let repository = changed(from, to);
        let faults = faults(repository.path(), &pages(repository.path()).unwrap()).unwrap();
        assert!(faults[0].starts_with("docs/configuration.md differs from the code"), "{faults:?}");
    }
    let same = changed("per_minute", "per_minute");
    assert_eq!(faults(same.path(), &pages(same.path()).unwrap()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_decision_that_the_index_does_not_have_is_drift() {
    let repository = changed("per_minute", "per_minute");
    fs::write(repository.path().join("docs/decisions/new.md"), "# A new decision\n\nText.\n").unwrap();
    let pages = pages(repository.path()).unwrap();
    let index = pages.iter().find(|page| page.path == "docs/decisions/README.md").unwrap();
    assert!(index.text.contains("* [A new decision](new.md)\n"), "{}", index.text);
    assert_eq!(faults(repository.path(), &pages).unwrap().len(), 1);
}

#[test]
fn a_key_that_says_too_little_of_itself_has_no_page() {
    for (from, to, said) in [
        ("    /// Default: `false`\n", "", "no line `Default: `"),
        ("    /// Bounds: 1 to [`MOST_SIGN_INS_PER_MINUTE`]\n", "", "no line `Bounds: `"),
        ("[`MOST_SIGN_INS_PER_MINUTE`]", "[`MOST_SIGN_INS`]", "MOST_SIGN_INS, which is no constant"),
        ("per_minute: Option<u32>", "per_minute: Option<(u32, u32)>", "a type that is not known here"),
    ] {
        let error = pages(changed(from, to).path()).err().unwrap();
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
}

#[test]
fn every_key_of_every_table_is_on_the_page() {
    let document = document();
    let page = markdown::page(&document);
    let of_root = document.table(ROOT).unwrap();
    assert!(document.tables().count() > 15 && of_root.keys.len() == 26, "{}", of_root.keys.len());
    for (name, table) in document.tables() {
        for key in &table.keys {
            assert!(page.contains(&format!("| `{}` | ", key.name)), "{name}.{}", key.name);
        }
    }
}

#[test]
fn a_log_text_that_the_code_lacks_is_found_and_one_in_a_comment_or_a_test_is_no_log_text() {
    let code = r#"
        /// in a doc comment
        fn log() { warn!("the provider {name} does not answer: {reason}"); Error::new("it is \"quoted\"") }
        #[error("of an attribute")] struct Fault;
        #[cfg(test)] mod tests { const T: &str = "in a test"; }
        const AFTER: &str = "behind the test";
    "#;
    let mut texts = Vec::new();
    log_texts::collect(code.parse().unwrap(), &mut texts);
    for said in
        ["does not answer", "the provider … does not answer: …", "it is \"quoted\"", "of an attribute", "behind"]
    {
        assert!(log_texts::is_said(said, &texts), "{said}");
    }
    for not_said in ["the provider … did not answer", "in a doc comment", "in a test", "…", ""] {
        assert!(!log_texts::is_said(not_said, &texts), "{not_said}");
    }
    let page = "| Log text | Cause |\n|---|---|\n| `a`, `b …` | `no` |\n\n| What | `else` |\n|---|---|\n| `no` | |\n";
    assert_eq!(log_texts::quotations(page), ["a", "b …"]);
}
