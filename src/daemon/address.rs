//! Addresses of DogStatsD servers, in the notation of Datadog's clients: `udp://`, `unixgram://`, `unixstream://`, `unix://`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::text::clean_line;

/// The port of DogStatsD.
pub const PORT: u16 = 8125;

/// Where to send to, or to listen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// `udp://host:port`, or `host:port` alone.
    Udp {
        /// A name or an IP address, without brackets.
        host: String,
        /// The port; [`PORT`] if none is written.
        port: u16,
    },
    /// `unixgram:///path`: datagrams.
    UnixDatagram(PathBuf),
    /// `unixstream:///path`: frames.
    UnixStream(PathBuf),
    /// `unix:///path`: datagrams or, if a sender finds that the other side has none, frames.
    Unix(PathBuf),
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A scheme that is none of the four.
    #[error("`{}`: the scheme is none of udp, unixgram, unixstream and unix", clean_line(.0))]
    Scheme(String),
    /// No host, or one that cannot be.
    #[error("`{}`: a host is needed, as in udp://localhost:8125", clean_line(.0))]
    Host(String),
    /// A port that is no number up to 65535.
    #[error("`{}`: the port is not a number up to 65535", clean_line(.0))]
    Port(String),
    /// A path that is not absolute.
    #[error("`{}`: the path has to be absolute, as in unixgram:///run/datadog/dsd.socket", clean_line(.0))]
    Path(String),
}

impl Address {
    /// Whether it is on this machine by what is written. No name but `localhost` is looked up for that.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Udp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
            }
            Self::UnixDatagram(_) | Self::UnixStream(_) | Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let path = |path: &str| match path.len() > 1 && path.starts_with('/') && !path.contains('\0') {
            true => Ok(PathBuf::from(path)),
            false => Err(AddressError::Path(text.to_owned())),
        };
        match text.split_once("://") {
            None => udp(text, text),
            Some(("udp", rest)) => udp(rest, text),
            Some(("unixgram", rest)) => path(rest).map(Self::UnixDatagram),
            Some(("unixstream", rest)) => path(rest).map(Self::UnixStream),
            Some(("unix", rest)) => path(rest).map(Self::Unix),
            Some(_) => Err(AddressError::Scheme(text.to_owned())),
        }
    }
}

fn udp(rest: &str, text: &str) -> Result<Address, AddressError> {
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| AddressError::Host(text.to_owned()))?;
            (host, port.strip_prefix(':').or((!port.is_empty()).then_some(port)))
        }
        None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/[]@".contains(&byte));
    // Without brackets, an IPv6 address and its port cannot be told apart.
    if host.is_empty() || !is_name(host) || (host.contains(':') && !rest.starts_with('[')) {
        return Err(AddressError::Host(text.to_owned()));
    }
    let digits = port.map(|port| port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit())));
    match digits {
        None => Ok(Address::Udp { host: host.to_owned(), port: PORT }),
        Some(Some(port)) => Ok(Address::Udp { host: host.to_owned(), port }),
        Some(None) => Err(AddressError::Port(text.to_owned())),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp { host, port } if host.contains(':') => write!(f, "udp://[{host}]:{port}"),
            Self::Udp { host, port } => write!(f, "udp://{host}:{port}"),
            Self::UnixDatagram(path) => write!(f, "unixgram://{}", path.display()),
            Self::UnixStream(path) => write!(f, "unixstream://{}", path.display()),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        for text in [
            "udp://localhost:8125",
            "udp://10.0.0.1:1",
            "udp://[::1]:65535",
            "unixgram:///run/a b.socket",
            "unixstream:///run/x",
            "unix:///run/x",
        ] {
            assert_eq!(read(text).map(|address| address.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn scheme_and_port_may_be_left_out() {
        for text in ["agent", "agent:8125", "udp://agent"] {
            assert_eq!(read(text), Ok(Address::Udp { host: "agent".to_owned(), port: PORT }), "{text}");
        }
        assert_eq!(read("[::1]"), Ok(Address::Udp { host: "::1".to_owned(), port: PORT }));
    }

    #[test]
    fn mistakes_are_told_apart() {
        let error = |text: &str| read(text).expect_err("no address");
        for text in ["tcp://a:1", "://a", "UDP://a"] {
            assert_eq!(error(text), AddressError::Scheme(text.to_owned()));
        }
        for text in ["", ":8125", "udp://", "a b:1", "::1", "a/b", "[::1:8125", "user@host:1"] {
            assert_eq!(error(text), AddressError::Host(text.to_owned()));
        }
        for text in ["a:", "a:x", "a:65536", "a:-1", "a:+1", "[::1]x"] {
            assert_eq!(error(text), AddressError::Port(text.to_owned()));
        }
        for text in ["unix://", "unix:///", "unixgram://run/x", "unixstream://x", "unix:///a\0b"] {
            assert_eq!(error(text), AddressError::Path(text.to_owned()));
        }
        assert!(!error("tcp://\u{1b}[31m").to_string().contains('\u{1b}'));
    }
}
