//! How the values are read from text: all of them from a whole document, or one from its part.

use crate::document::{self, AuthorizationServerDocument, GatewayDocument, NeedsDocument};
use crate::{CompiledError, Configuration, ConfigurationError, Part, Route, Source, authorization_server, gateway};

impl Configuration {
    /// Parses and checks the document: JSON where it starts with `{`, TOML otherwise.
    ///
    /// # Errors
    /// Every problem names the key, what is wrong with its value, and what a right one looks like.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        Ok(document::parse(text)?.divide()?.1)
    }
}

impl Configuration {
    /// The whole of it, from a source of either form.
    ///
    /// # Errors
    /// Where a compiled one is damaged.
    pub fn of_source(source: &Source) -> Result<Self, ConfigurationError> {
        let part = |part: Part<'_>| source.part(&part)?.ok_or(ConfigurationError::Compiled(CompiledError::Index));
        Ok(Self {
            gateway: gateway::Configuration::from_part(&part(Part::Gateway)?)?,
            authorization_server: authorization_server::Configuration::from_part(&part(Part::AuthorizationServer)?)?,
            routes: source
                .paths()
                .iter()
                .map(|path| Route::from_part(&part(Part::Route(path))?))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl gateway::Configuration {
    /// Reads the part [`Part::Gateway`](crate::Part::Gateway).
    ///
    /// # Errors
    /// Where it is not what [`Source::part`](crate::Source::part) gives.
    pub fn from_part(text: &str) -> Result<Self, ConfigurationError> {
        document::read_part::<GatewayDocument>(text)?.check()
    }
}

impl gateway::Needs {
    /// Reads the part [`Part::Servers`](crate::Part::Servers).
    ///
    /// # Errors
    /// Where it is not what [`Source::part`](crate::Source::part) gives.
    pub fn from_part(text: &str) -> Result<Self, ConfigurationError> {
        document::read_part::<NeedsDocument>(text)?.check()
    }
}

impl authorization_server::Configuration {
    /// Reads the part [`Part::AuthorizationServer`](crate::Part::AuthorizationServer).
    ///
    /// # Errors
    /// Where it is not what [`Source::part`](crate::Source::part) gives.
    pub fn from_part(text: &str) -> Result<Self, ConfigurationError> {
        document::read_part::<AuthorizationServerDocument>(text)?.check()
    }

    /// Parses and checks a whole document, and keeps this of it.
    ///
    /// # Errors
    /// As [`crate::Configuration::parse`].
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        Configuration::parse(text).map(|configuration| configuration.authorization_server)
    }
}

impl Route {
    /// Reads the part of one route: [`Part::Route`](crate::Part::Route).
    ///
    /// # Errors
    /// Where it is not what [`Source::part`](crate::Source::part) gives.
    pub fn from_part(text: &str) -> Result<Self, ConfigurationError> {
        document::read_route(text)
    }
}
