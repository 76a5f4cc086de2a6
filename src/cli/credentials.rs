//! Datadog's keys. The only place that reads them from the process's environment.

use crate::datadog::{Credentials, Secret};
use crate::ops::Failure;

/// The keys that may write.
pub fn credentials() -> Result<Credentials, Failure> {
    let missing = |name: &str| {
        Failure::Message(format!(
            "{name} is not set: this environment needs DD_API_KEY and DD_APP_KEY in the process's environment"
        ))
    };
    let secret = |name: &str| secret(name)?.ok_or_else(|| missing(name));
    Ok(Credentials { api_key: secret("DD_API_KEY")?, app_key: secret("DD_APP_KEY")? })
}

/// A key of the process's environment, if it is set.
pub fn secret(name: &str) -> Result<Option<Secret>, Failure> {
    match std::env::var(name) {
        Ok(text) if !text.trim().is_empty() => {
            Secret::new(&text).map(Some).map_err(|error| Failure::Message(format!("{name}: {error}")))
        }
        _ => Ok(None),
    }
}
