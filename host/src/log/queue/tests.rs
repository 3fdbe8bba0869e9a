use proptest::prelude::*;

use super::*;

const SIZE: LogQueueSize = LogQueueSize { lines: 4, bytes: 100 };

fn queue(when_full: WhenLogIsFull) -> LogQueue {
    LogQueue::new(SIZE, when_full)
}

fn push(queue: &mut LogQueue, lines: usize) {
    for _ in 0..lines {
        queue.push("line\n".to_owned());
    }
}

/// Writes everything, and returns it and what was missed.
fn write(queue: &mut LogQueue) -> (String, Vec<Missed>) {
    let (mut text, mut missed) = (String::new(), Vec::new());
    while let Some(batch) = queue.take() {
        text.push_str(&batch.text);
        missed.extend(queue.written(&batch));
    }
    (text, missed)
}

#[test]
fn as_many_lines_wait_as_may_and_one_more_is_dropped_and_counted() {
    for (lines, dropped) in [(3, 0), (4, 0), (5, 1)] {
        let mut queue = queue(WhenLogIsFull::Drop);
        push(&mut queue, lines);
        let (text, missed) = write(&mut queue);
        assert_eq!(text.lines().count() as u64, lines as u64 - dropped);
        let expected = (dropped > 0).then_some(Missed { lines: dropped, requests: 0 });
        assert_eq!(missed.first().copied(), expected, "{lines}");
    }
}

#[test]
fn as_many_bytes_wait_as_may_and_one_more_is_too_many() {
    for (last, dropped) in [(49, 0), (50, 0), (51, 1)] {
        let mut queue = queue(WhenLogIsFull::Drop);
        queue.push("a".repeat(50));
        queue.push("a".repeat(last));
        assert_eq!(queue.missed.lines, dropped, "{last}");
    }
    let mut queue = queue(WhenLogIsFull::Drop);
    queue.push("a".repeat(1000));
    assert_eq!(queue.missed.lines, 0, "a line that is longer than all that may wait is written alone");
}

#[test]
fn a_full_log_takes_no_line_until_half_of_it_is_written_so_that_order_is_kept() {
    let mut queue = queue(WhenLogIsFull::Drop);
    for number in 0..6 {
        queue.push(format!("{number}{}\n", "a".repeat(20)));
    }
    let batch = queue.take().unwrap();
    queue.push("not yet\n".to_owned());
    assert!(queue.admits_request(), "requests go on");
    assert_eq!(queue.written(&batch), Some(Missed { lines: 3, requests: 0 }));
    queue.push("again\n".to_owned());
    assert_eq!(write(&mut queue), ("again\n".to_owned(), vec![]));
}

#[test]
fn where_requests_are_refused_no_line_is_dropped_and_who_was_refused_is_counted() {
    let mut queue = queue(WhenLogIsFull::Refuse);
    push(&mut queue, 4);
    assert!(queue.admits_request() && !queue.refuses());
    push(&mut queue, 1);
    assert!(!queue.admits_request() && queue.refuses());
    push(&mut queue, 3);
    assert!(!queue.is_crowded(), "what the requests that run have to say");
    push(&mut queue, 1);
    assert!(queue.is_crowded());
    let (text, missed) = write(&mut queue);
    assert_eq!(text.lines().count(), 9);
    assert_eq!(missed, [Missed { lines: 0, requests: 1 }]);
    assert!(queue.admits_request() && !queue.is_crowded());
}

#[test]
fn memory_is_bounded_although_no_line_should_be_dropped() {
    let mut queue = queue(WhenLogIsFull::Refuse);
    push(&mut queue, 1000);
    assert_eq!((queue.waiting_lines(), queue.missed.lines), (16, 984));
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Request,
    Take,
    Written,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..60).prop_map(Step::Push),
        1 => Just(Step::Request),
        2 => Just(Step::Take),
        2 => Just(Step::Written),
    ]
}

proptest! {
    /// Whatever happens: every line is written or counted, in order, and what waits is within the bounds.
    #[test]
    fn no_line_and_no_refusal_is_lost_uncounted(refuse in any::<bool>(), steps in prop::collection::vec(step(), 0..200)) {
        let mut queue = queue(if refuse { WhenLogIsFull::Refuse } else { WhenLogIsFull::Drop });
        let (mut pushed, mut refused, mut text, mut missed) = (0_u64, 0, String::new(), Missed::default());
        let mut writing = None;
        let mut add = |more: Option<Missed>| {
            if let Some(more) = more {
                missed = Missed { lines: missed.lines + more.lines, requests: missed.requests + more.requests };
            }
            missed
        };
        for step in steps {
            match step {
                Step::Push(length) => {
                    queue.push(format!("{pushed} {}\n", "a".repeat(length)));
                    pushed += 1;
                }
                Step::Request => refused += u64::from(!queue.admits_request()),
                Step::Take => writing = writing.or_else(|| queue.take()),
                Step::Written => {
                    if let Some(batch) = writing.take() {
                        text.push_str(&batch.text);
                        add(queue.written(&batch));
                    }
                }
            }
            let times = if refuse { MOST_MULTIPLE } else { 1 };
            prop_assert!(queue.waiting.lines <= SIZE.lines * times && queue.waiting.bytes <= SIZE.bytes * times);
        }
        if let Some(batch) = writing.take() {
            text.push_str(&batch.text);
            add(queue.written(&batch));
        }
        let (rest, more) = write(&mut queue);
        text.push_str(&rest);
        more.into_iter().for_each(|more| { add(Some(more)); });
        let missed = add(None);
        let numbers: Vec<u64> =
            text.lines().map(|line| line.split_once(' ').unwrap().0.parse().unwrap()).collect();
        prop_assert!(numbers.is_sorted());
        prop_assert_eq!(numbers.len() as u64 + missed.lines, pushed);
        prop_assert_eq!(missed.requests, refused);
        prop_assert_eq!(queue.waiting, LogQueueSize { lines: 0, bytes: 0 });
    }
}
