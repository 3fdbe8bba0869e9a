//! Gatehouse with the clients and the providers that the pages tell of.

use gatehouse_tests::{AttackSettings, AttackWorld, Flow, Person, ScriptedProvider, TestClient, serve};
use http::Response;
use http::header::CONTENT_TYPE;

pub const PROVIDERS: [&str; 3] = ["contoso", "fabrikam", "northwind"];
pub const PRIVATE_USE: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

/// A square with a round hole.
const LOGO: &str = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA0MCA0MCI+PHBhdGggZmlsbD0iIzBiNWNhZCIgZmlsbC\
                    1ydWxlPSJldmVub2RkIiBkPSJNMCAwaDQwdjQwSDB6TTIwIDhhMTIgMTIgMCAxIDAgMCAyNCAxMiAxMiAwIDAgMCAwLTI0eiIvPjwvc3ZnPg==";

/// Gatehouse in front of providers with these names.
pub async fn start(providers: &[&str], settings: AttackSettings) -> AttackWorld {
    let mut started = Vec::new();
    for name in providers {
        started.push(ScriptedProvider::start(name).await);
    }
    let clients = format!(
        r#"
[branding]
name = "Contoso Werkzeuge"
logo = "data:image/svg+xml;base64,{LOGO}"
contact = "mailto:help@contoso.example"
privacy = "https://contoso.example/privacy"

[[clients]]
client_id = "native"
client_name = "Visual Studio Code"
redirect_uris = ["http://127.0.0.1/callback", "http://localhost/callback"]

[[clients]]
client_id = "cursor"
client_name = "Cursor"
redirect_uris = ["{PRIVATE_USE}"]
"#
    );
    AttackWorld::start_with(AttackSettings {
        providers: started,
        top: "private_use_schemes = [\"cursor\"]".to_owned(),
        tables: format!("{clients}\n{}", settings.tables),
        ..settings
    })
    .await
}

/// The client that listens at `redirect_uri`.
pub fn native(redirect_uri: &str) -> TestClient {
    TestClient::public("native", redirect_uri)
}

/// The client whose links this computer opens.
pub fn cursor() -> TestClient {
    TestClient::public("cursor", PRIVATE_USE)
}

/// What `client` asks for. The browser of the test takes the steps.
pub fn asked<'a>(world: &'a AttackWorld, person: &'a Person, client: &TestClient) -> Flow<'a> {
    world.flow_of(person, client.clone(), "/mcp")
}

/// The page of a client that listens on this computer; its redirect URI.
pub async fn client_page() -> String {
    let origin = serve(|_| async {
        let page = "<!doctype html><html lang=\"en\"><title>Client</title><h1>You can close this window</h1></html>";
        Response::builder().header(CONTENT_TYPE, "text/html").body(page.into()).ok()
    });
    format!("{}/callback", origin.await)
}
