//! Reads the answer to `tools/list` as it passes to the client: the tools that it names may stand in labels.

use crate::log::RequestId;

use super::measuring::Measuring;

/// A listing that is larger tells nothing.
const LARGEST_LISTING: usize = 1 << 20;

/// An answer that lists tools, until it has passed.
pub(crate) struct ListingReader {
    measuring: Measuring,
    route: String,
    body: Vec<u8>,
}

impl ListingReader {
    /// The reader of the answer to this request; `None` where it lists no tools.
    pub(crate) fn of(measuring: &Measuring, request: RequestId) -> Option<Self> {
        let route = measuring.lists_tools_of(request.into())?;
        Some(Self { measuring: measuring.clone(), route, body: Vec::new() })
    }

    pub(crate) fn read(&mut self, piece: &[u8]) {
        // One byte more says that it is too large.
        let room = (LARGEST_LISTING + 1).saturating_sub(self.body.len());
        self.body.extend(piece.iter().take(room));
    }
}

impl Drop for ListingReader {
    fn drop(&mut self) {
        if self.body.len() <= LARGEST_LISTING {
            self.measuring.learn_tools(&self.route, &self.body);
        }
    }
}
