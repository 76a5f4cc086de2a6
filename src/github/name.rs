//! Names of repositories and of commits, read strictly: they become parts of paths, and most come from others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A repository, `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    owner: String,
    name: String,
}

/// The id of a commit: 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha(String);

/// A text that is not such a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Not `owner/name`.
    #[error("it is not the name of a repository; it looks like `octo-org/schemas`")]
    Repository,
    /// Not 40 hexadecimal digits.
    #[error("it is not the id of a commit, which has 40 hexadecimal digits")]
    Commit,
}

impl Repository {
    /// The account that it belongs to.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Its name within the account.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the same to GitHub, which ignores case.
    pub fn is(&self, full_name: &str) -> bool {
        full_name.split_once('/').is_some_and(|(owner, name)| {
            owner.eq_ignore_ascii_case(&self.owner) && name.eq_ignore_ascii_case(&self.name)
        })
    }
}

impl FromStr for Repository {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (owner, name) = text.split_once('/').ok_or(BadName::Repository)?;
        // GitHub's own rules, a little wider for accounts: enterprises have an underscore in theirs.
        let fits = |text: &str, longest: usize| {
            (1..=longest).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
                && !matches!(text, "." | "..")
        };
        if !fits(owner, 100) || owner.contains('.') || !fits(name, 100) {
            return Err(BadName::Repository);
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl TryFrom<String> for Repository {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl CommitSha {
    /// All 40 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, by which people call it.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl FromStr for CommitSha {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.len() != 40 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadName::Commit);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CommitSha {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<CommitSha> for String {
    fn from(sha: CommitSha) -> Self {
        sha.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name_and_nothing_else() {
        let repository: Repository = "Octo-Org/event.schemas_2".parse().unwrap();
        assert_eq!((repository.owner(), repository.name()), ("Octo-Org", "event.schemas_2"));
        assert_eq!(repository.to_string(), "Octo-Org/event.schemas_2");
        assert!(repository.is("octo-org/Event.schemas_2") && !repository.is("octo-org/other"));
        let long = format!("a/{}", "b".repeat(101));
        for text in
            ["", "a", "/", "a/", "/b", "a/b/c", "a/..", "../b", "a/.", "a b/c", "a/b?x", "a/b#", "ä/b", &long]
        {
            assert_eq!(text.parse::<Repository>(), Err(BadName::Repository), "{text}");
        }
    }

    #[test]
    fn a_commit_has_forty_digits() {
        let sha: CommitSha = "4F2C9AB00000000000000000000000000000000f".parse().unwrap();
        assert_eq!(sha.as_str(), "4f2c9ab00000000000000000000000000000000f");
        assert_eq!(sha.short(), "4f2c9ab");
        for text in
            ["", "4f2c9ab", "main", &"g".repeat(40), &"a".repeat(41), &format!("{}\n", "a".repeat(39))]
        {
            assert_eq!(text.parse::<CommitSha>(), Err(BadName::Commit), "{text}");
        }
    }
}
