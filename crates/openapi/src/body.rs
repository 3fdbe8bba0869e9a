//! How bodies are written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::arguments::{Argument, encoded};
use crate::operation::{Body, BodyFormat};
use crate::parameters::{Pairs, deep_pairs};
use crate::unusable_arguments::UnusableArguments;

impl Body {
    /// The argument as it is sent.
    pub(crate) fn bytes(&self, value: &RawValue) -> Result<Vec<u8>, UnusableArguments> {
        let wrong = || UnusableArguments::Type(self.argument.clone());
        match self.format {
            BodyFormat::Json => Ok(value.get().as_bytes().to_vec()),
            BodyFormat::Form => match Argument::read(value) {
                Argument::Table(fields) => Ok(self.form(&fields)?.into_bytes()),
                _ => Err(wrong()),
            },
            BodyFormat::Text => Argument::read(value).single().map(|text| text.as_bytes().to_vec()).ok_or_else(wrong),
            BodyFormat::Bytes => {
                let text: String = serde_json::from_str(value.get()).map_err(|_| wrong())?;
                STANDARD.decode(text.trim()).map_err(|_| UnusableArguments::NotBase64(self.argument.clone()))
            }
        }
    }

    /// Pairs with `+` for nothing: a space is `%20`, which every reader of forms takes.
    fn form(&self, fields: &[(String, Argument)]) -> Result<String, UnusableArguments> {
        let mut pairs = Pairs::new();
        for (name, value) in fields {
            match value {
                Argument::Nothing => {}
                Argument::Single(text) => pairs.push((encoded(name).into_owned(), encoded(text).into_owned())),
                Argument::List(items) if !self.deep_fields.contains(name) => match Argument::texts(items) {
                    Some(items) => {
                        let name = encoded(name);
                        pairs.extend(
                            items.into_iter().map(|item| (name.clone().into_owned(), encoded(item).into_owned())),
                        );
                    }
                    None => deep_pairs(name, value, &mut pairs),
                },
                deep => deep_pairs(name, deep, &mut pairs),
            }
        }
        Ok(joined(&pairs))
    }
}

/// `a=b&c=d`.
pub(crate) fn joined(pairs: &Pairs) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}
