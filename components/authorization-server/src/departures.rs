//! The notes that we left in the browser when we sent it elsewhere.

use gatehouse_authorization_server::arrival::Departure;
use gatehouse_protocol::WebOrigin;
use http::HeaderMap;
use http::header::COOKIE;

/// What the notes say; several where somebody tossed one in.
pub(crate) fn departures(headers: &HeaderMap, public_url: &WebOrigin) -> Vec<String> {
    let name = Departure::cookie_name(public_url);
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|pairs| pairs.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned()).collect()
}
