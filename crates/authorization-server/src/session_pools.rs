//! What administrators ask about the key of a route, at the paths that Azure Resource Manager has for it.

use gatehouse_protocol::SecretString;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Characters of the shortest bearer token that an administrator may have.
pub const SHORTEST_TOKEN: usize = 32;

/// What an administrator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To be told the key.
    Fetch,
    /// To have it replaced.
    Regenerate,
}

impl Action {
    /// What the log calls it.
    pub const fn log_name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch-api-key",
            Self::Regenerate => "regenerate-api-key",
        }
    }
}

/// A request about the key of a session pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolRequest<'a> {
    /// The pool's name, in any case.
    pub pool: &'a str,
    /// What is to be done.
    pub action: Action,
}

impl<'a> PoolRequest<'a> {
    /// The request at
    /// `/subscriptions/ANY/resourceGroups/ANY/providers/Microsoft.App/sessionPools/NAME/fetchMCPServerCredentials` or
    /// `…/regenerateCredentials`. As at Azure, upper and lower case are one in it. Nothing is decoded.
    pub fn of(path: &'a str) -> Option<Self> {
        let mut segments = path.strip_prefix('/')?.split('/');
        for name in ["subscriptions", "", "resourceGroups", "", "providers", "Microsoft.App", "sessionPools"] {
            // An empty name stands for any that is not.
            let is_right =
                |segment: &&str| if name.is_empty() { !segment.is_empty() } else { segment.eq_ignore_ascii_case(name) };
            segments.next().filter(is_right)?;
        }
        let pool = segments.next().filter(|pool| !pool.is_empty())?;
        let action = match segments.next()? {
            name if name.eq_ignore_ascii_case("fetchMCPServerCredentials") => Action::Fetch,
            name if name.eq_ignore_ascii_case("regenerateCredentials") => Action::Regenerate,
            _ => return None,
        };
        if segments.next().is_some() { None } else { Some(Self { pool, action }) }
    }
}

/// The bearer token of an administrator. Two fields are as good as none.
pub fn presented(headers: &HeaderMap) -> Option<SecretString> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| SecretString::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const FETCH: &str =
        "/subscriptions/0000/resourceGroups/rg/providers/Microsoft.App/sessionPools/code/fetchMCPServerCredentials";

    #[test]
    fn the_paths_of_the_article_are_read_whatever_the_subscription_and_the_case() {
        let request = |action| Some(PoolRequest { pool: "code", action });
        assert_eq!(PoolRequest::of(FETCH), request(Action::Fetch));
        let regenerate = FETCH.replace("fetchMCPServerCredentials", "regenerateCredentials");
        assert_eq!(PoolRequest::of(&regenerate), request(Action::Regenerate));
        let spelled = regenerate.replace("resourceGroups", "RESOURCEGROUPS").replace("Microsoft.App", "microsoft.app");
        assert_eq!(PoolRequest::of(&spelled.replace("0000", "any~thing")), request(Action::Regenerate));
    }

    #[test]
    fn every_other_path_is_nothing() {
        for path in [
            "",
            "/",
            "/subscriptions",
            "/subscriptions/0000",
            &FETCH[1..],
            &format!("/{FETCH}"),
            &format!("{FETCH}/"),
            &format!("{FETCH}/more"),
            &FETCH.replace("0000", ""),
            &FETCH.replace("/code/", "//"),
            &FETCH.replace("sessionPools", "containerApps"),
            &FETCH.replace("fetch", "forge"),
            &FETCH.replace("subscriptions", "%73ubscriptions"),
            &FETCH.replace("/rg/", "/rg/../"),
        ] {
            assert_eq!(PoolRequest::of(path), None, "{path}");
        }
    }

    #[test]
    fn one_bearer_token_is_taken_as_it_is() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            presented(&headers).map(|token| token.expose().to_owned())
        };
        assert_eq!(of(&["bearer a b"]).as_deref(), Some("a b"));
        for none in [&[][..], &["Bearer a", "Bearer a"], &["Bearer "], &["Bearer"], &["Basic a"], &["ApiKey a"]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
