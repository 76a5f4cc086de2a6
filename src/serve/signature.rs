//! Whether a delivery comes from GitHub: HMAC-SHA-256 over the raw body, compared in constant time, before anything is parsed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Shorter ones can be guessed.
const SHORTEST: usize = 16;

/// What GitHub and the service both know: the webhook's secret, and the one before while it is replaced. It can be
/// compared with, and nothing else: it has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<Hmac<Sha256>>);

/// The text cannot be a webhook's secret. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret has at least {SHORTEST} characters; `openssl rand -hex 32` makes one")]
pub struct WeakSecret;

impl WebhookSecrets {
    /// Takes the secret, and the one before. White space around them, such as a secret file's last line break, is dropped.
    ///
    /// # Errors
    ///
    /// When one of them is too short.
    pub fn new(current: &str, old: Option<&str>) -> Result<Self, WeakSecret> {
        let keys = [Some(current), old].into_iter().flatten().map(|text| {
            let text = text.trim();
            if text.len() < SHORTEST {
                return Err(WeakSecret);
            }
            Hmac::new_from_slice(text.as_bytes()).map_err(|_| WeakSecret)
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// Whether `signature`, the header `X-Hub-Signature-256`, is that of `body`.
    pub fn verify(&self, body: &[u8], signature: &str) -> bool {
        let Some(signature) = signature.strip_prefix("sha256=").and_then(bytes) else { return false };
        self.0.iter().any(|key| {
            let mut mac = key.clone();
            mac.update(body);
            mac.verify_slice(&signature).is_ok()
        })
    }
}

/// The 32 bytes of 64 hexadecimal digits.
fn bytes(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn github_s_own_example_is_accepted_and_nothing_near_it() {
        let secrets = WebhookSecrets::new(SECRET, None).unwrap();
        assert!(secrets.verify(b"Hello, World!", SIGNATURE));
        assert!(secrets.verify(b"Hello, World!", &SIGNATURE.to_uppercase().replace("SHA256=", "sha256=")));
        assert!(!secrets.verify(b"Hello, World?", SIGNATURE));
        let other = SIGNATURE.replace("17", "18");
        for wrong in [
            "",
            "sha256=",
            &SIGNATURE[7..],
            &SIGNATURE[..70],
            &other,
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
        ] {
            assert!(!secrets.verify(b"Hello, World!", wrong), "{wrong}");
        }
    }

    #[test]
    fn both_secrets_are_good_while_one_replaces_the_other() {
        let secrets = WebhookSecrets::new("another secret of today", Some(SECRET)).unwrap();
        assert!(secrets.verify(b"Hello, World!", SIGNATURE));
        assert!(
            !WebhookSecrets::new("another secret of today", None)
                .unwrap()
                .verify(b"Hello, World!", SIGNATURE)
        );
    }

    #[test]
    fn what_could_be_guessed_is_no_secret() {
        assert_eq!(WebhookSecrets::new(" short \n", None).err(), Some(WeakSecret));
        assert_eq!(WebhookSecrets::new(SECRET, Some("")).err(), Some(WeakSecret));
    }
}
