//! Where a Redis is, as its URL says it.

use std::fmt;
use std::path::PathBuf;

use ::redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo, parse_redis_url,
};

/// Where a Redis is, and how to log in there. It is displayed without what one logs in with.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) place: Place,
    /// User, password, and the number of the database.
    pub(super) login: RedisConnectionInfo,
}

/// What to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A port.
    Tcp {
        host: String,
        port: u16,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// A socket in the file system.
    Socket(PathBuf),
}

/// What is wrong with the URL of a Redis. The words hold nothing of the URL: it may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// It is no URL of Redis.
    #[error(
        "it is no URL of Redis; write redis://HOST:PORT, redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS or \
         redis+unix:///PATH; in a password, `/`, `?`, `#`, `@` and `%` are written as %2F, %3F, %23, %40 and %25"
    )]
    Syntax,
    /// It asks for TLS without a check of the certificate.
    #[error(
        "`#insecure` would let anybody be the Redis; leave it out, and give the authority of its certificate with --ca-file"
    )]
    Insecure,
}

impl RedisUrl {
    /// Reads a URL, as Spin does.
    ///
    /// # Errors
    /// It is none, or it asks for something that this host does not do.
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let mut url = parse_redis_url(text).ok_or(RedisUrlError::Syntax)?;
        let tls = matches!(url.scheme(), "rediss" | "valkeys");
        if url.fragment() == Some("insecure") {
            return Err(RedisUrlError::Insecure);
        }
        if url.fragment().is_some() {
            return Err(RedisUrlError::Syntax);
        }
        // The crate knows no TLS here: the host has its own, with the authorities that it trusts.
        if tls {
            url.set_scheme("redis").map_err(|()| RedisUrlError::Syntax)?;
        }
        let known: ConnectionInfo = url.into_connection_info().map_err(|_| RedisUrlError::Syntax)?;
        let place = match known.addr() {
            ConnectionAddr::Tcp(host, port) if !host.is_empty() => Place::Tcp { host: host.clone(), port: *port, tls },
            ConnectionAddr::Unix(path) => Place::Socket(path.clone()),
            _ => return Err(RedisUrlError::Syntax),
        };
        // The third protocol says the password in a command that older servers do not know, and repeat in their error.
        Ok(Self { place, login: known.redis_settings().clone().set_protocol(ProtocolVersion::RESP2) })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.login.db();
        match &self.place {
            Place::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                // An address of IPv6 stands in brackets.
                match host.contains(':') {
                    true => write!(formatter, "{scheme}://[{host}]:{port}/{database}"),
                    false => write!(formatter, "{scheme}://{host}:{port}/{database}"),
                }
            }
            Place::Socket(path) => write!(formatter, "redis+unix://{}?db={database}", path.display()),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_redis_is_read_and_shown_without_user_and_password() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis://store.example:7000/3", "redis://store.example:7000/3"),
            ("redis://somebody:s3cret@store.example", "redis://store.example:6379/0"),
            ("rediss://:s3cret@store.example:6380", "rediss://store.example:6380/0"),
            ("valkey://:s3cret@store.example", "redis://store.example:6379/0"),
            ("valkeys://store.example", "rediss://store.example:6379/0"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("redis+unix:///run/redis.sock?db=2&user=somebody&pass=s3cret", "redis+unix:///run/redis.sock?db=2"),
        ] {
            let url = RedisUrl::parse(text).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), format!("RedisUrl({shown})")));
        }
        let url = RedisUrl::parse("redis://some%40body:s%2F3cret%25@store.example").unwrap();
        assert_eq!((url.login.username(), url.login.password()), (Some("some@body"), Some("s/3cret%")));
    }

    #[test]
    fn what_is_no_url_of_redis_is_refused_in_words_without_it() {
        for text in [
            "",
            "s3cret",
            "redis",
            "redis://",
            "redis:///1",
            "http://:s3cret@store.example",
            "redis://:s3/cret@store.example",
            "redis://:s3cret@store.example/first",
            "redis://:s3cret@store.example/0?protocol=s3cret",
            "redis://:s3cret@store.example#s3cret",
            "redis://:s3cret@store.example:port",
            "redis://:s3cret@0.0.0.0",
        ] {
            let error = RedisUrl::parse(text).unwrap_err();
            assert_eq!(error, RedisUrlError::Syntax, "{text}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert_eq!(RedisUrl::parse("rediss://store.example#insecure").unwrap_err(), RedisUrlError::Insecure);
    }
}
