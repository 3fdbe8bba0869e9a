//! Options of a command, as curl and wget take them.

/// An option: its letter, its long name, and whether a value follows.
pub struct Known(pub Option<char>, pub &'static str, pub bool);

/// What was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Options by their long names, each with its value, which is empty for one that has none; in their order.
    pub options: Vec<(&'static str, String)>,
    /// Everything else.
    pub operands: Vec<String>,
}

impl Arguments {
    /// Reads them. Letters may stand together, and a value behind its letter; behind `--NAME` it is the next word, or follows a `=`.
    ///
    /// # Errors
    /// A sentence that names an option which there is not, or which lacks its value.
    pub fn parse(words: &[String], known: &[Known]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                read.operands.extend(words.by_ref().cloned());
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let option = known.iter().find(|Known(_, long, _)| *long == name);
                let Known(_, long, takes_value) = option.ok_or_else(|| unknown(&format!("--{name}")))?;
                let value = match (takes_value, value) {
                    (false, None) => String::new(),
                    (false, Some(_)) => return Err(format!("option --{name}: takes no value")),
                    (true, Some(value)) => value,
                    (true, None) => words.next().cloned().ok_or_else(|| lacking(&format!("--{name}")))?,
                };
                read.options.push((long, value));
            } else if word.len() > 1
                && let Some(mut letters) = word.strip_prefix('-')
            {
                while let Some(letter) = letters.chars().next() {
                    letters = letters.get(letter.len_utf8()..).unwrap_or_default();
                    let option = known.iter().find(|Known(short, ..)| *short == Some(letter));
                    let Known(_, long, takes_value) = option.ok_or_else(|| unknown(&format!("-{letter}")))?;
                    let mut value = String::new();
                    if *takes_value {
                        let rest = Some(std::mem::take(&mut letters)).filter(|rest| !rest.is_empty());
                        let next = rest.map(str::to_owned).or_else(|| words.next().cloned());
                        value = next.ok_or_else(|| lacking(&format!("-{letter}")))?;
                    }
                    read.options.push((long, value));
                }
            } else {
                read.operands.push(word.clone());
            }
        }
        Ok(read)
    }

    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(option, _)| *option == name)
    }

    /// The value of an option; the last one where there are several.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(option, _)| *option == name).map(|(_, value)| value.as_str())
    }

    /// The values of an option.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.options.iter().filter(move |(option, _)| *option == name).map(|(_, value)| value.as_str())
    }
}

fn unknown(option: &str) -> String {
    format!("option {option}: is not one of those that there are here")
}

fn lacking(option: &str) -> String {
    format!("option {option}: requires a value")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 3] =
        [Known(Some('s'), "silent", false), Known(Some('o'), "output", true), Known(None, "json", true)];

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), &KNOWN)
    }

    #[test]
    fn letters_stand_together_and_values_behind_them_or_apart() {
        for (words, options, operands) in [
            (&["-s", "u"][..], &[("silent", "")][..], &["u"][..]),
            (&["u", "-so", "f"], &[("silent", ""), ("output", "f")], &["u"]),
            (&["-sof", "--json", "{}"], &[("silent", ""), ("output", "f"), ("json", "{}")], &[]),
            (&["--json={\"a\"=1}", "-o", "-"], &[("json", "{\"a\"=1}"), ("output", "-")], &[]),
            (&["--", "-s", "--json"], &[], &["-s", "--json"]),
            (&["-", ""], &[], &["-", ""]),
        ] {
            let read = parse(words).unwrap();
            let read_options: Vec<(&str, &str)> =
                read.options.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(
                (read_options.as_slice(), read.operands),
                (options, operands.iter().map(|one| (*one).to_owned()).collect())
            );
        }
    }

    #[test]
    fn an_option_that_there_is_not_is_an_error_that_names_it() {
        for (words, said) in [
            (&["-k", "u"][..], "-k"),
            (&["-sk"], "-k"),
            (&["--insecure"], "--insecure"),
            (&["-o"], "-o: requires a value"),
            (&["--json"], "--json: requires a value"),
            (&["--silent=1"], "--silent: takes no value"),
            (&["-ü"], "-ü"),
        ] {
            let error = parse(words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }
}
