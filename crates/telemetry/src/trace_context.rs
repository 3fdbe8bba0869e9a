//! Where a request stands in its trace (W3C Trace Context).

use gatehouse_audit_log::TraceParent;

pub(crate) type TraceId = [u8; 16];
pub(crate) type SpanId = [u8; 8];

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) is_sampled: bool,
}

impl TraceContext {
    /// `None` where it is not well formed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let TraceParent { trace_id, is_sampled } = TraceParent::parse(text)?;
        let span_id = text.split('-').nth(2)?;
        Some(Self { trace_id: trace_id_of(trace_id.as_str())?, span_id: bytes(span_id)?, is_sampled })
    }
}

/// The id of 32 digits; `None` for anything else.
pub(crate) fn trace_id_of(digits: &str) -> Option<TraceId> {
    bytes(digits)
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N || !digits.is_ascii() {
        return None;
    }
    for (byte, index) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(index..index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_whole_or_not_at_all() {
        let parent = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(parent.trace_id[..2], [0x4b, 0xf9]);
        assert_eq!((parent.span_id, parent.is_sampled), ([0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7], true));
        for bad in ["", "00-4bf9-00f0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
        assert_eq!(trace_id_of("+bf92f3577b34da6a3ce929d0e0e473"), None);
    }
}
