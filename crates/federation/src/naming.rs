//! What a member's tools, prompts and resources are called here, and whose a name is.

use std::borrow::Cow;

use gatehouse_configuration::Member;

/// How the URI of an MCP App begins: hosts take nothing else for one (MCP Apps 2026-01-26, "UI Resource Format").
const APP: &str = "ui://";

/// The prefixes of a federation's members, by member.
///
/// *Outward*, a member's name gets its prefix; *inward*, the prefix says whose a name is and goes. Inward undoes outward
/// for every name that goes out. The member without a prefix keeps its names, but for those that would be read as another
/// member's: they are hidden, for a call could not reach them, and a server must not speak in another's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naming(Vec<Option<String>>);

impl Naming {
    pub(crate) fn of(members: &[Member]) -> Self {
        Self(members.iter().map(|member| member.prefix.as_ref().map(|prefix| prefix.as_str().to_owned())).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The prefix as people read it, empty for the member that has none.
    pub(crate) fn label(&self, member: usize) -> &str {
        self.prefix(member).unwrap_or_default()
    }

    /// The member whose [`Naming::label`] this is.
    pub(crate) fn labelled(&self, label: &str) -> Option<usize> {
        if label.is_empty() { self.unprefixed() } else { self.prefixed(label) }
    }

    /// The member without a prefix.
    pub(crate) fn unprefixed(&self) -> Option<usize> {
        self.0.iter().position(Option::is_none)
    }

    pub(crate) fn prefix(&self, member: usize) -> Option<&str> {
        self.0.get(member)?.as_deref()
    }

    /// A tool or prompt as the client knows it: `PREFIX_NAME`. `None` where it is hidden.
    pub(crate) fn name_outward(&self, member: usize, name: &str) -> Option<String> {
        match self.0.get(member)? {
            Some(prefix) => Some(format!("{prefix}_{name}")),
            None => (self.name_inward(name)?.0 == member).then(|| name.to_owned()),
        }
    }

    /// Whose a tool or prompt is, and what that member calls it. `None` where it is nobody's.
    pub(crate) fn name_inward<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        // A prefix has no `_`: the first one ends it.
        let prefixed = name.split_once('_').and_then(|(prefix, rest)| Some((self.prefixed(prefix)?, rest)));
        prefixed.or_else(|| Some((self.unprefixed()?, name)))
    }

    /// A URI or URI template as the client knows it: `PREFIX+SCHEME:…`, or `ui://PREFIX+…` for an app. `None` where it is hidden.
    pub(crate) fn uri_outward(&self, member: usize, uri: &str) -> Option<String> {
        match (self.0.get(member)?, uri.strip_prefix(APP)) {
            (Some(prefix), Some(rest)) => Some(format!("{APP}{prefix}+{rest}")),
            (Some(prefix), None) => Some(format!("{prefix}+{uri}")),
            (None, _) => (self.uri_inward(uri)?.0 == member).then(|| uri.to_owned()),
        }
    }

    /// Whose a URI or URI template is, and what that member calls it. `None` where it is nobody's.
    ///
    /// The prefix counts as it is written, since policy compares names byte by byte. What only a URL parser would read as
    /// a prefix (it folds the case of a scheme and drops white space) is nobody's.
    pub(crate) fn uri_inward<'a>(&self, uri: &'a str) -> Option<(usize, Cow<'a, str>)> {
        if let Some(rest) = uri.strip_prefix(APP) {
            let (member, own) = self.marked(rest)?;
            let is_as_it_was = own.len() == rest.len();
            return Some((member, if is_as_it_was { uri.into() } else { format!("{APP}{own}").into() }));
        }
        let (member, own) = self.marked(uri)?;
        let is_app = if own.len() == uri.len() { as_parsed(uri).starts_with(APP) } else { own.starts_with(APP) };
        (!is_app).then(|| (member, own.into()))
    }

    /// Whose a text with `PREFIX+` before it is, and the rest of it.
    fn marked<'a>(&self, text: &'a str) -> Option<(usize, &'a str)> {
        let Some((prefix, rest)) = text.split_once('+') else { return Some((self.unprefixed()?, text)) };
        if let Some(member) = self.prefixed(prefix) {
            return Some((member, rest));
        }
        match self.prefixed(&as_parsed(prefix)) {
            Some(_) => None,
            None => Some((self.unprefixed()?, text)),
        }
    }

    fn prefixed(&self, prefix: &str) -> Option<usize> {
        self.0.iter().position(|own| own.as_deref() == Some(prefix))
    }
}

/// What a URL parser makes of a scheme, and more than it of what is behind one.
fn as_parsed(text: &str) -> String {
    text.chars().filter(|character| *character > ' ').collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
pub(crate) fn naming(labels: &[&str]) -> Naming {
    Naming(labels.iter().map(|label| (!label.is_empty()).then(|| (*label).to_owned())).collect())
}

#[cfg(test)]
pub(crate) use tests::{labels, names};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_gets_its_members_prefix() {
        let naming = naming(&["", "files", "git"]);
        for (member, own, outward) in
            [(0, "search", "search"), (1, "search", "files_search"), (2, "_", "git__"), (1, "", "files_")]
        {
            assert_eq!(naming.name_outward(member, own).as_deref(), Some(outward));
            assert_eq!(naming.name_inward(outward), Some((member, own)), "{outward}");
        }
        for (member, own, outward) in [
            (0, "file:///a", "file:///a"),
            (1, "file:///a+b", "files+file:///a+b"),
            (2, "git+https://x", "git+git+https://x"),
            (0, "svn+ssh://x", "svn+ssh://x"),
            (1, "{+path}", "files+{+path}"),
            (1, "UI://a", "files+UI://a"),
        ] {
            assert_eq!(naming.uri_outward(member, own).as_deref(), Some(outward));
            assert_eq!(naming.uri_inward(outward), Some((member, own.into())), "{outward}");
        }
    }

    #[test]
    fn the_uri_of_an_app_begins_as_one_whosever_it_is() {
        let naming = naming(&["", "files"]);
        for (member, own, outward) in [
            (0, "ui://viewer/app.html", "ui://viewer/app.html"),
            (1, "ui://viewer/app.html", "ui://files+viewer/app.html"),
            (1, "ui://", "ui://files+"),
            (1, "ui://files+viewer/{+path}", "ui://files+files+viewer/{+path}"),
        ] {
            assert_eq!(naming.uri_outward(member, own).as_deref(), Some(outward));
            assert_eq!(naming.uri_inward(outward), Some((member, own.into())), "{outward}");
        }
        for uri in ["ui://files+viewer", "ui://FILES+viewer", "ui://fi\nles+viewer"] {
            assert_eq!(naming.uri_outward(0, uri), None, "{uri}");
        }
        for uri in ["files+ui://viewer", "UI://files+viewer", " ui://files+viewer", "u\ti://viewer"] {
            assert_eq!(naming.uri_inward(uri), None, "{uri}");
        }
    }

    #[test]
    fn what_would_be_read_as_another_members_is_hidden() {
        let naming = naming(&["files", "", "git"]);
        for name in ["files_search", "git_", "git_log_1"] {
            assert_eq!(naming.name_outward(1, name), None, "{name}");
        }
        for name in ["files", "file_s", "gits_log", "GIT_log", "_git_log"] {
            assert_eq!(naming.name_outward(1, name).as_deref(), Some(name), "{name}");
        }
        for uri in ["git+ssh://x", "files+", "GIT+ssh://x", " git+ssh://x", "g\nit+ssh://x", "\u{0}Files+x:y"] {
            assert_eq!(naming.uri_outward(1, uri), None, "{uri}");
        }
        for uri in ["ssh+git://x", "git:x", "gitfiles+x:y", "", "+", "x:git+y"] {
            assert_eq!(naming.uri_outward(1, uri).as_deref(), Some(uri), "{uri}");
        }
    }

    #[test]
    fn what_no_member_has_is_nobodys() {
        let naming = naming(&["files", "git"]);
        for name in ["search", "", "_", "svn_log", "Files_x", "files", "files-x"] {
            assert_eq!(naming.name_inward(name), None, "{name}");
        }
        for uri in ["file:///a", "", "+", "FILES+file:///a", "svn+ssh://x", "files"] {
            assert_eq!(naming.uri_inward(uri), None, "{uri}");
        }
        assert_eq!(naming.name_outward(2, "search"), None);
        assert_eq!(naming.uri_outward(2, "file:///a"), None);
    }

    #[test]
    fn a_label_names_its_member() {
        let naming = naming(&["files", ""]);
        assert_eq!([naming.labelled("files"), naming.labelled(""), naming.labelled("git")], [Some(0), Some(1), None]);
        assert_eq!(super::naming(&["files"]).labelled(""), None);
    }

    /// Prefixes of few letters, so that they begin with each other; at most one empty.
    pub(crate) fn labels() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::hash_set("([ab][ab-]{0,3})?", 1..6).prop_map(|labels| labels.into_iter().collect())
    }

    /// Names that look as if they had prefixes.
    pub(crate) fn names() -> impl Strategy<Value = String> {
        prop_oneof!["[aAbB_+: -]{0,12}", "[ab-]{1,4}[_+][ab_+:]{0,6}", "([ab]\\+)?[uU]i://[ab+]{0,4}", ".{0,20}"]
    }

    proptest! {
        #[test]
        fn inward_undoes_outward(labels in labels(), name in names()) {
            let labels: Vec<_> = labels.iter().map(String::as_str).collect();
            let naming = naming(&labels);
            for member in 0..naming.len() {
                if let Some(outward) = naming.name_outward(member, &name) {
                    prop_assert_eq!(naming.name_inward(&outward), Some((member, name.as_str())));
                }
                if let Some(outward) = naming.uri_outward(member, &name) {
                    prop_assert_eq!(naming.uri_inward(&outward), Some((member, name.as_str().into())));
                }
                let is_prefixed = naming.prefix(member).is_some();
                prop_assert!(!is_prefixed || naming.name_outward(member, &name).is_some());
                prop_assert!(!is_prefixed || naming.uri_outward(member, &name).is_some());
            }
        }

        #[test]
        fn outward_undoes_inward(labels in labels(), name in names()) {
            let labels: Vec<_> = labels.iter().map(String::as_str).collect();
            let naming = naming(&labels);
            if let Some((member, own)) = naming.name_inward(&name) {
                prop_assert_eq!(naming.name_outward(member, own), Some(name.clone()));
            }
            if let Some((member, own)) = naming.uri_inward(&name) {
                prop_assert_eq!(naming.uri_outward(member, &own), Some(name.clone()));
            }
        }

        #[test]
        fn no_two_members_have_one_name(labels in labels(), one in names(), other in names()) {
            let labels: Vec<_> = labels.iter().map(String::as_str).collect();
            let naming = naming(&labels);
            for a in 0..naming.len() {
                for b in (0..naming.len()).filter(|b| *b != a) {
                    let names = (naming.name_outward(a, &one), naming.name_outward(b, &other));
                    prop_assert!(names.0.is_none() || names.0 != names.1);
                    let uris = (naming.uri_outward(a, &one), naming.uri_outward(b, &other));
                    prop_assert!(uris.0.is_none() || uris.0 != uris.1);
                }
            }
        }

        #[test]
        fn a_url_parser_reads_no_uri_as_another_members(labels in labels(), uri in "([ \\tABab]{0,5}\\+?[ab+]{0,3}|[ \\t]?[uU][iI]):[a-b/ +]{0,6}") {
            let labels: Vec<_> = labels.iter().map(String::as_str).collect();
            let naming = naming(&labels);
            // What the WHATWG URL parser does before and while it reads a scheme.
            let parsed: String = uri.trim().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
            let scheme = parsed.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let parsed = parsed.replacen(parsed.split(':').next().unwrap_or_default(), &scheme, 1);
            if let (Some((asked, _)), Some((read, _))) = (naming.uri_inward(&uri), naming.uri_inward(&parsed)) {
                prop_assert_eq!(asked, read);
            }
        }
    }
}
