//! Which operations of a document become tools.

use wildmatch::WildMatch;

/// Patterns of operations. `*` stands for any characters. A pattern is compared with the `operationId`, with the method and
/// path (`GET /users/*`) and with the tags (`tag:users`). What begins with `!` leaves operations out that others choose.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    chosen: Vec<WildMatch>,
    left_out: Vec<WildMatch>,
}

impl Selection {
    /// The selection by these patterns. Without one that chooses, everything is chosen.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut selection = Self::default();
        for pattern in patterns {
            match pattern.strip_prefix('!') {
                Some(pattern) => selection.left_out.push(WildMatch::new(pattern)),
                None => selection.chosen.push(WildMatch::new(pattern)),
            }
        }
        selection
    }

    /// Whether the operation with these names becomes a tool.
    pub(crate) fn has(&self, names: &[String]) -> bool {
        let matches =
            |patterns: &[WildMatch]| patterns.iter().any(|pattern| names.iter().any(|name| pattern.matches(name)));
        (self.chosen.is_empty() || matches(&self.chosen)) && !matches(&self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_chosen_by_id_path_and_tag() {
        let names = ["getUser".to_owned(), "GET /users/{id}".to_owned(), "tag:users".to_owned()];
        for (patterns, expected) in [
            (vec![], true),
            (vec!["getUser"], true),
            (vec!["get*"], true),
            (vec!["GET *"], true),
            (vec!["GET /users/*"], true),
            (vec!["tag:users"], true),
            (vec!["POST *"], false),
            (vec!["POST *", "tag:users"], true),
            (vec!["!GET *"], false),
            (vec!["tag:users", "!getUser"], false),
            (vec!["!POST *"], true),
        ] {
            assert_eq!(Selection::of(patterns.clone()).has(&names), expected, "{patterns:?}");
        }
    }
}
