//! The private key of a GitHub App, kept so that no message can show it: it has neither `Debug` nor `Display`.

use octocrab::EncodingKey;

/// The private key of a GitHub App.
#[derive(Clone)]
pub struct PrivateKey(EncodingKey);

/// The text is not a private key. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not an RSA private key in PEM form; it begins with `-----BEGIN RSA PRIVATE KEY-----`, and its line breaks belong to it"
)]
pub struct BadKey;

impl PrivateKey {
    /// Reads a key in PEM form.
    ///
    /// # Errors
    ///
    /// When the text is not an RSA private key.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        EncodingKey::from_rsa_pem(text.trim().as_bytes()).map(Self).map_err(|_| BadKey)
    }

    pub(super) fn key(&self) -> EncodingKey {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_key() {
        assert_eq!(PrivateKey::from_pem("").err(), Some(BadKey));
        assert_eq!(PrivateKey::from_pem("ghs_abc").err(), Some(BadKey));
        let cut = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(PrivateKey::from_pem(cut).err(), Some(BadKey));
    }
}
