//! `X-Forwarded-For`: a list of addresses, to which each proxy adds the one that it saw, at the end.

use std::net::IpAddr;

use http::HeaderMap;

use crate::UnknownAddress;
use crate::node::address;

/// What the header says, from its end. Several fields are one list, as some proxies add a field of their own (RFC 9110, section
/// 5.3).
pub(crate) fn from_the_end(headers: &HeaderMap) -> impl Iterator<Item = Result<IpAddr, UnknownAddress>> {
    // What is left of the entries that are asked for was written by the client, and is not looked at.
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    lines.flat_map(|line| {
        let entries = line.as_bytes().rsplit(|byte| *byte == b',');
        entries.map(|entry| {
            let text = core::str::from_utf8(entry).map_err(|_| UnknownAddress::Malformed)?;
            address(text.trim_matches([' ', '\t'])).ok_or(UnknownAddress::Malformed)
        })
    })
}
