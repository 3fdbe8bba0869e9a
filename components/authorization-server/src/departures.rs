//! The notes that we left in the browser when we sent it elsewhere.

use gatehouse_authorization_server::arrival::Departure;
use gatehouse_protocol::WebOrigin;
use http::HeaderMap;

use crate::requests;

/// What the notes say; several where somebody tossed one in.
pub(crate) fn departures(headers: &HeaderMap, public_url: &WebOrigin) -> Vec<String> {
    let name = Departure::cookie_name(public_url);
    let pairs = requests::cookie_pairs(headers).filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned()).collect()
}
