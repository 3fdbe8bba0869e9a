//! The API keys of a route, in plain lines.

use gatehouse_configuration::{ApiKeys, ConfiguredKey, Route};
use gatehouse_protocol::UnixTime;
use jiff::Timestamp;

/// Who is told so early that a key ends can still make another one.
const SOON_DAYS: u64 = 30;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Who comes in with which key, and which of them end: names of lines, and what is said there.
pub(super) fn describe(route: &Route, now: Timestamp) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |name: String, value: String| lines.push((name, value));
    let Some(keys) = &route.api_keys else { return lines };
    let path = &route.path;
    let tokens = if route.takes_tokens() { "; access tokens are taken, too" } else { "; no token is taken" };
    line(format!("API keys of {path}"), format!("in the header {}{tokens}", keys.header));
    if let Some(pool) = &keys.session_pool {
        let labels: Vec<_> = pool.administrators.iter().map(|administrator| administrator.label.as_str()).collect();
        let text = format!(
            "subject key:{}, scopes {}; fetched and replaced by {}; a former key works for {} seconds",
            pool.name,
            keys.scopes,
            labels.join(", "),
            pool.validation_seconds
        );
        line(format!("Session pool {} of {path}", pool.name), text);
    }
    let now = UnixTime::from_seconds(u64::try_from(now.as_second()).unwrap_or_default());
    for key in &keys.keys {
        let ends = key
            .expires
            .map_or_else(|| "works until it is removed".to_owned(), |day| format!("works until {}", date(day)));
        let text = format!("subject key:{}, scopes {}; {ends}", key.label, key.scopes);
        line(format!("API key {} of {path}", key.label), text);
    }
    for warning in warnings(keys, now) {
        line(format!("Warning for {path}"), warning);
    }
    lines
}

fn warnings(keys: &ApiKeys, now: UnixTime) -> Vec<String> {
    let warning = |key: &ConfiguredKey| {
        let (label, expires) = (&key.label, key.expires?);
        if expires <= now {
            return Some(format!("the API key {label} has expired, on {}: it lets nobody in", date(expires)));
        }
        let is_soon = now.seconds_until(expires) <= SOON_DAYS * DAY_SECONDS;
        is_soon.then(|| format!("the API key {label} ends soon, on {}: make another one", date(expires)))
    };
    keys.keys.iter().filter_map(warning).collect()
}

fn date(day: UnixTime) -> String {
    let seconds = i64::try_from(day.seconds()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| day.to_string(), |time| time.strftime("%F").to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use gatehouse_configuration::Configuration;

    use super::*;

    const DOCUMENT: &str = r#"
        public_url = "https://gateway.example"
        identity_provider = { name = "main", issuer = "https://login.example", client_id = "gatehouse" }

        [[routes]]
        path = "/code"
        url = "http://10.0.0.7:8080/mcp"

        [routes.api_keys]
        session_pool = "code"
        administrators = [{ label = "operations", secret = "api_keys_administrator" }]

        [[routes.api_keys.keys]]
        label = "old"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000001"
        expires = "2026-11-29"

        [[routes.api_keys.keys]]
        label = "ending"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000002"
        expires = "2026-12-29"

        [[routes.api_keys.keys]]
        label = "good"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000003"
        expires = "2027-12-29"

        [[routes.api_keys.keys]]
        label = "endless"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000004"
    "#;

    #[test]
    fn what_has_ended_or_ends_soon_is_warned_of() {
        let configuration = Configuration::parse(DOCUMENT).unwrap();
        let lines = describe(&configuration.routes[0], "2026-11-29T00:00:00Z".parse().unwrap());
        let report: String = lines.into_iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        assert_eq!(
            report,
            "\
API keys of /code: in the header x-ms-apikey; no token is taken
Session pool code of /code: subject key:code, scopes mcp; fetched and replaced by operations; a former key works for 300 seconds
API key old of /code: subject key:old, scopes mcp; works until 2026-11-29
API key ending of /code: subject key:ending, scopes mcp; works until 2026-12-29
API key good of /code: subject key:good, scopes mcp; works until 2027-12-29
API key endless of /code: subject key:endless, scopes mcp; works until it is removed
Warning for /code: the API key old has expired, on 2026-11-29: it lets nobody in
Warning for /code: the API key ending ends soon, on 2026-12-29: make another one
"
        );
        let settings = super::super::needs::settings(&configuration);
        let why = settings["api_keys_administrator"].join(", ");
        assert_eq!(why, "token of operations, an administrator of the API key of /code");
    }
}
