//! `gatehouse:host/settings` over a platform's settings.

use crate::bindings::exports::gatehouse::host::settings::{Error, Guest};
use crate::{Adapter, Platform, SettingError};

impl<P: Platform + 'static> Guest for Adapter<P> {
    fn get(name: String) -> Result<Option<String>, Error> {
        match P::setting(&name) {
            Ok(value) => Ok(value.filter(|value| !value.is_empty())),
            Err(SettingError::Unavailable(reason)) => Err(Error::Unavailable(reason)),
            Err(SettingError::InvalidName(reason)) => Err(Error::InvalidName(reason)),
        }
    }
}
