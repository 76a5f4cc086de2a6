//! A project, on disk, in memory or in a commit: bellwether.toml, the catalog files and the schemas. The only place that reads them.

mod files;
mod git;
mod listing;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use self::files::{Tree, leads_to};
use crate::catalog::{BUILTIN, Catalog};
use crate::config::Config;
use crate::diag::{self, Code, Diagnostic, Sources};
use crate::schema::{self, InputFile, ParseOptions, SchemaSet};

pub use files::TreeError;
pub use git::{Commit, GitError};
pub use listing::{Files, Listing};

/// The name of the configuration file.
pub const CONFIG_FILE: &str = "bellwether.toml";

/// The ends of the names of schemas.
const SCHEMAS: [&str; 3] = [".avdl", ".avsc", ".avpr"];

/// The ends of the names of all files that a project can consist of: schemas, catalog files and bellwether.toml.
pub const FILES: [&str; 4] = [".avdl", ".avsc", ".avpr", ".toml"];

/// A project, read and parsed.
pub struct Project {
    /// Its directory; the empty path for files that lie in none.
    pub root: PathBuf,
    /// bellwether.toml.
    pub config: Config,
    /// All files that were read.
    pub sources: Sources,
    /// The annotation kinds.
    pub catalog: Catalog,
    /// The schemas.
    pub schemas: SchemaSet,
    /// How many schema files there are, imports left out.
    pub schema_files: usize,
    /// What is wrong, in order of places.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a project's files looked like at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<(Option<(SystemTime, u64)>, String)>);

/// A project that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is no bellwether.toml.
    #[error("there is no {CONFIG_FILE} in {}; `bellwether init` makes a project, -C DIR names one", .0.display())]
    NoConfig(PathBuf),
    /// A file or directory cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A commit cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Project {
    /// Reads the project in `directory`. Mistakes in its files are diagnostics, not errors.
    ///
    /// # Errors
    ///
    /// When there is no bellwether.toml, or the directory cannot be read.
    pub fn open(directory: &Path) -> Result<Self, ProjectError> {
        match Self::of(&Tree::Directory(directory.to_owned())) {
            Ok(project) => Ok(Self { root: directory.to_owned(), ..project }),
            Err(error) if error.is_no_config() => Err(ProjectError::NoConfig(directory.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a project from files that are held in memory; nothing on the disk is looked at.
    ///
    /// # Errors
    ///
    /// When there is no bellwether.toml among them, or one that is needed is a link or too large.
    pub fn read(files: Files) -> Result<Self, TreeError> {
        Self::of(&Tree::Held(files))
    }

    /// Reads a project as it was in a commit.
    ///
    /// # Errors
    ///
    /// When there is no bellwether.toml in it, or a file that is needed is a link, too large or not in this clone.
    pub fn at(commit: Commit) -> Result<Self, TreeError> {
        Self::of(&Tree::Commit(commit))
    }

    fn of(tree: &Tree) -> Result<Self, TreeError> {
        let mut sources = Sources::default();
        let mut diagnostics = Vec::new();
        let builtin = sources.add("(embedded catalog)", BUILTIN);
        let text = tree.text(CONFIG_FILE)?;
        let config_file = sources.add(CONFIG_FILE, text.as_str());
        let (config, problems) = Config::parse(config_file, &text);
        diagnostics.extend(problems);

        let mut catalog_files = Vec::new();
        for path in tree.matching(&config.catalog)? {
            let text = tree.text(&path)?;
            catalog_files.push((sources.add(path, text.as_str()), text));
        }
        let files: Vec<_> = catalog_files.iter().map(|(file, text)| (*file, text.as_str())).collect();
        let (catalog, problems) = Catalog::load(builtin, &files);
        diagnostics.extend(problems);

        let paths = tree.matching(&config.schemas)?;
        if paths.is_empty() {
            let patterns = config.schemas.join(", ");
            let message = format!("no schema file matches {patterns}");
            diagnostics.push(Diagnostic::new(Code::NoSchemas, message).with_help(
                "an empty desired state would delete every monitor, so this is taken for a mistake",
            ));
        }
        let mut inputs = Vec::with_capacity(paths.len());
        for path in paths {
            let bytes = tree.bytes(&path)?;
            inputs.push(InputFile { path, bytes });
        }
        let schema_files = inputs.len();
        let options = ParseOptions { import_directories: &config.imports, loader: tree };
        let parsed = schema::parse_project(inputs, &options, &mut sources);
        diagnostics.extend(parsed.diagnostics);
        diag::sort(&mut diagnostics);
        Ok(Self {
            root: PathBuf::new(),
            config,
            sources,
            catalog,
            schemas: parsed.set,
            schema_files,
            diagnostics,
        })
    }

    /// What the project's files look like now: another stamp says that one of them has changed, come or gone. Files are
    /// looked at, not read. For a project on disk.
    pub fn stamp(&self) -> Stamp {
        let tree = Tree::Directory(self.root.clone());
        let patterns: Vec<String> = self.config.schemas.iter().chain(&self.config.catalog).cloned().collect();
        let mut paths: BTreeSet<String> = tree.matching(&patterns).unwrap_or_default().into_iter().collect();
        // Imports need not match a pattern.
        paths.extend(self.sources.paths().map(str::to_owned));
        let look = |path: &str| {
            let metadata = std::fs::metadata(self.root.join(path)).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Stamp(paths.into_iter().map(|path| (look(&path), path)).collect())
    }

    /// The directory of the snapshot and the sandbox.
    pub fn state_directory(&self) -> PathBuf {
        self.root.join(&self.config.state_path)
    }
}

/// Whether one of these paths belongs to a project of this configuration: a schema, a file that a schema may import, a
/// catalog file, what stands where a directory of these should be, or bellwether.toml itself.
pub fn concerns<'p>(config: &Config, paths: impl Iterator<Item = &'p str>) -> bool {
    let patterns: Vec<String> = config.schemas.iter().chain(&config.catalog).cloned().collect();
    let mut others = Files::default();
    for path in paths {
        let is_on_the_way = patterns.iter().any(|pattern| leads_to(path, pattern));
        if path == CONFIG_FILE || ends_in(path, &SCHEMAS) || is_on_the_way {
            return true;
        }
        others.add(path, Vec::new());
    }
    // A pattern that is none is somebody's mistake, which is to be told.
    Tree::Held(others).matching(&patterns).map_or(true, |found| !found.is_empty())
}

/// The same where the configuration is not known: whether one of these paths could belong to a project.
pub fn may_concern<'p>(mut paths: impl Iterator<Item = &'p str>) -> bool {
    paths.any(|path| ends_in(path, &FILES))
}

fn ends_in(path: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| path.ends_with(end))
}

impl TreeError {
    /// Whether there is no project: bellwether.toml is missing.
    pub fn is_no_config(&self) -> bool {
        matches!(self, Self::Missing(path) if path == CONFIG_FILE)
    }
}

/// Prints one schema file as Avro JSON; `directories` are searched for imports. The paths are as the user gave them.
///
/// # Errors
///
/// When the file cannot be read.
pub fn avro_json(
    file: &Path,
    directories: &[String],
    sources: &mut Sources,
) -> Result<(Option<String>, Vec<Diagnostic>), ProjectError> {
    let tree = Tree::Anywhere;
    let path = file.to_string_lossy().replace('\\', "/");
    let bytes = tree.bytes(&path)?;
    let options = ParseOptions { import_directories: directories, loader: &tree };
    Ok(schema::avro_json(InputFile { path, bytes }, &options, sources))
}
