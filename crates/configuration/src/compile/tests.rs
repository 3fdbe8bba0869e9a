use proptest::prelude::*;

use super::*;
use crate::compiled::is_compiled;
use crate::tests::{FULL, MINIMAL, nearly_a_document};
use crate::{ConfigurationError, Source};

/// What is asked for of the compiled form.
const PARTS: [Part<'_>; 6] = [
    Part::Gateway,
    Part::AuthorizationServer,
    Part::Servers,
    Part::Route("/mcp"),
    Part::Route("/full"),
    Part::OnlyRoute,
];

fn compiled() -> String {
    compile(&format!("{MINIMAL}{FULL}")).unwrap()
}

/// What the parts mean, read from a setting of either form.
fn meaning(setting: &str, paths: &[&str]) -> Configuration {
    let source = Source::read(setting.to_owned()).unwrap();
    let part = |part| source.part(&part).unwrap().unwrap().into_owned();
    let needs = Needs::from_part(&part(Part::Servers)).unwrap();
    let configuration = Configuration {
        gateway: gateway::Configuration::from_part(&part(Part::Gateway)).unwrap(),
        authorization_server: authorization_server::Configuration::from_part(&part(Part::AuthorizationServer)).unwrap(),
        routes: paths.iter().map(|path| Route::from_part(&part(Part::Route(path))).unwrap()).collect(),
    };
    assert_eq!(needs, Needs::of(&configuration.authorization_server, &configuration.routes, None));
    let only = source.part(&Part::OnlyRoute).unwrap().map(|text| Route::from_part(&text).unwrap());
    assert_eq!(only.as_ref(), configuration.routes.first().filter(|_| paths.len() == 1));
    configuration
}

/// Every form of the document means the same, part by part.
fn assert_faithful(document: &str, whole: &Configuration) {
    let paths: Vec<_> = whole.routes.iter().map(|route| route.path.as_str()).collect();
    for setting in [document.to_owned(), compile(document).unwrap()] {
        let source = Source::read(setting).unwrap();
        assert_eq!(source.paths(), paths);
        assert_eq!(Configuration::of_source(&source).unwrap(), *whole);
    }
    assert_eq!(meaning(document, &paths), *whole);
    assert_eq!(meaning(&compile(document).unwrap(), &paths), *whole);
}

/// The error of the first part that is not read.
fn refusal(text: &str) -> Option<CompiledError> {
    let read = |part: &Part<'_>| match Source::read(text.to_owned()).and_then(|source| source.part(part).map(|_| ())) {
        Ok(()) => None,
        Err(ConfigurationError::Compiled(error)) => Some(error),
        Err(error) => panic!("{error}"),
    };
    PARTS.iter().find_map(read)
}

#[test]
fn a_document_means_the_same_compiled_and_as_it_is_written() {
    // An empty list of grant types is not the default one.
    let client = r#"
[[clients]]
client_id = "auditor"
client_name = "Auditor"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "client_secret" }
grant_types = []
may_introspect = true
"#;
    for document in [MINIMAL.to_owned(), format!("{MINIMAL}{FULL}"), format!("{MINIMAL}{FULL}{client}")] {
        assert_faithful(&document, &Configuration::parse(&document).unwrap());
    }
}

#[test]
fn a_route_is_found_by_its_own_path_only() {
    let source = Source::read(compiled()).unwrap();
    for path in ["", "/", "mcp", "/MCP", "/mcp/", "/mcp ", "/mcp 0", "gateway", "servers", "authorization-server", "{"]
    {
        assert_eq!(source.part(&Part::Route(path)), Ok(None), "{path:?}");
    }
    assert_eq!(source.part(&Part::OnlyRoute), Ok(None), "there are two");
    assert!(Source::read(compile(MINIMAL).unwrap()).unwrap().part(&Part::OnlyRoute).unwrap().is_some());
}

#[test]
fn a_part_holds_nothing_that_only_another_one_needs() {
    let source = Source::read(compiled()).unwrap();
    let part = |part| source.part(&part).unwrap().unwrap().into_owned();
    let server = part(Part::AuthorizationServer);
    for foreign in ["x-functions-key", "upstream_secret", "files_write", "stream_idle"] {
        assert!(compiled().to_lowercase().contains(foreign) && !server.to_lowercase().contains(foreign), "{foreign}");
    }
    assert!(!part(Part::Route("/mcp")).contains("full") && !part(Part::Gateway).contains("mcp"));
}

#[test]
fn what_is_not_whole_is_refused_and_says_why() {
    let text = compiled();
    let (first, rest) = text.split_once('\n').unwrap();
    let length = text.trim_end().len();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (what, damaged, expected) in [
        ("an older format", with("/6 ", "/0 "), CompiledError::OtherFormat("0".to_owned())),
        ("a newer format", with("/6 ", "/12 "), CompiledError::OtherFormat("12".to_owned())),
        ("no format", with("/6 ", "/ "), CompiledError::OtherFormat(String::new())),
        ("its name alone", NAME.to_owned(), CompiledError::OtherFormat(String::new())),
        ("the first word alone", format!("{NAME}{FORMAT}"), CompiledError::Header),
        ("another digest's name", with("sha256:", "sha512:"), CompiledError::Header),
        ("no checksum", with(" check=", " "), CompiledError::Header),
        ("a length that no number can be", with("parts=", "parts=99999999999999999999"), CompiledError::Header),
        ("the largest lengths", with("parts=", &format!("parts={} parts=", usize::MAX)), CompiledError::Header),
        ("a digest that is too long", with("sha256:", "sha256:0"), CompiledError::Header),
        ("the first line alone", first.to_owned(), CompiledError::Length { expected: length, found: first.len() }),
        (
            "a byte less",
            text.trim_end().strip_suffix('}').unwrap().to_owned(),
            CompiledError::Length { expected: length, found: length - 1 },
        ),
        (
            "a byte more",
            format!("{}}}", text.trim_end()),
            CompiledError::Length { expected: length, found: length + 1 },
        ),
        ("a path that was edited", with("\n/mcp ", "\n/mcq "), CompiledError::Index),
        ("a checksum that is too long", with("check=", "check=0"), CompiledError::Header),
        ("an edited policy", with(":-", ":+"), CompiledError::Part("/full".to_owned())),
        ("an edited origin", with("gateway.example", "gateway.exbmple"), CompiledError::Part("gateway".to_owned())),
        ("lines of another system", format!("{first}\r\n{rest}"), CompiledError::Header),
    ] {
        assert_eq!(refusal(&damaged), Some(expected.clone()), "{what}");
        let said = ConfigurationError::Compiled(expected).to_string();
        assert!(said.starts_with("the configuration is compiled, and ") && !said.contains('\n'), "{said}");
    }
}

#[test]
fn line_breaks_at_the_end_may_come_and_go() {
    let text = compiled();
    for spaced in [text.trim_end().to_owned(), format!("{text}\n"), format!("\n {text}\r\n")] {
        assert_eq!(refusal(&spaced), None);
    }
}

#[test]
fn what_is_compiled_is_no_document() {
    for refused in [compile(&compiled()).unwrap_err(), Configuration::parse(&compiled()).unwrap_err()] {
        assert_eq!(refused, ConfigurationError::Compiled(CompiledError::NeedsDocument));
    }
}

#[test]
fn every_changed_byte_is_found() {
    let text = compiled();
    let text = text.trim_end();
    for place in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'#' { b'$' } else { b'#' };
        let changed = String::from_utf8(bytes).unwrap();
        if compiled_name_is_whole(&changed) {
            assert!(refusal(&changed).is_some(), "byte {place}");
        }
    }
}

/// Without its name, the text is read as a document, and refused as one.
fn compiled_name_is_whole(text: &str) -> bool {
    is_compiled(text) || {
        assert!(Source::read(text.to_owned()).is_err());
        false
    }
}

proptest! {
    #[test]
    fn whatever_document_is_accepted_means_the_same_in_every_form(text in nearly_a_document()) {
        match Configuration::parse(&text) {
            Ok(whole) => assert_faithful(&text, &whole),
            Err(error) => {
                prop_assert_eq!(compile(&text), Err(error.clone()));
                prop_assert_eq!(Source::read(text).err(), Some(error));
            }
        }
    }

    #[test]
    fn no_text_that_begins_like_it_is_taken_for_one(text in "[\\PC\n]{0,200}", cut in any::<prop::sample::Index>()) {
        let whole = compiled();
        let other = format!("{NAME}{FORMAT} {text}");
        prop_assert!(refusal(&other).is_some());
        let cut = cut.index(whole.trim_end().len());
        if cut > NAME.len() {
            prop_assert!(refusal(&whole[..cut]).is_some());
        }
    }
}

/// Nobody takes a route for one without rules because its rules are not where they should be.
#[test]
fn a_part_of_a_route_without_its_rules_is_none() {
    let source = Source::read(compile(&format!("{MINIMAL}{FULL}")).unwrap()).unwrap();
    let part = source.part(&Part::Route("/full")).unwrap().unwrap().into_owned();
    assert!(!Route::from_part(&part).unwrap().policy.is_empty());
    let (length, behind) = part.split_once(':').unwrap();
    let keys = &behind[length.parse().unwrap()..];
    for damaged in [keys, "", "0:", &format!("9{part}"), &format!("x{part}"), &format!(":{keys}")] {
        assert!(Route::from_part(damaged).is_err(), "{damaged}");
    }
}
