//! Reading the files again.
//!
//! They are looked at by their content, every few seconds: a Kubernetes secret is a link that is swapped, certbot renames,
//! others write in place, and a watch of the file system sees each of these differently, or not at all over a network.

use rustls::pki_types::{CertificateDer, UnixTime};

use super::files::{FilesDigest, Pair, TlsFiles, read};
use super::validity::Validity;
use crate::log::{Level, LogRecord, LogSink};

/// What was seen of the files so far.
pub(super) struct Seen {
    used: FilesDigest,
    /// What cannot be used instead, and whether the log says so.
    refused: Option<(FilesDigest, bool)>,
    certificate: CertificateDer<'static>,
    validity: Validity,
}

impl Seen {
    /// At the start.
    pub(super) fn first(
        used: FilesDigest,
        certificate: &CertificateDer<'static>,
        files: &TlsFiles,
        log: &dyn LogSink,
    ) -> Self {
        let mut seen = Self { used, refused: None, certificate: certificate.clone(), validity: Validity::Valid };
        seen.look_at_validity(files, log);
        seen
    }

    /// Looks at the files. A new pair is what is used from now on.
    pub(super) fn look(&mut self, files: &TlsFiles, log: &dyn LogSink) -> Option<Pair> {
        let (pair, digest) = read(files);
        let pair = if digest == self.used {
            self.refused = None;
            None
        } else {
            match pair {
                Ok(pair) => {
                    (self.used, self.refused) = (digest, None);
                    self.certificate = pair.certificate.clone();
                    self.validity = Validity::Valid;
                    let path = files.certificate.display();
                    say(log, Level::Info, format!("new connections get the new certificate of {path}"));
                    Some(pair)
                }
                Err(problem) => {
                    self.refuse(digest, &problem, log);
                    None
                }
            }
        };
        self.look_at_validity(files, log);
        pair
    }

    /// Says it once, and at the second look: one file may be new while the other is still to come.
    fn refuse(&mut self, digest: FilesDigest, problem: &str, log: &dyn LogSink) {
        match &mut self.refused {
            Some((refused, said)) if *refused == digest => {
                if !std::mem::replace(said, true) {
                    say(log, Level::Warn, format!("{problem}; new connections get the certificate from before"));
                }
            }
            other => *other = Some((digest, false)),
        }
    }

    /// Says when the certificate that is used is out of date, once.
    fn look_at_validity(&mut self, files: &TlsFiles, log: &dyn LogSink) {
        let validity = Validity::at(&self.certificate, UnixTime::now());
        if validity == std::mem::replace(&mut self.validity, validity) {
            return;
        }
        if let Some(problem) = validity.problem() {
            let path = files.certificate.display();
            say(log, Level::Warn, format!("TLS certificate {path}: {problem}; clients will refuse it"));
        }
    }
}

fn say(log: &dyn LogSink, level: Level, message: String) {
    log.record(&LogRecord::host(level, None, message));
}
