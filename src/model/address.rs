//! Addresses: the identity of everything bellwether manages.

use std::borrow::Borrow;

use serde::{Deserialize, Serialize};

/// Names one managed resource: `<record>[.<field>]/<kind>[:<id>]`.
///
/// It also stands, as it is, in the `bellwether:` tag of a live monitor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Box<str>);

/// The text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address of the form `<record>[.<field>]/<kind>[:<id>]`")]
pub struct AddressError(pub String);

impl Address {
    /// The address of the resource that annotation `kind` builds on `subject`, a record's full name or
    /// `<record>.<field>`.
    pub fn new(subject: &str, kind: &str, id: Option<&str>) -> Self {
        let text = match id {
            Some(id) => format!("{subject}/{kind}:{id}"),
            None => format!("{subject}/{kind}"),
        };
        Self(text.into())
    }

    /// Reads an address.
    ///
    /// # Errors
    ///
    /// When the text has no `/`, more than one, or an empty part.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.to_owned());
        let (subject, rest) = text.split_once('/').ok_or_else(error)?;
        let kind = rest.split_once(':').map_or(rest, |(kind, _)| kind);
        let id_is_empty = rest.ends_with(':');
        if subject.is_empty() || kind.is_empty() || id_is_empty || rest.contains('/') {
            return Err(error());
        }
        Ok(Self(text.into()))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `/`: the record's full name, or record and field.
    pub fn subject(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(subject, _)| subject)
    }

    /// The annotation kind.
    pub fn kind(&self) -> &str {
        let rest = self.0.split_once('/').map_or("", |(_, rest)| rest);
        rest.split_once(':').map_or(rest, |(kind, _)| kind)
    }

    /// The `id` that tells several resources of one kind apart.
    pub fn id(&self) -> Option<&str> {
        self.0.split_once('/').and_then(|(_, rest)| rest.split_once(':')).map(|(_, id)| id)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.into()
    }
}

impl Borrow<str> for Address {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went_in() {
        let address = Address::new("com.example.Exposure.experimentId", "top_rate_monitor", Some("hot"));
        assert_eq!(address.to_string(), "com.example.Exposure.experimentId/top_rate_monitor:hot");
        assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
        assert_eq!(address.subject(), "com.example.Exposure.experimentId");
        assert_eq!(address.kind(), "top_rate_monitor");
        assert_eq!(address.id(), Some("hot"));
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in ["", "a", "/k", "a/", "a/k:", "a/b/c", "a/:x"] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }
}
