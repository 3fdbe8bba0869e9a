//! `gatehouse keys`.

use std::fs;
use std::io::{self, Read, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Error, Result, anyhow};
use clap::{Args, Subcommand};
use gatehouse_protocol::{Entropy, SecretString};
use gatehouse_sealed_storage::sealing::{KeyRing, KeyRingError};
use zeroize::Zeroizing;

use crate::api_keys::{self, ApiKeys};
use crate::system_entropy::SystemEntropy;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Print a new server key, for the variable `server_keys`: a line `id:key`
    Generate(Generate),
    /// Make API keys, and fetch or replace the one of a session pool
    #[command(subcommand)]
    Api(ApiKeys),
}

#[derive(Args)]
pub(crate) struct Generate {
    /// What the key is called: 1 to 16 letters, digits and - [default: today's date]
    #[arg(long)]
    id: Option<String>,
    /// Print the keys of this file (or of standard input, -) with the new one in front; write them to another file, and
    /// remove the last key when nothing that it sealed can be in use any more
    #[arg(long, value_name = "FILE")]
    add_to: Option<String>,
}

/// Prints the key, and nothing else anywhere. No error has any part of a key in it.
pub(crate) fn run(keys: Keys) -> Result<ExitCode> {
    let generate = match keys {
        Keys::Generate(generate) => generate,
        Keys::Api(keys) => return api_keys::run(keys),
    };
    let today = jiff::Timestamp::now().strftime("%F").to_string();
    let mut entropy = SystemEntropy::default();
    let setting = generate.setting(&today, &mut entropy, io::stdin())?;
    entropy.into_result()?;
    let line = Zeroizing::new(format!("{}\n", setting.expose()));
    let mut out = io::stdout();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

impl Generate {
    fn setting(&self, today: &str, entropy: &mut impl Entropy, input: impl Read) -> Result<SecretString> {
        let id = self.id.as_deref().unwrap_or(today);
        let Some(file) = &self.add_to else {
            return KeyRing::generate(id, entropy).map_err(|_| Error::msg(WRONG_ID));
        };
        let earlier = read(file, input)?;
        KeyRing::rotate(&earlier, id, entropy).map_err(|error| match error {
            // The file itself is in order, or parsing it would have failed first.
            KeyRingError::DoubledId(_) if KeyRing::parse(&earlier).is_ok() => {
                anyhow!("{file} has a key {id} already; call the new one something else with --id")
            }
            KeyRingError::Malformed(_) if KeyRing::parse(&earlier).is_ok() => Error::msg(WRONG_ID),
            KeyRingError::Empty | KeyRingError::Malformed(_) | KeyRingError::Length(_) | KeyRingError::DoubledId(_) => {
                Error::new(error).context(file.clone())
            }
        })
    }
}

const WRONG_ID: &str = "--id must be 1 to 16 characters of a-z A-Z 0-9 -, for example --id 2026-11-21";

fn read(file: &str, mut input: impl Read) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = match file {
        "-" => input.read_to_string(&mut text).map(drop),
        _ => fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)).map(drop),
    };
    read.with_context(|| format!("cannot read the keys in {file}"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use super::*;

    const TODAY: &str = "2026-11-21";

    fn generate(id: Option<&str>, add_to: Option<&str>, input: &str) -> Result<String, String> {
        let generate = Generate { id: id.map(str::to_owned), add_to: add_to.map(str::to_owned) };
        let mut entropy = SystemEntropy::default();
        let setting = generate.setting(TODAY, &mut entropy, input.as_bytes()).map_err(|error| format!("{error:#}"))?;
        entropy.into_result().unwrap();
        Ok(setting.expose().to_owned())
    }

    fn ids(setting: &str) -> Vec<String> {
        KeyRing::parse(setting).unwrap().ids().map(str::to_owned).collect()
    }

    #[test]
    fn a_new_key_is_called_by_its_day_and_no_two_are_equal() {
        let (first, second) = (generate(None, None, "").unwrap(), generate(None, None, "").unwrap());
        assert_eq!(ids(&first), [TODAY]);
        assert_ne!(first, second);
        assert_eq!(ids(&generate(Some("eu-1"), None, "").unwrap()), ["eu-1"]);
    }

    #[test]
    fn a_rotation_puts_the_new_key_in_front_and_keeps_the_file_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server-keys");
        let old = format!("{}\n", generate(Some("old"), None, "").unwrap());
        fs::write(&file, &old).unwrap();
        let both = generate(None, file.to_str(), "").unwrap();
        assert_eq!(ids(&both), [TODAY, "old"]);
        assert!(both.ends_with(old.trim_end()));
        assert_eq!(fs::read_to_string(&file).unwrap(), old);
        assert_eq!(ids(&generate(Some("newer"), Some("-"), &both).unwrap()), ["newer", TODAY, "old"]);
    }

    #[test]
    fn what_cannot_be_done_is_said_in_one_line_without_any_part_of_a_key() {
        let ring = generate(None, None, "").unwrap();
        let key = ring.split_once(':').unwrap().1;
        for (id, add_to, input, said) in [
            (Some("a b"), None, "", "--id must be 1 to 16 characters"),
            (Some("a b"), Some("-"), ring.as_str(), "--id must be 1 to 16 characters"),
            (None, Some("-"), ring.as_str(), "- has a key 2026-11-21 already"),
            (Some("new"), Some("-"), "", "-: server_keys is empty; generate one: gatehouse keys generate"),
            (Some("new"), Some("-"), key, "-: entry 1 of server_keys is not id:key"),
            (
                Some("new"),
                Some("-"),
                &format!("{ring},{ring}"),
                "-: entry 2 of server_keys has the id of an earlier one",
            ),
            (Some("new"), Some("no/such/file"), "", "cannot read the keys in no/such/file: "),
        ] {
            let error = generate(id, add_to, input).unwrap_err();
            assert!(error.contains(said) && !error.contains(key) && error.lines().count() == 1, "{error}");
        }
    }
}
