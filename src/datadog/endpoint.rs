//! Where the API is, and how to name it in a message.

use std::net::IpAddr;

use reqwest::Url;

/// The base URL of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: String,
    label: String,
    plain: bool,
    loopback: bool,
}

/// `site` or `api_url` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A site is a bare host name.
    #[error(
        "`{0}` is not a Datadog site; a site looks like `datadoghq.com`, `datadoghq.eu` or `us5.datadoghq.com`"
    )]
    Site(String),
    /// The site was given with its `app.` or `api.`.
    #[error("`{0}` is not a Datadog site; did you mean `{1}`?")]
    SiteMeant(String, String),
    /// Not an `http` or `https` URL with a host.
    #[error("`{0}` is not a URL of an API; it looks like `http://127.0.0.1:8080`")]
    Url(String),
    /// User name and password, query and fragment have no meaning here. The text may hold a password, so it is
    /// not repeated.
    #[error("the API's URL must not contain a user name, a password, a query or a fragment")]
    Extra,
}

impl Endpoint {
    /// The API of a Datadog site: `datadoghq.com` means `https://api.datadoghq.com`.
    ///
    /// # Errors
    ///
    /// When the text is not a bare host name. The keys go to this host, so nothing is guessed.
    pub fn site(site: &str) -> Result<Self, EndpointError> {
        let bare = site.strip_prefix("https://").unwrap_or(site);
        let bare = bare.trim_end_matches('/');
        let meant = ["app.", "api."].iter().find_map(|prefix| bare.strip_prefix(prefix)).unwrap_or(bare);
        if !is_host_name(meant) {
            return Err(EndpointError::Site(site.to_owned()));
        }
        if meant != site {
            return Err(EndpointError::SiteMeant(site.to_owned(), meant.to_owned()));
        }
        Ok(Self {
            base: format!("https://api.{site}"),
            label: format!("site {site}"),
            plain: false,
            loopback: false,
        })
    }

    /// An API at an explicit URL, such as the sandbox double's or a recording proxy's.
    ///
    /// # Errors
    ///
    /// When the text is not an `http` or `https` URL, or has parts that a base URL cannot have.
    pub fn api_url(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError::Url(text.to_owned());
        let Ok(url) = Url::parse(text) else {
            // An unparsable text with an `@` may still hold a password.
            return Err(if text.contains('@') { EndpointError::Extra } else { error() });
        };
        let extra = !url.username().is_empty() || url.password().is_some();
        if extra || url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Extra);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(error)?;
        let plain = match url.scheme() {
            "http" => true,
            "https" => false,
            _ => return Err(error()),
        };
        let loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { label: format!("api_url {base}"), base, plain, loopback })
    }

    /// The URL that paths are appended to, without a trailing `/`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// How the configuration names it: `site datadoghq.com` or `api_url http://127.0.0.1:8080`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether it is this machine, which no proxy can reach.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.contains('.') && text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_become_api_hosts() {
        let endpoint = Endpoint::site("us5.datadoghq.com").unwrap();
        assert_eq!(endpoint.base(), "https://api.us5.datadoghq.com");
        assert_eq!(endpoint.label(), "site us5.datadoghq.com");
        assert!(!endpoint.is_plain() && !endpoint.is_loopback());
    }

    #[test]
    fn a_site_is_a_bare_host_name() {
        for site in ["", "datadog", "a@evil.com", "datadoghq.com:80", "datadoghq.com/x", "a..b", "-a.b"] {
            assert_eq!(Endpoint::site(site), Err(EndpointError::Site(site.to_owned())));
        }
        for site in ["https://app.datadoghq.eu/", "app.datadoghq.eu", "api.datadoghq.eu"] {
            let meant = EndpointError::SiteMeant(site.to_owned(), "datadoghq.eu".to_owned());
            assert_eq!(Endpoint::site(site), Err(meant));
        }
    }

    #[test]
    fn urls_are_bases() {
        let endpoint = Endpoint::api_url("http://127.0.0.1:8080/").unwrap();
        assert_eq!(endpoint.base(), "http://127.0.0.1:8080");
        assert!(endpoint.is_plain() && endpoint.is_loopback());
        let endpoint = Endpoint::api_url("https://proxy.example/dd/").unwrap();
        assert_eq!(endpoint.base(), "https://proxy.example/dd");
        assert!(!endpoint.is_plain() && !endpoint.is_loopback());
        assert!(Endpoint::api_url("http://[::1]:80").unwrap().is_loopback());
        for text in ["", "x", "ftp://a.b", "127.0.0.1:8080", "http://"] {
            assert_eq!(Endpoint::api_url(text), Err(EndpointError::Url(text.to_owned())));
        }
        for text in ["http://a:b@c", "http://a@c", "http://a/?x=1", "http://a/#x", "http://a:secret@:x"] {
            assert_eq!(Endpoint::api_url(text), Err(EndpointError::Extra));
        }
    }
}
