//! Bytes of a schema file to text: UTF-8, or UTF-16 with a byte order mark.
//!
//! Knows nothing of what the text says.

/// The bytes are no text that Avro tools would read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undecodable {
    /// Why.
    pub reason: String,
    /// As much of the text as could be read, with a replacement character for the rest.
    pub text: String,
    /// Where in `text` reading stopped.
    pub offset: usize,
}

/// Spans are `u32`; half of that keeps every sum of two offsets in range as well.
const MAX_BYTES: usize = (u32::MAX / 2) as usize;

/// Decodes a file. A byte order mark is not part of the text.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, Undecodable> {
    if bytes.len() > MAX_BYTES {
        return Err(Undecodable {
            reason: "the file is larger than 2 GiB".into(),
            text: String::new(),
            offset: 0,
        });
    }
    match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest.to_vec(), 3),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        _ => utf8(bytes, 0),
    }
}

fn utf8(bytes: Vec<u8>, skipped: usize) -> Result<String, Undecodable> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let byte = bytes.get(offset).copied().unwrap_or_default();
        let mut text = String::from_utf8_lossy(bytes.get(..offset).unwrap_or_default()).into_owned();
        text.push(char::REPLACEMENT_CHARACTER);
        Undecodable {
            reason: format!(
                "the file is neither UTF-8 nor UTF-16 text: byte 0x{byte:02x} at offset {}",
                offset + skipped
            ),
            text,
            offset,
        }
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Undecodable> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    let mut read = 2;
    let mut bad = None;
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(c) => {
                text.push(c);
                read += c.len_utf16() * 2;
            }
            Err(error) => {
                bad = Some(format!(
                    "unit 0x{:04x} at offset {read} has no partner",
                    error.unpaired_surrogate()
                ));
                break;
            }
        }
    }
    if bad.is_none() && !rest.is_empty() {
        bad = Some("it ends in half a character".into());
    }
    match bad {
        None => Ok(text),
        Some(reason) => {
            let offset = text.len();
            text.push(char::REPLACEMENT_CHARACTER);
            Err(Undecodable { reason: format!("the file is not valid UTF-16: {reason}"), text, offset })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(decode(b"\xEF\xBB\xBFab".to_vec()), Ok("ab".into()));
    }

    #[test]
    fn utf_16_of_either_order_is_read() {
        assert_eq!(decode(b"\xFE\xFF\0a\0b".to_vec()), Ok("ab".into()));
        assert_eq!(decode(b"\xFF\xFEa\0b\0".to_vec()), Ok("ab".into()));
    }

    #[test]
    fn what_is_no_text_is_refused_at_its_byte() {
        let error = decode(b"ab\xFFc".to_vec()).unwrap_err();
        assert_eq!(error.offset, 2);
        assert!(error.reason.contains("0xff at offset 2"), "{}", error.reason);
        assert!(decode(b"\xFF\xFEa".to_vec()).is_err());
        assert!(decode(b"\xFE\xFF\xD8\x00\0a".to_vec()).is_err());
    }
}
