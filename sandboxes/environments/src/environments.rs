//! Launching environments and finding them again.

use gatehouse_protocol::{Entropy, SecretString, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Key, Periods, Store, StoreUnavailable};

use crate::places::{Places, RUN_PERIOD, RunLease, RunPlace};
use crate::records::{Blob, Index, Root, written};
use crate::secrets::Secret;
use crate::{EnvironmentError, EnvironmentId, Settings};

const PLACES: Purpose = "sandbox-places";

/// The environments in a store, as one request sees them.
#[derive(Clone, Copy, Debug)]
pub struct Environments<'a, S> {
    /// Where they are.
    pub store: &'a S,
    /// What they are sealed under.
    pub keys: &'a KeyRing,
    /// How many there may be, and for how long.
    pub settings: &'a Settings,
    /// What administrators prove themselves with, where there are any: they are told all environments, and end them.
    pub administration: Option<&'a SecretString>,
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

    /// When it was launched.
    pub const fn launched_at(&self) -> UnixTime {
        self.root.launched_at()
    }

    /// When a run in it began or ended last; when it was launched, where there was none.
    pub const fn used_at(&self) -> UnixTime {
        self.root.used_at()
    }

    /// Whether a run is under way in it. One whose instance was killed counts for 120 seconds at most.
    pub const fn is_running(&self, now: UnixTime) -> bool {
        self.root.is_running(now)
    }

    /// Whether nobody has written it between the two times at which it was found: what is in it stands where it stood.
    pub(crate) fn stands_as(&self, other: &Self) -> bool {
        self.generation() == other.generation() && self.key == other.key
    }
}

impl<'a, S: Store> Environments<'a, S> {
    /// Launches an environment of `subject`.
    ///
    /// # Errors
    /// Where the store does not answer: there is no environment then, though a place may count until its periods are over.
    pub fn launch(&self, subject: &Subject, entropy: &mut impl Entropy) -> Result<Launch, EnvironmentError> {
        let (of_subject, in_all) = self.places(subject);
        // Whoever takes a place draws a number, and the lists look under each number. So nobody draws one where there is no room: launches
        // that are refused without end would hide the environments that there are.
        if of_subject.are_taken(self.store, self.now)? {
            return Ok(Launch::SubjectFull);
        }
        if in_all.are_taken(self.store, self.now)? {
            return Ok(Launch::Full);
        }
        let Some(tickets) = of_subject.take(self.store, self.now)? else { return Ok(Launch::SubjectFull) };
        let Some(tickets_of_all) = in_all.take(self.store, self.now)? else {
            of_subject.give_back(self.store, self.now)?;
            return Ok(Launch::Full);
        };
        let id = EnvironmentId::generate(entropy);
        let newest = Secret::all(self.keys, subject, &id).next();
        let secret = newest.ok_or_else(|| StoreUnavailable("there is no server key".to_owned()))?;
        let index = written(&Index::default()).map(Blob::Here).unwrap_or_default();
        let counted = of_subject.number(self.now).saturating_add(1);
        let root = Root::launched(self.now, counted, index);
        let key = secret.root(self.periods().end_of_new(self.now))?;
        let environment = Environment { secret, root, key };
        self.note(subject, &id, &tickets, entropy)?;
        self.enlist(subject, &id, &tickets_of_all, entropy)?;
        self.put_root(&environment, entropy)?;
        Ok(Launch::Launched(id, Box::new(environment)))
    }

    /// The environment of `subject` with this id. `None` where there is none: it never was there, has cooled down, was ended, or is
    /// somebody else's; nobody can tell which.
    ///
    /// # Errors
    /// Where the store does not answer, or what is there does not open.
    pub fn find(&self, subject: &Subject, id: &EnvironmentId) -> Result<Option<Environment>, EnvironmentError> {
        let mut marks = Vec::new();
        for secret in Secret::all(self.keys, subject, id) {
            marks.extend(self.marks(&secret)?);
        }
        self.find_unless(subject, id, &marks)
    }

    /// The same; `None` as well where one of these entries is there.
    pub(crate) fn find_unless(
        &self,
        subject: &Subject,
        id: &EnvironmentId,
        marks: &[Key],
    ) -> Result<Option<Environment>, EnvironmentError> {
        let mut places = Vec::new();
        for secret in Secret::all(self.keys, subject, id) {
            for end in self.periods().possible_ends(self.now) {
                places.push((secret.clone(), secret.root(end)?));
            }
        }
        // The newest is read last: a run that moves the root meanwhile writes it there before it is removed from where it was.
        places.reverse();
        let keys: Vec<&Key> = places.iter().map(|(_, key)| key).chain(marks).collect();
        let values = self.store.get_many(&keys)?;
        if values.iter().skip(places.len()).any(Option::is_some) {
            return Ok(None);
        }
        // The newest first: where a root of an earlier period is still there, it is one that was replaced.
        let found = places.iter().zip(values).rev().find_map(|((secret, key), value)| Some((secret, key, value?)));
        let Some((secret, key, sealed)) = found else { return Ok(None) };
        let opened = secret.handle.open_record(&key.to_string(), &sealed);
        let bytes = opened.map_err(|_| EnvironmentError::Damaged("its root does not open"))?;
        let root = Root::read(&bytes).ok_or(EnvironmentError::Damaged("its root cannot be read"))?;
        let is_there = self.now < root.ends_at(self.settings.cool_down_seconds);
        Ok(is_there.then(|| Environment { secret: secret.clone(), root, key: key.clone() }))
    }

    /// A place among the runs of `subject` that are under way; `None` where it has as many as it may. Give it back when the run is over.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn take_run(&self, subject: &Subject) -> Result<Option<RunPlace>, StoreUnavailable> {
        Ok(self.runs(subject).take(self.store, self.now)?.map(|_| RunPlace { taken: self.now }))
    }

    /// Gives it back.
    ///
    /// # Errors
    /// Where the store does not answer: the run counts for 60 to 120 seconds from its beginning.
    pub fn give_back_run(&self, subject: &Subject, place: RunPlace) -> Result<(), StoreUnavailable> {
        let RunPlace { taken } = place;
        self.runs(subject).give_back(self.store, taken)
    }

    /// The right to run in an environment as it was found; `None` where somebody else has it, or had it and is done: find it again.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn begin_run(&self, environment: &Environment) -> Result<Option<RunLease>, StoreUnavailable> {
        RunLease::take(&environment.secret.run(environment.root.generation), self.store, self.now)
    }

    /// Lets the next run begin after one that did not: nothing changes but the number of runs. Where the right to run is over, or somebody
    /// has written a root since, nothing changes at all.
    ///
    /// # Errors
    /// Where the store does not answer: the next run waits until the lease is over.
    pub fn give_up_run(
        &self,
        (subject, id): (&Subject, &EnvironmentId),
        environment: &Environment,
        lease: RunLease,
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        // The run may have moved the root before it was given up.
        let Some(mut found) = self.find(subject, id)? else { return Ok(()) };
        if found.generation() != environment.generation() || !lease.holds(self.now) {
            return Ok(());
        }
        found.root = found.root.given_up();
        self.put_root_unless_ended(&found, entropy)
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
        let ids = self.place_ids("environments", subject);
        let of_subject = Places { ids, most: settings.environments_per_subject, period };
        (of_subject, self.places_of_all())
    }

    pub(crate) fn places_of_all(&self) -> Places {
        let (period, settings) = (self.settings.cool_down_seconds, self.settings);
        Places { ids: vec!["all".to_owned()], most: settings.environments, period }
    }

    /// Those of the subject's runs. No run keeps anything that lasts longer than they count.
    fn runs(&self, subject: &Subject) -> Places {
        let ids = self.place_ids("runs", subject);
        Places { ids, most: self.settings.runs_per_subject, period: RUN_PERIOD }
    }

    /// The ids of a subject's counters, one for each server key. Whoever lacks the keys cannot ask the store whether somebody is a user.
    fn place_ids(&self, what: &str, subject: &Subject) -> Vec<String> {
        let derived = |key| self.keys.derived(key, PLACES, &[what, subject.as_str()]);
        self.keys.ids().filter_map(derived).map(|secret| HandleSecret::from(secret).record_id()).collect()
    }
}

#[cfg(test)]
mod tests;
