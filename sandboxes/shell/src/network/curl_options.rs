//! What curl was asked for.

use std::time::Duration;

use super::arguments::{Arguments, Known};
use super::seconds;

/// The options. Those in the second half change nothing here.
const KNOWN: [Known; 38] = [
    Known(Some('s'), "silent", false),
    Known(Some('S'), "show-error", false),
    Known(Some('f'), "fail", false),
    Known(None, "fail-with-body", false),
    Known(Some('L'), "location", false),
    Known(Some('X'), "request", true),
    Known(Some('H'), "header", true),
    Known(Some('d'), "data", true),
    Known(None, "data-ascii", true),
    Known(None, "data-raw", true),
    Known(None, "data-binary", true),
    Known(None, "data-urlencode", true),
    Known(None, "json", true),
    Known(Some('G'), "get", false),
    Known(Some('I'), "head", false),
    Known(Some('T'), "upload-file", true),
    Known(Some('o'), "output", true),
    Known(Some('O'), "remote-name", false),
    Known(Some('i'), "include", false),
    Known(None, "show-headers", false),
    Known(Some('w'), "write-out", true),
    Known(Some('u'), "user", true),
    Known(Some('A'), "user-agent", true),
    Known(Some('e'), "referer", true),
    Known(Some('b'), "cookie", true),
    Known(Some('m'), "max-time", true),
    Known(None, "url", true),
    Known(Some('h'), "help", false),
    Known(Some('V'), "version", false),
    Known(Some('g'), "globoff", false),
    Known(Some('N'), "no-buffer", false),
    Known(Some('#'), "progress-bar", false),
    Known(None, "no-progress-meter", false),
    Known(None, "compressed", false),
    Known(None, "http1.1", false),
    Known(None, "http2", false),
    Known(None, "connect-timeout", true),
    Known(None, "tlsv1.2", false),
];

/// What there is, in a line.
pub const HELP: &str = "Usage: curl [OPTIONS] URL\n\
    -s -S -f -L -i -I -G -O, -o FILE, -X METHOD, -H HEADER, -d DATA, --data-raw, --data-binary, --data-urlencode, --json DATA, -T FILE,\n\
    -u USER:PASSWORD, -A AGENT, -e REFERER, -b COOKIES, -m SECONDS, -w FORMAT, --fail-with-body, --url URL\n";

/// What curl was asked for.
pub struct Options {
    /// The words.
    pub arguments: Arguments,
    /// Where to.
    pub url: String,
    /// How long it may take.
    pub time: Option<Duration>,
}

/// Why nothing is done: curl's exit code, and a sentence. Nothing but help has the code 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub i32, pub String);

impl Options {
    /// Reads the words.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn parse(words: &[String]) -> Result<Self, Refused> {
        let arguments = Arguments::parse(words, &KNOWN).map_err(|text| Refused(2, text))?;
        if arguments.has("help") {
            return Err(Refused(0, HELP.to_owned()));
        }
        if arguments.has("version") {
            return Err(Refused(0, "curl (gatehouse-sandbox)\nProtocols: http https\n".to_owned()));
        }
        let urls: Vec<&str> = arguments.values("url").chain(arguments.operands.iter().map(String::as_str)).collect();
        let url = match urls.as_slice() {
            [] => return Err(Refused(2, "no URL specified".to_owned())),
            [url] => *url,
            [_, second, ..] => {
                return Err(Refused(2, format!("there is more than one URL, which is not possible here: {second}")));
            }
        };
        // As curl guesses it.
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let time = match arguments.value("max-time") {
            Some(text) => Some(seconds(text).ok_or_else(|| Refused(2, "option -m: expected a number".to_owned()))?),
            None => None,
        };
        if arguments.value("cookie").is_some_and(|cookies| !cookies.contains('=')) {
            return Err(Refused(2, "option -b: files of cookies are not possible here".to_owned()));
        }
        if arguments.values("header").any(|header| header.starts_with('@')) {
            return Err(Refused(2, "option -H: files of headers are not possible here".to_owned()));
        }
        Ok(Self { url, time: time.filter(|time| !time.is_zero()), arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, Refused> {
        Options::parse(&words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_url_is_one_and_what_is_not_possible_is_named() {
        for (words, code, said) in [
            ("", 2, "no URL"),
            ("-s", 2, "no URL"),
            ("https://a.example/ https://b.example/", 2, "https://b.example/"),
            ("-k https://a.example/", 2, "-k"),
            ("-F a=b https://a.example/", 2, "-F"),
            ("--proxy x https://a.example/", 2, "--proxy"),
            ("-m soon https://a.example/", 2, "-m"),
            ("-b jar https://a.example/", 2, "-b"),
            ("-H @file https://a.example/", 2, "-H"),
            ("--help", 0, "Usage"),
            ("-V", 0, "curl"),
        ] {
            let Err(Refused(had, text)) = parse(words) else { panic!("{words}") };
            assert!(had == code && text.contains(said), "{words}: {had} {text}");
        }
        for (words, url) in [
            ("a.example/b", "http://a.example/b"),
            ("-sSfL https://a.example", "https://a.example"),
            ("--url https://a.example", "https://a.example"),
        ] {
            assert_eq!(parse(words).map(|options| options.url).ok().as_deref(), Some(url), "{words}");
        }
        let time = |words| parse(words).map(|options| options.time).ok().flatten();
        assert_eq!(time("-m 1.5 a"), Some(Duration::from_millis(1500)));
        assert_eq!(time("-m 0 a"), None);
    }

    #[test]
    fn help_names_no_option_that_there_is_not() {
        for word in HELP.split([' ', ',', '\n']).filter(|word| word.starts_with('-')) {
            let is_known = KNOWN.iter().any(|Known(short, long, _)| {
                word.strip_prefix("--")
                    .map_or_else(|| short.is_some_and(|short| word == format!("-{short}")), |name| name == *long)
            });
            assert!(is_known, "{word}");
        }
    }
}
