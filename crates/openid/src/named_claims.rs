//! What routes' policies name of users.

use std::collections::BTreeSet;

use gatehouse_configuration::authorization_server::RuleClaims;

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
    /// Whether no rule names a group, so that nobody has to know any.
    pub fn is_without_groups(&self) -> bool {
        self.groups.is_empty()
    }

    /// What the policies name.
    pub fn of(rules: &'a RuleClaims) -> Self {
        Self {
            groups: rules.groups.iter().map(String::as_str).collect(),
            denied_groups: rules.denied_groups.iter().map(String::as_str).collect(),
            denies_by_role: rules.denies_by_role,
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_configuration::authorization_server::Configuration;

    use super::*;

    #[test]
    fn what_the_rules_of_every_route_name_is_known() {
        let rules = |policy: &str| {
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
            Configuration::parse(&document).unwrap().rule_claims
        };
        assert_eq!(NamedClaims::of(&rules("")), NamedClaims::default());
        let rules = rules(
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
        assert_eq!(NamedClaims::of(&rules), named);
    }
}
