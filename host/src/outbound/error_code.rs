//! Why a request failed, in the words of `wasi:http`.

use std::error::Error as StdError;
use std::io;

use wasmtime_wasi_http::Error;

use super::kept_connection::{ClosedBefore, RequestsBegun};
use super::public_addresses::NotPublic;

/// The guest's form of why a request failed.
pub(super) fn error_code(error: &hyper_util::client::legacy::Error) -> Error {
    // Underneath a resolver's error, which would be found first.
    if causes(error).any(|cause| cause.is::<NotPublic>()) {
        return Error::DestinationIpProhibited;
    }
    let code = causes(error).find_map(|cause| cause_code(cause, error.is_connect()));
    code.unwrap_or(if error.is_connect() { Error::DestinationUnavailable } else { Error::HttpProtocolError })
}

/// Whether nothing of the request was written, because the kept connection was over.
pub(super) fn was_closed_before(error: &hyper_util::client::legacy::Error) -> bool {
    causes(error).any(|cause| cause.is::<ClosedBefore>())
}

/// Whether a connection that was used before ended after something of the request was written and before an answer began. Nobody knows
/// whether the server has read the request.
pub(super) fn ended_without_an_answer(error: &hyper_util::client::legacy::Error) -> bool {
    error.connect_info().is_some_and(RequestsBegun::is_reused)
        && causes(error).any(|cause| matches!(cause_code(cause, false), Some(Error::ConnectionTerminated)))
}

/// The error and what caused it, from the outside in.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |current| wrapped(*current))
}

fn wrapped<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    // An `io::Error` hides what it wraps from `source`.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn cause_code(cause: &(dyn StdError + 'static), connecting: bool) -> Option<Error> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(match tls {
            rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
            _ => Error::TlsProtocolError,
        });
    }
    // hyper-util's own type for it is private.
    if connecting && cause.to_string().starts_with("dns error") {
        return Some(Error::DnsError { rcode: None, info_code: None });
    }
    if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
        return Some(Error::ConnectionTerminated);
    }
    let io = cause.downcast_ref::<io::Error>()?;
    match io.kind() {
        io::ErrorKind::ConnectionRefused => Some(Error::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(Error::ConnectionTimeout),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Error::DestinationIpUnroutable),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
            if !connecting =>
        {
            Some(Error::ConnectionTerminated)
        }
        _ => None,
    }
}
