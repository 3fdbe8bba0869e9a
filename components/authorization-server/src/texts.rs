//! Every text that a person reads, in every language: one file for each language, and nowhere else.
//!
//! A text can have places, such as `{client}`, that [`fill`] fills. A new text is a line in `fields`; the compiler then asks for it in
//! each language. The tests compare the places of a text in all of them.

mod english;
mod fields;
mod french;
mod german;
mod html;
mod japanese;
mod spanish;

use gatehouse_authorization_server::language::Language;

pub(crate) use fields::Texts;
pub(crate) use html::{Html, Shown, fill};

impl Texts {
    /// Those of `language`.
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &english::TEXTS,
            Language::German => &german::TEXTS,
            Language::French => &french::TEXTS,
            Language::Spanish => &spanish::TEXTS,
            Language::Japanese => &japanese::TEXTS,
        }
    }
}

#[cfg(test)]
mod tests;
