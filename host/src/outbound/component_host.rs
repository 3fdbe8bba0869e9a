//! The names by which components of one application reach each other, as in Spin: `COMPONENT.spin.internal`.

/// The domain of these names. No name server is ever asked for one.
const DOMAIN: &str = "spin.internal";

/// Whether `host`, in lower case, is such a name, or could be taken for one.
pub(crate) fn is_in_domain(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.strip_suffix(DOMAIN).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The id of the component that `host` names, in lower case.
pub(crate) fn component_of(host: &str) -> Option<&str> {
    let component = host.strip_suffix(DOMAIN)?.strip_suffix('.')?;
    (!component.is_empty() && !component.contains('.')).then_some(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_one_label_in_front_of_the_domain() {
        for (host, in_domain, component) in [
            ("a.spin.internal", true, Some("a")),
            ("a-b_c.spin.internal", true, Some("a-b_c")),
            ("a.b.spin.internal", true, None),
            ("spin.internal", true, None),
            (".spin.internal", true, None),
            ("a.spin.internal.", true, None),
            ("a.spin.internal..", true, None),
            ("aspin.internal", false, None),
            ("a.spin.internal.example", false, None),
            ("", false, None),
        ] {
            assert_eq!((is_in_domain(host), component_of(host)), (in_domain, component), "{host}");
        }
    }
}
