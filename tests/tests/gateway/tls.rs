//! TLS and HTTP/2 of the embedded host, with clients of others: curl, and Node's `https` and `http2`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gatehouse_host::TlsFiles;
use gatehouse_tests::{Program, World, WorldSettings};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, IsCa, Issuer, KeyPair, SerialNumber};
use tokio::process::Command;

/// Longer than anything that is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// Who signs certificates; `ca.pem` is its own.
fn authority(folder: &Path) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    fs::write(folder.join("ca.pem"), certificate.pem()).expect("the folder can be written");
    Issuer::new(params, key)
}

/// Writes a certificate with this serial number, and its key.
fn write_pair(folder: &Path, authority: &Issuer<'static, KeyPair>, serial: u8) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from(vec![serial]));
    let certificate = params.signed_by(&key, authority).expect("a certificate").pem();
    for (name, text) in [("tls.key", key.serialize_pem()), ("tls.crt", certificate)] {
        let written = folder.join(format!("{name}.new"));
        fs::write(&written, text).expect("the folder can be written");
        fs::rename(written, folder.join(name)).expect("the folder can be written");
    }
}

/// What curl says of an answer: its version, its status, and the serial number of the certificate. `None`, with a word, where
/// there is no curl.
async fn curl(folder: &Path, arguments: &[&str], url: &str) -> Option<String> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{certs}", "--cacert"]);
    let Ok(output) = command.arg(folder.join("ca.pem")).args(arguments).arg(url).output().await else {
        eprintln!("skipped: there is no curl");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = said.lines();
    let answer = lines.next().unwrap_or_default().split(' ').take(2).collect::<Vec<_>>().join(" ");
    let serial = lines.find_map(|line| line.strip_prefix("Serial Number:")).unwrap_or_default();
    Some(format!("{answer} {serial}{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_call_tools_over_http_2_and_see_a_new_certificate_when_it_is_there() {
    let world =
        World::start(WorldSettings { upstream: &["conformance-upstream.mjs"], ..WorldSettings::default() }).await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = authority(folder.path());
    write_pair(folder.path(), &authority, 17);
    let files = TlsFiles::new(folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let files = TlsFiles { look_every: Duration::from_millis(50), ..files };
    let beside = world.gatehouse.beside_adjusted(&[], |options| options.tls = Some(files)).await;
    let origin = beside.url.replace("http://", "https://");

    for (arguments, version) in
        [(&["--http2"][..], "2"), (&["--http1.1"], "1.1"), (&["--http2", "--tls-max", "1.2"], "2")]
    {
        if let Some(said) = curl(folder.path(), arguments, &format!("{origin}/healthz")).await {
            assert_eq!(said, format!("{version} 200 11"), "{arguments:?}");
        }
    }
    // Without TLS, there is no answer of HTTP.
    if let Some(said) = curl(folder.path(), &[], &format!("{}/healthz", beside.url)).await {
        assert!(said.contains(" 000 ") && said.contains("curl: ("), "{said}");
    }

    let ca = folder.path().join("ca.pem").display().to_string();
    let mut node = Program::client("http2.mjs", &[&origin, &ca, &world.access_token("alice").await]);
    assert_eq!(node.line().await, r#"{"version":"1.1","serial":"11","status":200}"#);
    assert_eq!(node.line().await, r#"{"protocol":"h2","serial":"11","statuses":[200]}"#);
    assert_eq!(
        node.line().await,
        r#"{"status":200,"type":"text/event-stream","early":true,"progress":3,"result":true}"#
    );
    node.finish().await;

    write_pair(folder.path(), &authority, 18);
    let expected = r#"{"version":"1.1","serial":"12","status":200}"#;
    let renewed = async { while Program::client("http2.mjs", &[&origin, &ca]).line().await != expected {} };
    tokio::time::timeout(DEADLINE, renewed).await.expect("the new certificate is used");
    beside.stop().await;
    world.gatehouse.stop().await;
}
