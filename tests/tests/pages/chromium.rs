//! The browser, which `tests/clients/chromium.mjs` drives.

use std::fs;
use std::path::PathBuf;

use gatehouse_tests::{Program, repository, text, tool};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

/// A browser with a profile of its own.
pub struct Chromium {
    program: Program,
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub phone: bool,
    pub dark: bool,
}

pub const DESK: Look = Look { phone: false, dark: false };

/// A key, as `chromium.mjs` calls it.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    Tab,
    ShiftTab,
    Space,
    Enter,
}

/// What the browser shows.
#[derive(Debug)]
pub struct Page {
    pub url: Url,
    pub title: String,
    pub lang: String,
    pub html: String,
    /// How many headings of the first level it has.
    pub headings: u64,
    /// Of the window, in CSS pixels.
    pub width: u64,
    /// CSS pixels by which the page is wider than its window.
    pub overflow: u64,
    /// The worst of all texts.
    pub contrast: f64,
    /// What the browser asked on its way here.
    pub requested: Vec<String>,
    /// Why it got no page from the last of them.
    pub failed: Option<String>,
}

/// What has the focus.
#[derive(Clone, Debug)]
pub struct Focus {
    pub name: String,
    pub value: String,
    /// What is written on it, or beside it.
    pub text: String,
    pub is_checked: bool,
    /// In the page, in CSS pixels.
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    /// Whether the window shows all of it, with its outline.
    pub is_in_view: bool,
    /// The width of its outline, in CSS pixels.
    pub outline: f64,
    /// Of its outline.
    pub contrast: f64,
}

/// Where an element is in the window, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub top: f64,
    pub bottom: f64,
    /// Whether something else lies over it.
    pub is_covered: bool,
}

/// What assistive technology hears of something that can have the focus.
#[derive(Debug)]
pub struct Operable {
    pub role: String,
    pub name: String,
}

impl Chromium {
    /// A fresh one, at a desk.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, for which every name that ends in `.example` is this machine, and every certificate is good.
    pub async fn start_with_names() -> Self {
        Self::start_with(&["--names-here"]).await
    }

    async fn start_with(more: &[&str]) -> Self {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let browser = tool("GATEHOUSE_TEST_BROWSER", "/usr/bin/chromium");
        let folder = profile.path().to_str().expect("a path in UTF-8").to_owned();
        let arguments = [&["--profile", &folder, "--browser", &browser], more].concat();
        let program = Program::client("chromium.mjs", &arguments);
        let mut chromium = Self { program, _profile: profile };
        chromium.look(DESK).await;
        chromium
    }

    async fn run(&mut self, command: Value) -> Value {
        self.program.say(&command.to_string()).await;
        self.program.json().await
    }

    /// The scripted providers sign in `person` from now on.
    pub async fn be(&mut self, person: &str) {
        self.run(json!({ "person": person })).await;
    }

    /// Goes to `url`, as somebody who typed it.
    pub async fn open(&mut self, url: &str) -> Page {
        Page::of(&self.run(json!({ "open": url })).await)
    }

    /// Shows the page that is open in another window.
    pub async fn look(&mut self, look: Look) -> Page {
        let (width, height) = if look.phone { (390, 844) } else { (1280, 800) };
        let window = json!({ "width": width, "height": height, "phone": look.phone, "dark": look.dark });
        let page = Page::of(&self.run(json!({ "look": window })).await);
        assert_eq!(page.width, width, "{}", page.url);
        page
    }

    /// Asks for pages in this language from now on (`Accept-Language`).
    pub async fn speak(&mut self, language: &str) {
        self.run(json!({ "language": language })).await;
    }

    /// Shows the page that is open in a window of this size, in CSS pixels, from its top.
    pub async fn resize(&mut self, width: u64, height: u64) -> Page {
        let window = json!({ "width": width, "height": height, "phone": true, "dark": false });
        Page::of(&self.run(json!({ "look": window })).await)
    }

    /// Where the window shows the element.
    pub async fn placed(&mut self, selector: &str) -> Placed {
        let placed = self.run(json!({ "box": selector })).await;
        let number = |name: &str| placed[name].as_f64().expect("a number");
        let is_covered = placed["isCovered"].as_bool().expect("yes or no");
        Placed { top: number("top"), bottom: number("bottom"), is_covered }
    }

    /// What axe-core finds on the page that is open, of what is serious or critical.
    pub async fn barriers(&mut self) -> Vec<String> {
        let found = self.run(json!({ "axe": true })).await;
        found.as_array().expect("a list").iter().map(|one| one.as_str().expect("text").to_owned()).collect()
    }

    /// Has a script of the page that is open fetch something (`chromium.mjs`): what it may read of the answer, or `failed`.
    pub async fn fetch(&mut self, request: Value) -> Value {
        self.run(json!({ "fetch": request })).await
    }

    /// Clicks; the page that it leads to.
    pub async fn click(&mut self, selector: &str) -> Page {
        Page::of(&self.run(json!({ "click": selector })).await)
    }

    /// Types into a field, in the place of what stands there.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        self.run(json!({ "fill": selector, "text": text })).await;
    }

    /// Presses a key; what then has the focus.
    pub async fn press(&mut self, key: Key) -> Option<Focus> {
        Focus::of(&self.run(json!({ "press": key.name() })).await)
    }

    /// Presses a key; the page that it leads to.
    pub async fn follow(&mut self, key: Key) -> Page {
        Page::of(&self.run(json!({ "press": key.name(), "leads": true })).await)
    }

    /// Presses Tab until what is asked for has the focus.
    pub async fn tab_to(&mut self, is_it: impl Fn(&Focus) -> bool) -> Focus {
        let mut passed = Vec::new();
        while let Some(focus) = self.press(Key::Tab).await {
            if is_it(&focus) {
                return focus;
            }
            passed.push(focus);
        }
        panic!("the focus came only to {passed:?}");
    }

    /// Presses Tab until the button or the box with this name and value has the focus.
    pub async fn tab_to_control(&mut self, name: &str, value: &str) -> Focus {
        self.tab_to(|focus| focus.name == name && focus.value == value).await
    }

    /// Presses a key from the page's start until the focus has been everywhere; all that had it, in that order.
    pub async fn walk(&mut self, key: Key) -> Vec<Focus> {
        let all = self.run(json!({ "walk": key.name() })).await;
        all.as_array().expect("a list").iter().filter_map(Focus::of).collect()
    }

    /// All that can have the focus, in the order in which it is read out.
    pub async fn operable(&mut self) -> Vec<Operable> {
        let all = self.run(json!({ "operable": true })).await;
        let all = all.as_array().expect("a list").iter();
        all.map(|one| Operable { role: text(one, "role"), name: text(one, "name") }).collect()
    }

    /// Leaves `target/screenshots/NAME.png`, with the whole page.
    pub async fn screenshot(&mut self, name: &str) {
        self.leave_screenshot(name, false).await;
    }

    /// Leaves `target/screenshots/NAME.png`, with what the window shows.
    pub async fn screenshot_of_window(&mut self, name: &str) {
        self.leave_screenshot(name, true).await;
    }

    async fn leave_screenshot(&mut self, name: &str, is_of_window: bool) {
        let file: PathBuf = repository().join("target/screenshots").join(format!("{name}.png"));
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        self.run(json!({ "screenshot": file, "ofWindow": is_of_window })).await;
    }
}

impl Key {
    fn name(self) -> &'static str {
        match self {
            Self::Tab => "Tab",
            Self::ShiftTab => "Shift+Tab",
            Self::Space => "Space",
            Self::Enter => "Enter",
        }
    }
}

impl Look {
    /// Every one there is.
    pub const ALL: [Self; 4] =
        [DESK, Self { phone: false, dark: true }, Self { phone: true, dark: false }, Self { phone: true, dark: true }];

    /// Its name in the screenshots.
    pub fn name(self) -> &'static str {
        match (self.phone, self.dark) {
            (false, false) => "desk-light",
            (false, true) => "desk-dark",
            (true, false) => "phone-light",
            (true, true) => "phone-dark",
        }
    }
}

impl Page {
    fn of(answer: &Value) -> Self {
        let number = |name: &str| answer[name].as_u64().expect("a number");
        let requested = answer["requested"].as_array().expect("a list").iter();
        Self {
            url: Url::parse(&text(answer, "url")).expect("a URL"),
            title: text(answer, "title"),
            lang: text(answer, "lang"),
            html: text(answer, "html"),
            headings: number("headings"),
            width: number("width"),
            overflow: number("overflow"),
            contrast: answer["contrast"].as_f64().expect("a number"),
            requested: requested.map(|url| url.as_str().expect("text").to_owned()).collect(),
            failed: answer["failed"].as_str().map(str::to_owned),
        }
    }

    /// Fails where one of the `words` is missing.
    pub fn assert_says(&self, words: &[&str]) {
        for word in words {
            assert!(self.html.contains(word), "{} has no {word:?}:\n{}", self.url, self.html);
        }
    }
}

impl Focus {
    fn of(answer: &Value) -> Option<Self> {
        let number = |name: &str| answer[name].as_f64().expect("a number");
        let is = |name: &str| answer[name].as_bool().expect("yes or no");
        (!answer.is_null()).then(|| Self {
            name: text(answer, "name"),
            value: text(answer, "value"),
            text: text(answer, "text"),
            is_checked: is("checked"),
            left: number("left"),
            top: number("top"),
            width: number("width"),
            height: number("height"),
            is_in_view: is("inView"),
            outline: number("outline"),
            contrast: number("contrast"),
        })
    }

    /// What tells it from everything else on the page.
    pub fn identity(&self) -> (&str, &str, &str) {
        (&self.name, &self.value, &self.text)
    }
}
