//! The forms on pages of others, read as far as a person's browser must.

use gatehouse_tests::Answer;
use url::Url;

/// A form.
#[derive(Debug)]
pub(crate) struct Form {
    /// Where it goes.
    pub(crate) action: Url,
    /// Whether it is sent by POST.
    pub(crate) is_post: bool,
    /// What can be filled in or pressed, in order.
    pub(crate) fields: Vec<Field>,
}

/// Something of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
    /// `hidden`, `text`, `email`, `password`, `checkbox`, `radio`, `submit` and the like.
    pub(crate) kind: String,
    pub(crate) is_checked: bool,
}

/// The forms of a page.
pub(crate) fn forms(page: &Answer) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut is_inside = false;
    for tag in tags(&page.body) {
        match tag.name.as_str() {
            "form" => {
                let action = page.url.join(&tag.value("action")).expect("a URL");
                let is_post = tag.value("method").eq_ignore_ascii_case("post");
                forms.push(Form { action, is_post, fields: Vec::new() });
                is_inside = true;
            }
            "/form" => is_inside = false,
            "input" | "button" if is_inside => {
                let form = forms.last_mut().expect("a form");
                form.fields.push(tag.field());
                // The button may send its form elsewhere.
                if tag.attributes.iter().any(|(name, _)| name == "formaction") {
                    form.action = page.url.join(&tag.value("formaction")).expect("a URL");
                }
            }
            _ => {}
        }
    }
    forms
}

#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn value(&self, name: &str) -> String {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn field(&self) -> Field {
        let default = if self.name == "button" { "submit" } else { "text" };
        let kind = Some(self.value("type").to_ascii_lowercase()).filter(|kind| !kind.is_empty());
        Field {
            name: self.value("name"),
            value: self.value("value"),
            kind: kind.unwrap_or_else(|| default.to_owned()),
            is_checked: self.attributes.iter().any(|(name, _)| name == "checked"),
        }
    }
}

/// The tags of a page, without what is in scripts, styles and comments.
fn tags(mut html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    while let Some((_, rest)) = html.split_once('<') {
        if let Some(comment) = rest.strip_prefix("!--") {
            html = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = tag(rest);
        html = match tag.name.as_str() {
            raw @ ("script" | "style") => after.find(&format!("</{raw}")).map_or("", |end| &after[end..]),
            _ => after,
        };
        tags.push(tag);
    }
    tags
}

/// The tag at the beginning of `text`, behind its `<`; and what comes after it.
fn tag(text: &str) -> (Tag, &str) {
    let end = text.find(|character: char| character.is_ascii_whitespace() || character == '>').unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|character: char| character.is_ascii_whitespace() || character == '/');
        if rest.is_empty() || rest.starts_with('>') {
            break;
        }
        let end = rest.find(|character: char| "=>/".contains(character) || character.is_ascii_whitespace());
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()).max(1));
        let (value, after) = match after.trim_start().strip_prefix('=').map(str::trim_start) {
            None => ("", after),
            Some(quoted) if quoted.starts_with(['"', '\'']) => {
                let (quote, inner) = quoted.split_at(1);
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            Some(bare) => {
                let end = bare.find(|character: char| character == '>' || character.is_ascii_whitespace());
                bare.split_at(end.unwrap_or(bare.len()))
            }
        };
        attributes.push((name.to_ascii_lowercase(), plain(value)));
        rest = after;
    }
    (Tag { name: name.to_ascii_lowercase(), attributes }, rest.strip_prefix('>').unwrap_or(rest))
}

/// A value without entities.
fn plain(value: &str) -> String {
    const ENTITIES: [(&str, &str); 8] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2F;", "/"),
        // Last: what it makes is no entity.
        ("&amp;", "&"),
    ];
    ENTITIES.iter().fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_somebody_else_is_read_whatever_its_quotes_and_its_order() {
        let body = r#"<script>if (1 <form) "</script><!-- <form> --><FORM
              class='wide' method=POST
              action="/sign-in?next=%2Fa&amp;b=1"><input value='"x"' type=hidden name=token>
            <input name="login" required><input type="password" name="password"/>
            <input type=checkbox name=stay checked><button name="go" value="a&amp;lt;b">Go</button></FORM>
            <form><input type="submit"></form><input name="outside">"#;
        let url = Url::parse("http://127.0.0.1:1/here?query").unwrap();
        let page = Answer { url, status: 200, headers: http::HeaderMap::new(), body: body.to_owned() };
        let forms = forms(&page);
        assert_eq!(forms.len(), 2);
        assert_eq!(forms[0].action.as_str(), "http://127.0.0.1:1/sign-in?next=%2Fa&b=1");
        assert!(forms[0].is_post && !forms[1].is_post);
        let field = |name: &str, value: &str, kind: &str, is_checked| Field {
            name: name.to_owned(),
            value: value.to_owned(),
            kind: kind.to_owned(),
            is_checked,
        };
        let expected = [
            field("token", "\"x\"", "hidden", false),
            field("login", "", "text", false),
            field("password", "", "password", false),
            field("stay", "", "checkbox", true),
            field("go", "a&lt;b", "submit", false),
        ];
        assert_eq!(forms[0].fields, expected);
        assert_eq!(forms[1].action.as_str(), "http://127.0.0.1:1/here?query");
    }
}
