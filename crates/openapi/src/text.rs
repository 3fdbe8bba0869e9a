//! Texts of a document, in a length that a listing can hold.

/// The text with at most `most` characters; what is longer ends in an ellipsis.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            // At the end of a word, where one ends nearby.
            let kept = kept
                .rfind(char::is_whitespace)
                .filter(|at| end.saturating_sub(*at) < 40)
                .map_or(kept, |at| kept.get(..at).unwrap_or_default());
            format!("{}…", kept.trim_end())
        }
    }
}
