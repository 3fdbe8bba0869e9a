//! Documents that could not be had lately, so that nobody can make us ask for them again and again.
//!
//! URLs come from strangers, who can invent as many as they like: what is remembered has a fixed number of places. Where
//! one is full, the oldest goes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::Entropy;
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

use crate::document_cache::DocumentCache;

/// One for each place, of 255.
const FAILURES: Kind = "fetch-failures";
const PLACES: u8 = u8::MAX;
/// Failures in one place. A host whose URLs fail is left alone after half as many.
const MOST_IN_PLACE: usize = 64;
const MOST_OF_HOST: usize = 32;
const DIGEST: usize = 8;
/// Of the host, of the URL, and the second until which it counts.
const LENGTH: usize = DIGEST + DIGEST + 8;

/// What is known to have failed lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecentFailures {
    /// Nothing that says anything about this URL.
    Nothing,
    /// Its host could not be reached, or many other URLs there failed.
    Host,
    /// The URL itself.
    Url,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed<'a> {
    /// The host did not answer as a server should, and so whatever is there.
    Host,
    /// What is at this URL.
    Url(&'a str),
    /// This URL, and its host has no part in it: nobody asked it.
    UrlAlone(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Failure {
    /// `None` where it has no part in it.
    host: Option<[u8; DIGEST]>,
    /// `None` where the host itself failed.
    url: Option<[u8; DIGEST]>,
    until: u64,
}

impl<S: Store> DocumentCache<'_, S> {
    /// Whether a fetch of `url` at `host` failed lately.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn failed_lately(&self, host: &str, url: &str) -> Result<RecentFailures, StoreUnavailable> {
        let (of_host, of_url) = (digest(host), digest(url));
        let mut failures = self.failures_of(host)?;
        let is_url = |failure: &Failure| failure.url == Some(of_url);
        let has_failed = failures.iter().any(is_url);
        failures.retain(|failure| failure.host == Some(of_host));
        Ok(if has_failed {
            RecentFailures::Url
        } else if failures.len() >= MOST_OF_HOST || failures.iter().any(|failure| failure.url.is_none()) {
            RecentFailures::Host
        } else {
            RecentFailures::Nothing
        })
    }

    /// Remembers for `seconds` that something at `host` failed. Of two that are remembered at the same moment one may be
    /// lost: one fetch more.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn remember_failure(
        &self,
        host: &str,
        failed: Failed<'_>,
        seconds: u64,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let (of_host, url) = match failed {
            Failed::Host => (Some(digest(host)), None),
            Failed::Url(url) => (Some(digest(host)), Some(digest(url))),
            Failed::UrlAlone(url) => (None, Some(digest(url))),
        };
        let failure = Failure { host: of_host, url, until: self.now.plus(seconds).seconds() };
        let mut failures = self.failures_of(host)?;
        failures.retain(|known| (known.host, known.url) != (failure.host, failure.url));
        failures.push(failure);
        let too_many = failures.len().saturating_sub(MOST_IN_PLACE);
        let kept = failures.get(too_many..).unwrap_or_default();
        let longest = kept.iter().map(|failure| failure.until).max().unwrap_or_default();
        let text: Vec<u8> = kept.iter().flat_map(|failure| failure.to_bytes()).collect();
        self.put(FAILURES, &place(host), &text, longest.saturating_sub(self.now.seconds()), entropy)
    }

    /// Those that still count, the oldest first.
    fn failures_of(&self, host: &str) -> Result<Vec<Failure>, StoreUnavailable> {
        let kept = self.get(FAILURES, &place(host))?;
        let bytes = kept.iter().flat_map(|kept| kept.chunks_exact(LENGTH));
        Ok(bytes.filter_map(Failure::from_bytes).filter(|failure| self.now.seconds() < failure.until).collect())
    }
}

impl Failure {
    fn to_bytes(self) -> Vec<u8> {
        [self.host.unwrap_or_default(), self.url.unwrap_or_default(), self.until.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (host, rest) = bytes.split_first_chunk::<DIGEST>()?;
        let (url, rest) = rest.split_first_chunk::<DIGEST>()?;
        let (until, _) = rest.split_first_chunk::<8>()?;
        let [host, url] = [host, url].map(|digest| (*digest != [0; DIGEST]).then_some(*digest));
        Some(Self { host, url, until: u64::from_be_bytes(*until) })
    }
}

/// Where the failures of a host are. It has the form of a URL's name in the cache, and is none.
fn place(host: &str) -> String {
    let [first, ..] = digest(host);
    URL_SAFE_NO_PAD.encode([first % PLACES])
}

/// Enough of the SHA-256 that nobody finds another text with the same.
fn digest(text: &str) -> [u8; DIGEST] {
    let digest: [u8; 32] = Sha256::digest(text).into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::sealing::KeyRing;
    use gatehouse_protocol::UnixTime;
    use gatehouse_storage::memory::MemoryStore;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
    const HOST: &str = "client.example.com";
    const URL: &str = "https://client.example.com/a.json";

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    struct World {
        store: MemoryStore,
        keys: KeyRing,
    }

    impl World {
        fn new() -> Self {
            Self { store: MemoryStore::at(NOW), keys: KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap() }
        }

        fn at(&self, seconds: u64) -> DocumentCache<'_, MemoryStore> {
            self.store.set_now(NOW.plus(seconds));
            DocumentCache { store: &self.store, keys: &self.keys, now: NOW.plus(seconds) }
        }
    }

    #[test]
    fn a_url_that_failed_is_remembered_for_its_time_and_says_nothing_of_others() {
        let world = World::new();
        assert_eq!(world.at(0).failed_lately(HOST, URL), Ok(RecentFailures::Nothing));
        world.at(0).remember_failure(HOST, Failed::Url(URL), 120, &mut Zeros).unwrap();
        for (seconds, expected) in
            [(0, RecentFailures::Url), (119, RecentFailures::Url), (120, RecentFailures::Nothing)]
        {
            assert_eq!(world.at(seconds).failed_lately(HOST, URL), Ok(expected), "{seconds}");
        }
        assert_eq!(world.at(0).failed_lately(HOST, "https://client.example.com/b.json"), Ok(RecentFailures::Nothing));
        assert_eq!(world.at(0).failed_lately("other.example.com", URL), Ok(RecentFailures::Nothing));
    }

    #[test]
    fn a_host_that_failed_is_left_alone_whatever_url_is_asked_for() {
        let world = World::new();
        world.at(0).remember_failure(HOST, Failed::Host, 120, &mut Zeros).unwrap();
        assert_eq!(world.at(0).failed_lately(HOST, URL), Ok(RecentFailures::Host));
        assert_eq!(world.at(0).failed_lately("other.example.com", URL), Ok(RecentFailures::Nothing));
        assert_eq!(world.at(120).failed_lately(HOST, URL), Ok(RecentFailures::Nothing));
    }

    #[test]
    fn a_host_at_which_many_urls_failed_is_left_alone() {
        let world = World::new();
        for number in 0..MOST_OF_HOST {
            assert_eq!(world.at(1).failed_lately(HOST, URL), Ok(RecentFailures::Nothing), "{number}");
            let url = format!("{URL}?{number}");
            for _ in 0..2 {
                world.at(1).remember_failure(HOST, Failed::Url(&url), 120, &mut Zeros).unwrap();
            }
        }
        assert_eq!(world.at(1).failed_lately(HOST, URL), Ok(RecentFailures::Host));
    }

    #[test]
    fn what_nobody_asked_a_host_for_says_nothing_of_the_host_however_much_there_is() {
        let world = World::new();
        for number in 0..60 {
            let url = format!("{URL}?{number}");
            world.at(0).remember_failure(HOST, Failed::UrlAlone(&url), 120, &mut Zeros).unwrap();
            assert_eq!(world.at(119).failed_lately(HOST, &url), Ok(RecentFailures::Url));
            assert_eq!(world.at(0).failed_lately(HOST, URL), Ok(RecentFailures::Nothing), "{number}");
        }
    }

    #[test]
    fn whatever_fails_the_entries_stay_few_and_small() {
        let world = World::new();
        for number in 0..20_000 {
            let host = format!("h{}.example.com", number % 2_000);
            let failed = format!("https://{host}/{number}");
            world.at(0).remember_failure(&host, Failed::Url(&failed), 120, &mut Zeros).unwrap();
            assert_eq!(world.at(0).failed_lately(&host, &failed), Ok(RecentFailures::Url));
        }
        let values = world.store.values();
        assert!(values.len() <= usize::from(PLACES), "{}", values.len());
        assert!(values.iter().all(|value| value.len() < 2_500), "{:?}", values.iter().map(Vec::len).max());
    }

    #[test]
    fn a_store_that_is_down_says_nothing() {
        let world = World::new();
        world.store.go_down();
        assert!(world.at(0).failed_lately(HOST, URL).is_err());
        assert!(world.at(0).remember_failure(HOST, Failed::Host, 120, &mut Zeros).is_err());
    }
}
