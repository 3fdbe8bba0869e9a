//! What requests may use, and the names by which the command line sets it.

use std::time::Duration;

use crate::key_value::StoreLimits;

/// What requests may use. Each is said with its default and with what happens beyond it.
///
/// With the defaults and without TLS, a host that is full of guests, bodies and connections stays under 1 GiB: a guest of Gatehouse takes
/// about 0.8 MiB, and what is read of its body two and a half times as much again.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Guests that run at the same time, for each [`Running`](crate::Running) host: 800, or fewer where the pool of 4000
    /// linear memories, which all hosts of the process share, has not so much room. Beyond it: 503 with `Retry-After`.
    pub concurrent_requests: usize,
    /// Requests that are kept for each probe path besides those: 4.
    pub probe_requests: usize,
    /// How many per cent of these requests may have the same `Authorization`: 25. Beyond it: 429 with
    /// `Retry-After`, at once.
    pub credential_share: usize,
    /// How many per cent of these requests may be without `Authorization`: 50. Beyond it: 503 with
    /// `Retry-After`. They are counted together, because behind a proxy all clients have one address.
    pub anonymous_share: usize,
    /// How many per cent of these requests may be streams of events that only wait: 50. They last for hours, so they
    /// must leave room for others. Beyond it: 503 with `Retry-After`.
    pub stream_share: usize,
    /// How long a request waits until it may run, or its body for room, before it gets a 503: 2 s.
    pub queue_wait: Duration,
    /// Requests of components to other components of the application that run at the same time: 32, and as many more for
    /// each further step of a chain. Beyond it, the component that asks is told so at once. One credential, and all requests
    /// without any, may have their shares of them.
    pub component_calls: usize,
    /// How long one request's guest may compute, in time of the processor: 30 s. Waiting does not count, so streams are not
    /// limited.
    pub compute: Duration,
    /// Connections that are open at the same time: 4000, or fewer where the process may not open so many files. For one
    /// more, the one that has waited longest for its client is closed; one with a request under way never is. As many requests
    /// may be under way besides the first ones of connections of HTTP/2. Beyond that: 503 with `Retry-After`.
    pub connections: usize,
    /// Bytes of heads that are not complete, on all connections together: 32 MiB. Beyond it, the connection that has waited
    /// longest for its client is closed. One head has at most 64 KiB and 1024 fields; more: 431.
    pub head_bytes: usize,
    /// How long a client may take to send a request's head: 10 s from its first byte, or from the start of the connection.
    /// Beyond it the connection is closed.
    pub header_read: Duration,
    /// How long a connection stays open between two requests: 60 s.
    pub connection_idle: Duration,
    /// How long a client may take for a body of up to 64 KiB, and for the start of a larger one: 15 s. Beyond it: 408. No
    /// guest runs before a body of up to 4 MiB is there.
    pub body_read: Duration,
    /// How many bytes of a body must come in each further second: 8192. Time in which a guest does not read does not count.
    /// Fewer: 408.
    pub body_rate: usize,
    /// Bytes of bodies that the host and its guests hold together: 64 MiB, of which those without `Authorization` may have
    /// half. A body counts until its guest has ended; one of up to 64 KiB, until it has answered. Beyond it: 503 with
    /// `Retry-After`; a body that alone is larger: 413.
    pub body_bytes: usize,
    /// How many per cent of them the bodies of requests with the same `Authorization` may have: 25. Beyond it: 429 with
    /// `Retry-After`; a body that alone is larger: 413.
    pub body_share: usize,
    /// How long a client may take nothing of what is written to it: 60 s. Then the connection is closed.
    pub write_stall: Duration,
    /// How long a guest goes on when its client has gone before the end of the answer: 10 s, and longer only for requests
    /// to others that end soon by themselves, such as the refresh of a token.
    pub client_gone: Duration,
    /// What may wait for the key-value store, and for how long. Beyond it, the guest is told that its store fails.
    pub store: StoreLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_requests: 800,
            probe_requests: 4,
            credential_share: 25,
            anonymous_share: 50,
            stream_share: 50,
            queue_wait: Duration::from_secs(2),
            component_calls: 32,
            compute: Duration::from_secs(30),
            connections: 4000,
            head_bytes: 32 << 20,
            header_read: Duration::from_secs(10),
            connection_idle: Duration::from_secs(60),
            body_read: Duration::from_secs(15),
            body_rate: 8192,
            body_bytes: 64 << 20,
            body_share: 25,
            write_stall: Duration::from_secs(60),
            client_gone: Duration::from_secs(10),
            store: StoreLimits::default(),
        }
    }
}

/// A limit that can be set, and in which unit the command line gives it.
enum LimitField<'a> {
    Number(&'a mut usize, usize, usize),
    Seconds(&'a mut Duration),
}

/// A time of more than a week is a mistake.
const LONGEST_SECONDS: u64 = 7 * 24 * 60 * 60;

impl Limits {
    /// The names that [`set`](Self::set) knows, with the unit of each.
    pub const NAMES: [(&'static str, &'static str); 18] = [
        ("concurrent-requests", "requests"),
        ("probe-requests", "requests"),
        ("credential-share", "per cent"),
        ("anonymous-share", "per cent"),
        ("stream-share", "per cent"),
        ("queue-wait", "seconds"),
        ("component-calls", "requests"),
        ("compute", "seconds"),
        ("connections", "connections"),
        ("head-bytes", "bytes"),
        ("header-read", "seconds"),
        ("connection-idle", "seconds"),
        ("body-read", "seconds"),
        ("body-rate", "bytes a second"),
        ("body-bytes", "bytes"),
        ("body-share", "per cent"),
        ("write-stall", "seconds"),
        ("client-gone", "seconds"),
    ];

    /// Sets the limit `name` to `value`, a whole number in the limit's unit.
    ///
    /// # Errors
    /// There is no such limit, or the value is no number that it can have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LimitError> {
        let field = match name {
            "concurrent-requests" => LimitField::Number(&mut self.concurrent_requests, 1, 100_000),
            "probe-requests" => LimitField::Number(&mut self.probe_requests, 1, 100),
            "credential-share" => LimitField::Number(&mut self.credential_share, 1, 100),
            "anonymous-share" => LimitField::Number(&mut self.anonymous_share, 1, 100),
            "stream-share" => LimitField::Number(&mut self.stream_share, 1, 100),
            "queue-wait" => LimitField::Seconds(&mut self.queue_wait),
            "component-calls" => LimitField::Number(&mut self.component_calls, 1, 1000),
            "compute" => LimitField::Seconds(&mut self.compute),
            "connections" => LimitField::Number(&mut self.connections, 1, 1_000_000),
            "head-bytes" => LimitField::Number(&mut self.head_bytes, 1 << 16, 1 << 40),
            "header-read" => LimitField::Seconds(&mut self.header_read),
            "connection-idle" => LimitField::Seconds(&mut self.connection_idle),
            "body-read" => LimitField::Seconds(&mut self.body_read),
            "body-rate" => LimitField::Number(&mut self.body_rate, 1, 1 << 30),
            "body-bytes" => LimitField::Number(&mut self.body_bytes, 1 << 16, 1 << 40),
            "body-share" => LimitField::Number(&mut self.body_share, 1, 100),
            "write-stall" => LimitField::Seconds(&mut self.write_stall),
            "client-gone" => LimitField::Seconds(&mut self.client_gone),
            _ => return Err(LimitError::Unknown(name.to_owned())),
        };
        match field {
            LimitField::Number(number, least, most) => {
                let wrong = || LimitError::Number { name: name.to_owned(), least, most };
                *number = value.parse().ok().filter(|value| (least..=most).contains(value)).ok_or_else(wrong)?;
            }
            LimitField::Seconds(time) => {
                let wrong = || LimitError::Seconds { name: name.to_owned() };
                let seconds = value.parse().ok().filter(|value| (1..=LONGEST_SECONDS).contains(value));
                *time = Duration::from_secs(seconds.ok_or_else(wrong)?);
            }
        }
        Ok(())
    }
}

/// Why a limit was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no limit of this name.
    #[error("there is no limit `{0}`; the limits are {names}", names = names())]
    Unknown(String),
    /// Its value is no number that it can have.
    #[error("limit `{name}` must be a whole number from {least} to {most}")]
    Number {
        /// The limit.
        name: String,
        /// The smallest value.
        least: usize,
        /// The largest.
        most: usize,
    },
    /// Its value is no time that it can have.
    #[error("limit `{name}` must be a whole number of seconds from 1 to {LONGEST_SECONDS}")]
    Seconds {
        /// The limit.
        name: String,
    },
}

fn names() -> String {
    Limits::NAMES.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_sets_a_limit_and_nothing_else_does() {
        for (name, _) in Limits::NAMES {
            let mut limits = Limits::default();
            let before = format!("{limits:?}");
            limits.set(name, if name.ends_with("-bytes") { "70000" } else { "77" }).unwrap();
            assert_ne!(format!("{limits:?}"), before, "{name}");
            for value in ["", "0", "-1", "1.5", "x", "99999999999999999999"] {
                assert!(limits.set(name, value).unwrap_err().to_string().contains(name), "{name}={value}");
            }
        }
        let unknown = Limits::default().set("conections", "1").unwrap_err().to_string();
        assert!(unknown.contains("no limit `conections`") && unknown.contains("connections, head-bytes"), "{unknown}");
    }
}
