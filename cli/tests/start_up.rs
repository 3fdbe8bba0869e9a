//! The binary's start: what is wrong is said in exactly one line, and it ends with 1; what is right is served.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use gatehouse_testing_application::{MANIFEST, application};

fn gatehouse(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.current_dir(directory).env_remove("SPIN_VARIABLE_CONFIG");
    command
}

/// Runs `gatehouse up` in `directory` and returns the one line that it fails with. One that serves would not end by itself.
fn failure(directory: &Path, arguments: &[&str]) -> String {
    let mut up = gatehouse(directory)
        .arg("up")
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut served = String::new();
    BufReader::new(up.stdout.take().unwrap()).read_line(&mut served).unwrap();
    if !served.is_empty() {
        up.kill().unwrap();
        up.wait().unwrap();
    }
    assert_eq!(served, "", "it serves");
    one_line_of_failure(&up.wait_with_output().unwrap())
}

fn one_line_of_failure(output: &std::process::Output) -> String {
    one_line_with_status(1, output)
}

fn one_line_with_status(status: i32, output: &std::process::Output) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors.trim_end().to_owned()
}

#[test]
fn a_missing_manifest_is_named() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        failure(directory.path(), &[]),
        "gatehouse: cannot read the manifest spin.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn a_wrong_manifest_is_said_with_file_line_and_column() {
    let directory = application("spin_manifest_version = 2\n[application]\nname = \"a\n");
    let line = failure(directory.path(), &[]);
    assert!(line.starts_with("gatehouse: spin.toml:3:"), "{line}");

    let directory = application(&format!("{MANIFEST}files = [\"/etc\"]\n"));
    assert_eq!(
        failure(directory.path(), &["--from", "."]),
        "gatehouse: ./spin.toml:9:1: `files` is a Spin feature that this host does not offer; run this application with \
         Spin, or remove it"
    );
}

#[test]
fn a_missing_variable_is_named_with_the_ways_to_give_it() {
    let directory = application(&format!("{MANIFEST}[variables]\nconfig = {{ required = true }}\n"));
    assert_eq!(
        failure(directory.path(), &[]),
        "gatehouse: required variable `config` of spin.toml has no value; give it with --variable config=VALUE (or \
         config=@FILE), in the environment as SPIN_VARIABLE_CONFIG, or as a line config = \"VALUE\" in a --variables-file"
    );
}

#[test]
fn a_wrong_variable_is_an_error() {
    let directory = application(MANIFEST);
    let line = failure(directory.path(), &["--variable", "confg=x"]);
    assert!(line.starts_with("gatehouse: variable `confg` (--variable) is not declared in [variables]"), "{line}");
    let line = failure(directory.path(), &["--variable", "hunter2"]);
    assert!(line.contains("NAME=VALUE") && !line.contains("hunter2"), "{line}");
    let line = failure(directory.path(), &["--variable", "config=@nowhere"]);
    assert!(line.contains("variable `config`: cannot read the file nowhere"), "{line}");
    let line = failure(directory.path(), &["--variables-file", "nowhere.toml"]);
    assert!(line.contains("cannot read the variables file nowhere.toml"), "{line}");
}

#[test]
fn a_secret_is_not_shown_when_it_is_no_allowed_host() {
    let directory = application(&format!(
        "{MANIFEST}allowed_outbound_hosts = [\"{{{{ origin }}}}\", \"{{{{ hidden }}}}\"]\n[variables]\n\
         origin = {{ default = \"https://a.example\" }}\nhidden = {{ required = true, secret = true }}\n"
    ));
    let line = failure(directory.path(), &["--variable", "hidden=hunter2"]);
    assert_eq!(
        line,
        "gatehouse: component `trap`: allowed_outbound_hosts entry \"{{ hidden }}\": its value is not an allowed outbound host"
    );
    let line = failure(directory.path(), &["--variable", "hidden=https://b.example", "--variable", "origin="]);
    assert!(line.contains("entry \"{{ origin }}\": an allowed outbound host is empty"), "{line}");
}

#[test]
fn a_missing_component_is_named_with_its_build_command() {
    let directory = application(&format!("{MANIFEST}[component.trap.build]\ncommand = \"make trap\"\n"));
    fs::remove_file(directory.path().join("trap.wasm")).unwrap();
    assert_eq!(
        failure(directory.path(), &[]),
        "gatehouse: component `trap`: there is no file trap.wasm; build it with `make trap`"
    );
}

#[test]
fn a_file_that_is_no_fitting_component_is_refused() {
    let directory = application(MANIFEST);
    let wasm = directory.path().join("trap.wasm");
    // Text; a core module; a component without a handler.
    for (content, part) in [
        (&b"hello"[..], "trap.wasm is not a WebAssembly component"),
        (b"\0asm\x01\0\0\0", "trap.wasm is not a WebAssembly component"),
        (b"\0asm\x0d\0\x01\0", "wasi:http/incoming-handler"),
        (b"\0asm\x0d\0\x01\0rubbish", "trap.wasm: "),
    ] {
        fs::write(&wasm, content).unwrap();
        let line = failure(directory.path(), &["--cache-dir", "cache"]);
        assert!(line.starts_with("gatehouse: component `trap`: ") && line.contains(part), "{line}");
    }
}

#[test]
fn keys_and_configurations_are_made_and_checked_without_an_application() {
    let directory = tempfile::tempdir().unwrap();
    let generated = gatehouse(directory.path()).args(["keys", "generate"]).output().unwrap();
    assert!(generated.status.success() && generated.stderr.is_empty());
    fs::write(directory.path().join("server-keys"), &generated.stdout).unwrap();
    let rotate = ["keys", "generate", "--id", "next", "--add-to", "server-keys"];
    let rotated = gatehouse(directory.path()).args(rotate).output().unwrap();
    let text = String::from_utf8(rotated.stdout).unwrap();
    assert!(text.starts_with("next:") && text.ends_with(std::str::from_utf8(&generated.stdout).unwrap()));

    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/gatehouse.toml");
    let checked =
        gatehouse(directory.path()).args(["check", example, "--server-keys", "server-keys"]).output().unwrap();
    assert!(checked.status.success() && checked.stderr.is_empty());
    assert!(String::from_utf8(checked.stdout).unwrap().starts_with("Public URL: http://127.0.0.1:3000\n"));
    let wrong = gatehouse(directory.path()).args(["check", "server-keys"]).output().unwrap();
    let line = one_line_of_failure(&wrong);
    assert!(line.starts_with("gatehouse: server-keys: the configuration cannot be read: line 1: "), "{line}");
    let key = std::str::from_utf8(&generated.stdout).unwrap().trim_end().split_once(':').unwrap().1;
    assert!(!line.contains(key), "{line}");
}

#[test]
fn a_port_in_use_is_named_with_a_hint() {
    let directory = application(MANIFEST);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let output = gatehouse(directory.path()).args(["up", "--listen", &address]).output().unwrap();
    assert_eq!(
        one_line_of_failure(&output),
        format!(
            "gatehouse: cannot listen on {address}: another program uses this port; stop it, or choose another with \
             --listen (port 0 picks a free one)"
        )
    );
}

#[test]
fn an_application_for_loopback_does_not_listen_elsewhere() {
    let directory = application(&format!("{MANIFEST}[application.tool.gatehouse]\nlisten = \"loopback\"\n"));
    for address in ["0.0.0.0:0", "[::]:0"] {
        let output = gatehouse(directory.path()).args(["up", "--listen", address]).output().unwrap();
        let line = one_line_of_failure(&output);
        assert!(line.contains("allows loopback addresses only"), "{line}");
    }
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let directory = application(MANIFEST);
    fs::write(directory.path().join("ca.pem"), "nothing").unwrap();
    assert_eq!(
        failure(directory.path(), &["--ca-file", "ca.pem"]),
        "gatehouse: CA file ca.pem: there is no PEM certificate in it"
    );
    let line = failure(directory.path(), &["--ca-file", "nowhere.pem"]);
    assert!(line.starts_with("gatehouse: CA file nowhere.pem: "), "{line}");
}

#[test]
fn a_runtime_configuration_that_cannot_be_used_is_refused_without_its_password() {
    let directory = application(MANIFEST);
    let with = |text: &str| {
        fs::write(directory.path().join("runtime.toml"), text).unwrap();
        failure(directory.path(), &["--runtime-config-file", "runtime.toml"])
    };
    let line = with("[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://:s3/cret@store.example\"\n");
    assert!(line.starts_with("gatehouse: runtime.toml:3:7: `url`: it is no URL of Redis; write redis://"), "{line}");
    assert!(!line.contains("cret"), "{line}");
    let line = with("[key_value_store.default]\ntype = \"aws_dynamo\"\n");
    assert!(line.starts_with("gatehouse: runtime.toml:2:8: `type` is \"redis\", with `url`, or \"spin\""), "{line}");
    let line = with("[key_value_store.defualt]\ntype = \"redis\"\nurl = \"redis://:s3cret@store.example\"\n");
    assert!(
        line.starts_with("gatehouse: runtime.toml: `[key_value_store.defualt]` is for no component: the manifest"),
        "{line}"
    );
    assert!(!line.contains("cret"), "{line}");
    let line = failure(directory.path(), &["--runtime-config-file", "nowhere.toml"]);
    assert!(line.starts_with("gatehouse: nowhere.toml: the runtime configuration cannot be read: "), "{line}");
}

/// Gatehouse itself would serve, and refuse every sign-in or call.
#[test]
fn what_gatehouse_cannot_work_with_is_said_before_it_serves() {
    let directory = application(&format!(
        "{MANIFEST}[component.trap.variables]\nconfig = \"{{{{ config }}}}\"\nserver_keys = \"{{{{ server_keys }}}}\"\n\
         [variables]\nconfig = {{ required = true }}\nserver_keys = {{ required = true, secret = true }}\n"
    ));
    fs::write(directory.path().join("gatehouse.toml"), "public_url = 1\n").unwrap();
    for (config, part) in [
        ("config=gatehouse.toml", "write config=@gatehouse.toml for the content of the file"),
        ("config=@gatehouse.toml", "gatehouse: variable `config`: "),
        ("config=", "gatehouse: variable `config`: "),
    ] {
        let line = failure(directory.path(), &["--variable", config, "--variable", "server_keys=hunter2"]);
        assert!(line.contains(part) && !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn a_wrong_command_line_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&[][..], "gatehouse: no command given; try `gatehouse up` or `gatehouse --help`"),
        (&["keys"], "gatehouse: say what to do with keys; try `gatehouse keys generate`"),
        (&["upp"], "unrecognized subcommand"),
        (&["up", "--lisen", "x"], "unexpected argument '--lisen'"),
        (&["up", "--listen", "x"], "write it as ADDRESS:PORT"),
        (&["up", "--shutdown-timeout", "soon"], "invalid digit"),
        (&["up", "--probe-path", "healthz"], "write it as a path"),
    ] {
        let line = one_line_with_status(2, &gatehouse(directory.path()).args(arguments).output().unwrap());
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_wrong_limit_is_said_with_those_that_there_are() {
    let directory = application(MANIFEST);
    for (limit, part) in [
        ("connections", "--limit needs NAME=VALUE"),
        ("conections=9", "there is no limit `conections`; the limits are concurrent-requests, "),
        ("connections=many", "limit `connections` must be a whole number from 1 to"),
        ("credential-share=101", "limit `credential-share` must be a whole number from 1 to 100"),
    ] {
        let line = failure(directory.path(), &["--limit", limit]);
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn few_open_files_mean_few_connections_and_the_log_says_so() {
    let directory = application(MANIFEST);
    // The soft limit is raised to the hard one, which is 364.
    let mut host = Command::new("sh")
        .current_dir(directory.path())
        .env_remove("SPIN_VARIABLE_CONFIG")
        .args(["-c", "ulimit -Sn 100 && ulimit -Hn 364 && exec \"$0\" up --listen 127.0.0.1:0 --limit connections=500"])
        .arg(env!("CARGO_BIN_EXE_gatehouse"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(host.stdout.take().unwrap()).lines();
    let address = out.next().unwrap().unwrap().strip_prefix("Serving http://").unwrap().to_owned();

    // More than there is room for: each gets in, because the one that has been idle longest goes.
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(&address).unwrap());
    }
    let mut last = TcpStream::connect(&address).unwrap();
    last.write_all(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    last.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    assert_eq!(idle[0].read(&mut [0]).unwrap_or(0), 0, "the one that has been idle longest is still open");

    assert!(Command::new("kill").arg(host.id().to_string()).status().unwrap().success());
    assert_eq!(host.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    host.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("150 of 500 connections can be open at the same time"), "{log}");
    assert!(!log.contains("cannot accept"), "{log}");
}

#[test]
fn what_is_right_is_served_until_a_signal_and_logged_without_queries() {
    let directory = application(MANIFEST);
    let mut host = gatehouse(directory.path())
        .args(["up", "--listen", "127.0.0.1:0", "--log-format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(host.stdout.take().unwrap()).lines();
    let first = out.next().unwrap().unwrap();
    let address = first.strip_prefix("Serving http://").unwrap().to_owned();
    assert_eq!(out.next().unwrap().unwrap(), "  /trap/... -> trap");

    let request = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer hunter2\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    };
    // A trap is one request's end, not the host's.
    for _ in 0..3 {
        let response = request("/trap/a?code=hunter2");
        assert!(response.starts_with("HTTP/1.1 500 ") && response.ends_with("\r\n\r\n"), "{response}");
    }
    assert!(request("/elsewhere").starts_with("HTTP/1.1 404 "));

    assert!(Command::new("kill").arg(host.id().to_string()).status().unwrap().success());
    assert_eq!(host.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    host.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains("hunter2") && !log.contains("code="), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["event"] == "request-ended").collect();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[0]["path"], "/trap/a");
    assert_eq!(requests[0]["status"], 500);
    assert_eq!(requests[0]["guest"], "trap");
    assert_eq!(requests[3]["guest"], serde_json::Value::Null);
    assert!(log.contains("the component failed: wasm trap"), "{log}");
}

/// Writes a certificate and its key.
fn write_pair(directory: &Path, name: &str) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(directory.join(format!("{name}.pem")), pair.cert.pem()).unwrap();
    fs::write(directory.join(format!("{name}.key")), pair.signing_key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_or_key_that_cannot_be_used_is_named() {
    let directory = application(MANIFEST);
    write_pair(directory.path(), "a");
    write_pair(directory.path(), "b");
    for (certificate, key, expected) in [
        ("none.pem", "a.key", "TLS certificate none.pem: it cannot be read: No such file or directory (os error 2)"),
        ("a.key", "a.key", "TLS certificate a.key: there is no PEM certificate in it"),
        ("a.pem", "a.pem", "TLS key a.pem: there is no PEM key in it (PKCS#8, PKCS#1 or SEC1, without a passphrase)"),
        ("a.pem", "b.key", "TLS key b.key: it does not belong to the certificate in a.pem"),
    ] {
        let line = failure(directory.path(), &["--tls-cert", certificate, "--tls-key", key]);
        assert_eq!(line, format!("gatehouse: {expected}"));
    }
    for alone in [["--tls-cert", "a.pem"], ["--tls-key", "a.key"]] {
        let output = gatehouse(directory.path()).arg("up").args(alone).output().unwrap();
        let line = one_line_with_status(2, &output);
        assert!(line.contains("required"), "{line}");
    }
}

#[test]
fn a_certificate_of_the_environment_is_used_and_the_first_line_says_https() {
    let directory = application(MANIFEST);
    write_pair(directory.path(), "a");
    let mut host = gatehouse(directory.path())
        .args(["up", "--listen", "127.0.0.1:0"])
        .env("SPIN_TLS_CERT", "a.pem")
        .env("SPIN_TLS_KEY", "a.key")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(host.stdout.take().unwrap()).lines();
    let first = out.next().unwrap().unwrap();
    let address = first.strip_prefix("Serving https://").unwrap();
    // Who speaks without TLS gets its alert (RFC 8446, section 5.1), and no answer.
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut kind = [0];
    plain.read_exact(&mut kind).unwrap();
    assert_eq!(kind, [21]);
    assert!(Command::new("kill").arg(host.id().to_string()).status().unwrap().success());
    assert_eq!(host.wait().unwrap().code(), Some(0));
}
