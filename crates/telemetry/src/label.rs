//! The values of labels.

use std::borrow::Cow;

/// The value of a label; empty where there is none.
pub(crate) type Label = Cow<'static, str>;

/// What stands in a label instead of a name that nobody has told.
pub const OTHER: Label = Label::Borrowed("other");
