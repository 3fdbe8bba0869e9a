//! Whose pages these are, as their readers see it.

/// The operator, on every page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branding {
    /// The operator's name. Without one, pages show the host of `public_url`.
    pub name: Option<String>,
    /// The operator's logo.
    pub logo: Option<Logo>,
    /// Where users get help: a `mailto:` or `https:` URL.
    pub contact: Option<String>,
    /// What becomes of users' data: an `https:` URL.
    pub privacy: Option<String>,
}

/// A picture, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logo {
    /// A `data:` URL: the picture itself.
    Data(String),
    /// A path at `public_url`, which something in front of Gatehouse serves.
    OwnPath(String),
}

impl Branding {
    /// Nobody's: for pages that come about without a configuration.
    pub const NONE: Self = Self { name: None, logo: None, contact: None, privacy: None };
}
