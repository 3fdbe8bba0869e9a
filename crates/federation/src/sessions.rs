//! One session of the client, and those that the members began for it (MCP up to 2025-11-25).

use crate::naming::Naming;

/// The sessions of the members, by member. The client holds them sealed, as its own `Mcp-Session-Id`; nothing is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberSessions(Vec<MemberSession>);

/// What a member has of the client's session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum MemberSession {
    /// Nothing: it failed when the session began, and does not know the client.
    None,
    /// It answered `initialize` and gave no id: it needs none.
    WithoutId,
    /// Its `Mcp-Session-Id`.
    Id(String),
}

impl MemberSessions {
    /// `begun` is who answered `initialize`, and with which id. `None` where nobody gave one: then the client gets none.
    pub(crate) fn begun(naming: &Naming, begun: Vec<(usize, Option<String>)>) -> Option<Self> {
        if begun.iter().all(|(_, id)| id.is_none()) {
            return None;
        }
        let mut sessions = vec![MemberSession::None; naming.len()];
        for (member, id) in begun {
            if let Some(session) = sessions.get_mut(member) {
                *session = id.map_or(MemberSession::WithoutId, MemberSession::Id);
            }
        }
        Some(Self(sessions))
    }

    /// Reads what [`MemberSessions::entries`] gave. `None` where the members are others than then: an id goes to the server
    /// that gave it, or to none.
    pub(crate) fn read(entries: Vec<Option<String>>, naming: &Naming) -> Option<Self> {
        if entries.len() != naming.len() {
            return None;
        }
        let session = |(member, entry): (usize, Option<String>)| match entry {
            None => Some(MemberSession::None),
            Some(entry) => match entry.split_once(':')? {
                (label, _) if label != naming.label(member) => None,
                (_, "") => Some(MemberSession::WithoutId),
                (_, id) => Some(MemberSession::Id(id.to_owned())),
            },
        };
        entries.into_iter().enumerate().map(session).collect::<Option<_>>().map(Self)
    }

    /// What to seal for the client, by member: `PREFIX:ID`, the id empty where the member needs none; `None` for a member
    /// that has no session.
    pub(crate) fn entries(&self, naming: &Naming) -> Vec<Option<String>> {
        let entry = |(member, session): (usize, &MemberSession)| match session {
            MemberSession::None => None,
            MemberSession::WithoutId => Some(format!("{}:", naming.label(member))),
            MemberSession::Id(id) => Some(format!("{}:{id}", naming.label(member))),
        };
        self.0.iter().enumerate().map(entry).collect()
    }

    pub(crate) fn of(&self, member: usize) -> &MemberSession {
        self.0.get(member).unwrap_or(&MemberSession::None)
    }
}

impl MemberSession {
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::None | Self::WithoutId => None,
            Self::Id(id) => Some(id),
        }
    }
}

/// The ids are handles: they stand in no log.
impl core::fmt::Debug for MemberSessions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MemberSessions([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naming::naming;

    fn ids(sessions: &MemberSessions, count: usize) -> Vec<Option<&str>> {
        (0..count).map(|member| sessions.of(member).id()).collect()
    }

    #[test]
    fn the_bundle_says_who_began_a_session_and_who_did_not() {
        let naming = naming(&["", "files", "git"]);
        let sessions = MemberSessions::begun(&naming, vec![(2, None), (0, Some("s:1".to_owned()))]).unwrap();
        let entries = sessions.entries(&naming);
        assert_eq!(entries, [Some(":s:1".to_owned()), None, Some("git:".to_owned())]);
        let read = MemberSessions::read(entries, &naming).unwrap();
        assert!(read == sessions);
        assert_eq!(ids(&read, 3), [Some("s:1"), None, None]);
        assert!(matches!(read.of(1), MemberSession::None));
        assert!(matches!(read.of(2), MemberSession::WithoutId));
        assert!(matches!(read.of(3), MemberSession::None));
    }

    #[test]
    fn where_nobody_gives_an_id_the_client_gets_none() {
        let naming = naming(&["", "files"]);
        assert!(MemberSessions::begun(&naming, vec![]).is_none());
        assert!(MemberSessions::begun(&naming, vec![(0, None), (1, None)]).is_none());
    }

    #[test]
    fn a_bundle_of_other_members_is_unknown() {
        let entries = || vec![Some("files:1".to_owned()), Some("git:2".to_owned())];
        assert!(MemberSessions::read(entries(), &naming(&["files", "git"])).is_some());
        for labels in [&["git", "files"][..], &["files"], &["files", "git", ""], &["files", ""], &["", "git"]] {
            assert!(MemberSessions::read(entries(), &naming(labels)).is_none(), "{labels:?}");
        }
        assert!(MemberSessions::read(vec![Some("files".to_owned())], &naming(&["files"])).is_none());
    }

    #[test]
    fn no_id_is_printed() {
        let sessions = MemberSessions::begun(&naming(&["files"]), vec![(0, Some("secret".to_owned()))]).unwrap();
        assert_eq!(format!("{sessions:?}"), "MemberSessions([redacted])");
    }

    proptest! {
        #[test]
        fn what_was_begun_is_read_again(sessions in proptest::collection::vec(proptest::option::of(proptest::option::of("[!-~]{1,12}")), 3)) {
            let naming = naming(&["", "files", "git"]);
            let begun = sessions.iter().enumerate().filter_map(|(member, id)| Some((member, id.clone()?))).collect();
            if let Some(begun) = MemberSessions::begun(&naming, begun) {
                let read = MemberSessions::read(begun.entries(&naming), &naming).unwrap();
                for (member, id) in sessions.iter().enumerate() {
                    prop_assert_eq!(read.of(member).id(), id.as_ref().and_then(Option::as_deref));
                    prop_assert_eq!(matches!(read.of(member), MemberSession::None), id.is_none());
                }
            }
        }
    }
}
