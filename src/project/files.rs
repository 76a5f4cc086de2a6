//! Files below a directory: patterns, limits, and no way out of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::schema::{LoadError, Loader};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The files below a directory.
pub struct Tree {
    root: PathBuf,
    /// Whether imports may lie outside of the root; only for `schema FILE`, where the user names any file.
    anywhere: bool,
}

/// A file or directory that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// There is no such file.
    #[error("there is no file {0}")]
    Missing(String),
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or directory.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any schema.
    #[error("{path} has {size} bytes, more than the {MAX_FILE} that a schema file may have")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// It is a link, a pipe or the like.
    #[error("{0} is a link or another special file; put the file itself there, or narrow the pattern")]
    NotAFile(String),
    /// It is not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// A pattern of bellwether.toml is no glob.
    #[error("`{pattern}` is not a pattern of files: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Tree {
    /// The files below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), anywhere: false }
    }

    /// Any file, named from the current directory.
    pub fn anywhere() -> Self {
        Self { root: PathBuf::new(), anywhere: true }
    }

    /// The paths that match one of `patterns`, sorted. Hidden files are passed over.
    pub fn matching(&self, patterns: &[String]) -> Result<Vec<String>, TreeError> {
        let set = globs(patterns)?;
        let mut starts: Vec<&str> = patterns.iter().map(|pattern| fixed_part(pattern)).collect();
        starts.sort_unstable();
        starts.dedup();
        let mut found = Vec::new();
        for start in starts {
            let directory = self.root.join(start);
            if !directory.exists() {
                continue;
            }
            let walk = ignore::WalkBuilder::new(&directory).standard_filters(false).hidden(true).build();
            for entry in walk {
                let entry = entry.map_err(|error| TreeError::Io {
                    path: directory.display().to_string(),
                    source: error.into_io_error().unwrap_or_else(|| io::Error::other("it cannot be walked")),
                })?;
                let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
                let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir() && set.is_match(relative))
                else {
                    continue;
                };
                let path = relative.to_string_lossy().replace('\\', "/");
                // Passing over it would look as if its monitors were no longer asked for.
                if !kind.is_file() {
                    return Err(TreeError::NotAFile(path));
                }
                found.push(path);
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let full = self.root.join(path);
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => TreeError::Missing(path.to_owned()),
            _ => TreeError::Io { path: path.to_owned(), source },
        };
        let size = fs::metadata(&full).map_err(io)?.len();
        if size > MAX_FILE {
            return Err(TreeError::TooLarge { path: path.to_owned(), size });
        }
        fs::read(&full).map_err(io)
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Result<String, TreeError> {
        let bytes = self.bytes(path)?;
        String::from_utf8(bytes).map_err(|_| TreeError::NotText(path.to_owned()))
    }
}

impl Loader for Tree {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        if !self.anywhere && (path.starts_with("../") || Path::new(path).is_absolute()) {
            return Err(LoadError::Other("it lies outside of the project".to_owned()));
        }
        if !self.anywhere {
            // A link could lead out of the project, and an error message would show what it leads to.
            let inside = |path: &Path| {
                let root = self.root.canonicalize().ok()?;
                Some(path.canonicalize().ok()?.starts_with(root))
            };
            match inside(&self.root.join(path)) {
                Some(false) => return Err(LoadError::Other("it is a link out of the project".to_owned())),
                Some(true) => {}
                None => return Err(LoadError::NotFound),
            }
        }
        self.bytes(path).map_err(|error| match error {
            TreeError::Missing(_) => LoadError::NotFound,
            other => LoadError::Other(other.to_string()),
        })
    }
}

/// The directory before the first wildcard, so that nothing else is walked.
fn fixed_part(pattern: &str) -> &str {
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    pattern[..wild].rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn globs(patterns: &[String]) -> Result<GlobSet, TreeError> {
    let refuse = |pattern: &str, reason: String| TreeError::Pattern { pattern: pattern.to_owned(), reason };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
            return Err(refuse(pattern, "it leaves the project".to_owned()));
        }
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.map_err(|error| refuse(pattern, error.kind().to_string()))?);
    }
    set.build().map_err(|error| refuse(&patterns.join(", "), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_patterns_name_is_found() {
        let directory = tempfile::tempdir().unwrap();
        for path in [
            "schemas/a.avdl",
            "schemas/x/y/b.avdl",
            "schemas/c.txt",
            "other/d.avdl",
            "schemas/.hidden/e.avdl",
        ] {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let tree = Tree::new(directory.path());
        let found = tree.matching(&["schemas/**/*.avdl".to_owned()]).unwrap();
        assert_eq!(found, ["schemas/a.avdl", "schemas/x/y/b.avdl"]);
        assert!(tree.matching(&["../**/*.avdl".to_owned()]).is_err());
        assert!(tree.matching(&["schemas/[".to_owned()]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_an_error_and_not_a_missing_schema() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.txt"), "").unwrap();
        std::os::unix::fs::symlink("a.txt", directory.path().join("b.avdl")).unwrap();
        let found = Tree::new(directory.path()).matching(&["*.avdl".to_owned()]);
        assert!(matches!(found, Err(TreeError::NotAFile(path)) if path == "b.avdl"));
    }

    #[test]
    fn imports_cannot_leave_the_project() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("outside.avsc"), "x").unwrap();
        fs::create_dir(directory.path().join("project")).unwrap();
        let tree = Tree::new(&directory.path().join("project"));
        assert!(matches!(tree.load("../outside.avsc"), Err(LoadError::Other(_))));
        assert_eq!(tree.load("missing.avsc"), Err(LoadError::NotFound));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../outside.avsc", directory.path().join("project/link.avsc"))
                .unwrap();
            assert!(matches!(tree.load("link.avsc"), Err(LoadError::Other(_))));
        }
    }
}
