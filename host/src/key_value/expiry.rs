//! Keys that say themselves when their entry ends.
//!
//! A key of the form `kind.expiry.id` carries its expiry: the second (Unix time) from which the entry no longer exists.
//! `kind` is 1 to 32 letters, digits and `-`; `id` is 1 to 128 of those and `_`. What these entries hold is the guest's
//! affair; the host only removes them when their time is over, which nothing else does. A key of any other form never
//! expires and is never removed.
//!
//! The host takes an expiry of ten digits, 2001-09-09 to 2286-11-20: as numbers and as text they sort alike, and a guest's
//! own `a.2024.b` is no expiry.

/// The expiry that `key` carries. SQLite reads the same from it (`sqlite::expiry_index`).
pub(super) fn expires_at(key: &str) -> Option<u64> {
    let (kind, rest) = key.split_once('.')?;
    let (expiry, id) = rest.split_once('.')?;
    let is_word = |text: &str, longest: usize, extra: &[u8]| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || extra.contains(&byte);
        (1..=longest).contains(&text.len()) && text.bytes().all(is_part)
    };
    let is_key = is_word(kind, 32, b"-") && is_word(id, 128, b"-_");
    let is_expiry = expiry.len() == 10 && !expiry.starts_with('0') && expiry.bytes().all(|byte| byte.is_ascii_digit());
    if is_key && is_expiry { expiry.parse().ok() } else { None }
}
