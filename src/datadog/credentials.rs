//! The two keys of the API.

use reqwest::header::{HeaderValue, InvalidHeaderValue};

use crate::secret::Secret;

/// Both keys.
#[derive(Clone)]
pub struct Credentials {
    /// `DD_API_KEY`: names the organisation.
    pub api_key: Secret,
    /// `DD_APP_KEY`: carries the permissions.
    pub app_key: Secret,
}

impl Credentials {
    /// Removes both keys from a text that came over the network.
    pub(super) fn redact(&self, text: String) -> String {
        self.app_key.redact(self.api_key.redact(text))
    }
}

/// A key as a header.
pub(super) fn header(secret: &Secret) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(secret.text())?;
    // Keeps the key out of the `Debug` output of requests and header maps, too.
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_does_not_show_the_key() {
        let shown = format!("{:?}", header(&Secret::new("0123456789abcdef").ok().unwrap()));
        assert!(!shown.contains("0123"), "{shown}");
    }
}
