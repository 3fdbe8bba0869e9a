//! What routes' policies name of users.

use std::collections::BTreeSet;

use gatehouse_configuration::{Effect, Route, Rule};

/// The groups and roles that the rules of all routes name, whichever provider has them. A user may go to any route, so all
/// of it must be known at the sign-in.
///
/// A group that an allowing rule names and that is not known of a user is as one that the user is not in. Of a denying rule
/// the user would slip through, so there it must be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedClaims<'a> {
    /// By rules of either effect.
    pub(crate) groups: BTreeSet<&'a str>,
    /// By rules that deny.
    pub(crate) denied_groups: BTreeSet<&'a str>,
    /// Whether a rule denies something by roles.
    pub(crate) denies_by_role: bool,
}

impl<'a> NamedClaims<'a> {
    /// What the policies of `routes` name.
    pub fn of(routes: &'a [Route]) -> Self {
        let rules = || routes.iter().flat_map(|route| &route.policy.rules);
        let denying = || rules().filter(|rule| matches!(rule.effect, Effect::Deny));
        let group = |rule: &'a Rule| rule.who.groups.iter().map(String::as_str);
        Self {
            groups: rules().flat_map(group).collect(),
            denied_groups: denying().flat_map(group).collect(),
            denies_by_role: denying().any(|rule| !rule.who.roles.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_configuration::Configuration;

    use super::*;

    #[test]
    fn what_the_rules_of_every_route_name_is_known() {
        let routes = |policy: &str| {
            let document = format!(
                r#"
                public_url = "https://gateway.example"
                [identity_provider]
                name = "demo"
                issuer = "https://op.example"
                client_id = "gatehouse"
                [[routes]]
                path = "/none"
                url = "http://10.0.0.7/mcp"
                [[routes]]
                path = "/mcp"
                url = "http://10.0.0.8/mcp"
                {policy}
                "#
            );
            Configuration::parse(&document).unwrap().routes
        };
        assert_eq!(NamedClaims::of(&routes("")), NamedClaims::default());
        let routes = routes(
            r#"
            [[routes.policy]]
            name = "staff"
            groups = ["staff", "3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E"]
            roles = ["reader"]
            [[routes.policy]]
            name = "guests"
            effect = "deny"
            groups = ["guests"]
            [[routes]]
            path = "/other"
            url = "http://10.0.0.9/mcp"
            [[routes.policy]]
            name = "blocked"
            effect = "deny"
            roles = ["blocked"]
            "#,
        );
        let named = NamedClaims {
            groups: ["3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e", "guests", "staff"].into(),
            denied_groups: ["guests"].into(),
            denies_by_role: true,
        };
        assert_eq!(NamedClaims::of(&routes), named);
        assert!(!NamedClaims::of(&routes[..2]).denies_by_role, "an allowing rule names them");
    }
}
