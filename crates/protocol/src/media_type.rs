//! Media types (RFC 9110, section 8.3.1).

/// The type and subtype of a `Content-Type` value, in lower case, without its parameters.
pub fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_case_and_space_do_not_make_another_type() {
        for text in ["application/json", "Application/JSON", " application/json ;charset=utf-8", "application/json;"] {
            assert_eq!(essence(text), "application/json");
        }
        assert_eq!(essence(""), "");
        assert_eq!(essence("application/jsonx"), "application/jsonx");
    }

    proptest! {
        #[test]
        fn the_essence_has_no_parameters_and_no_upper_case_and_is_its_own_essence(text in ".{0,60}") {
            let found = essence(&text);
            prop_assert!(!found.contains(';') && !found.bytes().any(|byte| byte.is_ascii_uppercase()));
            prop_assert_eq!(essence(&found), found);
        }
    }
}
