//! Which counters were begun: what a holder of a ticket writes.

/// Names, and where the counter of each is. Written as lines of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begun(Vec<(String, String)>);

impl Begun {
    /// As it was written; what cannot be read is as if it were not there.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let lines = core::str::from_utf8(value).unwrap_or_default().lines();
        let pairs = lines.filter_map(|line| line.split_once(' '));
        Self(pairs.map(|(name, counter)| (name.to_owned(), counter.to_owned())).collect())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().map(|(name, counter)| format!("{name} {counter}\n")).collect::<String>().into_bytes()
    }

    /// Where the counter of `name` is.
    pub(crate) fn counter(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(begun, _)| begun == name).map(|(_, counter)| counter.as_str())
    }

    pub(crate) fn add(&mut self, name: &str, counter: &str) {
        self.0.push((name.to_owned(), counter.to_owned()));
    }

    /// All names, those of the counters among them.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|(name, counter)| [name.clone(), counter.clone()])
    }

    /// Keeps what must be carried on: a name whose counter is there, and is not yet to be found under the name itself.
    pub(crate) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|(name, counter)| !is_there(name) && is_there(counter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_nothing() {
        let mut begun = Begun::default();
        assert_eq!(Begun::parse(&begun.to_bytes()), begun);
        begun.add("requests.9.a", "counter.9.x");
        begun.add("code-use.8.b", "counter.8.y");
        let read = Begun::parse(&begun.to_bytes());
        assert_eq!(read, begun);
        assert_eq!(read.counter("code-use.8.b"), Some("counter.8.y"));
        assert_eq!(read.counter("code-use.8.c"), None);
        assert_eq!(Begun::parse(b"\xff\xfe"), Begun::default());
        assert_eq!(Begun::parse(b"nothing"), Begun::default());
    }

    #[test]
    fn what_can_be_found_and_what_is_gone_is_carried_on_no_further() {
        let mut begun = Begun::default();
        for number in 0..4 {
            begun.add(&format!("name-{number}"), &format!("counter-{number}"));
        }
        let there = ["counter-0", "name-1", "counter-1", "name-2"];
        begun.keep(|name| there.contains(&name));
        let mut kept = Begun::default();
        kept.add("name-0", "counter-0");
        assert_eq!(begun, kept);
    }
}
