//! A key or a token, kept so that no message can show it. Where it comes from is the command line's business.

/// A key or a token. It can be sent, and nothing else: it has neither `Debug` nor `Display` nor `Serialize`.
#[derive(Clone)]
pub struct Secret(String);

/// The text cannot be a key or a token. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Nothing is left after trimming.
    #[error("it is empty")]
    Empty,
    /// There is a blank, a control character, a quote or a non-ASCII character in it.
    #[error("it contains characters that no key has; was it pasted with quotes or a line break?")]
    Characters,
}

impl Secret {
    /// Takes a key or a token. White space around it, such as a secret file's last line break, is dropped.
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

    /// The text, on its way to a header.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Removes it from a text that came over the network: some gateways repeat a request's headers in their error pages.
    pub(crate) fn redact(&self, text: String) -> String {
        if text.contains(&self.0) { text.replace(&self.0, "***") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_trimmed_and_checked() {
        assert_eq!(Secret::new(" abc\n").ok().unwrap().text(), "abc");
        assert_eq!(Secret::new(" \n").err(), Some(BadSecret::Empty));
        for text in ["a b", "\"abc\"", "a\u{1b}b", "schlüssel", "a\nb"] {
            assert_eq!(Secret::new(text).err(), Some(BadSecret::Characters), "{text:?}");
        }
    }

    #[test]
    fn a_secret_is_taken_out_of_texts() {
        let secret = Secret::new("abc").ok().unwrap();
        assert_eq!(secret.redact("xabcx abc".to_owned()), "x***x ***");
        assert_eq!(secret.redact("xyz".to_owned()), "xyz");
    }
}
