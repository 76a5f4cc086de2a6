//! The two keys of the API, kept so that no message can show them.
//!
//! Where they come from is the command line's business.

use reqwest::header::HeaderValue;

/// A key. It can be sent, and nothing else: it has neither `Debug` nor `Display` nor `Serialize`.
#[derive(Clone)]
pub struct Secret(HeaderValue);

/// The text cannot be a key. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Nothing is left after trimming.
    #[error("the key is empty")]
    Empty,
    /// There is a blank, a control character or a non-ASCII character in it.
    #[error("the key contains characters that no key has; was it pasted with quotes or a line break?")]
    Characters,
}

impl Secret {
    /// Takes a key. White space around it, such as a secret file's last line break, is dropped.
    ///
    /// # Errors
    ///
    /// When the text is empty or could not stand in a header.
    pub fn new(text: &str) -> Result<Self, BadSecret> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadSecret::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\'') {
            return Err(BadSecret::Characters);
        }
        let mut value = HeaderValue::from_str(text).map_err(|_| BadSecret::Characters)?;
        // Keeps the key out of the `Debug` output of requests and header maps, too.
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    pub(super) fn text(&self) -> &str {
        // `new` admits ASCII only.
        self.0.to_str().unwrap_or_default()
    }
}

/// Both keys.
#[derive(Clone)]
pub struct Credentials {
    /// `DD_API_KEY`: names the organisation.
    pub api_key: Secret,
    /// `DD_APP_KEY`: carries the permissions.
    pub app_key: Secret,
}

impl Credentials {
    /// Removes both keys from a text that came over the network: some gateways repeat a request's headers in
    /// their error pages.
    pub(super) fn redact(&self, text: String) -> String {
        [&self.api_key, &self.app_key].into_iter().fold(text, |text, secret| {
            if text.contains(secret.text()) { text.replace(secret.text(), "***") } else { text }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_trimmed_and_checked() {
        assert_eq!(Secret::new(" abc\n").unwrap().text(), "abc");
        assert_eq!(Secret::new(" \n").err(), Some(BadSecret::Empty));
        for text in ["a b", "\"abc\"", "a\u{1b}b", "schlüssel", "a\nb"] {
            assert_eq!(Secret::new(text).err(), Some(BadSecret::Characters), "{text:?}");
        }
    }

    #[test]
    fn a_header_does_not_show_the_key() {
        let shown = format!("{:?}", Secret::new("0123456789abcdef").unwrap().header());
        assert!(!shown.contains("0123"), "{shown}");
    }
}
