//! What was found, in the order in which it was looked for.

use std::fmt;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    /// It may be right, or does not matter everywhere.
    Note,
    Wrong,
}

#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    /// What was looked at, such as `identity provider staff`.
    subject: String,
    text: String,
    /// What to do.
    advice: String,
}

/// All findings. Their texts hold no secret.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn right(&mut self, subject: &str, text: impl Into<String>) {
        self.add(Verdict::Right, subject, text.into(), String::new());
    }

    pub(crate) fn note(&mut self, subject: &str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(Verdict::Note, subject, text.into(), advice.into());
    }

    pub(crate) fn wrong(&mut self, subject: &str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(Verdict::Wrong, subject, text.into(), advice.into());
    }

    fn add(&mut self, verdict: Verdict, subject: &str, text: String, advice: String) {
        // Some of it are words of others, which must not steer the terminal.
        let without_control = |text: String| text.replace(char::is_control, "");
        let (text, advice) = (without_control(text), without_control(advice));
        self.0.push(Finding { verdict, subject: subject.to_owned(), text, advice });
    }

    pub(crate) fn nothing_is_wrong(&self) -> bool {
        self.wrong_ones().next().is_none()
    }

    /// What is wrong, each with what to do.
    pub(crate) fn faults(&self) -> impl Iterator<Item = String> {
        self.wrong_ones().map(|finding| format!("{}: {}; {}", finding.subject, finding.text, finding.advice))
    }

    fn wrong_ones(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.verdict == Verdict::Wrong)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { verdict, subject, text, advice } in &self.0 {
            let word = match verdict {
                Verdict::Right => "right",
                Verdict::Note => "note ",
                Verdict::Wrong => "WRONG",
            };
            writeln!(f, "{word}  {subject}: {text}")?;
            if !advice.is_empty() {
                writeln!(f, "       What to do: {advice}")?;
            }
        }
        match self.wrong_ones().count() {
            0 => writeln!(f, "Nothing is wrong."),
            1 => writeln!(f, "One thing is wrong."),
            several => writeln!(f, "{several} things are wrong."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_what_is_wrong_says_what_to_do() {
        let mut findings = Findings::default();
        findings.right("clock", "is right");
        findings.note("server", "is slow", "");
        assert!(findings.nothing_is_wrong());
        assert!(findings.to_string().ends_with("note   server: is slow\nNothing is wrong.\n"));
        findings.wrong("provider", "is not there", "start it");
        assert!(!findings.nothing_is_wrong());
        assert_eq!(findings.faults().collect::<Vec<_>>(), ["provider: is not there; start it"]);
        assert!(
            findings
                .to_string()
                .ends_with("WRONG  provider: is not there\n       What to do: start it\nOne thing is wrong.\n")
        );
    }
}
