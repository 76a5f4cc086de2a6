//! The envelope of small records: JSON with a version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FORMAT_VERSION;

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    data: T,
}

/// A record as bytes.
pub(super) fn pack<T: Serialize>(data: &T) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&Envelope { v: FORMAT_VERSION, data }).map_err(|error| error.to_string())
}

/// A record from bytes; the error says what is wrong with them.
pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let envelope: Envelope<T> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if envelope.v != FORMAT_VERSION {
        return Err(format!("version {} is unknown", envelope.v));
    }
    Ok(envelope.data)
}
