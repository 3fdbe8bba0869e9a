//! The two files: a certificate with its chain, and the key that belongs to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Often enough for whoever replaces a certificate by hand and looks; two small files cost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The files that a host needs which ends TLS itself.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate and its chain, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM: PKCS#8, PKCS#1 or SEC1, without a passphrase.
    pub key: PathBuf,
    /// How often it is looked whether they have changed: each 5 s. A good pair is used for new connections from then on.
    pub look_every: Duration,
}

impl TlsFiles {
    /// These files, with the usual time between two looks.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), look_every: LOOK_EVERY }
    }
}

/// A certificate and its key that can be used.
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: CertifiedKey,
    pub(super) provider: Arc<CryptoProvider>,
}

/// Tells contents of the two files from others, without keeping a key.
pub(super) type FilesDigest = [u8; 32];

/// Reads both; and what tells this content from another, where an unreadable file counts as content as well.
pub(super) fn read(files: &TlsFiles) -> (Result<Pair, String>, FilesDigest) {
    let certificate = contents("certificate", &files.certificate);
    let key = contents("key", &files.key);
    let mut digest = Sha256::new();
    for content in [&certificate, &key] {
        let (bytes, kind) = match content {
            Ok(bytes) => (bytes.as_slice(), 0),
            Err(problem) => (problem.as_bytes(), 1),
        };
        digest.update([kind]);
        digest.update(Sha256::digest(bytes));
    }
    let pair = certificate.and_then(|certificate| pair(files, &certificate, &key?));
    (pair, digest.finalize().into())
}

fn failed(kind: &str, path: &Path, problem: &str) -> String {
    format!("TLS {kind} {}: {problem}", path.display())
}

fn contents(kind: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    fs::read(path).map(Zeroizing::new).map_err(|error| failed(kind, path, &format!("it cannot be read: {error}")))
}

fn pair(files: &TlsFiles, certificate: &[u8], key: &[u8]) -> Result<Pair, String> {
    let of_certificate = |problem: &str| failed("certificate", &files.certificate, problem);
    let of_key = |problem: &str| failed("key", &files.key, problem);

    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| of_certificate(&format!("it is not PEM: {error}")))?;
    let Some(first) = chain.first().cloned() else {
        return Err(of_certificate("there is no PEM certificate in it"));
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        PemError::NoItemsFound => of_key("there is no PEM key in it (PKCS#8, PKCS#1 or SEC1, without a passphrase)"),
        // Its text may hold a part of the file.
        _ => of_key("it is not PEM"),
    })?;
    let provider = Arc::new(ring::default_provider());
    let key = provider.key_provider.load_private_key(key);
    // What is wrong with a key is said without a part of it.
    let key =
        key.map_err(|_| of_key("it is not a key that TLS can use: RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519"))?;
    let key = CertifiedKey::new(chain, key);
    match key.keys_match() {
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {
            Ok(Pair { certificate: first, key, provider })
        }
        Err(TlsError::InconsistentKeys(_)) => {
            Err(of_key(&format!("it does not belong to the certificate in {}", files.certificate.display())))
        }
        Err(error) => Err(of_certificate(&format!("it cannot be used: {error}"))),
    }
}
