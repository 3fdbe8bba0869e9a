//! Answers, and the forms on our own pages.

use http::HeaderMap;
use url::Url;

/// An answer, with the URL that was asked.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// A form of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// The hidden fields.
    pub hidden: Vec<(String, String)>,
    /// The names and values of the checkboxes, none of them ticked.
    pub checkboxes: Vec<(String, String)>,
    /// The names and values of the buttons; both empty where a button has none.
    pub buttons: Vec<(String, String)>,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn of(response: reqwest::Response) -> Self {
        Self::read(response).await.expect("a body")
    }

    /// The same of a response that may break off.
    pub async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (url, status, headers) = (response.url().clone(), response.status().as_u16(), response.headers().clone());
        Ok(Self { url, status, headers, body: response.text().await? })
    }

    /// The value of the header `name`; nothing where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Where it sends the browser.
    pub fn location(&self) -> Option<Url> {
        let location = self.headers.get("location")?.to_str().expect("text");
        Some(self.url.join(location).expect("a URL"))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The OAuth error of the body; nothing where there is none.
    pub fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }

    /// What a sealed value that is wrong must not change: everything but what marks each answer, its date and the id of its
    /// request.
    pub fn unmarked(&self) -> (u16, Vec<(String, String)>, String) {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let fields = self.headers.iter().filter(|(name, _)| *name != "date" && *name != "x-request-id");
        let fields = fields.map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = match self.header("x-request-id") {
            "" => self.body.clone(),
            // A page of something that went wrong says it, too.
            id => self.body.replace(id, "the request's id"),
        };
        (self.status, fields, body)
    }

    /// The forms, in order. It reads what our own templates write, no more.
    pub fn forms(&self) -> Vec<Form> {
        let mut rest = self.body.as_str();
        let mut forms = Vec::new();
        while let Some((_, from)) = rest.split_once("<form") {
            let (form, after) = from.split_once("</form>").expect("a form has an end");
            forms.push(Form::read(form));
            rest = after;
        }
        forms
    }

    /// The form that goes to `action`.
    pub fn form(&self, action: &str) -> Option<Form> {
        self.forms().into_iter().find(|form| form.action == action)
    }
}

impl Form {
    /// Reads what is between `<form` and `</form>`.
    fn read(text: &str) -> Self {
        let (head, content) = text.split_once('>').expect("a tag has an end");
        let action = attribute(head, "action").unwrap_or_default();
        let mut form = Self { action, hidden: Vec::new(), checkboxes: Vec::new(), buttons: Vec::new() };
        for tag in content.split('<').filter_map(|tag| tag.split_once('>').map(|(tag, _)| tag)) {
            let pair = || (attribute(tag, "name").unwrap_or_default(), attribute(tag, "value").unwrap_or_default());
            match (tag.split_ascii_whitespace().next(), attribute(tag, "type").as_deref()) {
                (Some("button"), _) | (Some("input"), Some("submit")) => form.buttons.push(pair()),
                (Some("input"), Some("hidden")) => form.hidden.push(pair()),
                (Some("input"), Some("checkbox")) => form.checkboxes.push(pair()),
                _ => {}
            }
        }
        form
    }

    /// The value of the hidden field `name`.
    pub fn field(&self, name: &str) -> &str {
        let field = self.hidden.iter().find(|(field, _)| field == name);
        field.map_or_else(|| panic!("no field {name} in {self:?}"), |(_, value)| value)
    }

    /// What the browser sends when the button with this name and value is pressed.
    pub fn pressed(&self, name: &str, value: &str) -> Vec<(String, String)> {
        let button = (name.to_owned(), value.to_owned());
        assert!(self.buttons.contains(&button), "no button {button:?} in {self:?}");
        let mut pairs = self.hidden.clone();
        pairs.extend(Some(button).filter(|(name, _)| !name.is_empty()));
        pairs
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split_once('"')?.0;
    // What askama writes.
    Some(
        [
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#34;", "\""),
            ("&#39;", "'"),
            ("&quot;", "\""),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ]
        .iter()
        .fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_fields_boxes_and_buttons() {
        let body = r#"<p>Text</p><form method="post" action="/consent">
            <input type="hidden" name="ticket" value="a&#34;b&#38;c">
            <label><input type="checkbox" name="remember" value="yes"> Do not ask again</label>
            <button type="submit" name="decision" value="approve" class="primary">Allow</button>
            <button type="submit" name="decision" value="deny">Deny</button></form>
            <form method="post" action="/sign-out"><button type="submit">Sign out</button></form>"#;
        let url = Url::parse("http://127.0.0.1/").unwrap();
        let page = Answer { url, status: 200, headers: HeaderMap::new(), body: body.to_owned() };
        let form = page.form("/consent").unwrap();
        assert_eq!(form.field("ticket"), "a\"b&c");
        assert_eq!(form.checkboxes, [("remember".to_owned(), "yes".to_owned())]);
        assert_eq!(form.pressed("decision", "deny")[1], ("decision".to_owned(), "deny".to_owned()));
        assert_eq!(page.form("/sign-out").unwrap().pressed("", ""), []);
        assert_eq!(page.forms().len(), 2);
    }
}
