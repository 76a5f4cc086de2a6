//! One connection to Redis, which never holds its caller up for longer than it may.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    RedisResult, Script, ServerErrorKind, Value,
};

use super::error::FleetError;

/// A script of ours.
pub(super) struct Lua {
    code: &'static str,
    script: LazyLock<Script>,
}

macro_rules! scripts {
    ($($name:ident $file:literal)*) => {$(
        pub(super) static $name: Lua = Lua {
            code: include_str!($file),
            script: LazyLock::new(|| Script::new(include_str!($file))),
        };
    )*};
}

scripts! {
    MERGE "scripts/merge.lua"
    NAMES "scripts/names.lua"
    PARTS "scripts/parts.lua"
    CLAIM "scripts/claim.lua"
    FINISH "scripts/finish.lua"
    ADMIT "scripts/admit.lua"
    PART "scripts/part.lua"
    SPEND "scripts/spend.lua"
}

/// When a call has to be over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left of the time.
    fn left(self) -> RedisResult<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        // A socket takes no timeout of zero.
        if left < Duration::from_millis(1) {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        }
        Ok(left)
    }
}

/// The way to one Redis. It connects when it is first used, and anew after every failure.
pub(super) struct Link {
    info: ConnectionInfo,
    connection: Option<Connection>,
    /// The node of a cluster that has our keys, once it is known.
    node: Option<(String, u16)>,
}

impl fmt::Debug for Link {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.server()).finish()
    }
}

impl Link {
    /// Looks at an address, and does not connect.
    pub fn new(url: &str) -> Result<Self, FleetError> {
        const SCHEMES: [&str; 7] =
            ["redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix"];
        let Some((scheme, _)) = url.split_once("://") else {
            return Err(FleetError::Address("it has no `://`"));
        };
        if !SCHEMES.contains(&scheme) {
            return Err(FleetError::Address("it does not begin with `redis://`"));
        }
        // What the library says of it may repeat a part of it.
        let info = url
            .into_connection_info()
            .map_err(|_| FleetError::Address("host, port, database or path cannot be understood"))?;
        match info.addr() {
            ConnectionAddr::TcpTls { insecure: true, .. } => {
                return Err(FleetError::Address("`#insecure` would talk to anybody"));
            }
            address if !address.is_supported() => {
                return Err(FleetError::Address("this platform has no such sockets"));
            }
            _ => {}
        }
        // One round trip less.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(Self { info: info.set_redis_settings(settings), connection: None, node: None })
    }

    /// Where Redis is, without user and password.
    pub fn server(&self) -> String {
        self.address().to_string()
    }

    fn address(&self) -> ConnectionAddr {
        match (&self.node, self.info.addr()) {
            (Some((host, port)), ConnectionAddr::Tcp(..)) => ConnectionAddr::Tcp(host.clone(), *port),
            (Some((host, port)), ConnectionAddr::TcpTls { insecure, tls_params, .. }) => {
                ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: *insecure,
                    tls_params: tls_params.clone(),
                }
            }
            (_, address) => address.clone(),
        }
    }

    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Connects, where it is not connected.
    pub fn open(&mut self, deadline: Deadline) -> RedisResult<()> {
        if self.connection.is_none() {
            let client = Client::open(self.info.clone().set_addr(self.address()))?;
            let connected = client.get_connection_with_timeout(deadline.left()?);
            // A node of a cluster may be gone for good: the next time, the first one is asked again.
            self.connection = Some(connected.inspect_err(|_| self.node = None)?);
        }
        Ok(())
    }

    /// Runs a script over the open connection.
    pub fn run(
        &mut self,
        deadline: Deadline,
        lua: &Lua,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> RedisResult<Value> {
        let result = self.ask(deadline, &command("EVALSHA", lua.script.get_hash(), keys, args));
        let result = match result {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.ask(deadline, &command("EVAL", lua.code, keys, args))
            }
            result => result,
        };
        result.inspect_err(|error| self.note(error))
    }

    fn ask(&mut self, deadline: Deadline, command: &Cmd) -> RedisResult<Value> {
        let left = deadline.left()?;
        let Some(connection) = &mut self.connection else {
            return Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into());
        };
        connection.set_read_timeout(Some(left))?;
        connection.set_write_timeout(Some(left))?;
        command.query(connection)
    }

    /// Draws the conclusions of an error: what was asked for last may still be answered, so that the connection is
    /// not used again unless it was Redis that spoke.
    fn note(&mut self, error: &RedisError) {
        if let Some((address, _)) = error.redirect_node() {
            self.node = address.rsplit_once(':').and_then(|(host, port)| {
                let host = if host.is_empty() { self.host()? } else { host.to_owned() };
                Some((host, port.parse().ok()?))
            });
        }
        let by_server = matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension);
        let elsewhere = matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::Moved | ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown
            )
        );
        if !by_server || elsewhere {
            self.connection = None;
        }
        if !by_server {
            self.node = None;
        }
    }

    /// The host of the present node: one that does not know its own name leaves it out.
    fn host(&self) -> Option<String> {
        match self.address() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => Some(host),
            _ => None,
        }
    }
}

fn command(name: &str, script: &str, keys: &[String], args: &[Vec<u8>]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(keys.len()).arg(keys);
    args.iter().for_each(|arg| {
        command.arg(arg.as_slice());
    });
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_looked_at_without_connecting() {
        for url in [
            "redis://localhost",
            "redis://user:secret@10.1.2.3:7000/2",
            "rediss://redis.internal:6380",
            "valkey://[::1]:6379",
            "redis+unix:///run/redis.sock?db=1&pass=secret",
        ] {
            let link = Link::new(url).unwrap();
            assert!(!link.is_open());
            assert!(!format!("{link:?} {}", link.server()).contains("secret"), "{url}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_used_are_refused_without_repeating_them() {
        for url in [
            "",
            "secret",
            "http://secret@host",
            "secret://host",
            "redis://",
            "redis://:secret@host/secret",
            "redis://:secret@host:99999",
            "redis://:secret@host?protocol=secret",
            "redis://:secret@0.0.0.0",
            "rediss://:secret@host/#insecure",
            "rediss://:secret@host/#secret",
        ] {
            let error = Link::new(url).unwrap_err();
            assert!(matches!(error, FleetError::Address(_)), "{url}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
        }
    }
}
