//! The capabilities of a federation (MCP, lifecycle, "Capability Negotiation"): what any of its members can do.

use gatehouse_mcp_wire::json_rpc::Object;

use crate::naming::Naming;

/// What we merge, route and rename.
const MERGED: [&str; 5] = ["tools", "prompts", "resources", "logging", "completions"];

/// The union of what the members declare. Everything that we do not know (`tasks`, `experimental`, `extensions`) brings
/// methods that only the member without a prefix gets, and so counts only for it.
pub(crate) fn union(naming: &Naming, members: &[(usize, Object)]) -> Object {
    let mut union = Object::new();
    for (member, capabilities) in members {
        let is_whole = naming.unprefixed() == Some(*member);
        for (name, value) in capabilities.iter().filter(|(name, _)| is_whole || MERGED.contains(name)) {
            match (union.object(name), Object::of(value)) {
                (Some(known), Some(more)) => union.set_raw(name, either(known, more).to_raw()),
                (None, _) => union.set_raw(name, value.to_owned()),
                (Some(_), None) => {}
            }
        }
    }
    union
}

/// What either of two can: `listChanged` and `subscribe`, where they are true.
fn either(mut one: Object, other: Object) -> Object {
    for (name, value) in other {
        let is_new = one.get(&name).is_none_or(|known| known.get() == "false");
        if is_new {
            one.set_raw(&name, value);
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::naming::naming;

    #[test]
    fn the_federation_can_what_any_member_can() {
        let naming = naming(&["files", "", "git"]);
        let union = |members: [Value; 3]| {
            let members: Vec<_> = members
                .iter()
                .map(|capabilities| Object::parse(&capabilities.to_string()).unwrap())
                .enumerate()
                .collect();
            serde_json::from_str::<Value>(&union(&naming, &members).to_string()).unwrap()
        };
        assert_eq!(union([json!({}), json!({}), json!({})]), json!({}));
        assert_eq!(
            union([
                json!({"tools": {"listChanged": false}, "tasks": {"list": {}}, "extensions": {"a/b": {}}, "completions": {}}),
                json!({"tools": {}, "resources": {"subscribe": true}, "tasks": {"cancel": {}}, "x": 1, "experimental": {"y": {}}}),
                json!({"tools": {"listChanged": true}, "resources": {"listChanged": true, "subscribe": false}, "x": 2}),
            ]),
            json!({
                "tools": {"listChanged": true},
                "completions": {},
                "resources": {"subscribe": true, "listChanged": true},
                "tasks": {"cancel": {}},
                "x": 1,
                "experimental": {"y": {}},
            })
        );
        assert_eq!(union([json!({"tools": 1}), json!({"tools": {}}), json!({"tools": null})]), json!({"tools": {}}));
    }
}
