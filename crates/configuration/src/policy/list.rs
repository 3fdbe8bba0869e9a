//! The lists of rules, and how a rule's text is read.

use super::Pattern;

/// What a list of a rule names. A rule is about whatever one of the first four names, and about everything where none is
/// given; it is about callers who have something of every other list that is given, and every scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListKind {
    /// Methods of MCP, such as `resources/*`: patterns.
    Methods,
    /// Tools, by their names as clients see them: patterns.
    Tools,
    /// Resources, by their URIs as clients see them: patterns.
    Resources,
    /// Prompts, by their names as clients see them: patterns.
    Prompts,
    /// All of which the token must have. An allowing rule that lacks nothing but these is what a step-up asks for.
    Scopes,
    /// Identity providers, by their names here; `client` for machines. Groups and roles mean something only at the provider
    /// that gave them: where there are several, a rule that asks for some says of which.
    Providers,
    /// Of the identity provider, as it names them; ids (UUIDs) in lower case, as [`gatehouse_protocol::Claims`] has them.
    Groups,
    /// Of the identity provider, as it names them.
    Roles,
    /// Of the identity provider; ids (UUIDs) in lower case.
    Tenants,
    /// OAuth clients, by their `client_id`, as the log names them.
    Clients,
    /// Users and machines, as the log names them.
    Subjects,
}

impl ListKind {
    /// Whether it says what a rule is about, and not whom.
    #[inline]
    pub fn is_what(self) -> bool {
        self <= Self::Prompts
    }

    /// The key of the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Methods => "methods",
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
            Self::Scopes => "scopes",
            Self::Providers => "providers",
            Self::Groups => "groups",
            Self::Roles => "roles",
            Self::Tenants => "tenants",
            Self::Clients => "clients",
            Self::Subjects => "subjects",
        }
    }

    /// What stands before it in the text of a rule.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Methods => 'm',
            Self::Tools => 't',
            Self::Resources => 'r',
            Self::Prompts => 'p',
            Self::Scopes => 's',
            Self::Providers => 'i',
            Self::Groups => 'g',
            Self::Roles => 'o',
            Self::Tenants => 'e',
            Self::Clients => 'c',
            Self::Subjects => 'u',
        }
    }

    #[inline]
    fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'm' => Self::Methods,
            b't' => Self::Tools,
            b'r' => Self::Resources,
            b'p' => Self::Prompts,
            b's' => Self::Scopes,
            b'i' => Self::Providers,
            b'g' => Self::Groups,
            b'o' => Self::Roles,
            b'e' => Self::Tenants,
            b'c' => Self::Clients,
            b'u' => Self::Subjects,
            _ => return None,
        })
    }
}

/// A list of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'p> {
    /// What it names.
    pub kind: ListKind,
    text: &'p str,
}

impl<'p> List<'p> {
    pub(super) const fn empty(kind: ListKind) -> Self {
        Self { kind, text: "" }
    }

    /// Takes the next list off a rule's text; `None` where there is none.
    #[inline]
    pub(super) fn taken(rest: &mut &'p str) -> Option<Self> {
        let kind = ListKind::of(*rest.as_bytes().first()?)?;
        let mut behind = rest.get(1..)?;
        let text = taken(&mut behind)?;
        *rest = behind;
        Some(Self { kind, text })
    }

    /// Whether what is left of a rule's text begins with a list of what the rule is about.
    #[inline]
    pub(super) fn begins_what(rest: &str) -> bool {
        rest.as_bytes().first().and_then(|letter| ListKind::of(*letter)).is_some_and(ListKind::is_what)
    }

    /// Whether all of it can be read.
    pub(super) fn is_whole(self) -> bool {
        let mut values = Values(self.text);
        while values.next().is_some() {}
        values.0.is_empty()
    }

    /// Whether it names nothing.
    pub fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// What it names.
    #[inline]
    pub fn values(self) -> impl Iterator<Item = &'p str> {
        Values(self.text)
    }

    /// What it names, where that is patterns.
    #[inline]
    pub fn patterns(self) -> impl Iterator<Item = Pattern<'p>> {
        self.values().map(Pattern::of)
    }

    /// What it names, with commas between.
    pub fn joined(self) -> String {
        self.values().collect::<Vec<_>>().join(", ")
    }
}

struct Values<'p>(&'p str);

impl<'p> Iterator for Values<'p> {
    type Item = &'p str;

    #[inline]
    fn next(&mut self) -> Option<&'p str> {
        taken(&mut self.0)
    }
}

/// Takes off the text what has its length in front. The length is not checked for being larger than a number can be: the
/// text has a checksum.
#[inline]
pub(super) fn taken<'p>(text: &mut &'p str) -> Option<&'p str> {
    let (mut length, mut place) = (0_usize, 0_usize);
    for &byte in text.as_bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        length = length.wrapping_mul(10).wrapping_add(usize::from(digit));
        place = place.wrapping_add(1);
    }
    let behind = text.get(place..)?.strip_prefix(':').filter(|_| place > 0)?;
    let (value, rest) = behind.split_at_checked(length)?;
    *text = rest;
    Some(value)
}
