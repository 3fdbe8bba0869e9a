//! How instances agree where a counter is.
//!
//! A *ticket* is a number that a counter of the root gave: nobody else has it, and the counter, the *last ticket*, is exact because it is
//! always there. The holder of a ticket looks for the highest ticket below for which something is written (its *parent*), and writes
//! under its own ticket, once, all that is written there and the counter that it begins, if none is there for that name. What is written
//! under a ticket *counts* if, at one moment, it is written and the ticket is the last one.
//!
//! Then all that counts agrees. Say that ticket *c* counts. Whoever has a higher ticket took it after *c* was written, so it finds *c*, or
//! a ticket above *c* which was found in the same way: its parents lead to *c*. So everything that is written above *c* has what *c* has,
//! and what is written below *c* later is nobody's parent. A ticket whose holder is gone has nothing written under it, and is passed over.
//!
//! A place is used once something that counts names it. From then on it can be written under the name of the counter, by anybody, again and
//! again: it is always the same. What is found there needs to be carried on no longer: whoever no longer carries it has seen it there, and
//! all after it look there as well, after they have read what it has written.

use crate::begun::Begun;
use crate::place::{new_place, place};
use crate::roots::{self, COUNTERS, FIRST};
use crate::store::{Around, Bucket, number};

/// So many tickets are taken before it is an error. Who comes last counts, so it takes more than one only if others come, and as
/// many as come at the same time.
const TICKETS: usize = 100;
/// So often is looked whether somebody who came later has written, before that one is taken to be gone.
const LOOKS: usize = 25;
/// After so many tickets with nothing written, it is looked whether this one is still the last.
const PASSED: u64 = 16;

/// One that begins counters.
pub(crate) struct Beginning<'a, B, A> {
    pub(crate) entries: &'a B,
    pub(crate) turns: &'a B,
    pub(crate) root: &'a str,
    pub(crate) around: &'a A,
}

impl<B: Bucket, A: Around> Beginning<'_, B, A> {
    /// Where the counter of `name` is; it is there.
    pub(crate) fn agree(&self, name: &str) -> Result<String, B::Error> {
        let bytes = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let last = roots::counter(self.root, bytes % COUNTERS);
        let mut written = Vec::new();
        for _ in 0..TICKETS {
            let ticket = self.turns.increment(&last, 1)?;
            if ticket <= FIRST {
                return Err(
                    "the counters of the bucket for counters are gone: empty the bucket of the store, too".into()
                );
            }
            if let Some(place) = self.with_ticket(name, &last, ticket, &mut written)? {
                return Ok(place);
            }
            self.around.pause();
        }
        Err("too many begin counters at once".into())
    }

    /// The place, once something that counts names it; `None` where another ticket is needed. Something is written under the tickets
    /// `written`.
    fn with_ticket(
        &self,
        name: &str,
        last: &str,
        ticket: u64,
        written: &mut Vec<u64>,
    ) -> Result<Option<String>, B::Error> {
        let Some((parent, mut begun)) = self.parent(last, ticket)? else { return Ok(None) };
        let asked: Vec<String> = begun.names().chain([name.to_owned()]).collect();
        let there = self.entries.get_many(&asked)?;
        let is_there = |name: &str| there.iter().any(|(found, _)| found == name);
        begun.keep(is_there);
        if begun.counter(name).is_none() && !is_there(name) {
            let place = new_place(name, &self.around.unique());
            // It is there before anybody else knows of it.
            self.entries.set(&place, &0_u64.to_be_bytes())?;
            begun.add(name, &place);
        }
        // Also where nothing was added: others wait for what has the last ticket.
        self.turns.set(&under(last, ticket), &begun.to_bytes())?;
        written.push(ticket);
        for _ in 0..LOOKS {
            let Some((counting, agreed)) = self.counting(last, (ticket, &begun))? else {
                self.around.pause();
                continue;
            };
            written.extend(Some(parent).filter(|parent| *parent > FIRST));
            if let Some(place) = agreed.counter(name) {
                self.entries.set(name, place.as_bytes())?;
            }
            // Nobody needs what is below something that counts.
            for ticket in written.extract_if(.., |ticket| *ticket < counting) {
                self.turns.delete(&under(last, ticket))?;
            }
            if let Some(place) = agreed.counter(name) {
                return Ok(Some(place.to_owned()));
            }
            // Somebody has carried it on no longer, because it was there; or it was passed over.
            let value = self.entries.get(name)?;
            return value.map(|value| place(name, &value)).transpose();
        }
        Ok(None)
    }

    /// The ticket below, under which something is written, and what; `None` where others are faster.
    fn parent(&self, last: &str, ticket: u64) -> Result<Option<(u64, Begun)>, B::Error> {
        for below in (FIRST.saturating_add(1)..ticket).rev() {
            if let Some(value) = self.turns.get(&under(last, below))? {
                return Ok(Some((below, Begun::parse(&value))));
            }
            // What is above a ticket that counts can have been removed only for one that counts as well, and so is no more the last.
            if ticket.abs_diff(below) % PASSED == 0 && self.last(last)? != ticket {
                return Ok(None);
            }
        }
        Ok(Some((FIRST, Begun::default())))
    }

    /// The last ticket, and what is written under it, if it is; `own` is known to be written.
    fn counting(&self, last: &str, own: (u64, &Begun)) -> Result<Option<(u64, Begun)>, B::Error> {
        let ticket = self.last(last)?;
        if ticket == own.0 {
            return Ok(Some((ticket, own.1.clone())));
        }
        let Some(value) = self.turns.get(&under(last, ticket))? else { return Ok(None) };
        // It was the last before it was read, and it is still.
        Ok((self.last(last)? == ticket).then(|| (ticket, Begun::parse(&value))))
    }

    fn last(&self, last: &str) -> Result<u64, B::Error> {
        let value = self.turns.get(last)?;
        value.and_then(|value| number(&value)).ok_or_else(|| "a counter of the bucket for counters is gone".into())
    }
}

/// What is written for a ticket has this name.
fn under(last: &str, ticket: u64) -> String {
    format!("{last}-{ticket}")
}
