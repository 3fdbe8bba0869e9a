//! Our policy in a real browser: the redirects after a form go on to where they should, and to nowhere else.
//!
//! Chromium holds every one of them against `form-action` of the page with the form, and tells nobody but its console.

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, From, Person, parameter, serve};
use http::Response;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};

use crate::chromium::{Chromium, Page};
use crate::scene::{self, PRIVATE_USE, asked, client_page, cursor, native};

/// From the form to the provider, back to us, and to the client: all of them by plain http.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_leads_through_a_provider_to_a_client_on_this_computer() {
    let world = scene::start(&["contoso"], AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    chromium.be("alice").await;
    let address = client_page().await;
    for redirect_uri in [address.clone(), address.replace("127.0.0.1", "localhost")] {
        let flow = asked(&world, &alice, &native(&redirect_uri));
        chromium.open(flow.authorization_url().as_str()).await;
        let page = chromium.click("button[value=approve]").await;
        let way = [world.url("/consent"), world.provider().origin().to_owned(), world.url("/callback"), redirect_uri];
        assert_eq!(page.requested.len(), way.len(), "{:?}", page.requested);
        for (asked, place) in page.requested.iter().zip(&way) {
            assert!(asked.starts_with(place.as_str()), "{asked} and not {place}");
        }
        page.assert_says(&["You can close this window"]);
        assert!(parameter(&page.url, "code").is_some(), "{}", page.url);
    }
    world.gatehouse.stop().await;
}

/// A link that a program of this computer opens. Here is none, so the browser stays where it is; what counts is that it
/// tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_leads_to_the_links_of_a_program() {
    let world = scene::start(&["contoso"], AttackSettings::default()).await;
    let alice = Person::new("alice");
    for (decision, expected) in [("approve", "code"), ("deny", "error")] {
        // A browser that has tried to open another program's link waits for an answer that nobody gives.
        let mut chromium = Chromium::start().await;
        chromium.be("alice").await;
        let flow = asked(&world, &alice, &cursor());
        chromium.open(flow.authorization_url().as_str()).await;
        let page = chromium.click(&format!("button[value={decision}]")).await;
        let link = tried(&page).unwrap_or_else(|| panic!("it was held back: {:?}", page.requested));
        assert!(parameter(&link.parse().expect("a URL"), expected).is_some(), "{link}");
    }

    // The same policy without the scheme, to see that the browser would have held it back.
    let page = alice.open(&asked(&world, &alice, &cursor()).authorization_url(), From::Nowhere).await;
    let policy = page.header("content-security-policy").to_owned();
    let without = policy.replace(" cursor:", "");
    assert_ne!(policy, without);
    assert!(tried(&after_a_form_under(policy).await).is_some());
    assert_eq!(tried(&after_a_form_under(without).await), None);
    world.gatehouse.stop().await;
}

/// The link of the program that the browser tried to open.
fn tried(page: &Page) -> Option<&str> {
    assert!(page.failed.is_some(), "there is no such program: {page:?}");
    page.requested.iter().map(String::as_str).find(|url| url.starts_with(PRIVATE_USE))
}

/// A page with this policy, whose form ends at the link of a program.
async fn after_a_form_under(policy: String) -> Page {
    let origin = serve(move |received| {
        let policy = policy.clone();
        async move {
            let form = "<!doctype html><form method=\"post\" action=\"/form\"><button>Go</button></form>";
            let answer = match received.path.as_str() {
                "/form" => Response::builder().status(303).header(LOCATION, PRIVATE_USE).body(Bytes::new()),
                _ => Response::builder()
                    .header(CONTENT_TYPE, "text/html")
                    .header(CONTENT_SECURITY_POLICY, policy)
                    .body(Bytes::from_static(form.as_bytes())),
            };
            answer.ok()
        }
    });
    let mut chromium = Chromium::start().await;
    chromium.open(&origin.await).await;
    chromium.click("button").await
}
