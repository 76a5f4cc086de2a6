//! What can go wrong between instances, and what Redis says of it.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The instances cannot merge their panes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// The address cannot be used. It is not repeated here: there may be a password in it.
    #[error(
        "the address of Redis cannot be used: {0}; write `redis://[user:password@]host[:port][/database]`, `rediss://...` for TLS, or `redis+unix:///path`"
    )]
    Address(&'static str),
    /// An option has no meaning.
    #[error("the {what} `{value}` cannot be used: {why}")]
    Option {
        /// Which one.
        what: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Redis does not answer, or not now. It may come back by itself.
    #[error(
        "Redis at `{server}` does not answer: {why}; see whether it runs and can be reached from here. Panes are merged when it is back"
    )]
    Away {
        /// Where it should be.
        server: String,
        /// What happened.
        why: String,
    },
    /// Redis does not let this user in.
    #[error(
        "Redis at `{server}` refuses the user: {why}; correct the user and the password, or what it may do"
    )]
    Denied {
        /// Where it is.
        server: String,
        /// What Redis said.
        why: String,
    },
    /// Redis answered with an error, or with something that was never asked for.
    #[error(
        "Redis at `{server}` cannot do what is asked: {why}; it has to be Redis 7 or Valkey, with memory left and `maxmemory-policy noeviction`"
    )]
    Refused {
        /// Where it is.
        server: String,
        /// What Redis said.
        why: String,
    },
}

impl FleetError {
    /// Whether it may be over by itself: keep the last panes, and merge them again later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }

    /// An answer that no script of ours gives.
    pub(super) fn strange(server: &str) -> Self {
        Self::Refused { server: server.to_owned(), why: "the answer has an unknown form".to_owned() }
    }

    pub(super) fn of_redis(server: &str, error: &RedisError) -> Self {
        let (server, why) = (server.to_owned(), harmless(&error.to_string()));
        let code = error.code().unwrap_or_default();
        match error.kind() {
            _ if error.is_timeout() => {
                Self::Away { server, why: "it took longer than the time that is given to it".to_owned() }
            }
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Self::Away { server, why },
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain
                | ServerErrorKind::Ask
                | ServerErrorKind::Moved
                | ServerErrorKind::ReadOnly,
            ) => Self::Away { server, why },
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
                Self::Denied { server, why }
            }
            _ if matches!(code, "BUSY" | "NOREPLICAS") => Self::Away { server, why },
            _ if matches!(code, "NOAUTH" | "WRONGPASS") => Self::Denied { server, why },
            _ => Self::Refused { server, why },
        }
    }
}

/// What a server says, as one line of bounded length.
fn harmless(text: &str) -> String {
    const MOST: usize = 200;
    text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn of(error: impl Into<RedisError>) -> FleetError {
        FleetError::of_redis("here", &error.into())
    }

    #[test]
    fn what_passes_by_itself_is_away_and_what_does_not_is_not() {
        assert!(of(io::Error::from(io::ErrorKind::ConnectionRefused)).is_away());
        assert!(of(io::Error::from(io::ErrorKind::WouldBlock)).to_string().contains("longer than"));
        assert!(of((ErrorKind::Server(ServerErrorKind::BusyLoading), "loading")).is_away());
        assert!(!of((ErrorKind::AuthenticationFailed, "no")).is_away());
        assert!(!of((ErrorKind::Client, "no")).is_away());
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let text = format!("a\x1b[31m\nb{}", "c".repeat(1000));
        let clean = harmless(&text);
        assert!(clean.starts_with("a [31m b") && clean.len() == 200);
    }
}
