//! What people call a user: kept where a server is told, and nowhere else.

use serde_json::json;

use super::Server;
use crate::authorization_server::CONFIGURATION;
use crate::bindings::auth::exports::gatehouse::auth::sessions::Names;
use crate::fakes::NOW;
use crate::outbound::Answer;
use crate::signing::sign;

const NAMES: &str = "identity_headers = { app_service = true, names = true }";
/// The second from which the provider's tokens are due.
const DUE: u64 = 3600 - 60;

fn names(name: &str) -> Option<Names> {
    Some(Names { name: Some(name.to_owned()), preferred_username: None, email: None })
}

/// A server whose route has these lines, before a provider that says a name, and another one at the refresh.
fn server(lines: &str) -> Server {
    let server = Server::with_provider_tokens_for(3600);
    server.fakes.set("config", &format!("{CONFIGURATION}{lines}\n"));
    server.provider.claims.lock().unwrap()["name"] = json!("Alice");
    server.provider.at_refresh(|| {
        let claims = json!({
            "iss": "https://provider.example", "aud": "gatehouse", "sub": "alice", "iat": NOW + DUE, "exp": NOW + DUE + 300,
            "name": "Alice Married",
        });
        Answer::json(&json!({
            "token_type": "Bearer", "access_token": "second-access", "refresh_token": "second-refresh", "expires_in": 3600,
            "id_token": sign(&claims),
        }))
    });
    server
}

#[tokio::test]
async fn a_name_is_kept_where_a_server_is_told_and_follows_the_provider() {
    for (lines, first, then) in [
        (NAMES, names("Alice"), names("Alice Married")),
        ("identity_headers = { app_service = true }", None, None),
        ("", None, None),
    ] {
        let server = server(lines);
        let tokens = server.open().await;
        assert_eq!(server.validate(&tokens).await.unwrap().claims.names, first, "{lines}");
        server.fakes.advance(DUE);
        let tokens = server.refresh(&tokens).await.unwrap();
        assert_eq!(server.validate(&tokens).await.unwrap().claims.names, then, "{lines}");
        assert!(!server.fakes.log().contains("Alice"), "{}", server.fakes.log());
        assert!(!server.fakes.store.lock().unwrap().dump().contains("Alice"), "what is kept is sealed");
    }
}

/// Who begins to tell a server names later, finds that none was kept before.
#[tokio::test]
async fn a_session_from_before_names_were_told_has_none_until_the_provider_says_them_anew() {
    let server = server("");
    let tokens = server.open().await;
    server.fakes.set("config", &format!("{CONFIGURATION}{NAMES}\n"));
    let tokens = server.refresh(&tokens).await.unwrap();
    assert_eq!(server.validate(&tokens).await.unwrap().claims.names, None);
    server.fakes.advance(DUE);
    let tokens = server.refresh(&tokens).await.unwrap();
    assert_eq!(server.validate(&tokens).await.unwrap().claims.names, names("Alice Married"));
}
