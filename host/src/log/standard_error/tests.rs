use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// An output that writes only when it is told to, and as much.
struct ScriptedOutput {
    answers: Receiver<io::Result<usize>>,
    written: Sender<String>,
    readers: Arc<Mutex<bool>>,
}

impl Write for ScriptedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.answers.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        let _ = self.written.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogOutput for ScriptedOutput {
    fn has_reader(&self) -> bool {
        *self.readers.lock().unwrap()
    }
}

struct Test {
    log: StandardErrorLog,
    tell: Sender<io::Result<usize>>,
    written: Receiver<String>,
    readers: Arc<Mutex<bool>>,
}

fn log(when_full: WhenLogIsFull, lines: usize) -> Test {
    let ((tell, answers), (sender, written)) = (mpsc::channel(), mpsc::channel());
    let readers = Arc::new(Mutex::new(true));
    let queue = LogQueueSize { lines, ..LogQueueSize::default() };
    let options = LogOptions { format: LogFormat::Text, queue, when_full, ..LogOptions::default() };
    let output = ScriptedOutput { answers, written: sender, readers: Arc::clone(&readers) };
    Test { log: StandardErrorLog::with_output(options, Box::new(output)), tell, written, readers }
}

fn say(log: &StandardErrorLog, message: &str) {
    log.record(&LogRecord::host(Level::Info, None, message));
}

/// All that is written from now on, without the times.
fn rest(test: Test) -> String {
    let Test { log, tell, written, .. } = test;
    drop((log, tell));
    let text: String = written.iter().collect();
    text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned() + "\n").collect()
}

#[test]
fn nobody_waits_for_an_output_that_takes_nothing_and_what_was_dropped_is_said_in_its_place() {
    let test = log(WhenLogIsFull::Drop, 2);
    for number in 0..5 {
        say(&test.log, &number.to_string());
    }
    assert!(test.log.admits_request());
    assert_eq!(test.log.state(), LogState::Open);
    assert!(test.log.flush(Duration::ZERO) >= 2);
    test.tell.send(Ok(usize::MAX)).unwrap();
    test.tell.send(Ok(usize::MAX)).unwrap();
    let _ = test.log.flush(Duration::from_secs(60));
    say(&test.log, "later");
    let text = rest(test);
    let dropped = "warn: 3 lines were dropped here: the log was not read as fast as it was written\n";
    assert_eq!(text, format!("info: 0\ninfo: 1\n{dropped}info: later\n"));
}

#[test]
fn an_output_that_takes_parts_or_fails_for_a_while_gets_every_byte_once() {
    let test = log(WhenLogIsFull::Drop, 100);
    say(&test.log, "first");
    test.tell.send(Ok(7)).unwrap();
    for errno in [Errno::NOSPC, Errno::AGAIN, Errno::INTR] {
        test.tell.send(Err(errno.into())).unwrap();
    }
    test.tell.send(Ok(3)).unwrap();
    test.tell.send(Ok(usize::MAX)).unwrap();
    assert_eq!(test.log.flush(Duration::from_secs(60)), 0);
    say(&test.log, "second");
    assert_eq!(rest(test), "info: first\ninfo: second\n");
}

#[tokio::test]
async fn a_closed_log_is_told_and_ends_all_waiting() {
    for (when_full, admits) in [(WhenLogIsFull::Drop, true), (WhenLogIsFull::Refuse, false)] {
        let test = log(when_full, 1);
        for _ in 0..4 {
            say(&test.log, "a line");
        }
        let room = test.log.room();
        test.tell.send(Err(Errno::PIPE.into())).unwrap();
        test.log.closed().await;
        room.await;
        assert_eq!(test.log.state(), LogState::Closed);
        assert_eq!(test.log.admits_request(), admits);
        assert_eq!(test.log.flush(Duration::ZERO), 0);
        say(&test.log, "to nobody");
        assert_eq!(test.log.flush(Duration::ZERO), 0);
    }
}

#[tokio::test]
async fn an_idle_log_notices_that_its_reader_is_gone() {
    let test = log(WhenLogIsFull::Refuse, 1);
    *test.readers.lock().unwrap() = false;
    test.log.closed().await;
    assert_eq!(test.log.state(), LogState::Closed);
}

#[tokio::test]
async fn where_requests_are_refused_guests_wait_until_the_log_has_room_again() {
    let test = log(WhenLogIsFull::Refuse, 2);
    for number in 0..2 {
        say(&test.log, &number.to_string());
    }
    assert!(test.log.admits_request());
    test.log.room().await;
    for number in 2..5 {
        say(&test.log, &number.to_string());
    }
    assert_eq!(test.log.state(), LogState::Full);
    assert!(!test.log.admits_request());
    let mut room = test.log.room();
    tokio::select! {
        biased;
        () = &mut room => panic!("there is no room"),
        () = std::future::ready(()) => {}
    }
    for _ in 0..5 {
        test.tell.send(Ok(usize::MAX)).unwrap();
    }
    room.await;
    let _ = test.log.flush(Duration::from_secs(60));
    assert!(test.log.admits_request());
    let text = rest(test);
    assert!(text.starts_with("info: 0\ninfo: 1\ninfo: 2\ninfo: 3\ninfo: 4\nwarn: 1 requests were refused"), "{text}");
}
