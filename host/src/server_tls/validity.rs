//! Whether a certificate is out of date.

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

/// Whether a certificate is out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validity {
    /// Not, or it cannot be told.
    Valid,
    /// Since this time, in seconds of Unix.
    Expired(u64),
    /// It is valid from this time on, in seconds of Unix.
    NotYet(u64),
}

impl Validity {
    /// That of `certificate` at `now`.
    pub(super) fn at(certificate: &CertificateDer<'_>, now: UnixTime) -> Self {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return Self::Valid };
        // Who signed it is not asked here, so nobody is trusted; the dates are looked at first.
        let verified = verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], now, &[]);
        match verified {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                Self::Expired(not_after.as_secs())
            }
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
                Self::NotYet(not_before.as_secs())
            }
            _ => Self::Valid,
        }
    }

    /// What is wrong, for the log.
    pub(super) fn problem(self) -> Option<String> {
        let time = |seconds: u64| {
            let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
            time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
        };
        match self {
            Self::Valid => None,
            Self::Expired(since) => Some(format!("it expired at {}", time(since))),
            Self::NotYet(from) => Some(format!("it is not valid before {}", time(from))),
        }
    }
}
