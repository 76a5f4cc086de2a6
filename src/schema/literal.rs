//! The values of numbers and texts, in the notations of Avro IDL and of JSON.
//!
//! Works on the text of one token; knows nothing of files or positions outside it.

use std::borrow::Cow;

use super::lexer::Dialect;

/// The value of a number token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    /// Written with digits, but too large for a double.
    Overflow(f64),
}

/// Reads the text of a number token.
pub(super) fn number(text: &str, dialect: Dialect) -> Result<Number, &'static str> {
    match dialect {
        Dialect::Idl => idl_number(text),
        Dialect::Json => json_number(text),
    }
}

fn json_number(text: &str) -> Result<Number, &'static str> {
    const NO_JSON: &str = "JSON does not know this notation of a number";
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if whole == 0 || (whole > 1 && unsigned.starts_with('0')) {
        return Err(NO_JSON);
    }
    if whole == unsigned.len() {
        // Whole numbers beyond an i64 are legal in JSON.
        return match text.parse() {
            Ok(value) => Ok(Number::Int(value)),
            Err(_) => decimal(text),
        };
    }
    let rest = unsigned.get(whole..).unwrap_or_default();
    let bare_point =
        rest.strip_prefix('.').is_some_and(|fraction| !fraction.starts_with(|c: char| c.is_ascii_digit()));
    if bare_point || rest.contains(['x', 'X', 'p', 'P']) {
        return Err(NO_JSON);
    }
    decimal(text)
}

fn idl_number(text: &str) -> Result<Number, &'static str> {
    const TOO_LARGE: &str = "the number does not fit 64 bits";
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let signed = |value: f64| if negative { -value } else { value };
    match unsigned {
        "NaN" => return Ok(Number::Float(f64::NAN)),
        "Infinity" => return Ok(Number::Float(signed(f64::INFINITY))),
        _ => {}
    }
    let hex = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    let (digits, radix) = match hex {
        Some(hex) if hex.contains(['.', 'p', 'P']) => {
            return hex_float(hex)
                .map(|value| Number::Float(signed(value)))
                .ok_or("a hexadecimal fraction needs an exponent, as in `0x1.8p1`");
        }
        Some(hex) => (hex, 16),
        None if unsigned.contains(['.', 'e', 'E', 'f', 'F', 'd', 'D']) => {
            return decimal(text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text));
        }
        None if unsigned.starts_with('0') => (unsigned, 8),
        None => (unsigned, 10),
    };
    if text.starts_with('+') {
        return Err("a whole number has no `+`");
    }
    let digits = digits.strip_suffix(['l', 'L']).unwrap_or(digits);
    if radix == 8 && digits.contains(['8', '9']) {
        return Err("a number that starts with 0 is octal and has no digits 8 and 9");
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| TOO_LARGE)?;
    i64::try_from(if negative { -magnitude } else { magnitude }).map(Number::Int).map_err(|_| TOO_LARGE)
}

fn decimal(text: &str) -> Result<Number, &'static str> {
    let value: f64 = text.parse().map_err(|_| "this is not a number")?;
    Ok(if value.is_infinite() { Number::Overflow(value) } else { Number::Float(value) })
}

/// `1.8p1` after the `0x`. Digits beyond a double's precision only move the exponent.
fn hex_float(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let exponent = exponent.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(exponent);
    // More than this is zero or infinity whatever the digits say.
    let mut exponent = exponent.parse::<i64>().ok()?.clamp(-1_000_000, 1_000_000);
    let mut value = 0f64;
    let mut fraction = false;
    for c in digits.chars() {
        match c.to_digit(16) {
            Some(digit) if value < 1e300 => {
                value = value * 16.0 + f64::from(digit);
                exponent -= if fraction { 4 } else { 0 };
            }
            Some(_) => exponent += if fraction { 0 } else { 4 },
            None => fraction = true,
        }
    }
    let half = (exponent / 2).clamp(-20_000, 20_000) as i32;
    let rest = (exponent - i64::from(half)).clamp(-20_000, 20_000) as i32;
    Some(value * 2f64.powi(half) * 2f64.powi(rest))
}

/// A text with its escapes resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub value: Cow<'a, str>,
    /// The offset of an escaped half of a surrogate pair, which became U+FFFD.
    pub lone_surrogate: Option<usize>,
}

/// Resolves the escapes of what stands between the quotes. An error is the range of the bad escape.
pub(super) fn unescape(raw: &str, dialect: Dialect) -> Result<Text<'_>, std::ops::Range<usize>> {
    let Some(first) = raw.find('\\') else {
        return Ok(Text { value: Cow::Borrowed(raw), lone_surrogate: None });
    };
    let mut value = String::with_capacity(raw.len());
    let mut lone_surrogate = None;
    let mut at = first;
    value.push_str(raw.get(..first).unwrap_or_default());
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.find('\\').unwrap_or(rest.len());
        if plain > 0 {
            value.push_str(rest.get(..plain).unwrap_or_default());
            at += plain;
            continue;
        }
        let escape = rest.get(1..).and_then(|r| r.chars().next());
        let (c, length) = match escape {
            Some('n') => ('\n', 2),
            Some('r') => ('\r', 2),
            Some('t') => ('\t', 2),
            Some('b') => ('\u{8}', 2),
            Some('f') => ('\u{c}', 2),
            Some(c @ ('"' | '\\')) => (c, 2),
            Some('\'') if dialect == Dialect::Idl => ('\'', 2),
            Some('/') if dialect == Dialect::Json => ('/', 2),
            Some('0'..='7') if dialect == Dialect::Idl => octal(rest),
            Some('u') => match utf16_unit(rest) {
                None => return Err(at..at + 2),
                Some(unit) => match char::from_u32(unit) {
                    Some(c) => (c, 6),
                    None => match rest.get(6..).and_then(utf16_unit).and_then(|low| pair(unit, low)) {
                        Some(c) => (c, 12),
                        None => {
                            lone_surrogate.get_or_insert(at);
                            (char::REPLACEMENT_CHARACTER, 6)
                        }
                    },
                },
            },
            other => return Err(at..at + 1 + other.map_or(0, char::len_utf8)),
        };
        value.push(c);
        at += length;
    }
    Ok(Text { value: Cow::Owned(value), lone_surrogate })
}

fn octal(rest: &str) -> (char, usize) {
    let digits = rest.bytes().skip(1).take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
    // Three digits only below 256.
    let digits = if digits == 3 && rest.as_bytes().get(1) > Some(&b'3') { 2 } else { digits };
    let value = rest.get(1..=digits).and_then(|d| u8::from_str_radix(d, 8).ok()).unwrap_or_default();
    (char::from(value), 1 + digits)
}

/// `\u` and four hexadecimal digits at the start of `rest`.
fn utf16_unit(rest: &str) -> Option<u32> {
    let digits = rest.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

fn pair(high: u32, low: u32) -> Option<char> {
    if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idl_numbers_have_the_values_that_java_gives_them() {
        let int = |text| number(text, Dialect::Idl);
        assert_eq!(int("0x10"), Ok(Number::Int(16)));
        assert_eq!(int("-0x10L"), Ok(Number::Int(-16)));
        assert_eq!(int("010"), Ok(Number::Int(8)));
        assert_eq!(int("-9223372036854775808"), Ok(Number::Int(i64::MIN)));
        assert!(int("9223372036854775808").is_err());
        assert!(int("09").is_err());
        assert!(int("+1").is_err());
        assert_eq!(int("+1.5"), Ok(Number::Float(1.5)));
        assert_eq!(int("1f"), Ok(Number::Float(1.0)));
        assert_eq!(int("5."), Ok(Number::Float(5.0)));
        assert_eq!(int("0x1.8p1"), Ok(Number::Float(3.0)));
        assert_eq!(int("-Infinity"), Ok(Number::Float(f64::NEG_INFINITY)));
        assert_eq!(int("1e400"), Ok(Number::Overflow(f64::INFINITY)));
    }

    #[test]
    fn json_numbers_keep_to_json() {
        for text in ["+1", "01", "1.", ".5", "0x10"] {
            assert!(number(text, Dialect::Json).is_err(), "{text}");
        }
        assert_eq!(number("18446744073709551616", Dialect::Json), Ok(Number::Float(18446744073709551616.0)));
        assert_eq!(number("-1.5e3", Dialect::Json), Ok(Number::Float(-1500.0)));
    }

    #[test]
    fn escapes_are_resolved_per_dialect() {
        let idl = |raw| unescape(raw, Dialect::Idl).map(|t| t.value.into_owned());
        assert_eq!(idl(r"\101\0\'\477"), Ok("A\0''7".into()));
        assert_eq!(idl(r"\uD83D\uDE00"), Ok("😀".into()));
        assert_eq!(idl(r"a\/"), Err(1..3));
        assert_eq!(unescape(r"\/", Dialect::Json).unwrap().value, "/");
        assert_eq!(unescape(r"a\uD83D", Dialect::Idl).unwrap().lone_surrogate, Some(1));
    }
}
