//! `gatehouse:host/settings` over Spin variables.

use spin_sdk::variables;

use crate::AdapterSpin;
use crate::bindings::exports::gatehouse::host::settings::{Error, Guest};

impl Guest for AdapterSpin {
    fn get(name: String) -> Result<Option<String>, Error> {
        match variables::get(&name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(variables::Error::Undefined(_)) => Ok(None),
            Err(variables::Error::InvalidName(reason)) => Err(Error::InvalidName(reason)),
            Err(variables::Error::Provider(reason) | variables::Error::Other(reason)) => {
                Err(Error::Unavailable(reason))
            }
        }
    }
}
