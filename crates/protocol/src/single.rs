//! What must be there once.

/// The one value that there is; `None` where there is none, or more than one: which of them is meant is anybody's guess, and
/// another reader might take the other one.
pub fn single<T>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_values_neither_counts() {
        assert_eq!((single([1]), single([1, 2]), single([1, 1]), single([] as [u8; 0])), (Some(1), None, None, None));
    }
}
