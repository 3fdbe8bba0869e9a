//! What patterns begin with: by it, most rules are passed over without being read.

/// What begins with anything.
pub(super) const ANY: &str = "*";

/// What the names begin with that a request has: its method, and what it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginnings(Option<[u8; 2]>);

impl Beginnings {
    /// Those that a rule may be about whatever its patterns begin with.
    pub const ANY: Self = Self(None);

    /// Those of a method, and of a tool or prompt, if there is one. What is not ASCII may be meant by a pattern that begins with
    /// something else: the sign for kelvin is a K in another case.
    pub fn of(method: &str, name: Option<&str>) -> Self {
        let first = |text: &str| text.bytes().next().unwrap_or_default().to_ascii_lowercase();
        let pair = [first(method), name.map_or(0, first)];
        Self(pair.is_ascii().then_some(pair))
    }

    /// Whether one of them is among those of a rule.
    #[inline]
    pub(super) fn meet(&self, rule: &str) -> bool {
        let Some([method, name]) = self.0 else { return true };
        rule.bytes().any(|first| first == b'*' || first == method || first == name)
    }
}

/// What a rule with these patterns may be about begins with one of these characters, in either case; `*` stands for all.
pub(super) fn of_patterns<'p>(patterns: impl Iterator<Item = &'p str>) -> String {
    let mut found = String::new();
    for pattern in patterns {
        match pattern.chars().next().map(|first| first.to_ascii_lowercase()) {
            Some(first) if first.is_ascii_graphic() && first != '?' => {
                if !found.contains(first) {
                    found.push(first);
                }
            }
            _ => return ANY.to_owned(),
        }
    }
    if found.is_empty() || found.contains(ANY) { ANY.to_owned() } else { found }
}
