//! By which of the ways a caller may come in at a route.

use gatehouse_configuration::{Configuration, Counted, Route, RouteTokens, TokenIssuer, TokenVerification, Workload};
use gatehouse_protocol::Subject;

/// The tokens of other issuers that the route accepts, each with its issuer.
pub(crate) fn tokens<'a>(
    configuration: &'a Configuration,
    route: &Route,
) -> impl Iterator<Item = (&'a RouteTokens, &'a TokenIssuer)> {
    let configuration = &configuration.authorization_server;
    let found = configuration.token_routes.iter().find(|found| found.path == route.path.as_str());
    let tokens = found.into_iter().flat_map(|found| &found.tokens);
    tokens.filter_map(|tokens| Some((tokens, configuration.token_issuer(&tokens.issuer)?)))
}

/// The ways, in words.
pub(crate) fn describe(configuration: &Configuration, route: &Route) -> Vec<String> {
    let own = route.own_tokens.then(|| "Gatehouse's own access tokens".to_owned());
    own.into_iter()
        .chain(tokens(configuration, route).map(|(tokens, issuer)| describe_tokens(tokens, issuer)))
        .chain(route.api_keys.is_some().then(|| format!("the API keys {}", key_labels(route).join(", "))))
        .collect()
}

/// The callers with API keys of the route.
pub(crate) fn key_labels(route: &Route) -> Vec<&str> {
    let keys = route.api_keys.as_ref();
    let pool = keys.and_then(|keys| keys.session_pool.as_ref()).map(|pool| pool.name.as_str());
    keys.into_iter().flat_map(|keys| &keys.keys).map(|key| key.label.as_str()).chain(pool).collect()
}

/// Why nobody with this subject comes in at the route through this application; `None` where somebody may.
pub(crate) fn missing(
    configuration: &Configuration,
    route: &Route,
    subject: &Subject,
    application: &str,
) -> Option<String> {
    let name = subject.provider();
    let server = &configuration.authorization_server;
    let is_it = |workload: &Workload| subject.as_str() == format!("{}:{}", Subject::WORKLOADS, workload.name);
    let as_workload =
        || server.workloads.iter().any(|workload| is_it(workload) && workload.routes.contains(&route.path));
    let exchanged =
        || server.clients.iter().flat_map(|client| client.exchangeable.issuers()).any(|issuer| issuer == name);
    let by_own = route.own_tokens
        && (name == Subject::MACHINES || server.identity_provider(name).is_some() || as_workload() || exchanged());
    if by_own {
        return None;
    }
    if let Some((tokens, _)) = tokens(configuration, route).find(|(tokens, _)| tokens.issuer == name) {
        let allowed = &tokens.client_application_ids;
        // Rules and the log name it so: another issuer's clients are not ours.
        let id = application.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        let is_allowed = allowed.is_empty() || allowed.iter().any(|allowed| Some(allowed.as_str()) == id);
        let path = &route.path;
        return (!is_allowed).then(|| {
            format!("{application} is none of client_application_ids for {name} at {path}; write --client {name}:ID")
        });
    }
    let ways = describe(configuration, route).join("; ");
    Some(format!("no way in at {}: it takes {ways}; {subject} can have none of these", route.path))
}

fn describe_tokens(tokens: &RouteTokens, issuer: &TokenIssuer) -> String {
    let mut text = format!("tokens of {} for {}", tokens.issuer, tokens.audiences.join(" or "));
    if !tokens.client_application_ids.is_empty() {
        text.push_str(&format!(", of the applications {}", tokens.client_application_ids.join(", ")));
    }
    for claim in &tokens.required_claims {
        let join = if claim.any { " or " } else { " and " };
        let values = if claim.values.is_empty() { "anything".to_owned() } else { claim.values.join(join) };
        text.push_str(&format!(", where {} holds {values}", claim.name));
    }
    if !tokens.granted_scopes.is_empty() {
        text.push_str(&format!(", with the scopes {} and their own", tokens.granted_scopes));
    }
    if let TokenVerification::Introspected { introspection, .. } = &issuer.verification {
        text.push_str(&format!(", asked about once in {} seconds", introspection.keep_seconds));
    }
    text
}

/// What an operator should know of the tokens that the route accepts.
pub(crate) fn warnings(configuration: &Configuration, route: &Route) -> Vec<String> {
    let mut warnings = Vec::new();
    let all: Vec<_> = tokens(configuration, route).collect();
    for (index, (tokens, issuer)) in all.iter().enumerate() {
        let is_same = |other: &TokenIssuer| issuer.url().is_some() && issuer.url() == other.url();
        if let Some((other, _)) = all.iter().take(index).find(|(_, other)| is_same(other)) {
            warnings.push(format!(
                "{} and {} are one issuer: whoever has tokens of both kinds is two subjects",
                other.issuer, tokens.issuer
            ));
        }
        let is_entra = matches!(issuer.verification, TokenVerification::Entra { .. });
        if is_entra && tokens.client_application_ids.is_empty() {
            warnings.push(format!(
                "tokens of {} have no client_application_ids: any application of the tenant may come",
                tokens.issuer
            ));
        }
    }
    let is_asked = |(_, issuer): (&RouteTokens, &TokenIssuer)| !issuer.is_signed();
    if tokens(configuration, route).any(is_asked) && !route.rates.iter().any(|rate| rate.per == Counted::Address) {
        let text = "an issuer is asked about every token here that it is not known to know, 60 times in a minute for each address, and no \
                    rate with per = \"address\" limits how many come from one";
        warnings.push(text.to_owned());
    }
    if route.accepted_tokens.is_some() && route.upstreams().any(|it| it.identity_provider_token_header.is_some()) {
        let text = "callers with tokens of other issuers get 403 where identity_provider_token_header is set: we have no token of \
                    the identity provider for them";
        warnings.push(text.to_owned());
    }
    warnings
}
