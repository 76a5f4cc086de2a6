//! What proves to GitHub who we are, kept so that no message can show it.
//!
//! Where they come from is the command line's business. Neither type has `Debug`, `Display` or `Serialize`.

use octocrab::EncodingKey;

/// A token: a personal one, that of a workflow, or that of an installation.
#[derive(Clone)]
pub struct Token(String);

/// The private key of a GitHub App.
#[derive(Clone)]
pub struct PrivateKey(EncodingKey);

/// The text cannot be what it should be. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Nothing is left after trimming.
    #[error("it is empty")]
    Empty,
    /// There is a blank, a control character, a quote or a non-ASCII character in it.
    #[error("it contains characters that no token has; was it pasted with quotes or a line break?")]
    Characters,
    /// Not a private key.
    #[error(
        "it is not an RSA private key in PEM form; it begins with `-----BEGIN RSA PRIVATE KEY-----`, and its line breaks belong to it"
    )]
    Key,
}

impl Token {
    /// Takes a token. White space around it, such as a secret file's last line break, is dropped.
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
        Ok(Self(text.to_owned()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Removes the token from a text that came over the network: some gateways repeat a request's headers.
    pub(super) fn redact(&self, text: String) -> String {
        if text.contains(&self.0) { text.replace(&self.0, "***") } else { text }
    }
}

impl PrivateKey {
    /// Reads a key in PEM form.
    ///
    /// # Errors
    ///
    /// When the text is not an RSA private key.
    pub fn from_pem(text: &str) -> Result<Self, BadSecret> {
        if text.trim().is_empty() {
            return Err(BadSecret::Empty);
        }
        EncodingKey::from_rsa_pem(text.trim().as_bytes()).map(Self).map_err(|_| BadSecret::Key)
    }

    pub(super) fn key(&self) -> EncodingKey {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_trimmed_and_checked() {
        assert_eq!(Token::new(" ghs_abc\n").ok().unwrap().text(), "ghs_abc");
        assert_eq!(Token::new(" \n").err(), Some(BadSecret::Empty));
        for text in ["a b", "\"abc\"", "a\u{1b}b", "ä", "a\nb"] {
            assert_eq!(Token::new(text).err(), Some(BadSecret::Characters), "{text:?}");
        }
    }

    #[test]
    fn a_key_is_a_key() {
        assert_eq!(PrivateKey::from_pem("").err(), Some(BadSecret::Empty));
        assert_eq!(PrivateKey::from_pem("ghs_abc").err(), Some(BadSecret::Key));
        let cut = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(PrivateKey::from_pem(cut).err(), Some(BadSecret::Key));
    }
}
