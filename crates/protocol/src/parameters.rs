//! Request parameters (RFC 6749, section 3.1 and appendix B).

use thiserror::Error;
use url::form_urlencoded;

/// The parameters of a query or of a form, as sent.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

/// A parameter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// "Request and response parameters MUST NOT be included more than once."
    #[error("the parameter {0} is given more than once")]
    Doubled(&'static str),
    /// A required parameter is absent; one without a value counts as absent.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
}

impl Parameters {
    /// Parses `application/x-www-form-urlencoded` text; every text is such a form.
    pub fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The value of `name`, `None` where it is absent or empty.
    ///
    /// # Errors
    /// Where it is given more than once.
    pub fn optional(&self, name: &'static str) -> Result<Option<&str>, ParameterError> {
        let mut values = self.all(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(ParameterError::Doubled(name));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// Where it is absent, empty, or given more than once.
    pub fn required(&self, name: &'static str) -> Result<&str, ParameterError> {
        self.optional(name)?.ok_or(ParameterError::Missing(name))
    }

    /// Every value of `name`, for the one parameter that may be repeated (`resource`, RFC 8707).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_is_present_absent_or_doubled() {
        let parameters = Parameters::parse("a=1&b=&c=x%20y+z&d=1&d=1&&=&%ff=%ff");
        assert_eq!(parameters.required("a"), Ok("1"));
        assert_eq!(parameters.required("c"), Ok("x y z"));
        assert_eq!(parameters.optional("b"), Ok(None));
        assert_eq!(parameters.required("b"), Err(ParameterError::Missing("b")));
        assert_eq!(parameters.required("e"), Err(ParameterError::Missing("e")));
        assert_eq!(parameters.optional("d"), Err(ParameterError::Doubled("d")));
        assert_eq!(parameters.all("d").count(), 2);
    }

    proptest! {
        #[test]
        fn what_was_written_as_a_form_is_read_back(pairs in proptest::collection::vec((".{0,8}", ".{0,20}"), 0..6)) {
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(Parameters::parse(&text).0, pairs);
        }

        #[test]
        fn any_text_is_a_form_whose_parameters_are_there_once_or_refused(text in "[a&=%+0-9]{0,40}") {
            let parameters = Parameters::parse(&text);
            let count = parameters.all("a").count();
            prop_assert_eq!(parameters.optional("a").is_err(), count > 1);
        }
    }
}
