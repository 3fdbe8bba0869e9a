//! Templates of Spin's manifest: text with `{{ variable }}` in it.

use std::collections::BTreeMap;

/// A text in which `{{ name }}` stands for an application variable's value. A value is put in as it is: braces in it
/// are not looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{{` stands alone.
    #[error("`{{{{` has no matching `}}}}`")]
    NotClosed,
    /// A `}}` stands alone.
    #[error("`}}}}` has no matching `{{{{`")]
    NotOpened,
    /// What stands between them is no variable's name.
    #[error(transparent)]
    Name(#[from] NotAName),
}

/// A text that is no variable's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a variable name: lower-case letters, digits and single underscores, a letter first")]
pub struct NotAName(String);

/// A variable that has no value, by its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable `{0}` has no value")]
pub struct UnknownVariable(pub String);

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            push_literal(&mut parts, literal)?;
            let Some((name, after)) = after.split_once("}}") else {
                return Err(TemplateError::NotClosed);
            };
            let name = name.trim();
            check_name(name)?;
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        push_literal(&mut parts, rest)?;
        Ok(Self { parts })
    }

    /// The variables that the template names, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The variable whose value the text is, where it is nothing else.
    pub fn only_variable(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// Puts the values in.
    ///
    /// # Errors
    /// `values` lacks a variable.
    pub fn resolve(&self, values: &BTreeMap<String, String>) -> Result<String, UnknownVariable> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(values.get(name).ok_or_else(|| UnknownVariable(name.clone()))?),
            }
        }
        Ok(text)
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &str) -> Result<(), TemplateError> {
    if literal.contains("}}") {
        return Err(TemplateError::NotOpened);
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.to_owned()));
    }
    Ok(())
}

/// Checks a variable's name: lower-case letters, digits and single underscores between them, a letter first (Spin's
/// rule, so that the name has one upper-case form in the environment).
pub(crate) fn check_name(name: &str) -> Result<(), NotAName> {
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_');
    if well_formed { Ok(()) } else { Err(NotAName(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> BTreeMap<String, String> {
        [("host", "idp.example"), ("port", "8443"), ("braces", "{{ host }}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_put_in_once_and_as_they_are() {
        for (template, expected) in [
            ("", ""),
            ("plain { } text", "plain { } text"),
            ("{{ host }}", "idp.example"),
            ("{{host}}", "idp.example"),
            ("https://{{ host }}:{{ port }}", "https://idp.example:8443"),
            ("{{host}}{{host}}", "idp.exampleidp.example"),
            ("{{ braces }}", "{{ host }}"),
        ] {
            assert_eq!(Template::parse(template).unwrap().resolve(&values()).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn a_broken_template_is_refused() {
        for template in ["{{ host", "host }}", "{{ }}", "{{ Host }}", "{{ a-b }}", "{{ a {{ b }} }}"] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn an_unknown_variable_is_named() {
        assert_eq!(
            Template::parse("{{ nothing }}").unwrap().resolve(&values()),
            Err(UnknownVariable("nothing".to_owned()))
        );
    }

    #[test]
    fn variable_names_follow_spins_rule() {
        for name in ["a", "a1", "a_b", "identity_provider_secret"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "_a", "a_", "a__b", "A", "a-b", "a b", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
