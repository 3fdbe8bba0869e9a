//! The environments of all subjects, for administrators.
//!
//! Whoever counts an environment among all gets a number that nobody else gets in that period. Under the number of the last period in
//! which the environment counts, it is written down whose it is. So whoever knows how many were counted knows where to look, as with the
//! names of one subject. What stands there is sealed under a server key and the administrators' secret together: with one of the two,
//! nobody finds or reads it. Where there are no administrators, nothing is written.

use core::fmt;
use std::collections::BTreeSet;

use gatehouse_protocol::{Entropy, SecretString, Subject};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Kind, Store};
use serde::{Deserialize, Serialize};

use crate::environments::{Environment, Environments};
use crate::places::Ticket;
use crate::records::{read, written};
use crate::{EnvironmentError, EnvironmentId};

const PURPOSE: Purpose = "sandbox-listed";
/// Whose an environment is, and its id.
const LISTED: Kind = "sandbox-listed";
/// Numbers that are looked at together.
const LOOKED_AT: u64 = 50;
/// Environments of a page. It can have nearly twice as many: what is looked at together is not divided.
const PAGE: usize = 50;
/// How often is looked for one page. Where many of the numbers are of environments that have ended or stand elsewhere, a page has few.
const LOOKS: usize = 20;

/// What an administrator calls an environment: where it is written down, and its name in the log. It is not the id, and opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    place: Position,
    name: String,
}

/// Where a page of the list begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(Ticket);

/// An environment, as administrators are told of it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is called.
    pub handle: Handle,
    /// Whose it is.
    pub subject: Subject,
    /// Its id, which administrators are not told.
    pub id: EnvironmentId,
    /// The environment.
    pub environment: Environment,
}

/// A page of the list, the newest environments first.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The environments.
    pub environments: Vec<Listed>,
    /// Where the next page begins, if there is one.
    pub next: Option<Position>,
}

/// What stands under a number.
#[derive(Deserialize, Serialize)]
struct Owner<'a> {
    subject: &'a str,
    id: &'a str,
}

impl Handle {
    /// Reads the text of a handle. `None` for what none looks like.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, name) = text.rsplit_once('.')?;
        let is_name =
            name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_name {
            return None;
        }
        Some(Self { place: Position::parse(place)?, name: name.to_owned() })
    }

    /// The name in the log.
    pub fn log_name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.place, self.name)
    }
}

impl Position {
    /// Reads the text of a position. `None` for what none looks like.
    pub fn parse(text: &str) -> Option<Self> {
        let (period, number) = text.split_once('.')?;
        let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let position = Self(Ticket { period: whole(period)?, number: whole(number)? });
        // One place has one text.
        (position.to_string() == text).then_some(position)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Ticket { period, number }) = self;
        write!(f, "{period}.{number}")
    }
}

/// What the names of the entries are made of and sealed with: one for each server key, that of the newest first.
fn secrets<'a>(keys: &'a KeyRing, administration: &'a SecretString) -> impl Iterator<Item = HandleSecret> + 'a {
    keys.ids().filter_map(move |key| keys.derived(key, PURPOSE, &[administration.expose()])).map(HandleSecret::from)
}

impl<S: Store> Environments<'_, S> {
    /// Writes down whose an environment is, under the last of the numbers that it has just got among all. One entry is enough, since
    /// both this period and the next one are looked at.
    pub(crate) fn enlist(
        &self,
        subject: &Subject,
        id: &EnvironmentId,
        tickets: &[Ticket],
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        let secret = self.administration.and_then(|administration| secrets(self.keys, administration).next());
        let (Some(secret), Some(ticket)) = (secret, tickets.last()) else { return Ok(()) };
        let key = ticket.key(LISTED, &secret, self.places_of_all().end(ticket.period))?;
        let owner = written(&Owner { subject: subject.as_str(), id: id.as_str() });
        let owner = owner.ok_or(EnvironmentError::Damaged("its owner cannot be written"))?;
        let sealed = secret.seal_record(&key.to_string(), &owner, entropy);
        let sealed = sealed.map_err(|_| EnvironmentError::Damaged("its owner cannot be sealed"))?;
        Ok(self.store.put(&key, &sealed)?)
    }

    /// How many environments count in all. One counts on for a while after it has cooled down.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn count(&self) -> Result<u64, EnvironmentError> {
        Ok(self.places_of_all().taken(self.store, self.now)?)
    }

    /// A page of the environments of all subjects; the first where `from` is none. `None` for a page that cannot be. One that cannot be
    /// read is left out, and so is one that was launched, and not used again, under another secret of the administrators or before there
    /// were any.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn list_all(&self, from: Option<Position>) -> Result<Option<Listing>, EnvironmentError> {
        let places = self.places_of_all();
        let current = places.number(self.now);
        // Whatever is there counts in this period at least, and in the next at most.
        let newest = |period| -> Result<Ticket, EnvironmentError> {
            let none = Ticket { period, number: 0 };
            Ok(places.last_of(self.store, period)?.into_iter().next().unwrap_or(none))
        };
        let mut at = match from {
            None => newest(current.saturating_add(1))?,
            Some(Position(ticket)) if ticket.period <= current.saturating_add(1) => ticket,
            Some(_) => return Ok(None),
        };
        let (mut page, mut names) = (Listing::default(), BTreeSet::new());
        for _ in 0..LOOKS {
            if at.number == 0 {
                if at.period <= current {
                    return Ok(Some(page));
                }
                at = newest(current)?;
                continue;
            }
            if page.environments.len() >= PAGE {
                break;
            }
            let before = at.number.saturating_sub(LOOKED_AT);
            let tickets = (before..at.number).rev().map(|number| Ticket { number: number.saturating_add(1), ..at });
            for (ticket, subject, id) in self.owners(&tickets.collect::<Vec<_>>())? {
                let Some(listed) = self.listed_at(ticket, subject, id)? else { continue };
                // One that was counted on since is found there.
                let is_here = listed.environment.root.counted == ticket.period;
                if is_here && names.insert(listed.handle.name.clone()) {
                    page.environments.push(listed);
                }
            }
            at.number = before;
        }
        page.next = Some(Position(at));
        Ok(Some(page))
    }

    /// The environment with this handle; `None` where there is none, or none any more.
    ///
    /// # Errors
    /// Where the store does not answer, or the environment does not open.
    pub fn listed(&self, handle: &Handle) -> Result<Option<Listed>, EnvironmentError> {
        let Position(ticket) = handle.place;
        let Some((_, subject, id)) = self.owners(&[ticket])?.into_iter().next() else { return Ok(None) };
        let Some(environment) = self.find(&subject, &id)? else { return Ok(None) };
        let is_it = environment.log_name() == handle.name;
        Ok(is_it.then(|| Listed { handle: handle.clone(), subject, id, environment }))
    }

    fn listed_at(
        &self,
        ticket: Ticket,
        subject: Subject,
        id: EnvironmentId,
    ) -> Result<Option<Listed>, EnvironmentError> {
        match self.find(&subject, &id) {
            Ok(Some(environment)) => {
                let handle = Handle { place: Position(ticket), name: environment.log_name() };
                Ok(Some(Listed { handle, subject, id, environment }))
            }
            Ok(None) | Err(EnvironmentError::Damaged(_) | EnvironmentError::TooLate | EnvironmentError::Gone) => {
                Ok(None)
            }
            Err(error @ EnvironmentError::Store(_)) => Err(error),
        }
    }

    /// Whose the environments are that got these numbers.
    fn owners(&self, tickets: &[Ticket]) -> Result<Vec<(Ticket, Subject, EnvironmentId)>, EnvironmentError> {
        let (places, mut owners) = (self.places_of_all(), Vec::new());
        let Some(administration) = self.administration else { return Ok(owners) };
        for secret in secrets(self.keys, administration) {
            let keys = tickets.iter().map(|ticket| ticket.key(LISTED, &secret, places.end(ticket.period)));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            let values = self.store.get_many(&keys.iter().collect::<Vec<_>>())?;
            for ((ticket, key), sealed) in tickets.iter().zip(&keys).zip(values) {
                let opened = sealed.and_then(|sealed| secret.open_record(&key.to_string(), &sealed).ok());
                let owner = opened.as_ref().and_then(|opened| read::<Owner<'_>>(opened));
                let owner = owner.and_then(|Owner { subject, id }| {
                    Some((*ticket, Subject::parse(subject).ok()?, EnvironmentId::parse(id)?))
                });
                owners.extend(owner);
            }
        }
        Ok(owners)
    }
}

#[cfg(test)]
mod tests;
