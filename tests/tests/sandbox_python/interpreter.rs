//! The interpreter on an embedded host of the test's own, and what it answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatehouse_host::{Application, Options, Running};
use gatehouse_tests::{artefact, repository};
use sandbox_egress::Egress;
use sandbox_run::{File, Frame, FrameReader, Limits, Outcome, RUN_PATH, RUN_TYPE, Run, Stream, TreePath};
use tempfile::TempDir;

/// The most bytes of a frame: the files, the state, and what is around them.
const MOST_FRAME_BYTES: usize = 16 << 20;

/// What most programs may take.
pub const LIMITS: Limits =
    Limits { seconds: 20, output_bytes: 256 << 10, file_bytes: 8 << 20, files: 1000, state_bytes: 2 << 20 };

/// The interpreter.
pub struct Interpreter {
    running: Running,
    client: reqwest::Client,
    _folder: TempDir,
}

/// What came of a run.
pub struct Ran {
    /// Of the answer; 0 where there was none.
    pub status: u16,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The last frame; none where the run was cut short.
    pub ended: Option<Outcome>,
    /// When the first output came.
    pub first_output: Option<Duration>,
    /// How many frames of output there were.
    pub pieces: usize,
    /// How long it took.
    pub took: Duration,
}

impl Interpreter {
    /// Starts it, on a host that lets it connect to nothing.
    pub async fn start() -> Self {
        Self::start_before(&[]).await
    }

    /// Starts it, on a host that lets it connect to these origins.
    pub async fn start_before(allowed: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = format!(
            "spin_manifest_version = 2\n[application]\nname = \"python\"\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"python\"\n\
             [component.python]\nsource = '{}'\nallowed_outbound_hosts = {allowed:?}\n",
            artefact("sandbox-python.wasm").display()
        );
        std::fs::write(folder.path().join("spin.toml"), manifest).expect("the folder can be written");
        let mut options = Options::new(folder.path().join("state"));
        options.cache_directory = Some(repository().join("target/sandbox-cache"));
        let application = Application::load(folder.path(), options).await.expect("the application loads");
        let running = application.serve(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("it serves");
        Self { running, client: reqwest::Client::new(), _folder: folder }
    }

    /// Runs a program in an environment that has nothing.
    pub async fn run(&self, code: &str) -> Ran {
        self.run_with(code, &Kept::default(), LIMITS).await
    }

    /// Runs a program in an environment.
    pub async fn run_with(&self, code: &str, kept: &Kept, limits: Limits) -> Ran {
        self.run_before(code, kept, limits, Egress::off()).await
    }

    /// Runs a program that may send requests.
    pub async fn run_before(&self, code: &str, kept: &Kept, limits: Limits, egress: Egress) -> Ran {
        let (state, files) = (kept.state.clone(), kept.files.clone());
        let run = Run { code: code.to_owned(), state, files, limits, egress };
        self.post(RUN_PATH, run.to_bytes().expect("a run can be written")).await
    }

    /// Sends a body.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Ran {
        let begin = Instant::now();
        let url = format!("http://{}{path}", self.running.address());
        let sent = self.client.post(url).header("content-type", RUN_TYPE).body(body).send().await;
        let mut reader = FrameReader::new(MOST_FRAME_BYTES);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut ran = Ran {
            status: 0,
            stdout: String::new(),
            stderr: String::new(),
            ended: None,
            first_output: None,
            pieces: 0,
            took: Duration::ZERO,
        };
        // Where the run breaks off at once, the host ends the connection before it has sent the head.
        let broken_off = sent.as_ref().is_err_and(|error| error.is_request() && !error.is_connect());
        if broken_off {
            ran.took = begin.elapsed();
            return ran;
        }
        let mut response = sent.expect("the host answers");
        ran.status = response.status().as_u16();
        while let Ok(Some(piece)) = response.chunk().await {
            for frame in reader.push(&piece).expect("frames come") {
                assert!(ran.ended.is_none(), "nothing follows the last frame");
                match frame {
                    Frame::Output { stream, bytes } => {
                        ran.pieces += 1;
                        ran.first_output.get_or_insert_with(|| begin.elapsed());
                        let text = if stream == Stream::Stdout { &mut stdout } else { &mut stderr };
                        text.extend(bytes);
                    }
                    Frame::Ended(outcome) => ran.ended = Some(outcome),
                }
            }
        }
        ran.took = begin.elapsed();
        ran.stdout = String::from_utf8_lossy(&stdout).into_owned();
        ran.stderr = String::from_utf8_lossy(&stderr).into_owned();
        ran
    }
}

impl Ran {
    /// How it ended.
    pub fn outcome(&self) -> &Outcome {
        self.ended
            .as_ref()
            .unwrap_or_else(|| panic!("the run was cut short; it had written {} {}", self.stdout, self.stderr))
    }

    /// What is kept for the next run, of one that began with nothing.
    pub fn kept(&self) -> Kept {
        let outcome = self.outcome();
        Kept { state: outcome.state.clone(), files: outcome.changed.clone() }
    }

    /// What it printed, of a run that did not fail.
    pub fn printed(&self) -> &str {
        assert_eq!(self.outcome().exit_code, 0, "{}", self.stderr);
        &self.stdout
    }
}

/// What an environment keeps.
#[derive(Clone, Default)]
pub struct Kept {
    /// Names.
    pub state: Vec<u8>,
    /// Files.
    pub files: Vec<File>,
}

impl Kept {
    /// The same with these files.
    pub fn with_files(files: &[(&str, &[u8])]) -> Self {
        let file = |(path, contents): &(&str, &[u8])| File {
            path: TreePath::parse(path).expect("a path"),
            contents: contents.to_vec(),
        };
        Self { state: Vec::new(), files: files.iter().map(file).collect() }
    }
}

/// Path and contents of the files that a run has changed.
pub fn changed(ran: &Ran) -> Vec<(&str, &[u8])> {
    ran.outcome().changed.iter().map(|file| (file.path.as_str(), file.contents.as_slice())).collect()
}
