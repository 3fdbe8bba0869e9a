//! The requests of a run.

use crate::failure::Failure;
use crate::policy::Egress;
use crate::redirect;
use crate::request::{Answer, Request};

/// The most redirects that are followed.
pub const MOST_REDIRECTS: u32 = 5;

/// What an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of its body.
    pub bytes: u32,
    /// Milliseconds until all of it must be there.
    pub milliseconds: u64,
}

/// Sends the requests of one run, as far as they are allowed.
pub struct Client<S> {
    egress: Egress,
    made: u32,
    send: S,
}

impl<S> Client<S>
where
    S: FnMut(&http::Request<Vec<u8>>, Room) -> Result<http::Response<Vec<u8>>, Failure>,
{
    /// A client that sends by `send`, which follows no redirects.
    pub const fn new(egress: Egress, send: S) -> Self {
        Self { egress, made: 0, send }
    }

    /// Sends one request. `left` says how many milliseconds there are.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn fetch(&mut self, request: &Request, left: &dyn Fn() -> u64) -> Result<Answer, Failure> {
        let (url, judged) = request.judged(&self.egress)?;
        if self.made >= self.egress.requests {
            return Err(Failure::TooManyRequests(self.egress.requests));
        }
        let room = Room { bytes: self.egress.answer_bytes, milliseconds: left() };
        if room.milliseconds == 0 {
            return Err(Failure::TimedOut);
        }
        self.made = self.made.saturating_add(1);
        let (head, body) = (self.send)(&judged, room)?.into_parts();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        Ok(Answer { url, status: head.status.as_u16(), headers, body, redirects: 0 })
    }

    /// Sends one request, and those that its answers lead to.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn follow(&mut self, request: &Request, left: &dyn Fn() -> u64) -> Result<Answer, Failure> {
        let mut request = request.clone();
        for redirects in 0..=MOST_REDIRECTS {
            let answer = self.fetch(&request, left)?;
            match redirect::next(&request, &answer)? {
                None => return Ok(Answer { redirects, ..answer }),
                Some(next) => request = next,
            }
        }
        Err(Failure::TooManyRedirects(MOST_REDIRECTS))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::origin::Origin;

    type Sent = RefCell<Vec<(String, bool)>>;

    /// A server that sends `/0` to `/1` and so on, and `/away` to a host that nobody has named. Notes each URL, and whether it came with
    /// credentials.
    fn send(sent: &Sent) -> impl FnMut(&http::Request<Vec<u8>>, Room) -> Result<http::Response<Vec<u8>>, Failure> {
        |request, room| {
            assert_eq!(room, Room { bytes: 10, milliseconds: 7 });
            let path = request.uri().path();
            sent.borrow_mut().push((request.uri().to_string(), request.headers().contains_key("authorization")));
            let location = match path.trim_start_matches('/').parse::<u32>() {
                Ok(number) => Some(format!("/{}", number + 1)),
                Err(_) if path == "/away" => Some("https://evil.example/".to_owned()),
                Err(_) if path == "/other" => Some("https://b.example/end".to_owned()),
                Err(_) => None,
            };
            let mut answer = http::Response::new(b"body".to_vec());
            if let Some(location) = location {
                *answer.status_mut() = http::StatusCode::FOUND;
                answer.headers_mut().insert("location", location.parse().unwrap());
            }
            Ok(answer)
        }
    }

    fn egress(requests: u32) -> Egress {
        let hosts = ["https://a.example", "https://b.example"].map(|host| Origin::parse(host).unwrap()).to_vec();
        Egress { hosts, requests, request_bytes: 10, answer_bytes: 10 }
    }

    fn get(path: &str) -> Request {
        let headers = vec![("Authorization".to_owned(), b"secret".to_vec())];
        Request { headers, ..Request::new("GET", &format!("https://a.example{path}")) }
    }

    #[test]
    fn each_redirect_is_judged_and_one_that_leads_elsewhere_is_not_followed() {
        let sent = Sent::default();
        let mut client = Client::new(egress(20), send(&sent));
        let left = || 7;
        assert_eq!(
            client.follow(&get("/away"), &left).err(),
            Some(Failure::NotNamed("https://evil.example".to_owned()))
        );
        assert_eq!(sent.take(), [("https://a.example/away".to_owned(), true)]);
        let answer = client.follow(&get("/other"), &left).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(
            (answer.url.to_string().as_str(), answer.status, answer.redirects),
            ("https://b.example/end", 200, 1)
        );
        assert_eq!(
            sent.take(),
            [("https://a.example/other".to_owned(), true), ("https://b.example/end".to_owned(), false)]
        );
        assert_eq!(client.follow(&get("/0"), &left).err(), Some(Failure::TooManyRedirects(5)));
        assert_eq!(sent.take().len(), 6);
        let answer = client.fetch(&get("/0"), &left).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!((answer.status, sent.take().len()), (302, 1));
    }

    #[test]
    fn what_is_refused_is_not_sent_and_every_request_counts() {
        let sent = Sent::default();
        let mut client = Client::new(egress(3), send(&sent));
        let time = Cell::new(7);
        let left = || time.get();
        for refused in [Request::new("GET", "https://evil.example/"), Request::new("TRACE", "https://a.example/")] {
            assert!(client.fetch(&refused, &left).is_err_and(|failure| failure.is_refusal()));
        }
        time.set(0);
        assert_eq!(client.fetch(&get("/end"), &left).err(), Some(Failure::TimedOut));
        assert!(sent.borrow().is_empty());
        time.set(7);
        assert_eq!(client.follow(&get("/0"), &left).err(), Some(Failure::TooManyRequests(3)));
        assert_eq!(client.fetch(&get("/end"), &left).err(), Some(Failure::TooManyRequests(3)));
        assert_eq!(sent.take().len(), 3);
        assert_eq!(Client::new(Egress::off(), send(&sent)).fetch(&get("/end"), &left).err(), Some(Failure::Off));
        assert!(sent.borrow().is_empty());
    }
}
