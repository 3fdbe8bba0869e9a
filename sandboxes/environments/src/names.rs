//! Which environments a subject has.
//!
//! Whoever counts an environment in a period gets a number that nobody else gets, and writes the environment's id under it, sealed for the
//! subject. So no two write in one place, and whoever knows how many were counted knows where to look. What stands there may be an
//! environment that ended since, or never came to be: whoever reads looks whether it is there.

use std::collections::BTreeSet;

use gatehouse_protocol::{Entropy, Subject};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Kind, Store};

use crate::environments::{Environment, Environments};
use crate::places::Ticket;
use crate::{EnvironmentError, EnvironmentId};

const PURPOSE: Purpose = "sandbox-names";
/// The id of an environment.
const NAME: Kind = "sandbox-name";
/// How many of the last numbers are looked at. A subject that has had more environments in this period and the one before misses its
/// oldest ones in the list.
const LOOKED_AT: u64 = 256;

/// What the names of a subject's entries are made of and sealed with: one for each server key, that of the newest first.
fn secrets<'a>(keys: &'a KeyRing, subject: &'a Subject) -> impl Iterator<Item = HandleSecret> + 'a {
    keys.ids().filter_map(move |key| keys.derived(key, PURPOSE, &[subject.as_str()])).map(HandleSecret::from)
}

impl<S: Store> Environments<'_, S> {
    /// Writes down that a subject has an environment, in each period in which it was counted anew.
    pub(crate) fn note(
        &self,
        subject: &Subject,
        id: &EnvironmentId,
        tickets: &[Ticket],
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        let Some(secret) = secrets(self.keys, subject).next() else { return Ok(()) };
        for ticket in tickets {
            let key = ticket.key(NAME, &secret, self.places(subject).0.end(ticket.period))?;
            let sealed = secret.seal_record(&key.to_string(), id.as_str().as_bytes(), entropy);
            let sealed = sealed.map_err(|_| EnvironmentError::Damaged("a name cannot be sealed"))?;
            self.store.put(&key, &sealed)?;
        }
        Ok(())
    }

    /// The environments of a subject. One that cannot be read is left out.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn list(&self, subject: &Subject) -> Result<Vec<(EnvironmentId, Environment)>, EnvironmentError> {
        let (places, _) = self.places(subject);
        // Whatever is there is counted in this period.
        let mut ids = BTreeSet::new();
        for (secret, last) in secrets(self.keys, subject).zip(places.last(self.store, self.now)?) {
            let end = places.end(last.period);
            let numbers = last.number.saturating_sub(LOOKED_AT).saturating_add(1)..=last.number;
            let ticket = |number| Ticket { period: last.period, number };
            let keys = numbers.map(|number| ticket(number).key(NAME, &secret, end)).collect::<Result<Vec<_>, _>>()?;
            let values = self.store.get_many(&keys.iter().collect::<Vec<_>>())?;
            for (key, sealed) in keys.iter().zip(values) {
                let opened = sealed.and_then(|sealed| secret.open_record(&key.to_string(), &sealed).ok());
                let text = opened.and_then(|opened| String::from_utf8(opened.to_vec()).ok());
                ids.extend(text.filter(|text| EnvironmentId::parse(text).is_some()));
            }
        }
        let mut environments = Vec::new();
        for id in ids.iter().filter_map(|text| EnvironmentId::parse(text)) {
            match self.find(subject, &id) {
                Ok(Some(environment)) => environments.push((id, environment)),
                Ok(None) | Err(EnvironmentError::Damaged(_) | EnvironmentError::TooLate | EnvironmentError::Gone) => {}
                Err(error @ EnvironmentError::Store(_)) => return Err(error),
            }
        }
        Ok(environments)
    }
}
