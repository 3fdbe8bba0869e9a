//! Spans that wait to be exported.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::span::Span;

/// The most spans that wait: some megabytes.
const MOST_SPANS: usize = 8192;

#[derive(Default)]
pub(crate) struct SpanQueue(Mutex<VecDeque<Span>>);

impl SpanQueue {
    /// Adds the spans of one request, all of them or none. Returns how many were left out.
    pub(crate) fn push(&self, spans: Vec<Span>) -> usize {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len().saturating_add(spans.len()) > MOST_SPANS {
            return spans.len();
        }
        queue.extend(spans);
        0
    }

    /// Takes up to `most` of those that have waited longest.
    pub(crate) fn take(&self, most: usize) -> Vec<Span> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = queue.len().min(most);
        queue.drain(..number).collect()
    }
}
