//! Avro's Parsing Canonical Form of a type, and the fingerprint by which a message names its schema.
//!
//! What the specification's steps take away never got here: of a type only its kind, full name, fields,
//! symbols, size and parts are written, in the order of the step ORDER, without blanks.

use std::collections::HashSet;

use super::types::{DataType, TypeId, Types};

/// Types that contain each other this deep would end the stack, and no message of them could be read.
const DEPTH_LIMIT: usize = 400;

impl Types {
    /// The Parsing Canonical Form, each named type written out where it is used first. None if its types
    /// contain each other more than 400 levels deep.
    pub fn canonical_form(&self, id: TypeId) -> Option<String> {
        let mut canonical = Canonical { types: self, text: String::new(), written: HashSet::new() };
        canonical.write(id, DEPTH_LIMIT)?;
        Some(canonical.text)
    }

    /// The CRC-64-AVRO fingerprint of the Parsing Canonical Form, which single-object encoding starts with.
    pub fn fingerprint(&self, id: TypeId) -> Option<u64> {
        self.canonical_form(id).map(|text| rabin(text.as_bytes()))
    }
}

struct Canonical<'t> {
    types: &'t Types,
    text: String,
    /// The named types that are written out; later uses are names.
    written: HashSet<TypeId>,
}

impl Canonical<'_> {
    fn write(&mut self, id: TypeId, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let data_type = self.types.get(id);
        let named = matches!(data_type, DataType::Record(_) | DataType::Enum(_) | DataType::Fixed(_));
        if named && !self.written.insert(id) {
            self.quoted(data_type.name());
            return Some(());
        }
        match data_type {
            DataType::Array(items) => self.wrapped(r#"{"type":"array","items":"#, *items, depth),
            DataType::Map(values) => self.wrapped(r#"{"type":"map","values":"#, *values, depth),
            DataType::Union(branches) => self.list(branches, |this, branch| this.write(*branch, depth)),
            DataType::Record(record) => {
                self.named(&record.name, r#""record","fields":"#);
                self.list(&record.fields, |this, field| {
                    this.text.push_str(r#"{"name":"#);
                    this.quoted(&field.name);
                    this.wrapped(r#","type":"#, field.data_type, depth)
                })?;
                self.close()
            }
            DataType::Enum(symbols) => {
                self.named(&symbols.name, r#""enum","symbols":"#);
                self.list(&symbols.symbols, |this, symbol| {
                    this.quoted(symbol);
                    Some(())
                })?;
                self.close()
            }
            DataType::Fixed(fixed) => {
                self.named(&fixed.name, r#""fixed","size":"#);
                self.text.push_str(&fixed.size.to_string());
                self.close()
            }
            primitive => {
                self.quoted(primitive.name());
                Some(())
            }
        }
    }

    fn named(&mut self, name: &str, kind: &str) {
        self.text.push_str(r#"{"name":"#);
        self.quoted(name);
        self.text.push_str(r#","type":"#);
        self.text.push_str(kind);
    }

    fn wrapped(&mut self, open: &str, inner: TypeId, depth: usize) -> Option<()> {
        self.text.push_str(open);
        self.write(inner, depth)?;
        self.close()
    }

    fn close(&mut self) -> Option<()> {
        self.text.push('}');
        Some(())
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T) -> Option<()>) -> Option<()> {
        self.text.push('[');
        for (i, item) in items.iter().enumerate() {
            self.text.push_str(if i > 0 { "," } else { "" });
            write(self, item)?;
        }
        self.text.push(']');
        Some(())
    }

    /// Names consist of letters, digits, `_` and `.`, so there is nothing to escape.
    fn quoted(&mut self, name: &str) {
        self.text.push('"');
        self.text.push_str(name);
        self.text.push('"');
    }
}

/// The fingerprint of nothing, and the polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            remainder = (remainder >> 1) ^ (EMPTY & (remainder & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

/// The fingerprint CRC-64-AVRO, which the Avro specification ascribes to Rabin.
pub fn rabin(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        (sum >> 8) ^ TABLE[usize::from(low ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprints_of_the_specification() {
        for (name, fingerprint) in [
            ("null", 0x63dd_24e7_cc25_8f8a),
            ("boolean", 0x9f42_fc78_a4d4_f764),
            ("int", 0x7275_d51a_3f39_5c8f),
            ("long", 0xd054_e144_93f4_1db7),
            ("float", 0x4d7c_02cb_3ea8_d790),
            ("double", 0x8e75_35c0_32ab_957e),
            ("bytes", 0x4fc0_16da_c320_1965),
            ("string", 0x8f01_4872_6345_03c7),
        ] {
            assert_eq!(rabin(format!("\"{name}\"").as_bytes()), fingerprint, "{name}");
        }
    }
}
