//! The browser in which a user allowed a session: what tells sessions apart for their owner.

use serde::{Deserialize, Serialize};

/// The browser in which a session was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionBrowser {
    /// A digest of the browser's cookie: the same browser is recognised by it, and nothing else can be done with it.
    pub digest: String,
    /// What the browser says that it is.
    pub device: Device,
}

/// What a browser says that it is (`User-Agent`, RFC 9110, section 10.1.5), as far as it is known. Nothing is kept of the
/// field but the names of products below, so that nobody else's words get onto a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Such as `Firefox`.
    pub browser: Option<&'static str>,
    /// Such as `Windows`.
    pub system: Option<&'static str>,
}

/// A [`SessionBrowser`] in a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionBrowserText {
    digest: String,
    browser: Option<String>,
    system: Option<String>,
}

/// What stands in the field, and the product's name. The first that is there counts: others claim to be those further down.
const BROWSERS: [(&str, &str); 12] = [
    ("SamsungBrowser/", "Samsung Internet"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same of operating systems, and of devices that have one of their own.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

impl Device {
    /// What is known of the browser that sends this field. An iPad may say that it is a Macintosh, and is believed.
    pub fn of(user_agent: &str) -> Self {
        let first = |products: &[(&str, &'static str)]| {
            products.iter().find(|(token, _)| user_agent.contains(token)).map(|(_, name)| *name)
        };
        Self { browser: first(&BROWSERS), system: first(&SYSTEMS) }
    }

    fn restore(browser: Option<&str>, system: Option<&str>) -> Self {
        let known = |products: &[(&str, &'static str)], text: Option<&str>| {
            products.iter().map(|(_, name)| *name).find(|name| Some(*name) == text)
        };
        Self { browser: known(&BROWSERS, browser), system: known(&SYSTEMS, system) }
    }
}

impl From<&SessionBrowser> for SessionBrowserText {
    fn from(browser: &SessionBrowser) -> Self {
        let SessionBrowser { digest, device } = browser;
        let owned = |name: Option<&str>| name.map(str::to_owned);
        Self { digest: digest.clone(), browser: owned(device.browser), system: owned(device.system) }
    }
}

impl From<SessionBrowserText> for SessionBrowser {
    /// Names that are not known, or no longer, are left out.
    fn from(text: SessionBrowserText) -> Self {
        Self { digest: text.digest, device: Device::restore(text.browser.as_deref(), text.system.as_deref()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOZILLA: &str = "Mozilla/5.0";

    #[test]
    fn a_browser_and_its_system_are_named_in_words() {
        for (field, browser, system) in [
            ("(Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox", "Windows"),
            (
                "(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
                "Chrome",
                "Linux",
            ),
            (
                "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
                "Safari",
                "macOS",
            ),
            (
                "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
                "Edge",
                "Windows",
            ),
            (
                "(iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                "Safari",
                "iPhone",
            ),
            (
                "(iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1",
                "Chrome",
                "iPhone",
            ),
            (
                "(iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/133.0 Mobile/15E148 Safari/605.1.15",
                "Firefox",
                "iPad",
            ),
            (
                "(Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
                "Samsung Internet",
                "Android",
            ),
            ("(Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "Firefox", "Android"),
            (
                "(X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
                "Chrome",
                "ChromeOS",
            ),
            (
                "(Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
                "Opera",
                "Windows",
            ),
        ] {
            let device = Device::of(&format!("{MOZILLA} {field}"));
            assert_eq!(device, Device { browser: Some(browser), system: Some(system) }, "{field}");
        }
        for unknown in ["", "curl/8.11.0", "node", "<script>"] {
            assert_eq!(Device::of(unknown), Device::default(), "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back_and_holds_no_words_of_others(field in ".{0,60}(Firefox/|Windows|iPad|Edg/)?.{0,20}") {
            let browser = SessionBrowser { digest: "d".to_owned(), device: Device::of(&field) };
            let text = serde_json::to_string(&SessionBrowserText::from(&browser)).unwrap();
            prop_assert!(text.len() < 100, "{}", text);
            let read: SessionBrowserText = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(SessionBrowser::from(read), browser);
        }
    }

    #[test]
    fn an_altered_name_is_left_out() {
        let text = SessionBrowserText {
            digest: "d".to_owned(),
            browser: Some("<b>".to_owned()),
            system: Some("Linux".to_owned()),
        };
        assert_eq!(SessionBrowser::from(text).device, Device { browser: None, system: Some("Linux") });
    }
}
