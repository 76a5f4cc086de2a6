//! Bytes of a schema file to text: UTF-8, UTF-16 or UTF-32.
//!
//! Knows nothing of what the text says.

/// A file as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub text: String,
    /// The byte of the file where the text starts; `None` if the file is not UTF-8.
    pub first_byte: Option<u32>,
}

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
pub(super) fn decode(bytes: Vec<u8>) -> Result<Decoded, Undecodable> {
    if bytes.len() > MAX_BYTES {
        return Err(Undecodable {
            reason: "the file is larger than 2 GiB".into(),
            text: String::new(),
            offset: 0,
        });
    }
    let text = match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return utf8(rest.to_vec(), 3),
        [0x00, 0x00, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes, 4),
        [0xFF, 0xFE, 0x00, 0x00, rest @ ..] => utf32(rest, u32::from_le_bytes, 4),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes, 2),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes, 2),
        // Without a mark, the zeros around the first character tell, as in Java.
        [0, 0, 0, _, ..] => utf32(&bytes, u32::from_be_bytes, 0),
        [_, 0, 0, 0, ..] => utf32(&bytes, u32::from_le_bytes, 0),
        [0, _, ..] => utf16(&bytes, u16::from_be_bytes, 0),
        [_, 0, ..] => utf16(&bytes, u16::from_le_bytes, 0),
        _ => return utf8(bytes, 0),
    };
    Ok(Decoded { text: text?, first_byte: None })
}

fn utf8(bytes: Vec<u8>, skipped: u32) -> Result<Decoded, Undecodable> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let byte = bytes.get(offset).copied().unwrap_or_default();
        let mut text = String::from_utf8_lossy(bytes.get(..offset).unwrap_or_default()).into_owned();
        text.push(char::REPLACEMENT_CHARACTER);
        Undecodable {
            reason: format!(
                "the file is neither UTF-8 nor UTF-16 text: byte 0x{byte:02x} at offset {}",
                offset + skipped as usize
            ),
            text,
            offset,
        }
    })?;
    Ok(Decoded { text, first_byte: Some(skipped) })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, skipped: usize) -> Result<String, Undecodable> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    let mut read = skipped;
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
        Some(reason) => Err(undecodable(text, &format!("the file is not valid UTF-16: {reason}"))),
    }
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32, skipped: usize) -> Result<String, Undecodable> {
    let (quads, rest) = bytes.as_chunks::<4>();
    let mut text = String::with_capacity(bytes.len() / 4);
    for (i, quad) in quads.iter().enumerate() {
        match char::from_u32(unit(*quad)) {
            Some(c) => text.push(c),
            None => {
                let offset = skipped + i * 4;
                let reason = format!(
                    "the file is not valid UTF-32: 0x{:08x} at offset {offset} is no character",
                    unit(*quad)
                );
                return Err(undecodable(text, &reason));
            }
        }
    }
    match rest {
        [] => Ok(text),
        _ => Err(undecodable(text, "the file is not valid UTF-32: it ends in half a character")),
    }
}

fn undecodable(mut text: String, reason: &str) -> Undecodable {
    let offset = text.len();
    text.push(char::REPLACEMENT_CHARACTER);
    Undecodable { reason: reason.into(), text, offset }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        decode(bytes.to_vec()).unwrap().text
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let decoded = decode(b"\xEF\xBB\xBFab".to_vec()).unwrap();
        assert_eq!((decoded.text.as_str(), decoded.first_byte), ("ab", Some(3)));
    }

    #[test]
    fn utf_16_of_either_order_is_read() {
        assert_eq!(text(b"\xFE\xFF\0a\0b"), "ab");
        assert_eq!(text(b"\xFF\xFEa\0b\0"), "ab");
    }

    #[test]
    fn wide_characters_are_known_by_their_zeros_too() {
        assert_eq!(text(b"\0a\0b"), "ab");
        assert_eq!(text(b"a\0b\0"), "ab");
        assert_eq!(text(b"\0\0\0a\0\0\0b"), "ab");
        assert_eq!(text(b"\xFF\xFE\0\0a\0\0\0"), "a");
        assert!(decode(b"a\0\0\0\xFF\xFF\xFF\xFF".to_vec()).is_err());
        assert!(decode(b"a\0\0\0b".to_vec()).is_err());
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
