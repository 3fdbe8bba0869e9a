//! How the values of parameters are written (OpenAPI 3.1.1, "Style Values"; RFC 6570).

use serde_json::value::RawValue;

use crate::arguments::{Argument, encoded};
use crate::operation::{Parameter, Style};
use crate::unusable_arguments::UnusableArguments;

/// The pairs of a query, encoded.
pub(crate) type Pairs = Vec<(String, String)>;

impl Parameter {
    /// The value's text for its place in a path, encoded.
    pub(crate) fn in_path(&self, value: &RawValue) -> Result<String, UnusableArguments> {
        let value = Argument::read(value);
        self.check_segments(&value)?;
        let name = encoded(&self.name);
        let (before, between, before_name) = match self.style {
            Style::Label => (".", if self.explode { "." } else { "," }, String::new()),
            Style::Matrix => (";", if self.explode { ";" } else { "," }, format!("{name}=")),
            _ => ("", ",", String::new()),
        };
        let text = match &value {
            Argument::Single(text) => format!("{before_name}{}", encoded(text)),
            Argument::List(items) => {
                let items = Argument::texts(items).ok_or_else(|| self.too_deep())?;
                let items: Vec<_> = items.into_iter().map(encoded).collect();
                match (self.style, self.explode) {
                    (Style::Matrix, true) => {
                        items.iter().map(|item| format!("{name}={item}")).collect::<Vec<_>>().join(between)
                    }
                    _ => format!("{before_name}{}", items.join(between)),
                }
            }
            Argument::Table(members) => {
                let pairs = Argument::pairs(members).ok_or_else(|| self.too_deep())?;
                let joined = if self.explode { "=" } else { "," };
                let pairs =
                    pairs.into_iter().map(|(name, value)| format!("{}{joined}{}", encoded(name), encoded(value)));
                let pairs = pairs.collect::<Vec<_>>().join(between);
                if self.explode { pairs } else { format!("{before_name}{pairs}") }
            }
            Argument::Nothing => String::new(),
        };
        // An empty one would make another path of it.
        if text.is_empty() {
            Err(UnusableArguments::Empty(self.argument.clone()))
        } else {
            Ok(format!("{before}{text}"))
        }
    }

    /// The value's pairs for a query, encoded.
    pub(crate) fn in_query(&self, value: &RawValue) -> Result<Pairs, UnusableArguments> {
        let name = encoded(&self.name);
        if self.style == Style::Json {
            return Ok(vec![(name.into_owned(), encoded(value.get()).into_owned())]);
        }
        let between = match self.style {
            Style::SpaceDelimited => "%20",
            Style::PipeDelimited => "%7C",
            _ => ",",
        };
        Ok(match Argument::read(value) {
            Argument::Nothing => Vec::new(),
            Argument::Single(text) => vec![(name.into_owned(), encoded(&text).into_owned())],
            deep if self.style == Style::DeepObject => {
                let mut pairs = Pairs::new();
                deep_pairs(&self.name, &deep, &mut pairs);
                pairs
            }
            Argument::List(items) => {
                let items = Argument::texts(&items).ok_or_else(|| self.too_deep())?.into_iter().map(encoded);
                if self.explode {
                    items.map(|item| (name.clone().into_owned(), item.into_owned())).collect()
                } else {
                    vec![(name.into_owned(), items.collect::<Vec<_>>().join(between))]
                }
            }
            Argument::Table(members) => {
                let pairs = Argument::pairs(&members).ok_or_else(|| self.too_deep())?.into_iter();
                let mut pairs = pairs.map(|(name, value)| (encoded(name), encoded(value)));
                if self.explode {
                    pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
                } else {
                    let flat = pairs.by_ref().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>();
                    vec![(name.into_owned(), flat.join(between))]
                }
            }
        })
    }

    /// The value's text for a header, as it is.
    pub(crate) fn in_header(&self, value: &RawValue) -> Result<Option<String>, UnusableArguments> {
        if self.style == Style::Json {
            return Ok(Some(value.get().to_owned()));
        }
        Ok(match Argument::read(value) {
            Argument::Nothing => None,
            Argument::Single(text) => Some(text),
            Argument::List(items) => Some(Argument::texts(&items).ok_or_else(|| self.too_deep())?.join(",")),
            Argument::Table(members) => {
                let joined = if self.explode { "=" } else { "," };
                let pairs = Argument::pairs(&members).ok_or_else(|| self.too_deep())?;
                Some(
                    pairs
                        .into_iter()
                        .map(|(name, value)| format!("{name}{joined}{value}"))
                        .collect::<Vec<_>>()
                        .join(","),
                )
            }
        })
    }

    /// No value leads to another path: some servers decode a path before they resolve its dots (`..%2F`, `..;/`, `..%5C`), and some
    /// cut it off at a control character.
    fn check_segments(&self, value: &Argument) -> Result<(), UnusableArguments> {
        let mut texts: Vec<&str> = Vec::new();
        match value {
            Argument::Single(text) => texts.push(text),
            Argument::List(items) => texts.extend(items.iter().filter_map(Argument::single)),
            Argument::Table(members) => {
                texts.extend(members.iter().flat_map(|(name, value)| [Some(name.as_str()), value.single()]).flatten());
            }
            Argument::Nothing => {}
        }
        let is_dots = |segment: &str| matches!(segment.split(';').next().unwrap_or_default().trim(), "." | "..");
        let leads_elsewhere = |text: &str| text.chars().any(char::is_control) || text.split(['/', '\\']).any(is_dots);
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        // What is encoded already is encoded again, and then means itself; who decodes twice must find nothing either.
        if texts.into_iter().any(|text| leads_elsewhere(text) || leads_elsewhere(&decoded(text))) {
            return Err(UnusableArguments::Path(self.argument.clone()));
        }
        Ok(())
    }

    fn too_deep(&self) -> UnusableArguments {
        UnusableArguments::TooDeep(self.argument.clone())
    }
}

/// `name[key][0]=value`, as PHP, Rails and `qs` read it. OpenAPI has one level of this; APIs have more.
pub(crate) fn deep_pairs(name: &str, value: &Argument, pairs: &mut Pairs) {
    match value {
        Argument::Nothing => {}
        Argument::Single(text) => pairs.push((bracketed(name), encoded(text).into_owned())),
        Argument::List(items) => {
            for (index, item) in items.iter().enumerate() {
                deep_pairs(&format!("{name}[{index}]"), item, pairs);
            }
        }
        Argument::Table(members) => {
            for (key, value) in members {
                deep_pairs(&format!("{name}[{key}]"), value, pairs);
            }
        }
    }
}

/// Brackets are encoded like everything else: who reads them decodes first.
fn bracketed(name: &str) -> String {
    encoded(name).into_owned()
}
