//! A project's files, in a directory, in memory or in a commit: patterns, limits, and no way out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::git::Commit;
use super::listing::Files;
use crate::schema::{LoadError, Loader};

/// The largest file that is read, in bytes.
pub(super) const MAX_FILE: u64 = 16 << 20;

/// The files of a project.
pub enum Tree {
    /// Those below a directory.
    Directory(PathBuf),
    /// Any file, named from the current directory; only for `schema FILE`, where the user names any file.
    Anywhere,
    /// Those held in memory.
    Held(Files),
    /// Those of a Git commit.
    Commit(Commit),
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
    /// It lies deeper than any schema.
    #[error(
        "{path} lies {directories} directories deep, which is too deep for a schema; move it up, or narrow the pattern"
    )]
    TooDeep {
        /// The file.
        path: String,
        /// How many directories it lies in.
        directories: usize,
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
    /// The paths that match one of `patterns`, sorted. Hidden files are passed over.
    pub fn matching(&self, patterns: &[String]) -> Result<Vec<String>, TreeError> {
        let set = globs(patterns)?;
        let mut starts: Vec<&str> = patterns.iter().map(|pattern| fixed_part(pattern)).collect();
        starts.sort_unstable();
        starts.dedup();
        let mut found = Vec::new();
        for start in starts {
            found.append(&mut match self {
                Self::Directory(root) => walk(root, start, &set)?,
                Self::Anywhere => walk(Path::new(""), start, &set)?,
                Self::Held(files) => files.matching(start, &set)?,
                Self::Commit(commit) => commit.matching(start, &set)?,
            });
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match self {
            Self::Directory(root) => read(&root.join(path), path),
            Self::Anywhere => read(Path::new(path), path),
            Self::Held(files) => files.bytes(path),
            Self::Commit(commit) => commit.bytes(path),
        }
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Result<String, TreeError> {
        let bytes = self.bytes(path)?;
        String::from_utf8(bytes).map_err(|_| TreeError::NotText(path.to_owned()))
    }
}

impl Loader for Tree {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        let is_outside = path.starts_with("../") || Path::new(path).is_absolute();
        if is_outside && !matches!(self, Self::Anywhere) {
            return Err(LoadError::Other("it lies outside of the project".to_owned()));
        }
        if let Self::Directory(root) = self {
            // A link could lead out of the project, and an error message would show what it leads to.
            match is_inside(root, &root.join(path)) {
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

/// Whether a path leads to somewhere below `root`, links followed; nothing if there is no such file.
fn is_inside(root: &Path, path: &Path) -> Option<bool> {
    Some(path.canonicalize().ok()?.starts_with(root.canonicalize().ok()?))
}

/// The files below the directory `start` of `root` that match.
fn walk(root: &Path, start: &str, set: &GlobSet) -> Result<Vec<String>, TreeError> {
    let directory = root.join(start);
    let mut found = Vec::new();
    if !directory.exists() {
        return Ok(found);
    }
    // The directory itself may be a link, and an error message would show what is behind it.
    if is_inside(root, &directory) == Some(false) {
        return Err(TreeError::NotAFile(start.to_owned()));
    }
    let walk = ignore::WalkBuilder::new(&directory).standard_filters(false).hidden(true).build();
    for entry in walk {
        let entry = entry.map_err(|error| TreeError::Io {
            path: directory.display().to_string(),
            source: error.into_io_error().unwrap_or_else(|| io::Error::other("it cannot be walked")),
        })?;
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir() && set.is_match(relative)) else {
            continue;
        };
        let path = relative.to_string_lossy().replace('\\', "/");
        // Passing over it would look as if its monitors were no longer asked for.
        if !kind.is_file() {
            return Err(TreeError::NotAFile(path));
        }
        found.push(path);
    }
    Ok(found)
}

/// The bytes of the file `full`, which the user knows as `path`.
fn read(full: &Path, path: &str) -> Result<Vec<u8>, TreeError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => TreeError::Missing(path.to_owned()),
        _ => TreeError::Io { path: path.to_owned(), source },
    };
    let size = fs::metadata(full).map_err(io)?.len();
    if size > MAX_FILE {
        return Err(TreeError::TooLarge { path: path.to_owned(), size });
    }
    fs::read(full).map_err(io)
}

/// The directory before the first wildcard, so that nothing else is walked.
fn fixed_part(pattern: &str) -> &str {
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    pattern[..wild].rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether `path` is the directory that `pattern` starts from, or one above it: a link there would hide what matches.
pub(super) fn leads_to(path: &str, pattern: &str) -> bool {
    let rest = fixed_part(pattern).strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        let tree = Tree::Directory(directory.path().to_owned());
        let found = tree.matching(&["schemas/**/*.avdl".to_owned()]).unwrap();
        assert_eq!(found, ["schemas/a.avdl", "schemas/x/y/b.avdl"]);
        assert!(tree.matching(&["../**/*.avdl".to_owned()]).is_err());
        assert!(tree.matching(&["schemas/[".to_owned()]).is_err());
    }

    #[test]
    fn a_directory_leads_to_what_matches_below_it() {
        let leads = |path: &str| leads_to(path, "a/b/*.avdl");
        assert!(leads("a") && leads("a/b"));
        assert!(!leads("a/b/c") && !leads("a/bc") && !leads("b") && !leads("aa"));
        assert!(!leads_to("a", "*.avdl") && !leads_to("a", "a*/b.avdl"));
        assert!(leads_to("a", "a/b.toml"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_an_error_and_not_a_missing_schema() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.txt"), "").unwrap();
        std::os::unix::fs::symlink("a.txt", directory.path().join("b.avdl")).unwrap();
        let found = Tree::Directory(directory.path().to_owned()).matching(&["*.avdl".to_owned()]);
        assert!(matches!(found, Err(TreeError::NotAFile(path)) if path == "b.avdl"));
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_is_a_link_out_of_the_project_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("outside")).unwrap();
        fs::create_dir_all(directory.path().join("project/real")).unwrap();
        let root = directory.path().join("project");
        for path in ["../outside/a.avdl", "real/b.avdl"] {
            fs::write(root.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink("../outside", root.join("schemas")).unwrap();
        std::os::unix::fs::symlink("real", root.join("also")).unwrap();
        let found = |pattern: &str| Tree::Directory(root.clone()).matching(&[pattern.to_owned()]);
        assert!(matches!(found("schemas/*.avdl"), Err(TreeError::NotAFile(path)) if path == "schemas"));
        assert_eq!(found("also/*.avdl").unwrap(), ["also/b.avdl"]);
    }

    #[test]
    fn imports_cannot_leave_the_project() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("outside.avsc"), "x").unwrap();
        fs::create_dir(directory.path().join("project")).unwrap();
        let tree = Tree::Directory(directory.path().join("project"));
        assert!(matches!(tree.load("../outside.avsc"), Err(LoadError::Other(_))));
        assert_eq!(tree.load("missing.avsc"), Err(LoadError::NotFound));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../outside.avsc", directory.path().join("project/link.avsc"))
                .unwrap();
            assert!(matches!(tree.load("link.avsc"), Err(LoadError::Other(_))));
        }
    }

    fn held(paths: &[&str]) -> Tree {
        Tree::Held(paths.iter().map(|path| ((*path).to_owned(), b"x".to_vec())).collect())
    }

    #[test]
    fn patterns_mean_the_same_in_memory() {
        let tree = held(&[
            "other/d.avdl",
            "schemas-of-others/f.avdl",
            "schemas/.hidden/e.avdl",
            "schemas/a.avdl",
            "schemas/c.txt",
            "schemas/x/y/b.avdl",
            ".events/g.avdl",
        ]);
        let matching = |patterns: &[&str]| {
            tree.matching(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(matching(&["schemas/**/*.avdl"]).unwrap(), ["schemas/a.avdl", "schemas/x/y/b.avdl"]);
        assert_eq!(matching(&["schemas/*.avdl", "schemas/a*", "none/*"]).unwrap(), ["schemas/a.avdl"]);
        assert_eq!(matching(&["*/*.avdl"]).unwrap().len(), 3, "a hidden directory is passed over");
        assert_eq!(matching(&[".events/*.avdl"]).unwrap(), [".events/g.avdl"], "unless it is named");
        assert!(matching(&["../**/*.avdl"]).is_err());
    }

    #[test]
    fn imports_cannot_leave_memory_for_the_disk() {
        let tree = held(&["schemas/a.avsc"]);
        assert_eq!(tree.load("schemas/a.avsc"), Ok(b"x".to_vec()));
        assert_eq!(tree.load("Cargo.toml"), Err(LoadError::NotFound));
        for path in ["../a.avsc", "/etc/passwd"] {
            assert!(matches!(tree.load(path), Err(LoadError::Other(_))), "{path}");
        }
    }

    #[test]
    fn a_link_in_memory_is_an_error_where_a_file_is_looked_for() {
        let mut files = Files::default();
        files.add("schemas/a.avdl", Vec::new());
        files.add_special("schemas/b.avdl");
        files.add_special("schemas/c");
        let tree = Tree::Held(files);
        let link = |pattern: &str| match tree.matching(&[pattern.to_owned()]) {
            Err(TreeError::NotAFile(path)) => path,
            other => panic!("{pattern}: {other:?}"),
        };
        assert_eq!(link("schemas/*.avdl"), "schemas/b.avdl");
        assert_eq!(link("schemas/c/*.avdl"), "schemas/c");
        assert_eq!(tree.matching(&["schemas/a*".to_owned()]).unwrap(), ["schemas/a.avdl"]);
        assert!(
            matches!(tree.bytes("schemas/c/d.avdl"), Err(TreeError::NotAFile(path)) if path == "schemas/c")
        );
    }

    #[test]
    fn a_file_in_memory_has_the_same_limit() {
        let files = Files::from_iter([("a.avsc".to_owned(), vec![0; MAX_FILE as usize + 1])]);
        assert!(matches!(Tree::Held(files).bytes("a.avsc"), Err(TreeError::TooLarge { .. })));
    }

    #[test]
    fn a_file_that_is_too_deep_is_found_and_cannot_be_read() {
        let mut files = Files::default();
        files.add_too_deep("a/b/c.avdl", 2);
        let tree = Tree::Held(files);
        assert_eq!(tree.matching(&["a/**/*.avdl".to_owned()]).unwrap(), ["a/b/c.avdl"]);
        assert!(matches!(tree.bytes("a/b/c.avdl"), Err(TreeError::TooDeep { directories: 2, .. })));
    }
}
