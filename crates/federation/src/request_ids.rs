//! Ids that members choose and the client repeats: those of their requests, and their progress tokens.
//!
//! Two members may choose the same. The client gets `PREFIX:ID`, a text, with the id as JSON, so that `5` and `"5"` stay two.

use gatehouse_mcp_wire::json_rpc::Id;

use crate::naming::Naming;

/// As the client gets it.
pub(crate) fn outward(naming: &Naming, member: usize, id: &Id) -> Id {
    Id::Text(format!("{}:{id}", naming.label(member)))
}

/// Whose it is, and as that member chose it. `None` for an id that is none of these.
pub(crate) fn inward(naming: &Naming, id: &Id) -> Option<(usize, Id)> {
    let Id::Text(text) = id else { return None };
    let (label, id) = text.split_once(':')?;
    Some((naming.labelled(label)?, Id::parse(id)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naming::naming;

    #[test]
    fn an_id_says_whose_it_is() {
        let naming = naming(&["", "files"]);
        for (member, id, text) in [
            (0, Id::from(5), ":5"),
            (0, Id::from("5"), r#":"5""#),
            (1, Id::from(-1), "files:-1"),
            (1, Id::from("a:b"), r#"files:"a:b""#),
        ] {
            assert_eq!(outward(&naming, member, &id), Id::from(text));
            assert_eq!(inward(&naming, &Id::from(text)), Some((member, id)));
        }
    }

    #[test]
    fn another_id_is_nobodys() {
        let naming = naming(&["files"]);
        for id in [
            Id::from(5),
            Id::from("5"),
            Id::from(":5"),
            Id::from("git:5"),
            Id::from("files:"),
            Id::from("files:x"),
            Id::from("files:1.5"),
            Id::from("files:null"),
            Id::from("files:[1]"),
        ] {
            assert_eq!(inward(&naming, &id), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn inward_undoes_outward(text in ".{0,20}", number: i64) {
            let naming = naming(&["", "files", "git"]);
            for id in [Id::Text(text), Id::from(number)] {
                for member in 0..3 {
                    prop_assert_eq!(inward(&naming, &outward(&naming, member, &id)), Some((member, id.clone())));
                }
            }
        }
    }
}
