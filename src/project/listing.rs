//! Files that lie in no directory, by their paths: those of a commit.

use std::collections::BTreeMap;

use globset::GlobSet;

use super::files::{MAX_FILE, TreeError};

/// A project's files, held in memory.
pub type Files = Listing<Vec<u8>>;

/// Paths, relative to the project and with `/`, and what is there.
#[derive(Debug, Clone)]
pub struct Listing<T>(BTreeMap<String, Entry<T>>);

#[derive(Debug, Clone)]
enum Entry<T> {
    File(T),
    /// A link, a submodule or the like.
    Special,
    /// A file of so many bytes.
    TooLarge(u64),
    /// A file so many directories deep.
    TooDeep(usize),
}

impl<T> Listing<T> {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, file: T) {
        self.0.insert(path.into(), Entry::File(file));
    }

    /// Adds what is no file: a link, a submodule. It is an error where a file is looked for, since passing over it
    /// would look as if its monitors were no longer asked for.
    pub fn add_special(&mut self, path: impl Into<String>) {
        self.0.insert(path.into(), Entry::Special);
    }

    /// Adds a file of `size` bytes that was not read. It is an error where it is looked for.
    pub fn add_too_large(&mut self, path: impl Into<String>, size: u64) {
        self.0.insert(path.into(), Entry::TooLarge(size));
    }

    /// Adds a file that was not read since it lies too many `directories` deep. It is an error where it is looked for.
    pub fn add_too_deep(&mut self, path: impl Into<String>, directories: usize) {
        self.0.insert(path.into(), Entry::TooDeep(directories));
    }

    /// What is at `path`.
    pub(super) fn get(&self, path: &str) -> Result<&T, TreeError> {
        match self.0.get(path) {
            Some(Entry::File(file)) => Ok(file),
            Some(Entry::Special) => Err(TreeError::NotAFile(path.to_owned())),
            Some(Entry::TooLarge(size)) => Err(TreeError::TooLarge { path: path.to_owned(), size: *size }),
            Some(Entry::TooDeep(directories)) => {
                Err(TreeError::TooDeep { path: path.to_owned(), directories: *directories })
            }
            None => {
                self.passable(path)?;
                Err(TreeError::Missing(path.to_owned()))
            }
        }
    }

    /// The paths below `start` that match, in order. Hidden files are passed over.
    pub(super) fn matching(&self, start: &str, set: &GlobSet) -> Result<Vec<String>, TreeError> {
        let prefix = if start.is_empty() { String::new() } else { format!("{start}/") };
        self.passable(&prefix)?;
        let below = self.0.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        let is_hidden = |path: &str| path[prefix.len()..].split('/').any(|part| part.starts_with('.'));
        let mut found = Vec::new();
        for (path, file) in below.filter(|(path, _)| !is_hidden(path) && set.is_match(path)) {
            if matches!(file, Entry::Special) {
                return Err(TreeError::NotAFile(path.clone()));
            }
            found.push(path.clone());
        }
        Ok(found)
    }

    /// Makes sure that no part of the way to `path` is a link.
    fn passable(&self, path: &str) -> Result<(), TreeError> {
        let mut ways = path.match_indices('/').map(|(end, _)| &path[..end]);
        match ways.find(|way| matches!(self.0.get(*way), Some(Entry::Special))) {
            Some(link) => Err(TreeError::NotAFile(link.to_owned())),
            None => Ok(()),
        }
    }
}

impl Files {
    /// The bytes of a file.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let bytes = self.get(path)?;
        match bytes.len() as u64 {
            size if size > MAX_FILE => Err(TreeError::TooLarge { path: path.to_owned(), size }),
            _ => Ok(bytes.clone()),
        }
    }
}

// Not derived: that would ask `T` for a default.
impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> FromIterator<(String, T)> for Listing<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, file)| (path, Entry::File(file))).collect())
    }
}
