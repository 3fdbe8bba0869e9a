//! Requests of the program: handed on to the component that judges and sends them, within the time of the run.

use crate::World;
use crate::bindings::exports::gatehouse::interpreter::egress::{Failure, Guest, Reason, Request, Response};
use crate::bindings::gatehouse::sandbox::egress as component;
use crate::run;

impl Guest for World {
    fn fetch(request: Request) -> Result<Response, Failure> {
        let Request { method, url, headers, body, timeout } = request;
        // Whoever reads along sees what was printed before, and not after the wait.
        run::check_time();
        run::flush();
        let left = run::milliseconds_left();
        let milliseconds = timeout.map_or(left, |timeout| left.min(u64::from(timeout)));
        let answer = component::fetch(&component::Request { method, url, headers, body }, milliseconds);
        run::check_time();
        match answer {
            Ok(component::Response { status, headers, body }) => Ok(Response { status, headers, body }),
            Err(component::Failure { reason, text }) => Err(Failure { reason: told(reason), text }),
        }
    }
}

fn told(reason: component::Reason) -> Reason {
    match reason {
        component::Reason::Refused => Reason::Refused,
        component::Reason::TimedOut => Reason::TimedOut,
        component::Reason::Failed => Reason::Failed,
    }
}
