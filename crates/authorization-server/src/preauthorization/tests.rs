use super::*;
use crate::example::{CONFIGURED, LOOPBACK_URI, World, configuration_with, query};

fn opened(site: &'static str) -> Arrival<'static> {
    Arrival { site: Some(site), mode: Some("navigate"), destination: Some("document"), ..Arrival::default() }
}

#[test]
fn a_client_of_the_configuration_is_preauthorized_where_it_is_listed_and_nowhere_else() {
    let mut world = World::new();
    let request = world.request();
    assert!(!is_preauthorized(&request, &world.configuration));
    world.configuration = configuration_with("public_url", "preauthorized_clients = [\"conformance\"]\npublic_url");
    assert!(is_preauthorized(&request, &world.configuration));
    let of_route = "path = \"/mcp\"\npreauthorized_clients = [\"conformance\"]";
    world.configuration = configuration_with("path = \"/mcp\"", of_route);
    assert!(is_preauthorized(&request, &world.configuration));
    world.configuration.routes[0].preauthorized_clients.clear();
    assert!(!is_preauthorized(&request, &world.configuration));
}

/// An attacker can register any name, and no id; even if an id of theirs got into the list, it would not count.
#[test]
fn a_client_that_registered_itself_is_never_preauthorized() {
    let mut world = World::new();
    let request = world.request_of_registered();
    world.configuration.preauthorized_clients.push(request.client.client_id.clone());
    assert!(!is_preauthorized(&request, &world.configuration));
    let mut of_the_same_name = request.clone();
    of_the_same_name.client.client_name = world.request().client.client_name;
    world.configuration.preauthorized_clients = vec![world.request().client.client_id];
    assert!(!is_preauthorized(&of_the_same_name, &world.configuration));
    assert_eq!(world.request().client.client_id.as_str(), CONFIGURED);
}

#[test]
fn a_page_that_nobody_asked_for_and_a_client_that_wants_the_user_asked_lead_to_the_question() {
    let world = World::new();
    let (plain, prompting) = (world.request(), world.request_of(&query().and("prompt", "login consent")));
    for site in ["none", "cross-site", "same-site"] {
        assert!(may_go_unasked(&plain, &opened(site)), "{site}: a client on the web sends its users from there");
        assert!(!may_go_unasked(&prompting, &opened(site)), "{site}");
        assert!(!may_go_unasked(&plain, &Arrival { is_prefetch: true, ..opened(site) }), "{site}");
        assert!(!may_go_unasked(&plain, &Arrival { destination: Some("iframe"), ..opened(site) }), "{site}");
    }
}

#[test]
fn an_answer_to_a_program_goes_unasked_only_where_no_web_page_began_it() {
    let mut world = World::new();
    let native = world.request_of_registered();
    assert_eq!(native.redirect_uri.redirect_uri().comparable(), LOOPBACK_URI.replace(":33418", ""));
    assert!(may_go_unasked(&native, &opened("none")));
    for arrival in [opened("cross-site"), opened("same-site"), opened("same-origin"), Arrival::default()] {
        assert!(!may_go_unasked(&native, &arrival), "{arrival:?}");
    }
}

#[test]
fn nobody_answers_for_everybody_where_any_program_could_be_the_client() {
    let mut world = World::new();
    assert!(may_be_approved_for_everybody(&world.request()));
    let native = world.request_of_registered();
    assert!(!may_be_approved_for_everybody(&native));
    let client_id = native.client.client_id.as_str().to_owned();
    let on_the_web = query().with("client_id", &client_id).with("redirect_uri", "https://client.example/registered");
    assert!(may_be_approved_for_everybody(&world.request_of(&on_the_web)));
}
