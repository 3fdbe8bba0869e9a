//! The component on `wasmtime serve`.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sandbox_run::{FRAMES_TYPE, Frame, FrameReader, RUN_PATH, RUN_TYPE, Run};
use sandbox_shell::Sink as _;

use super::{Answer, Gathered};

/// The variable with the program.
const WASMTIME: &str = "GATEHOUSE_TEST_WASMTIME";
/// The most bytes of a frame: a tree of files.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// How long a host may do nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host with the component.
pub struct Host {
    process: Child,
    address: String,
}

impl Host {
    /// Starts `wasmtime serve` with `target/sandbox-shell.wasm`; nothing where one of them is not there.
    pub fn start() -> Option<Self> {
        let program = std::env::var_os(WASMTIME)?;
        let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sandbox-shell.wasm");
        if !component.is_file() {
            return None;
        }
        let mut command = Command::new(PathBuf::from(program));
        command.args(["serve", "-Scli", "--addr", "127.0.0.1:0"]).arg(component);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "wasmtime ended early");
        }
        let address = line.split("http://").nth(1).unwrap().trim().trim_end_matches('/').to_owned();
        // What it writes later is read away, so that it never waits.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Some(Self { process, address })
    }

    /// One run.
    pub fn run(&self, run: &Run) -> Answer {
        let mut gathered = Gathered::new();
        let (head, mut body) = self.ask("POST", RUN_PATH, RUN_TYPE, &run.to_bytes().unwrap());
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.to_ascii_lowercase().contains(&format!("content-type: {FRAMES_TYPE}")), "{head}");
        let (mut frames, mut outcome) = (FrameReader::new(MOST_BYTES), None);
        let mut piece = vec![0; 64 * 1024];
        while outcome.is_none() {
            // A host that ends an instance breaks the body off, or ends it.
            let read = body.read(&mut piece).unwrap_or(0);
            if read == 0 {
                break;
            }
            for frame in frames.push(&piece[..read]).unwrap() {
                match frame {
                    Frame::Output { stream, bytes } => gathered.write(stream, &bytes).unwrap(),
                    Frame::Ended(ended) => outcome = Some(ended),
                }
            }
        }
        gathered.answer(outcome)
    }

    /// The head of the answer, and its body.
    pub fn ask(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> (String, Box<dyn Read>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A component that refuses by the head alone does not read the body.
        let _refused = stream.write_all(body);
        let mut answer = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(answer.read_line(&mut head).unwrap() > 0, "the answer has no head: {head}");
        }
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        if is_chunked { (head, Box::new(Chunks { answer, left: 0 })) } else { (head, Box::new(answer)) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A body in chunks (RFC 9112, section 7.1).
struct Chunks<R> {
    answer: R,
    left: usize,
}

impl<R: std::io::BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = String::new();
            while line.trim().is_empty() {
                line.clear();
                if self.answer.read_line(&mut line)? == 0 {
                    return Ok(0);
                }
            }
            self.left = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let most = self.left.min(buffer.len());
        let read = self.answer.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}
