//! `traceparent` (W3C Trace Context, Level 1, Recommendation of 2021-11-23): which trace a request belongs to.

use core::fmt;

use gatehouse_protocol::Entropy;
use http::{HeaderMap, HeaderName};
use serde::{Serialize, Serializer};

use crate::hexadecimal::hexadecimal;

/// The header that names the trace (section 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The id of a trace: 32 lower-case hexadecimal digits, not all of them 0 (section 3.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceId(String);

/// What `traceparent` says of the trace. The span in it is the sender's, and nobody's business here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// Whether the sender may have recorded it (section 3.2.2.5.1).
    pub is_sampled: bool,
}

impl TraceId {
    /// A new trace.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        let bytes = entropy.bytes::<16>();
        // A source that gives nothing but zeros must not be waited for.
        Self(hexadecimal(&if bytes == [0; 16] { [1; 16] } else { bytes }))
    }

    /// The id that another of our components read. `None` for anything that is not the id of a trace.
    pub fn parse(text: &str) -> Option<Self> {
        is_id(text, 32).then(|| Self(text.to_owned()))
    }

    /// The id in digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TraceParent {
    /// Reads `traceparent`. `None` where it is not there once, or not well formed: whoever goes on begins a trace of their
    /// own (section 3.2.2.6).
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let only = values.next().filter(|_| values.next().is_none())?;
        Self::parse(only.to_str().ok()?)
    }

    /// Reads the header's value. Version `ff` is none; a later one than 00 may have more fields behind those of 00
    /// (section 3.2.2).
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let [version, trace, span, flags] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
        let is_version = is_digits(version, 2) && version != "ff" && (version != "00" || fields.next().is_none());
        if !is_version || !is_id(trace, 32) || !is_id(span, 16) || !is_digits(flags, 2) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace_id: TraceId(trace.to_owned()), is_sampled: flags & 1 == 1 })
    }
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, length: usize) -> bool {
    is_digits(text, length) && text.bytes().any(|byte| byte != b'0')
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_well_formed_parent_names_its_trace() {
        for (text, is_sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("00-{TRACE}-{SPAN}-02"), false),
            (format!("cc-{TRACE}-{SPAN}-01-more"), true),
        ] {
            let read = TraceParent::parse(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((read.trace_id.as_str(), read.is_sampled), (TRACE, is_sampled), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_names_none() {
        for text in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-1"),
            format!(" 00-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(TraceParent::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn two_parents_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceParent::of(&headers), None);
        let parent = format!("00-{TRACE}-{SPAN}-01");
        headers.append(TRACEPARENT, parent.parse().unwrap());
        assert_eq!(TraceParent::of(&headers), TraceParent::parse(&parent));
        headers.append(TRACEPARENT, parent.parse().unwrap());
        assert_eq!(TraceParent::of(&headers), None);
    }

    #[test]
    fn an_id_of_another_component_is_read_as_strictly() {
        assert_eq!(TraceId::parse(TRACE).map(|id| id.to_string()).as_deref(), Some(TRACE));
        for wrong in ["", SPAN, &"0".repeat(32), &TRACE.to_uppercase()] {
            assert_eq!(TraceId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_new_trace_is_never_the_one_that_means_none() {
        struct ZeroesFirst(bool);

        impl Entropy for ZeroesFirst {
            fn fill(&mut self, bytes: &mut [u8]) {
                bytes.fill(u8::from(self.0));
                self.0 = true;
            }
        }
        assert_eq!(TraceId::generate(&mut ZeroesFirst(false)).as_str(), "01".repeat(16));
    }
}
