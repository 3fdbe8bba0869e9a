//! `gatehouse:host/configuration` over the setting that holds the document or its compiled form.

use std::sync::OnceLock;

use gatehouse_configuration::{self as document, SETTING, Source};

use crate::bindings::exports::gatehouse::host::configuration::{Error, Guest, Part};
use crate::bindings::exports::gatehouse::host::settings;
use crate::{Adapter, Platform};

/// What is set, once it was read without a fault.
static SOURCE: OnceLock<Source> = OnceLock::new();

impl<P: Platform + 'static> Guest for Adapter<P> {
    fn get(part: Part) -> Result<Option<String>, Error> {
        let part = match &part {
            Part::Gateway => document::Part::Gateway,
            Part::Route(path) => document::Part::Route(path),
            Part::OnlyRoute => document::Part::OnlyRoute,
            Part::Servers => document::Part::Servers,
            Part::AuthorizationServer => document::Part::AuthorizationServer,
            Part::Piece(name) => document::Part::Piece(name),
        };
        let text = source::<P>()?.part(&part).map_err(invalid)?;
        Ok(text.map(std::borrow::Cow::into_owned))
    }
}

fn source<P: Platform + 'static>() -> Result<&'static Source, Error> {
    if let Some(source) = SOURCE.get() {
        return Ok(source);
    }
    let text = <Adapter<P> as settings::Guest>::get(SETTING.to_owned()).map_err(|error| match error {
        settings::Error::Unavailable(reason) | settings::Error::InvalidName(reason) => Error::Unavailable(reason),
    })?;
    let source = Source::read(text.ok_or(Error::Missing)?).map_err(invalid)?;
    Ok(SOURCE.get_or_init(|| source))
}

fn invalid(error: document::ConfigurationError) -> Error {
    Error::Invalid(error.to_string())
}
