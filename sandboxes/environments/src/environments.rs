//! Launching environments and finding them again.

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Key, Periods, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

use crate::places::{Places, RunLease};
use crate::records::{Blob, Index, Root, written};
use crate::secrets::Secret;
use crate::{EnvironmentError, EnvironmentId, Settings};

/// The environments in a store, as one request sees them.
#[derive(Clone, Copy, Debug)]
pub struct Environments<'a, S> {
    /// Where they are.
    pub store: &'a S,
    /// What they are sealed under.
    pub keys: &'a KeyRing,
    /// How many there may be, and for how long.
    pub settings: &'a Settings,
    /// The time.
    pub now: UnixTime,
}

/// What comes of launching an environment.
#[derive(Debug)]
pub enum Launch {
    /// It is there.
    Launched(EnvironmentId, Box<Environment>),
    /// The subject has as many as allowed.
    SubjectFull,
    /// There are as many as allowed in all.
    Full,
}

/// An environment that is there.
#[derive(Clone, Debug)]
pub struct Environment {
    pub(crate) secret: Secret,
    pub(crate) root: Root,
    /// Where the root stands.
    pub(crate) key: Key,
}

impl Environment {
    /// A short name for the log: it joins lines about one environment, and opens nothing.
    pub fn log_name(&self) -> String {
        self.secret.log_name()
    }

    /// How many runs there have been in it.
    pub const fn generation(&self) -> u64 {
        self.root.generation
    }
}

impl<'a, S: Store> Environments<'a, S> {
    /// Launches an environment of `subject`.
    ///
    /// # Errors
    /// Where the store does not answer: there is no environment then, though a place may count until its periods are over.
    pub fn launch(&self, subject: &Subject, entropy: &mut impl Entropy) -> Result<Launch, EnvironmentError> {
        let (of_subject, in_all) = self.places(subject);
        let Some(tickets) = of_subject.take(self.store, self.now)? else { return Ok(Launch::SubjectFull) };
        if in_all.take(self.store, self.now)?.is_none() {
            of_subject.give_back(self.store, self.now)?;
            return Ok(Launch::Full);
        }
        let id = EnvironmentId::generate(entropy);
        let newest = Secret::all(self.keys, subject, &id).next();
        let secret = newest.ok_or_else(|| StoreUnavailable("there is no server key".to_owned()))?;
        let index = written(&Index::default()).map(Blob::Here).unwrap_or_default();
        let counted = of_subject.number(self.now).saturating_add(1);
        let root = Root::new(self.now, 0, counted, index);
        let key = secret.root(self.periods().end_of_new(self.now))?;
        let environment = Environment { secret, root, key };
        self.note(subject, &id, &tickets, entropy)?;
        self.put_root(&environment, entropy)?;
        Ok(Launch::Launched(id, Box::new(environment)))
    }

    /// The environment of `subject` with this id. `None` where there is none: it never was there, has cooled down, or is somebody
    /// else's; nobody can tell which.
    ///
    /// # Errors
    /// Where the store does not answer, or what is there does not open.
    pub fn find(&self, subject: &Subject, id: &EnvironmentId) -> Result<Option<Environment>, EnvironmentError> {
        let mut places = Vec::new();
        for secret in Secret::all(self.keys, subject, id) {
            for end in self.periods().possible_ends(self.now) {
                places.push((secret.clone(), secret.root(end)?));
            }
        }
        let keys: Vec<&Key> = places.iter().map(|(_, key)| key).collect();
        let values = self.store.get_many(&keys)?;
        // The newest first: where a root of an earlier period is still there, it is one that was replaced.
        let found = places.iter().zip(values).find_map(|((secret, key), value)| Some((secret, key, value?)));
        let Some((secret, key, sealed)) = found else { return Ok(None) };
        let opened = secret.handle.open_record(&key.to_string(), &sealed);
        let bytes = opened.map_err(|_| EnvironmentError::Damaged("its root does not open"))?;
        let root = Root::read(&bytes).ok_or(EnvironmentError::Damaged("its root cannot be read"))?;
        let is_there = self.now < root.ends_at(self.settings.cool_down_seconds);
        Ok(is_there.then(|| Environment { secret: secret.clone(), root, key: key.clone() }))
    }

    /// The right to run in an environment as it was found; `None` where somebody else has it, or had it and is done: find it again.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn begin_run(&self, environment: &Environment) -> Result<Option<RunLease>, StoreUnavailable> {
        RunLease::take(&environment.secret.run(environment.root.generation), self.store, self.now)
    }

    /// Lets the next run begin after one that did not: nothing changes but the number of runs. Only whoever has the lease may call it.
    ///
    /// # Errors
    /// Where the store does not answer: the next run waits until the lease is over.
    pub fn give_up_run(
        &self,
        environment: &Environment,
        _lease: RunLease,
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        let mut next = environment.clone();
        next.root.generation = next.root.generation.saturating_add(1);
        self.put_root(&next, entropy)
    }

    pub(crate) fn put_root(
        &self,
        environment: &Environment,
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        let Environment { secret, root, key } = environment;
        let record = written(root).ok_or(EnvironmentError::Damaged("its root cannot be written"))?;
        let sealed = secret.handle.seal_record(&key.to_string(), &record, entropy);
        let sealed = sealed.map_err(|_| EnvironmentError::Damaged("its root cannot be sealed"))?;
        Ok(self.store.put(key, &sealed)?)
    }

    /// An entry ends one to two cool-downs after it was written. The root says the exact second at which the environment does.
    pub(crate) fn periods(&self) -> Periods {
        Periods::of_seconds(self.settings.cool_down_seconds)
    }

    /// The places of the subject, and those of all.
    pub(crate) fn places(&self, subject: &Subject) -> (Places, Places) {
        let (period, settings) = (self.settings.cool_down_seconds, self.settings);
        let of_subject =
            Places { id: id(&["subject", subject.as_str()]), most: settings.environments_per_subject, period };
        let in_all = Places { id: id(&["all"]), most: settings.environments, period };
        (of_subject, in_all)
    }
}

/// The id of counters: the digest of their name, each part with its length in front.
fn id(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
