//! How many keys one request may list.

/// The pages of keys that a guest has listed. Waiting for them is not counted as computing, so a listing that is begun again
/// and again would never end.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pages: u32,
}

impl Listing {
    const MOST_PAGES: u32 = 100;

    /// Whether there may be one more; it is counted.
    pub(crate) fn may_go_on(&mut self) -> bool {
        let may = self.pages < Self::MOST_PAGES;
        self.pages = self.pages.saturating_add(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_lists_without_end_is_stopped() {
        let mut listing = Listing::default();
        assert!((0..100).all(|_| listing.may_go_on()));
        assert!(!listing.may_go_on() && !listing.may_go_on());
    }
}
