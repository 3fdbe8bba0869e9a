//! What holds of every page.

use super::*;

#[test]
fn every_page_works_without_scripts_and_for_those_who_do_not_see_it_in_every_language() {
    let configuration = configuration();
    for language in Language::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages").join(language.tag());
        fs::create_dir_all(&folder).unwrap();
        for (name, page) in every_page(language, &configuration) {
            let (text, policy) = (text(&page), policy(&page));
            fs::write(folder.join(format!("{name}.html")), &text).unwrap();
            let name = format!("{name} in {language:?}");
            assert!(text.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
            assert_eq!(page.headers()[CONTENT_LANGUAGE], language.tag(), "{name}");
            assert_eq!(page.headers()[VARY], "accept-language", "{name}");
            assert!(text.contains("name=\"viewport\""), "{name}");
            assert_eq!((text.matches("<h1>").count(), text.matches("<main>").count()), (1, 1), "{name}");
            assert!(!text.contains("<title> ") && !text.contains("<script") && !text.contains(" style="), "{name}");
            let forms = text.matches("<form").count();
            assert_eq!(forms, text.matches("name=\"ticket\" value=\"the-ticket\"").count(), "{name}");
            assert_eq!(forms, text.matches("<form method=\"post\" action=\"/").count(), "{name}");
            assert_eq!(text.matches("type=\"checkbox\"").count(), text.matches("<label for=").count(), "{name}");
            assert!(!text.contains("<b>more") && !text.contains("http://www"), "{name}: markup of others");
            assert!(!text.contains("&#38;#"), "{name}: something is escaped twice: {text}");
            let body = text.split_once("</style>").unwrap().1;
            assert!(!body.contains(['{', '}']), "{name}: a place that nobody filled: {body}");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{name}");
            assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("img-src"), "{name}");
            assert_eq!(page.headers()[X_FRAME_OPTIONS], "DENY", "{name}");
            assert_eq!(page.headers()[CACHE_CONTROL], "no-store", "{name}");
            assert_eq!(text.contains("<form"), form_action(&page) != "'none'", "{name}: {policy}");
        }
    }
}

/// Beside what [`Texts`] promise: no text stands in a template, where nobody would translate it.
#[test]
fn no_template_has_words_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for template in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if template.extension().is_some_and(|extension| extension == "html") {
            let mut text = fs::read_to_string(&template).unwrap();
            for (start, end) in [("{%", "%}"), ("{{", "}}"), ("<", ">")] {
                while let Some((before, rest)) = text.clone().split_once(start) {
                    text = format!("{before}{}", rest.split_once(end).unwrap().1);
                }
            }
            assert!(!text.contains(|character: char| character.is_alphabetic()), "{template:?}: {text}");
        }
    }
}

#[test]
fn every_page_says_whose_it_is_and_shows_no_picture_but_theirs() {
    let mut configuration = configuration();
    for (name, page) in every_page(Language::German, &configuration) {
        let text = text(&page);
        assert!(text.contains("<header><p>gateway.example</p></header>"), "{name}: {text}");
        assert!(!text.contains("<footer>") && !text.contains("<img"), "{name}");
    }
    let own_path = "/brand/logo.svg".to_owned();
    for (logo, shown, source) in [
        (Logo::Data("data:image/png;base64,AAAA".to_owned()), "data:image/png;base64,AAAA", "data:"),
        (Logo::OwnPath(own_path.clone()), own_path.as_str(), "https://gateway.example/brand/logo.svg"),
    ] {
        configuration.branding = Branding {
            name: Some("Contoso & <b>Söhne".to_owned()),
            logo: Some(logo),
            contact: Some("mailto:help@contoso.example?subject=a&body=\"b".to_owned()),
            privacy: Some("https://contoso.example/privacy".to_owned()),
        };
        for (name, page) in every_page(Language::German, &configuration) {
            let (text, policy) = (text(&page), policy(&page));
            for expected in [
                &format!(
                    "<header><img src=\"{shown}\" alt=\"\" referrerpolicy=\"no-referrer\"><p>Contoso &#38; &#60;b&#62;Söhne</p></header>"
                ),
                " · Contoso &#38; &#60;b&#62;Söhne</title>",
                "<a href=\"mailto:help@contoso.example?subject=a&#38;body=&#34;b\" rel=\"noreferrer\">Kontakt</a>",
                "<a href=\"https://contoso.example/privacy\" rel=\"noreferrer\">Datenschutz</a>",
            ] {
                assert!(text.contains(expected), "{name}: {expected}: {text}");
            }
            assert!(policy.contains(&format!("; img-src {source};")), "{name}: {policy}");
        }
    }
}

/// Where the configuration cannot be read, nothing is known of the operator.
#[test]
fn a_page_can_be_made_without_a_configuration() {
    let configuration = configuration();
    let without = Layout { configuration: None, address: None, ..english(&configuration) };
    let page = error(without, Problem::OutOfOrder);
    let text = text(&page);
    assert!(page.status() == 503 && text.contains(ID) && !text.contains("<header>"), "{text}");
}

#[test]
fn whoever_gets_no_further_is_told_what_to_do_and_has_a_way_back() {
    let configuration = configuration();
    for language in Language::ALL {
        for (name, page) in every_page(language, &configuration) {
            let (text, status) = (text(&page), page.status().as_u16());
            if status == 200 {
                continue;
            }
            let is_retried = text.contains("href=\"/authorize?client_id=a&#38;state=&#34;&#60;b&#62;more\"");
            assert_eq!(is_retried, status == 503, "{name}: {text}");
            let has_way = text.contains("<a href=\"") || text.contains("<button");
            assert!(has_way, "{name} in {language:?}: {text}");
        }
        let retry = |name| {
            let pages = every_page(language, &configuration);
            let page = pages.into_iter().find(|(own, _)| *own == name).unwrap().1;
            page.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!((retry("too-many").as_deref(), retry("wait-hour").as_deref()), (Some("60"), Some("60")));
    }
}

#[test]
fn whoever_is_told_that_something_went_wrong_is_told_the_id_of_the_request_that_did() {
    for (name, page) in every_page(Language::English, &configuration()) {
        let is_failure = !page.status().is_success() && name != "sign-in-again";
        assert_eq!(text(&page).contains(ID), is_failure, "{name}");
    }
}
