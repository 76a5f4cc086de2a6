//! Avro's binary encoding, read by the schema it was written with.
//!
//! Nothing is allocated for what a message claims to hold: lengths are compared with what is left of it, and
//! values that take no bytes are counted.

use std::borrow::Cow;

use super::Limits;
use super::error::{EventError, Misfit, Problem};
use super::json::{Found, fixed_scalar};
use super::scalar::Scalar;
use crate::schema::{DataType, RecordType, TypeId, Types};

/// What a message in single-object encoding starts with.
const MARKER: [u8; 2] = [0xC3, 0x01];

/// The fingerprint of a message in single-object encoding, and the event that follows it.
pub(super) fn header(body: &[u8]) -> Result<(u64, &[u8]), EventError> {
    let Some(rest) = body.strip_prefix(&MARKER) else { return Err(EventError::NotSingleObject) };
    match rest.split_first_chunk() {
        Some((fingerprint, event)) => Ok((u64::from_le_bytes(*fingerprint), event)),
        None => Err(Misfit::from(Problem::Truncated).at(None)),
    }
}

/// Reads a whole event.
pub(super) fn read<'v>(
    types: &'v Types,
    id: TypeId,
    event: &'v [u8],
    limits: &Limits,
    found: Found<'_, 'v>,
) -> Result<(), Misfit> {
    let mut reader = Reader { types, rest: event, values: limits.values, limits: *limits };
    match types.get(id) {
        DataType::Record(record) => reader.record(record, limits.depth, found)?,
        _ => reader.value(id, limits.depth).map(|_| ())?,
    }
    match reader.rest.len() {
        0 => Ok(()),
        left => Err(Problem::Trailing(left).into()),
    }
}

struct Reader<'v> {
    types: &'v Types,
    rest: &'v [u8],
    /// How many values may still be read.
    values: usize,
    limits: Limits,
}

impl<'v> Reader<'v> {
    fn value(&mut self, id: TypeId, depth: usize) -> Result<Scalar<'v>, Misfit> {
        self.values = self.values.checked_sub(1).ok_or(Problem::TooManyValues(self.limits.values))?;
        let types = self.types;
        Ok(match types.get(id) {
            DataType::Null => Scalar::Nothing,
            DataType::Boolean => match self.take(1)? {
                [0] => Scalar::Boolean(false),
                [1] => Scalar::Boolean(true),
                _ => return Err(Problem::Malformed("a boolean is neither 0 nor 1").into()),
            },
            DataType::Int => {
                let number = self.long()?;
                if i32::try_from(number).is_err() {
                    let (expected, found) = ("`int`".to_owned(), format!("the number {number}"));
                    return Err(Problem::OutOfRange { expected, found }.into());
                }
                Scalar::Integer(number)
            }
            DataType::Long => Scalar::Integer(self.long()?),
            DataType::Float => self.take(4).map(|_| Scalar::Nothing)?,
            DataType::Double => self.take(8).map(|_| Scalar::Nothing)?,
            DataType::Bytes => Scalar::Bytes(Cow::Borrowed(self.bytes()?)),
            DataType::String => Scalar::Text(self.text()?),
            DataType::Fixed(fixed) => fixed_scalar(fixed, Cow::Borrowed(self.take(fixed.size)?)),
            DataType::Enum(symbols) => {
                Scalar::Text(self.one_of(&symbols.symbols, "an enum has no symbol of that number")?)
            }
            DataType::Union(branches) => {
                let branch = *self.one_of(branches, "a union has no branch of that number")?;
                self.value(branch, depth)?
            }
            DataType::Array(items) => {
                let depth = self.inside(depth)?;
                let item = |this: &mut Self, i| this.value(*items, depth).map_err(|misfit| misfit.in_item(i));
                self.blocks(|this, i| item(this, i).map(|_| ()))?;
                Scalar::Nothing
            }
            DataType::Map(values) => {
                let depth = self.inside(depth)?;
                self.blocks(|this, _| {
                    let key = this.text()?;
                    this.value(*values, depth).map(|_| ()).map_err(|misfit| misfit.under(key))
                })?;
                Scalar::Nothing
            }
            DataType::Record(record) => {
                self.record(record, depth, &mut |_, _| {})?;
                Scalar::Nothing
            }
        })
    }

    fn record(&mut self, record: &RecordType, depth: usize, found: Found<'_, 'v>) -> Result<(), Misfit> {
        let depth = self.inside(depth)?;
        for (at, field) in record.fields.iter().enumerate() {
            let scalar = self.value(field.data_type, depth).map_err(|misfit| misfit.under(&field.name))?;
            found(at, Some(scalar));
        }
        Ok(())
    }

    fn inside(&self, depth: usize) -> Result<usize, Problem> {
        depth.checked_sub(1).ok_or(Problem::TooDeep(self.limits.depth))
    }

    /// The items of an array or a map, which come in blocks. A negative count is followed by the bytes that the
    /// block takes.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self, usize) -> Result<(), Misfit>) -> Result<(), Misfit> {
        let mut index = 0;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            let left_after = match count < 0 {
                true => {
                    let size = self.length()?;
                    Some(self.rest.len() - size)
                }
                false => None,
            };
            for _ in 0..count.unsigned_abs() {
                item(self, index)?;
                index += 1;
            }
            if left_after.is_some_and(|left| left != self.rest.len()) {
                return Err(Problem::Malformed("a block of items has another size than it says").into());
            }
        }
    }

    fn one_of<'s, T>(&mut self, choices: &'s [T], otherwise: &'static str) -> Result<&'s T, Problem> {
        let number = usize::try_from(self.long()?).ok();
        number.and_then(|number| choices.get(number)).ok_or(Problem::Malformed(otherwise))
    }

    fn text(&mut self) -> Result<&'v str, Problem> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Problem::Malformed("a text is not UTF-8"))
    }

    fn bytes(&mut self) -> Result<&'v [u8], Problem> {
        let length = self.length()?;
        self.take(length)
    }

    /// A length that the rest of the message has room for.
    fn length(&mut self) -> Result<usize, Problem> {
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.rest.len() => Ok(length),
            _ if length < 0 => Err(Problem::Malformed("a length is negative")),
            _ => Err(Problem::Truncated),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'v [u8], Problem> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Problem::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number of variable length: 7 bits a byte, the lowest first, its sign in the last bit.
    fn long(&mut self) -> Result<i64, Problem> {
        const TOO_LONG: Problem = Problem::Malformed("a number has more than 64 bits");
        let mut number: u64 = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Problem::Truncated)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return Err(TOO_LONG);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        Err(TOO_LONG)
    }
}
