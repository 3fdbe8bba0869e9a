//! W3C Trace Context (Level 1, Recommendation of 2021-11-23): which trace a request belongs to.
//!
//! The gateway is one more hop: what comes in is read strictly, and each request to an upstream goes out with a span id of
//! its own. Where no header names a trace, a message's `_meta` may (MCP, SEP-414). What is in `_meta` passes with the message.

use gatehouse_audit_log::{TraceId, TraceParent, hexadecimal};
use gatehouse_mcp_wire::json_rpc::Object;
use gatehouse_protocol::Entropy;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The trace of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    parent: TraceParent,
    /// What other systems on the way wrote for themselves. Only with a parent: it belongs to it.
    state: Option<String>,
    /// Whether it began here.
    is_new: bool,
    /// The `traceparent` of a message, where the headers had none.
    of_message: Option<String>,
}

/// The trace context of one request to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub(crate) parent: HeaderValue,
    pub(crate) state: Option<HeaderValue>,
}

impl Trace {
    /// The trace that the headers name, or a new one where they name none that is well formed (section 3.2.2.6: "restart
    /// the trace"). A new one is sampled: servers behind follow the flag, and one that is not set would silence them.
    pub fn of(headers: &HeaderMap, entropy: &mut impl Entropy) -> Self {
        match TraceParent::of(headers) {
            Some(parent) => Self { parent, state: state(headers), is_new: false, of_message: None },
            None => {
                let parent = TraceParent { trace_id: TraceId::generate(entropy), is_sampled: true };
                Self { parent, state: None, is_new: true, of_message: None }
            }
        }
    }

    /// The trace that a message's `_meta` names, where the headers name none.
    #[must_use]
    pub fn or_of(self, meta: Option<&Object>) -> Self {
        let named = meta.filter(|_| self.is_new).and_then(|meta| {
            let text = meta.str("traceparent")?;
            let (parent, state) = (TraceParent::parse(&text)?, meta.str("tracestate").and_then(|text| state_of(&text)));
            // A later version may have more fields, of which nobody here knows what they say.
            Some(Self { parent, state, is_new: false, of_message: text.get(..LENGTH).map(str::to_owned) })
        });
        named.unwrap_or(self)
    }

    /// The trace's id.
    pub fn id(&self) -> &TraceId {
        &self.parent.trace_id
    }

    /// The `traceparent` of a message, where the headers had none: it is well formed, and the log tells it to who records
    /// spans.
    pub fn of_message(&self) -> Option<&str> {
        self.of_message.as_deref()
    }

    /// The context for one request to an upstream, with a span id that no other has.
    pub fn hop(&self, entropy: &mut impl Entropy) -> Hop {
        let (id, flags) = (&self.parent.trace_id, u8::from(self.parent.is_sampled));
        let parent = format!("00-{id}-{}-0{flags}", hexadecimal(&not_zero(entropy)));
        let state = self.state.as_deref().and_then(|state| HeaderValue::from_str(state).ok());
        Hop { parent: HeaderValue::try_from(parent).unwrap_or(HeaderValue::from_static("")), state }
    }
}

/// The characters of a `traceparent` of version 00 (section 3.2.2).
const LENGTH: usize = 55;

/// The most members of a `tracestate` (section 3.3.1.1), and the most characters that must be passed on (3.3.1.5).
const MOST_MEMBERS: usize = 32;
const LONGEST_STATE: usize = 512;

/// Reads `tracestate`, whose fields are one list. `None` for one that is not well formed: the whole of it is dropped.
fn state(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>()?;
    state_of(&values.join(","))
}

/// Reads the list of `tracestate`: the members without the space and the empty ones between them.
fn state_of(text: &str) -> Option<String> {
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    let mut keys = Vec::new();
    let mut kept = Vec::new();
    for member in members {
        let (key, value) = member.split_once('=')?;
        if !is_key(key) || !is_value(value) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
        kept.push(member);
    }
    let joined = kept.join(",");
    ((1..=MOST_MEMBERS).contains(&kept.len()) && joined.len() <= LONGEST_STATE).then_some(joined)
}

/// `simple-key / tenant "@" system` (section 3.3.1.3.1).
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, longest, may_begin_with_digit: bool| {
        let begins = |first: u8| first.is_ascii_lowercase() || may_begin_with_digit && first.is_ascii_digit();
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/');
        part.len() <= longest && part.bytes().next().is_some_and(begins) && part.bytes().all(plain)
    };
    match key.split_once('@') {
        Some((tenant, system)) => is_part(tenant, 241, true) && is_part(system, 14, false),
        None => is_part(key, 256, false),
    }
}

/// Visible ASCII and space, but for `,` and `=`; the space at its end has been taken away with the member's (section
/// 3.3.1.3.2).
fn is_value(value: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    !value.is_empty() && value.len() <= 256 && value.bytes().all(plain)
}

/// "All bytes as zero is considered an invalid value" (section 3.2.2.4).
fn not_zero(entropy: &mut impl Entropy) -> [u8; 8] {
    let mut bytes = entropy.bytes::<8>();
    if bytes == [0; 8] {
        bytes = [1; 8];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::{self, Counting};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(pairs: &[(&str, &str)]) -> Trace {
        Trace::of(&example::headers(pairs), &mut Counting::default())
    }

    #[test]
    fn the_trace_goes_on_with_a_span_id_of_each_hop() {
        let given = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let trace =
            of(&[("traceparent", &given), ("tracestate", "congo=t61rcWkgMzE, rojo=1"), ("tracestate", "a@b=c")]);
        assert_eq!(trace.id().as_str(), TRACE);
        let mut entropy = Counting::default();
        let [one, other] = [trace.hop(&mut entropy), trace.hop(&mut entropy)];
        assert_eq!(one.parent, format!("00-{TRACE}-0001020304050607-01"));
        assert_eq!(other.parent, format!("00-{TRACE}-08090a0b0c0d0e0f-01"));
        assert_eq!(one.state.unwrap(), "congo=t61rcWkgMzE,rojo=1,a@b=c");
    }

    #[test]
    fn a_flag_that_nobody_knows_is_not_passed_on_and_the_sampling_is() {
        for (flags, passed) in [("00", "00"), ("01", "01"), ("ff", "01"), ("fe", "00"), ("02", "00")] {
            let given = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            let hop = of(&[("traceparent", &given)]).hop(&mut Counting::default());
            assert!(hop.parent.to_str().unwrap().ends_with(&format!("-{passed}")), "{flags}");
        }
    }

    #[test]
    fn what_is_no_trace_begins_a_new_one_without_its_state() {
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        for bad in [
            "",
            "00",
            &format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            &format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            &format!("00-{TRACE}-00f067aa0ba902b7-1"),
            &format!("00-{TRACE}-0000000000000000-01"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            &good.to_uppercase(),
            &format!(" {good}"),
            &format!("{good},{good}"),
            &good.replace('4', "g"),
        ] {
            let trace = of(&[("traceparent", bad), ("tracestate", "congo=1")]);
            assert_eq!(trace.id().as_str(), "000102030405060708090a0b0c0d0e0f", "{bad}");
            let hop = trace.hop(&mut Counting::default());
            assert_eq!((hop.state, hop.parent.to_str().unwrap().ends_with("-01")), (None, true));
        }
        assert_ne!(of(&[("traceparent", &good), ("traceparent", &good)]).id().as_str(), TRACE, "two are none");
        assert_eq!(of(&[("traceparent", &format!("01-{TRACE}-00f067aa0ba902b7-01-more"))]).id().as_str(), TRACE);
    }

    #[test]
    fn a_state_that_is_not_well_formed_is_dropped_whole() {
        let member = |index| format!("k{index}=v");
        let most = (0..32).map(member).collect::<Vec<_>>().join(",");
        assert_eq!(state_of(&most).as_deref(), Some(most.as_str()));
        assert_eq!(state_of(" a=1 ,,\tb=2 2\t").as_deref(), Some("a=1,b=2 2"));
        for bad in [
            "",
            " , ",
            "a",
            "a=",
            "=1",
            "A=1",
            "1=1",
            "a=1=2",
            "a=1,a=2",
            "a@1=1",
            "a@b@c=1",
            "a=\u{e9}",
            &format!("{most},k32=v"),
            &format!("a={}", "v".repeat(257)),
            &format!("a={0},b={0}", "v".repeat(256)),
        ] {
            assert_eq!(state_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_parent_that_a_message_names_is_told_without_what_a_later_version_adds_and_that_of_a_header_is_not() {
        let parent = format!("cc-{TRACE}-00f067aa0ba902b7-01");
        let meta = Object::parse(&format!(r#"{{"traceparent":"{parent}-alice@example.com"}}"#)).unwrap();
        let of_message = of(&[]).or_of(Some(&meta));
        assert_eq!((of_message.id().as_str(), of_message.of_message()), (TRACE, Some(parent.as_str())));
        let of_header = of(&[("traceparent", &parent.replace('4', "5"))]).or_of(Some(&meta));
        assert_eq!((of_header.id().as_str() == TRACE, of_header.of_message()), (false, None));
        assert_eq!(of(&[]).or_of(Some(&Object::parse(r#"{"traceparent":"x"}"#).unwrap())).of_message(), None);
    }

    #[test]
    fn no_id_is_all_zeros_even_where_the_randomness_is() {
        struct Zeros;
        impl Entropy for Zeros {
            fn fill(&mut self, bytes: &mut [u8]) {
                bytes.fill(0);
            }
        }
        let trace = Trace::of(&HeaderMap::new(), &mut Zeros);
        let hop = trace.hop(&mut Zeros);
        assert!(TraceParent::parse(hop.parent.to_str().unwrap()).is_some(), "{hop:?}");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_what_goes_out_is_well_formed(
            given in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,9})?|[ -~]{0,60}",
            state in "([a-z0-9@*]{1,5}=[ -~]{0,5},?){0,4}|[ -~\t]{0,60}",
        ) {
            let trace = of(&[("traceparent", given.as_str()), ("tracestate", state.as_str())]);
            let hop = trace.hop(&mut Counting::default());
            let TraceParent { trace_id: id, .. } = TraceParent::parse(hop.parent.to_str().unwrap()).unwrap();
            prop_assert_eq!(&id, trace.id());
            prop_assert_ne!(hop.parent.to_str().unwrap(), given);
            if let Some(state) = hop.state {
                let text = state.to_str().unwrap();
                prop_assert_eq!(state_of(text), Some(text.to_owned()));
            }
        }
    }
}
