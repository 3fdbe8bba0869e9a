//! The numbered slots of one list in one period.

use core::ops::RangeInclusive;

use crate::sealing::HandleSecret;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

use super::entry::{Entry, unavailable};

/// An entry; in slot 0, which is empty, the note that the counter is there.
const SLOT: Kind = "directory";
/// The counter that hands out the numbers of the slots.
const COUNTER: Kind = "directory-count";

const DAY: u64 = 24 * 60 * 60;
/// Seconds for which one counter hands out numbers.
const PERIOD: u64 = 30 * DAY;
/// Periods for which a slot stays after its own: 90 days, the longest that a session may live.
const PERIODS_AFTER: u64 = 3;

/// The slot whose presence says that the counter is there.
const NOTE: u64 = 0;

/// The periods from which slots can still be there, by number: the current one and those before.
pub(crate) fn periods(now: UnixTime) -> RangeInclusive<u64> {
    let current = now.seconds() / PERIOD;
    current.saturating_sub(PERIODS_AFTER)..=current
}

/// The slots of one list of one subject, under one server key, in one period. There are so many as the list holds entries:
/// numbers beyond begin with the first slot again.
pub(crate) struct Slots {
    secret: HandleSecret,
    expires_at: UnixTime,
    most: u64,
}

impl Slots {
    pub(crate) fn new(list: &HandleSecret, period: u64, most: u64) -> Self {
        let end = period.saturating_add(1 + PERIODS_AFTER).saturating_mul(PERIOD);
        Self { secret: list.derive("period", period), expires_at: UnixTime::from_seconds(end), most: most.max(1) }
    }

    /// The numbers whose entries can still be there where `taken` is the highest.
    pub(crate) fn kept(&self, taken: u64) -> RangeInclusive<u64> {
        taken.saturating_sub(self.most).saturating_add(1)..=taken
    }

    /// A number that nobody else has or will have.
    pub(crate) fn take(&self, store: &impl Store) -> Result<u64, StoreUnavailable> {
        let counter = self.counter()?;
        if store.get(&self.key(NOTE)?)?.is_none() {
            // Two racing first increments can both see 1 on one backend (`gatehouse:host/store`): the number with which
            // a counter begins is nobody's, so that every race for a slot is about a counter that is there.
            store.increment(&counter, 1)?;
            store.put(&self.key(NOTE)?, &[])?;
        }
        let number = store.increment(&counter, 1)?;
        Some(number).filter(|number| *number > NOTE).ok_or_else(|| unavailable("a counter ran backwards"))
    }

    /// The highest number that was taken. A counter that is not there is not touched: what reads must not begin one.
    pub(crate) fn taken(&self, store: &impl Store) -> Result<u64, StoreUnavailable> {
        if store.get(&self.key(NOTE)?)?.is_none() {
            return Ok(NOTE);
        }
        store.increment(&self.counter()?, 0)
    }

    pub(crate) fn put(
        &self,
        number: u64,
        content: &[u8],
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        put(&self.slot(number), &self.key(number)?, content, store, entropy)
    }

    /// Whether the entry is in one of these slots.
    pub(crate) fn hold(&self, entry: &Entry) -> Result<bool, StoreUnavailable> {
        for number in 1..=self.most {
            if self.key(number)? == entry.key {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives an entry a number of these slots, if it has another.
    pub(crate) fn keep(
        &self,
        number: u64,
        entry: Entry,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<Entry, StoreUnavailable> {
        let key = self.key(number)?;
        // Slots begin anew: that of the number is the one in which it is already, unless it comes from an older period.
        if key == entry.key {
            return Ok(entry);
        }
        self.put(number, &entry.content, store, entropy)?;
        store.delete(&entry.key)?;
        Ok(Entry { key, slot: self.slot(number), ..entry })
    }

    /// What is in the slot; `None` where it is empty or does not open.
    pub(crate) fn get(&self, number: u64, store: &impl Store) -> Result<Option<Entry>, StoreUnavailable> {
        let key = self.key(number)?;
        let Some(sealed) = store.get(&key)? else { return Ok(None) };
        let slot = self.slot(number);
        let opened = slot.open_record(&key.to_string(), &sealed).ok();
        Ok(opened.map(|content| Entry { content, key, slot }))
    }

    fn slot(&self, number: u64) -> HandleSecret {
        let place = if number == NOTE { NOTE } else { (number - 1) % self.most + 1 };
        self.secret.derive("slot", place)
    }

    fn key(&self, number: u64) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(SLOT, &self.slot(number).record_id(), self.expires_at)?)
    }

    fn counter(&self) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(COUNTER, &self.secret.record_id(), self.expires_at)?)
    }
}

/// Seals `content` for a slot and its key.
pub(crate) fn put(
    slot: &HandleSecret,
    key: &Key,
    content: &[u8],
    store: &impl Store,
    entropy: &mut impl Entropy,
) -> Result<(), StoreUnavailable> {
    let sealed = slot.seal_record(&key.to_string(), content, entropy);
    store.put(key, &sealed.map_err(|error| unavailable(&error.to_string()))?)
}

/// How many entries were given a number where `number` was given last: the first one is nobody's.
pub(crate) const fn given_out(number: u64) -> u64 {
    number.saturating_sub(1)
}
