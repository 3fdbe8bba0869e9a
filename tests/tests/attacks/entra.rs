//! Microsoft Entra ID: one endpoint for all tenants of the world, so that the tenant is part of who somebody is.

use gatehouse_tests::scripted_provider::{Failure, GUID_OF_TENANT, Tenant};
use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, Person, ScriptedProvider, Step, parameter};
use serde_json::{Value, json};

use crate::answers::assert_shown;

const OTHER_TENANT: &str = "11111111-2222-4333-8444-555555555555";
const GROUP: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

async fn world(tenant: Tenant, access: &str) -> AttackWorld {
    let providers = vec![ScriptedProvider::start_entra("entra", tenant).await];
    let provider_lines = format!("[identity_provider.access]\n{access}");
    let mcp_lines = "subject_header = \"x-subject\"".to_owned();
    AttackWorld::start_with(AttackSettings { providers, provider_lines, mcp_lines, ..AttackSettings::default() }).await
}

/// What the client is told when alice signs in with these claims; `None` where she comes in.
async fn sign_in(world: &AttackWorld, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Option<String> {
    let alice = Person::new("alice");
    world.provider().script(|script| script.claims(change));
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let answer = flow.call_back().await;
    let location = match answer.location() {
        Some(location) => location,
        // A user who may not come in is told why, and goes back to the client from there.
        None => {
            assert_shown(&answer, 403, "a denied user");
            flow.page = Some(answer);
            flow.decide("deny").await.location().expect("the client")
        }
    };
    let error = parameter(&location, "error");
    assert_eq!(error.is_none(), parameter(&location, "code").is_some(), "{location}");
    error
}

/// Among the many tenants: the issuer must be that of the token's own tenant, and the tenant one that may come in.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_tenant_lets_nobody_in() {
    let world = world(Tenant::Organizations, &format!("tenants = [\"{GUID_OF_TENANT}\"]")).await;
    let origin = world.provider().origin().to_owned();
    let of_tenant = |tenant: &str| format!("{origin}/{tenant}/v2.0");
    assert_eq!(sign_in(&world, |_| ()).await, None);
    let (other, mine) = (of_tenant(OTHER_TENANT), of_tenant(GUID_OF_TENANT));
    let wrong: Vec<(&str, Option<String>, Value)> = vec![
        ("another tenant", Some(other.clone()), json!(OTHER_TENANT)),
        ("another tenant's issuer", Some(other), json!(GUID_OF_TENANT)),
        ("another tenant under our issuer", Some(mine.clone()), json!(OTHER_TENANT)),
        ("the template itself", Some(of_tenant("{tenantid}")), json!("{tenantid}")),
        ("no tenant", Some(mine.clone()), Value::Null),
        ("a tenant that is a path", Some(of_tenant("x/y")), json!("x/y")),
        ("an empty tenant", Some(of_tenant("")), json!("")),
        ("v1.0", Some(mine.replace("v2.0", "v1.0")), json!(GUID_OF_TENANT)),
        ("no issuer", None, json!(GUID_OF_TENANT)),
    ];
    for (what, iss, tid) in wrong {
        let told = sign_in(&world, move |claims| {
            for (name, value) in [("iss", json!(iss)), ("tid", tid.clone())] {
                match value {
                    Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                    value => claims[name] = value,
                }
            }
        });
        assert!(told.await.is_some(), "{what}");
    }
    for (what, oid) in [("no oid", Value::Null), ("an oid that is no id", json!("admin")), ("an empty oid", json!(""))]
    {
        let told = sign_in(&world, move |claims| claims["oid"] = oid.clone()).await;
        assert!(told.is_some(), "{what}");
    }
    let codes = world.store().await.iter().filter(|(name, _)| name.starts_with("code.")).count();
    assert_eq!(codes, 1, "only the honest sign-in has a code");
    world.gatehouse.stop().await;
}

/// Every rule decides on its own; what Entra does not vouch for counts for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_outside_the_rules_is_denied() {
    for (rule, inside, outside) in [
        (
            "domains = [\"example.test\"]",
            json!({ "xms_edov": true }),
            vec![
                json!({ "xms_edov": false }),
                json!({ "xms_edov": null, "email_verified": null }),
                json!({ "email": "alice@evil.example", "xms_edov": true }),
                json!({ "email": "alice@example.test.evil.example", "xms_edov": true }),
                json!({ "email": "alice@evil.example@example.test@evil.example", "xms_edov": true }),
                json!({ "email": null, "preferred_username": "alice@example.test", "xms_edov": true }),
            ],
        ),
        (
            "roles = [\"Gatehouse.User\"]",
            json!({ "roles": ["Gatehouse.User"] }),
            vec![
                json!({}),
                json!({ "roles": [] }),
                json!({ "roles": ["gatehouse.user"] }),
                json!({ "roles": "Gatehouse.User2" }),
                json!({ "roles": [["Gatehouse.User"]] }),
            ],
        ),
        (
            &format!("groups = [\"{GROUP}\"]"),
            json!({ "groups": [GROUP] }),
            vec![
                json!({}),
                json!({ "groups": [OTHER_TENANT] }),
                json!({ "groups": [] }),
                json!({ "groups": { GROUP: true } }),
            ],
        ),
    ] {
        let world = world(Tenant::Guid, rule).await;
        let merge = |extra: Value| {
            move |claims: &mut Value| {
                for (name, value) in extra.as_object().unwrap() {
                    match value {
                        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                        value => claims[name] = value.clone(),
                    }
                }
            }
        };
        assert_eq!(sign_in(&world, merge(inside)).await, None, "{rule}");
        for extra in outside {
            assert_eq!(
                sign_in(&world, merge(extra.clone())).await.as_deref(),
                Some("access_denied"),
                "{rule}: {extra}"
            );
        }
        let codes = world.store().await.iter().filter(|(name, _)| name.starts_with("code.")).count();
        assert_eq!(codes, 1, "{rule}: only the honest sign-in has a code");
        world.gatehouse.stop().await;
    }
}

/// nOAuth: an administrator of any tenant can write any address into `email`; `xms_edov` is what Entra says of it, and what
/// it denies nothing else makes good.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_entra_does_not_vouch_for_is_not_made_good_by_email_verified() {
    let world = world(Tenant::Guid, "domains = [\"example.test\"]").await;
    for extra in
        [json!({ "email_verified": true, "xms_edov": false }), json!({ "email_verified": "true", "xms_edov": 0 })]
    {
        let told =
            sign_in(&world, move |claims| claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone()));
        assert_eq!(told.await.as_deref(), Some("access_denied"));
    }
    world.gatehouse.stop().await;
}

/// More groups than fit into a token: Graph is asked, and where it does not say, nobody comes in.
#[tokio::test(flavor = "multi_thread")]
async fn group_overage_is_resolved_at_graph_and_fails_closed() {
    let world = world(Tenant::Guid, &format!("groups = [\"{GROUP}\"]")).await;
    let overage = |claims: &mut Value| {
        claims["_claim_names"] = json!({ "groups": "src1" });
        // Where the token says to ask: an attacker's own Graph, were it believed.
        claims["_claim_sources"] = json!({ "src1": { "endpoint": "https://evil.example/getMemberObjects" } });
    };
    assert_eq!(sign_in(&world, overage).await.as_deref(), Some("access_denied"), "not a member");
    assert_eq!(world.provider().count(Endpoint::Groups), 1);
    world.provider().script(|script| script.groups = vec![GROUP.to_owned()]);
    assert_eq!(sign_in(&world, overage).await, None, "a member");
    let asked = world.provider().requests(Endpoint::Groups).pop().unwrap();
    assert!(asked.header("authorization").starts_with("Bearer provider-access-"), "{asked:?}");
    for failure in [
        Failure::Status(500),
        Failure::Status(403),
        Failure::Cut,
        Failure::Body("[]".to_owned()),
        Failure::Body("{\"value\":\"x\"}".to_owned()),
    ] {
        world.provider().script(|script| {
            script.failures.insert(Endpoint::Groups, failure.clone());
        });
        assert!(sign_in(&world, overage).await.is_some(), "{failure:?}");
    }
    world.gatehouse.stop().await;
}

/// AADSTS9010010 and AADSTS90009: `resource` is never sent; `offline_access` is; no consent is forced.
#[tokio::test(flavor = "multi_thread")]
async fn entra_is_asked_in_its_own_way() {
    let world = world(Tenant::Guid, "").await;
    assert_eq!(sign_in(&world, |_| ()).await, None);
    let asked = world.provider().requests(Endpoint::Authorize).pop().unwrap();
    assert_eq!((asked.parameter("resource"), asked.parameter("prompt")), (None, None));
    let scope = asked.parameter("scope").unwrap();
    assert!(["openid", "offline_access"].iter().all(|name| scope.split(' ').any(|scope| scope == *name)), "{scope}");
    let redeemed = world.provider().requests(Endpoint::Token).pop().unwrap();
    assert_eq!(redeemed.field("resource"), None);
    world.gatehouse.stop().await;
}
