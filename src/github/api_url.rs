//! Where the API is: github.com, a GitHub Enterprise Server, or a double on this machine.

use std::net::IpAddr;

use reqwest::Url;

/// The base URL of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    base: String,
    loopback: bool,
    plain: bool,
}

/// A text that is no base URL of an API. It may hold a password, so it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadApiUrl {
    /// Not an `http` or `https` URL with a host and nothing else but a path.
    #[error(
        "it is not the URL of an API; it looks like `https://api.github.com` or `https://github.example.com/api/v3`"
    )]
    Shape,
    /// The token would be readable on its way.
    #[error("it must begin with `https://`, since the token is sent there")]
    Plain,
}

impl ApiUrl {
    /// Reads a base URL.
    ///
    /// # Errors
    ///
    /// When the text is no such URL, or is not encrypted and not of this machine.
    pub fn new(text: &str) -> Result<Self, BadApiUrl> {
        let url = Url::parse(text.trim()).map_err(|_| BadApiUrl::Shape)?;
        let extra = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(BadApiUrl::Shape)?;
        let plain = match url.scheme() {
            "http" => true,
            "https" => false,
            _ => return Err(BadApiUrl::Shape),
        };
        if extra {
            return Err(BadApiUrl::Shape);
        }
        let loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if plain && !loopback {
            return Err(BadApiUrl::Plain);
        }
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), loopback, plain })
    }

    /// The URL that paths are appended to, without a trailing `/`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether it is this machine, which no proxy can reach.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }
}

impl Default for ApiUrl {
    fn default() -> Self {
        Self { base: "https://api.github.com".to_owned(), loopback: false, plain: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_encrypted_or_not_out_of_this_machine() {
        assert_eq!(ApiUrl::new("https://api.github.com/").unwrap(), ApiUrl::default());
        let enterprise = ApiUrl::new("https://github.example.com/api/v3").unwrap();
        assert_eq!(enterprise.base(), "https://github.example.com/api/v3");
        assert!(!enterprise.is_loopback());
        for text in ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:3"] {
            assert!(ApiUrl::new(text).unwrap().is_loopback(), "{text}");
        }
        assert_eq!(ApiUrl::new("http://github.example.com"), Err(BadApiUrl::Plain));
        for text in ["", "x", "ftp://a.b", "https://", "https://a:b@c", "https://a/?x=1", "https://a/#x"] {
            assert_eq!(ApiUrl::new(text), Err(BadApiUrl::Shape), "{text}");
        }
    }
}
