//! Texts with values in them, as HTML.

use core::fmt;

use askama::Template;
use askama::filters::{Escaper, Html as HtmlEscaper, HtmlSafe};

/// HTML in which every value is escaped.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

/// How a value is shown in a text.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'a> {
    /// As it is.
    Plain(&'a str),
    /// As a name that matters.
    Strong(&'a str),
    /// As what a machine writes.
    Code(&'a str),
    /// As a link to the path, which is ours; what is written on it comes second.
    Link(&'static str, &'a str),
    /// As it is: it is HTML.
    Html(&'a Html),
}

/// Puts values into the places of a text.
pub(crate) fn fill(text: &str, values: &[(&str, Shown<'_>)]) -> Html {
    let mut html = Html::default();
    let mut pieces = text.split('{');
    html.push(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, after) = piece.split_once('}').unwrap_or_default();
        if let Some((_, value)) = values.iter().find(|(own, _)| *own == name) {
            html.show(*value);
        }
        html.push(after);
    }
    html
}

impl Html {
    /// What a template makes, which escapes by itself. One that fails makes nothing.
    pub(crate) fn of(template: &impl Template) -> Self {
        Self(template.render().unwrap_or_default())
    }

    fn push(&mut self, text: &str) {
        // Writing into a text cannot fail.
        let _ = HtmlEscaper.write_escaped_str(&mut self.0, text);
    }

    fn show(&mut self, value: Shown<'_>) {
        let (element, start, text) = match value {
            Shown::Plain(text) => return self.push(text),
            Shown::Html(html) => return self.0.push_str(&html.0),
            Shown::Strong(text) => ("strong", "", text),
            Shown::Code(text) => ("code", "", text),
            Shown::Link(path, text) => ("a", path, text),
        };
        self.0.push('<');
        self.0.push_str(element);
        if !start.is_empty() {
            self.0.push_str(" href=\"");
            self.push(start);
            self.0.push('"');
        }
        self.0.push('>');
        self.push(text);
        self.0.push_str("</");
        self.0.push_str(element);
        self.0.push('>');
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_so_is_the_text_around_them() {
        let evil = "<b>\"'&{b}";
        let values = [("a", Shown::Strong(evil)), ("b", Shown::Plain(evil)), ("c", Shown::Link("/x", evil))];
        let escaped = "&#60;b&#62;&#34;&#39;&#38;{b}";
        assert_eq!(
            fill("<i> {a} & {b}: {c}{none}", &values).to_string(),
            format!("&#60;i&#62; <strong>{escaped}</strong> &#38; {escaped}: <a href=\"/x\">{escaped}</a>")
        );
    }
}
