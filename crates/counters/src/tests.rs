//! Instances that count at once, in many orders.

use std::collections::BTreeMap;

use crate::Counters;
use crate::example::{Failed, Instance, Opened, Stored, Turns};
use crate::roots::{self, COUNTERS};
use crate::store::Bucket as _;

/// No instance ends early.
const NEVER: usize = usize::MAX;

/// All of them are begun with tickets of one counter.
fn name(number: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(number).unwrap() * u8::try_from(COUNTERS).unwrap());
    format!("requests.9.{letter}")
}

/// What an instance does for each request.
fn count(instance: &Instance<'_>, name: &str, delta: u64) -> Result<u64, Failed> {
    let entries = Opened("entries", instance);
    let agreeing = || {
        let turns = Opened("turns", instance);
        let root = roots::root(&turns, instance)?;
        Ok((turns, root))
    };
    Counters { entries: &entries, around: instance }.increment(name, delta, agreeing)
}

/// All sums of each name, in order.
fn sums(results: &[Result<Vec<(String, u64)>, Failed>]) -> BTreeMap<String, Vec<u64>> {
    let mut sums: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (name, sum) in results.iter().flatten().flatten() {
        sums.entry(name.clone()).or_default().push(*sum);
    }
    sums.values_mut().for_each(|sums| sums.sort_unstable());
    sums
}

/// Each of the instances counts once for each of so many names, each beginning at another one.
fn all_count(names: usize) -> impl Fn(&Instance<'_>) -> Result<Vec<(String, u64)>, Failed> + Sync {
    move |instance| {
        let first = instance.number() % names;
        let mut counted = Vec::new();
        for number in 0..names {
            let name = name((first + number) % names);
            match count(instance, &name, 1) {
                Ok(sum) => counted.push((name, sum)),
                // What it was told before counts.
                Err(_) => break,
            }
        }
        Ok(counted)
    }
}

#[test]
fn of_the_stores_own_first_increments_that_race_several_get_the_same_sum() {
    let is_doubled = |seed| {
        let plain = |instance: &Instance<'_>| Opened("entries", instance).increment(&name(0), 1);
        let (results, _) = Turns::mix(3, seed, |_| NEVER, plain);
        let mut sums: Vec<_> = results.into_iter().flatten().collect();
        sums.sort_unstable();
        sums.windows(2).any(|pair| pair[0] == pair[1])
    };
    assert!((0..100).filter(|seed| is_doubled(*seed)).count() > 50, "this is no such store");
}

#[test]
fn every_increment_gets_a_sum_of_its_own_in_whichever_order_they_act() {
    for seed in 0..1_500 {
        for (instances, names) in [(2, 1), (3, 1), (5, 1), (3, 3)] {
            let (results, _) = Turns::mix(instances, seed, |_| NEVER, all_count(names));
            let expected: Vec<u64> = (1..=instances as u64).collect();
            let sums = sums(&results);
            assert_eq!(sums.len(), names, "seed {seed}");
            assert!(sums.values().all(|sums| *sums == expected), "seed {seed}: {sums:?}");
        }
    }
}

/// Whatever an instance wrote last can come much later, or never.
#[test]
fn instances_that_end_at_any_step_make_no_sum_come_twice() {
    for seed in 0..1_500 {
        for ends_at in [2 + seed as usize % 45, 10 + seed as usize % 17] {
            // Two of five end early.
            let ends = |number| if number < 2 { ends_at + number * 3 } else { NEVER };
            let (results, stored) = Turns::mix(5, seed, ends, all_count(2));
            assert_unique_and_whole(&results, 3, seed);
            // Those who come after all of that go on from there.
            let counted = sums(&results);
            let (later, _) = Turns::mix_over(stored, 3, seed, |_| NEVER, all_count(2));
            for (name, later) in sums(&later) {
                let before = counted[&name].last().copied().unwrap_or(0);
                assert!(later.iter().all(|sum| *sum > before), "seed {seed}, {name}: {before}, then {later:?}");
                assert!(later.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}, {name}: {later:?}");
            }
        }
    }
}

/// No sum comes twice, and those that did not end early were told one for each name.
fn assert_unique_and_whole(results: &[Result<Vec<(String, u64)>, Failed>], whole: usize, seed: u64) {
    let sums = sums(results);
    for (name, sums) in &sums {
        assert!(sums.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}, {name}: {sums:?}");
        assert!(sums.len() >= whole, "seed {seed}, {name}: {sums:?}");
    }
    assert_eq!(sums.len(), 2, "seed {seed}");
}

#[test]
fn all_agree_on_one_root_whoever_begins_and_whoever_ends_while_it_does() {
    for seed in 0..1_000 {
        let ends = |number| if number == 0 { 1 + seed as usize % 9 } else { NEVER };
        let (results, _) = Turns::mix(5, seed, ends, |instance| roots::root(&Opened("turns", instance), instance));
        let roots: Vec<_> = results.iter().skip(1).map(|root| root.as_ref().unwrap()).collect();
        assert!(roots.iter().all(|root| *root == roots[0]), "seed {seed}: {roots:?}");
    }
}

#[test]
fn what_was_written_to_agree_is_removed_but_for_the_last() {
    for seed in 0..200 {
        let (results, stored) = Turns::mix(4, seed, |_| NEVER, all_count(6));
        assert!(results.iter().all(|result| result.as_ref().is_ok_and(|counted| counted.len() == 6)));
        let tickets = stored.names("turns").into_iter().filter(|name| name.split('-').count() == 3).count();
        assert!(tickets == 1, "seed {seed}: {:?}", stored.names("turns"));
    }
}

#[test]
fn a_sum_that_is_only_asked_for_begins_no_counter() {
    let (results, stored) = Turns::mix(1, 1, |_| NEVER, |instance| count(instance, &name(0), 0));
    assert_eq!(results, [Ok(0)]);
    assert_eq!(stored.names("entries"), [""; 0]);
    assert_eq!(stored.names("turns"), [""; 0]);
}

#[test]
fn a_counter_is_at_a_place_with_its_own_expiry_and_leaves_with_its_name() {
    let both = |stored: Stored, delete: bool| {
        let act = |instance: &Instance<'_>| {
            let entries = Opened("entries", instance);
            if delete {
                Counters { entries: &entries, around: instance }.delete(&name(0))?;
            }
            count(instance, &name(0), 3)
        };
        Turns::mix_over(stored, 1, 1, |_| NEVER, act)
    };
    let (results, stored) = both(Stored::default(), false);
    assert_eq!(results, [Ok(3)]);
    let names = stored.names("entries");
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("counter.9.") && names[1] == name(0), "{names:?}");
    let place = names[0].to_owned();
    let (results, stored) = both(stored, true);
    assert_eq!(results, [Ok(3)], "it begins anew");
    assert_eq!(stored.names("entries").len(), 2);
    assert_ne!(stored.names("entries")[0], place);
}

#[test]
fn a_counter_of_an_earlier_version_is_counted_where_it_is() {
    let act = |instance: &Instance<'_>| {
        let entries = Opened("entries", instance);
        entries.set(&name(0), &7_u64.to_be_bytes())?;
        Ok((count(instance, &name(0), 1)?, count(instance, &name(0), 0)?))
    };
    let (results, stored) = Turns::mix(1, 1, |_| NEVER, act);
    assert_eq!(results, [Ok((8, 8))]);
    assert_eq!(stored.names("turns"), [""; 0]);
}

#[test]
fn a_value_is_not_counted() {
    let act = |instance: &Instance<'_>| {
        Opened("entries", instance).set(&name(0), b"sealed")?;
        count(instance, &name(0), 1)
    };
    let (results, _) = Turns::mix(1, 1, |_| NEVER, act);
    assert!(results[0].is_err());
}

#[test]
fn where_the_counters_of_the_root_are_gone_nothing_is_counted() {
    let act = |instance: &Instance<'_>| {
        let turns = Opened("turns", instance);
        let root = roots::root(&turns, instance)?;
        for number in 0..COUNTERS {
            turns.delete(&roots::counter(&root, number))?;
        }
        count(instance, &name(0), 1)
    };
    let (results, stored) = Turns::mix(1, 1, |_| NEVER, act);
    assert!(results[0].is_err());
    assert_eq!(stored.names("entries"), [""; 0]);
}

/// What a counter costs: how often the store is asked, a race apart.
#[test]
fn a_counter_that_is_there_costs_one_read_more() {
    let act = |instance: &Instance<'_>| {
        let steps = |delta| {
            let before = instance.steps();
            count(instance, &name(0), delta).map(|_| instance.steps() - before)
        };
        Ok([steps(1)?, steps(1)?, steps(0)?])
    };
    // Of an increment, the read and the write are counted apart.
    let (results, _) = Turns::mix(1, 1, |_| NEVER, act);
    let [_, there, asked] = results[0].unwrap();
    assert_eq!((there, asked), (3, 3));
}
