//! The program `gatehouse`, started as a file of `deploy/` starts it, with this machine's folders in place of those that the file names.

use std::path::{Path, PathBuf};

use gatehouse_tests::{CLIENT_SECRET, Gatehouse, HeldPort, Program, artefact, http, repository};
use tokio::process::Command;

/// The folders of a machine on which Gatehouse is deployed, and what an operator puts there.
pub struct Machine {
    folder: tempfile::TempDir,
}

/// `--NAME=/PATH`.
fn named_path(word: &str) -> Option<(&str, char, &str)> {
    word.split_once("=/").map(|(name, path)| (name, '=', path))
}

/// Where the program keeps compiled code if nothing else is said.
fn own_cache() -> PathBuf {
    let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    caches.expect("a home folder").join("gatehouse")
}

impl Machine {
    pub fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder") };
        for (file, text) in [
            ("gatehouse.toml", include_str!("../../../examples/archive/gatehouse.toml")),
            ("server-keys", Gatehouse::SERVER_KEYS),
            ("client-secret", CLIENT_SECRET),
        ] {
            machine.write(&format!("etc/gatehouse/{file}"), text);
        }
        machine
    }

    /// Puts a file there.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.path(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder can be made");
        std::fs::write(file, text).expect("the file can be written");
    }

    /// Where a path of that machine is on this one.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// Starts the program with `words`, of which the first names it, asks it whether it is alive, and stops it.
    pub async fn serves(&self, words: &[String], environment: &[(String, String)]) {
        let port = HeldPort::take().lend();
        let mut command = Command::new(artefact("debug/gatehouse"));
        command.args(words.iter().skip(1).map(|word| self.mapped(word, port))).envs(environment.iter().cloned());
        let mut up = Program::start("gatehouse", command);
        while !up.line().await.starts_with("Serving http://") {}
        let health = http().get(format!("http://127.0.0.1:{port}/healthz")).send().await.expect("an answer");
        assert_eq!(health.status(), 200);
        up.interrupt().await;
    }

    /// An argument with this machine's folders and port.
    fn mapped(&self, word: &str, port: u16) -> String {
        if word.ends_with(":3000") {
            return format!("127.0.0.1:{port}");
        }
        match word {
            "/opt/gatehouse" | "/usr/local/share/gatehouse" => return repository().display().to_string(),
            // What other tests have compiled is there.
            "/var/cache/gatehouse" => return own_cache().display().to_string(),
            _ => {}
        }
        match word.split_once("@/").map(|(name, path)| (name, '@', path)).or_else(|| named_path(word)) {
            Some((name, sign, path)) => format!("{name}{sign}{}", self.path(path).display()),
            None if Path::new(word).is_absolute() => self.path(word).display().to_string(),
            None => word.to_owned(),
        }
    }
}
