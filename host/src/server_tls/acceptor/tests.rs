//! Pairs that can be used, and those that cannot; what a change of the files leads to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::UnixTime;

use super::super::validity::Validity;
use super::*;
use crate::log::CapturedLog;

fn certificate(key: &KeyPair, years: (i32, i32)) -> String {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from(vec![7]));
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
    params.self_signed(key).unwrap().pem()
}

/// A folder with both files.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        folder.write(&certificate(&key, (2020, 2120)), &key.serialize_pem());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn files(&self) -> TlsFiles {
        TlsFiles::new(self.path("cert.pem"), self.path("key.pem"))
    }

    fn write(&self, certificate: &str, key: &str) {
        fs::write(self.path("cert.pem"), certificate).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
    }

    fn refusal(&self) -> String {
        let text = ServerTls::load(self.files(), &CapturedLog::new()).err().unwrap().to_string();
        text.replace(&self.0.path().display().to_string(), "FOLDER")
    }
}

#[test]
fn every_kind_of_key_that_tls_has_is_taken_in_every_form_of_pem() {
    let folder = Folder::new();
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        folder.write(&certificate(&key, (2020, 2120)), &key.serialize_pem());
        ServerTls::load(folder.files(), &CapturedLog::new()).unwrap();
    }
    let der =
        |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/test-keys").join(name)).unwrap();
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    // PKCS#8 is a head around PKCS#1 (RFC 8017), or around SEC1 (RFC 5915).
    let pkcs1 = der("rsa.pkcs1.der");
    let length = u16::try_from(pkcs1.len()).unwrap();
    let rsa_encryption = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let head = [
        &[0x30, 0x82][..],
        &(length + 22).to_be_bytes(),
        &[2, 1, 0],
        &rsa_encryption,
        &[4, 0x82],
        &length.to_be_bytes(),
    ];
    let rsa = [&head.concat(), pkcs1.as_slice()].concat();
    let p256 = der("p256.pkcs8.der");
    for (form, pkcs8) in [(pem("RSA PRIVATE KEY", &pkcs1), rsa), (pem("EC PRIVATE KEY", &p256[29..]), p256.clone())] {
        let key = KeyPair::try_from(pkcs8.as_slice()).unwrap();
        for key_file in [form, key.serialize_pem()] {
            folder.write(&certificate(&key, (2020, 2120)), &key_file);
            ServerTls::load(folder.files(), &CapturedLog::new()).unwrap();
        }
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_file_and_the_reason() {
    let folder = Folder::new();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let good = (certificate(&key, (2020, 2120)), key.serialize_pem());
    let garbled = good.0.replace("MII", "!!!");
    for (certificate, key, expected) in [
        ("", good.1.as_str(), "TLS certificate FOLDER/cert.pem: there is no PEM certificate in it"),
        (&good.1, &good.1, "TLS certificate FOLDER/cert.pem: there is no PEM certificate in it"),
        (&garbled, &good.1, "TLS certificate FOLDER/cert.pem: it is not PEM: "),
        (
            &good.0,
            "",
            "TLS key FOLDER/key.pem: there is no PEM key in it (PKCS#8, PKCS#1 or SEC1, without a passphrase)",
        ),
        (&good.0, &good.0, "TLS key FOLDER/key.pem: there is no PEM key in it "),
        (
            &good.0,
            &other.serialize_pem(),
            "TLS key FOLDER/key.pem: it does not belong to the certificate in FOLDER/cert.pem",
        ),
    ] {
        folder.write(certificate, key);
        let refusal = folder.refusal();
        assert!(refusal.starts_with(expected), "{refusal}");
        assert_eq!(refusal.lines().count(), 1);
    }
    folder.write(&good.0, &good.1);
    fs::remove_file(folder.path("key.pem")).unwrap();
    assert_eq!(folder.refusal(), "TLS key FOLDER/key.pem: it cannot be read: No such file or directory (os error 2)");
    fs::remove_file(folder.path("cert.pem")).unwrap();
    assert!(folder.refusal().starts_with("TLS certificate FOLDER/cert.pem: it cannot be read: "));
}

#[test]
fn a_certificate_that_is_out_of_date_is_used_and_the_log_says_so_once() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    for (years, expected) in [
        ((2000, 2001), "cert.pem: it expired at 2001-01-01T00:00:00Z; clients will refuse it"),
        ((2100, 2101), "cert.pem: it is not valid before 2100-01-01T00:00:00Z; clients will refuse it"),
    ] {
        folder.write(&certificate(&key, years), &key.serialize_pem());
        let log = CapturedLog::new();
        let tls = ServerTls::load(folder.files(), &log).unwrap();
        tls.look(&log);
        let lines = log.lines();
        assert!(lines.len() == 1 && lines[0].contains(expected), "{lines:?}");
    }
    let pair = files::read(&Folder::new().files()).0.unwrap();
    let at = |seconds| Validity::at(&pair.certificate, UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
    assert_eq!(at(1_800_000_000), Validity::Valid);
    assert_eq!(at(0), Validity::NotYet(1_577_836_800));
    assert_eq!(at(5_000_000_000), Validity::Expired(4_733_510_400));
}

#[test]
fn a_bad_pair_is_said_once_for_each_change_and_a_good_one_is_used_at_once() {
    let (folder, log) = (Folder::new(), CapturedLog::new());
    let tls = ServerTls::load(folder.files(), &log).unwrap();
    let config = || Arc::clone(&tls.config.read().unwrap());
    let first = config();
    tls.look(&log);
    assert!(Arc::ptr_eq(&first, &config()) && log.lines().is_empty());

    // The certificate is new, and its key is still to come.
    let key = KeyPair::generate().unwrap();
    fs::write(folder.path("cert.pem"), certificate(&key, (2020, 2120))).unwrap();
    tls.look(&log);
    assert!(log.lines().is_empty());
    fs::write(folder.path("key.pem"), key.serialize_pem()).unwrap();
    tls.look(&log);
    let second = config();
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(
        log.lines().len() == 1 && log.lines()[0].contains("new connections get the new certificate of"),
        "{:?}",
        log.lines()
    );

    for (number, bad) in ["", "x"].into_iter().enumerate() {
        fs::write(folder.path("key.pem"), bad).unwrap();
        (0..4).for_each(|_| tls.look(&log));
        let lines = log.lines();
        assert_eq!(lines.len(), 2 + number, "{lines:?}");
        assert!(lines[1 + number].contains("key.pem: there is no PEM key in it"), "{lines:?}");
        assert!(lines[1 + number].contains("; new connections get the certificate from before"), "{lines:?}");
        assert!(Arc::ptr_eq(&second, &config()));
    }
    // What was there before needs no word.
    fs::write(folder.path("key.pem"), key.serialize_pem()).unwrap();
    tls.look(&log);
    assert!(log.lines().len() == 3 && Arc::ptr_eq(&second, &config()));
}
