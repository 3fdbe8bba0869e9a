use super::*;
use crate::consent::ConsentRequest;
use crate::example::{START, World, configuration_with, key_ring, query, with_each_character_changed};

impl World {
    fn choice(&mut self, selection: &ProviderSelection) -> String {
        selection.ticket(&self.browser, &self.keys, START, &mut self.entropy).unwrap()
    }

    fn chosen(&self, ticket: &str, browser: &Browser, now: UnixTime) -> Result<ProviderSelection, PageRejection> {
        self.store.set_now(now);
        ProviderSelection::redeem(ticket, browser, &self.keys, &self.configuration, &self.store, now)
            .map(|(selection, _)| selection)
    }
}

/// Else a site that sent the browser here would have its request answered as soon as the user picks a provider.
#[test]
fn a_choice_comes_back_as_it_was_and_stores_nothing() {
    let mut world = World::new();
    for (request, may_be_remembered) in [
        (world.request(), true),
        (world.request(), false),
        (world.request_of(&query().and("prompt", "consent")), false),
        (world.request_of_registered(), true),
    ] {
        let selection = ProviderSelection { request, may_be_remembered, may_go_unasked: !may_be_remembered };
        let before = world.store.snapshot();
        let ticket = world.choice(&selection);
        let restored = world.chosen(&ticket, &world.browser, START).unwrap();
        assert_eq!(format!("{restored:?}"), format!("{selection:?}"));
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn a_choice_can_be_made_until_the_second_in_which_its_page_expires() {
    let mut world = World::new();
    let selection = ProviderSelection { request: world.request(), may_be_remembered: true, may_go_unasked: true };
    let ticket = world.choice(&selection);
    assert!(world.chosen(&ticket, &world.browser, START.plus(899)).is_ok());
    for seconds in [900, 1_000_000] {
        let refused = world.chosen(&ticket, &world.browser, START.plus(seconds)).unwrap_err();
        assert_eq!(refused, PageRejection::Expired);
    }
}

#[test]
fn what_was_not_made_for_this_page_in_this_browser_counts_for_nothing() {
    let mut world = World::new();
    let selection = ProviderSelection { request: world.request(), may_be_remembered: true, may_go_unasked: true };
    let ticket = world.choice(&selection);
    let other = world.another_browser();
    assert_eq!(world.chosen(&ticket, &other, START).unwrap_err(), PageRejection::Foreign);
    let provider = &world.configuration.identity_providers[0];
    let consent_request = ConsentRequest { request: world.request(), provider, approved: None };
    let of_consent = consent_request.ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    let foreign = selection.ticket(&world.browser, &key_ring('B'), START, &mut world.entropy).unwrap();
    let mut forged = vec![String::new(), ticket[1..].to_owned(), format!("{ticket}A"), of_consent, foreign];
    forged.extend(with_each_character_changed(&ticket));
    let before = world.store.snapshot();
    for forged in forged {
        let refused = world.chosen(&forged, &world.browser, START).unwrap_err();
        assert_eq!(refused, PageRejection::Foreign, "{forged}");
    }
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_client_that_has_gone_meanwhile_gets_nothing() {
    let mut world = World::new();
    let selection = ProviderSelection { request: world.request(), may_be_remembered: true, may_go_unasked: true };
    let ticket = world.choice(&selection);
    world.configuration = configuration_with("\"conformance\"", "\"another\"");
    let refused = world.chosen(&ticket, &world.browser, START).unwrap_err();
    assert!(matches!(refused, PageRejection::Unbound(_)), "{refused:?}");
}
