use proptest::prelude::*;

use super::*;
use crate::authorization::UnboundRejection;
use crate::example::{
    CONFIGURED_URI, LOOPBACK_URI, START, World, configuration_with, key_ring, with_each_character_changed,
};
use crate::provider_selection::ProviderSelection;

/// Seconds: a day.
const REGISTERED_FOR: u64 = 86_400;

impl World {
    fn ticket(&mut self, request: &AuthorizationRequest, now: UnixTime) -> String {
        let provider = &self.configuration.identity_providers[0];
        let consent_request = ConsentRequest { request: request.clone(), provider, approved: None };
        consent_request.ticket(&self.browser, &self.keys, now, &mut self.entropy).unwrap()
    }

    fn answered(&self, ticket: &str, browser: &Browser, now: UnixTime) -> Result<ConsentRequest<'_>, PageRejection> {
        self.store.set_now(now);
        ConsentRequest::redeem(ticket, browser, &self.keys, &self.configuration, &self.store, now)
            .map(|(consent_request, _)| consent_request)
    }
}

#[test]
fn a_ticket_brings_the_request_back_and_stores_nothing() {
    let mut world = World::new();
    for request in [world.request(), world.request_of_registered()] {
        let before = world.store.snapshot();
        let ticket = world.ticket(&request, START);
        let restored = world.answered(&ticket, &world.browser, START).unwrap();
        assert_eq!(format!("{:?}", restored.request), format!("{request:?}"));
        assert_eq!((restored.provider.name.as_str(), restored.approved), ("demo", None));
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn a_ticket_remembers_how_its_request_was_approved() {
    let mut world = World::new();
    for approved in [
        None,
        Some(Approval::Remembered),
        Some(Approval::Given { remember: false }),
        Some(Approval::Given { remember: true }),
    ] {
        let provider = &world.configuration.identity_providers[0];
        let consent_request = ConsentRequest { request: world.request(), provider, approved };
        let ticket = consent_request.ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
        assert_eq!(world.answered(&ticket, &world.browser, START).unwrap().approved, approved);
    }
}

/// Whoever has chosen a provider has not consented.
#[test]
fn a_ticket_of_another_page_counts_for_nothing() {
    let mut world = World::new();
    let selection = ProviderSelection { request: world.request(), may_be_remembered: true, may_go_unasked: true };
    let of_choice = selection.ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    assert_eq!(world.answered(&of_choice, &world.browser, START).unwrap_err(), PageRejection::Foreign);
}

#[test]
fn a_provider_that_was_removed_meanwhile_signs_nobody_in() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    world.configuration = configuration_with("name = \"demo\"", "name = \"another\"");
    let refused = world.answered(&ticket, &world.browser, START).unwrap_err();
    assert_eq!(refused, PageRejection::UnknownProvider);
}

#[test]
fn a_ticket_can_be_answered_until_the_second_in_which_it_expires() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    assert!(world.answered(&ticket, &world.browser, START.plus(899)).is_ok());
    for seconds in [900, 901, 1_000_000] {
        let refused = world.answered(&ticket, &world.browser, START.plus(seconds)).unwrap_err();
        assert_eq!(refused, PageRejection::Expired);
    }
}

/// Cross-site request forgery: an attacker's own ticket, posted by the victim's browser.
#[test]
fn a_ticket_of_another_browser_counts_for_nothing() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    let other = world.another_browser();
    assert_eq!(world.answered(&ticket, &other, START).unwrap_err(), PageRejection::Foreign);
    // It is not said whether it has expired, either.
    assert_eq!(world.answered(&ticket, &other, START.plus(900)).unwrap_err(), PageRejection::Foreign);
}

#[test]
fn a_ticket_that_was_altered_anywhere_counts_for_nothing() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    let mut altered = vec![String::new(), ticket[1..].to_owned(), format!("{ticket}A"), format!("{ticket}=")];
    altered.extend(with_each_character_changed(&ticket));
    for altered in altered {
        assert_eq!(world.answered(&altered, &world.browser, START).unwrap_err(), PageRejection::Foreign, "{altered}");
    }
}

#[test]
fn a_ticket_survives_a_key_rotation_and_not_the_removal_of_its_key() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    world.keys = gatehouse_sealed_storage::sealing::KeyRing::parse(&format!("B:B{0},A:A{0}", "A".repeat(42))).unwrap();
    assert!(world.answered(&ticket, &world.browser, START).is_ok());
    world.keys = key_ring('B');
    assert_eq!(world.answered(&ticket, &world.browser, START).unwrap_err(), PageRejection::Foreign);
}

#[test]
fn a_client_that_has_gone_meanwhile_gets_nothing() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    world.configuration = configuration_with("\"conformance\"", "\"another\"");
    let refused = world.answered(&ticket, &world.browser, START).unwrap_err();
    assert_eq!(refused, PageRejection::Unbound(UnboundRejection::UnknownClient));
}

#[test]
fn a_registration_that_expires_while_the_page_is_open_gets_nothing() {
    let mut world = World::new();
    let request = world.request_of_registered();
    let ticket = world.ticket(&request, START.plus(REGISTERED_FOR - 10));
    assert!(world.answered(&ticket, &world.browser, START.plus(REGISTERED_FOR - 1)).is_ok());
    let refused = world.answered(&ticket, &world.browser, START.plus(REGISTERED_FOR)).unwrap_err();
    assert_eq!(refused, PageRejection::Unbound(UnboundRejection::UnknownClient));
}

#[test]
fn a_redirect_uri_that_was_removed_meanwhile_gets_nothing() {
    let mut world = World::new();
    let ticket = world.ticket(&world.request(), START);
    world.configuration = configuration_with(CONFIGURED_URI, "https://client.example/moved");
    let refused = world.answered(&ticket, &world.browser, START).unwrap_err();
    assert_eq!(refused, PageRejection::Unbound(UnboundRejection::ForeignRedirectUri));
}

#[test]
fn a_client_that_cannot_be_looked_up_now_is_not_taken_for_gone() {
    let mut world = World::new();
    let request = world.request_of_registered();
    let ticket = world.ticket(&request, START);
    world.store.go_down();
    let refused = world.answered(&ticket, &world.browser, START).unwrap_err();
    assert!(matches!(refused, PageRejection::Unbound(UnboundRejection::Unavailable(_))), "{refused:?}");
}

#[test]
fn a_page_does_not_show_what_its_ticket_holds() {
    use base64::Engine as _;
    let mut world = World::new();
    let request = world.request_of_registered();
    let ticket = world.ticket(&request, START);
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&ticket).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for secret in [LOOPBACK_URI, "xyz", request.client.client_id.as_str(), "client_id", &world.browser.cookie_value()] {
        assert!(!text.contains(secret) && !ticket.contains(secret), "{secret}");
    }
}

proptest! {
    #[test]
    fn any_text_is_no_ticket(text in prop_oneof![".{0,100}", "[A-Za-z0-9_-]{0,200}"]) {
        let world = World::new();
        prop_assert_eq!(world.answered(&text, &world.browser, START).unwrap_err(), PageRejection::Foreign);
    }
}
