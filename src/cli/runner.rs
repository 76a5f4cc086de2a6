//! The GitHub Actions runner, as far as the process's environment tells of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::{Format, Global};

/// A step's summary may have 1 MiB; one that is longer is dropped as a whole.
const SUMMARY: u64 = 1 << 20;

/// What is known of the runner.
pub struct Runner {
    /// Whether it reads what is printed, and takes some of it for commands.
    pub reads: bool,
    /// The project's path from the repository's root; empty where it is the root, or where that is not known.
    pub prefix: String,
    /// The file of the step's summary.
    summary: Option<PathBuf>,
}

impl Runner {
    /// As the environment says.
    pub fn new(global: &Global) -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let is_format = global.format == Format::Github;
        Self {
            reads: is_format || std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true"),
            prefix: path("GITHUB_WORKSPACE")
                .map_or_else(String::new, |root| prefix(&root, &global.directory)),
            summary: path("GITHUB_STEP_SUMMARY").filter(|_| is_format),
        }
    }

    /// Adds to the step's summary what `body` makes of the bytes that are left; does nothing where there is none.
    ///
    /// # Errors
    ///
    /// A sentence, when the file cannot be written.
    pub fn summarise(&self, body: impl FnOnce(usize) -> String) -> Result<(), String> {
        let Some(path) = &self.summary else { return Ok(()) };
        let failed = |error: std::io::Error| format!("cannot write the job summary: {error}");
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        let used = file.metadata().map_err(failed)?.len();
        // The runner counts the line break between two parts, too.
        let left = SUMMARY.saturating_sub(used + 16) as usize;
        let body = body(left);
        if body.len() > left {
            return Err("the job summary is full".to_owned());
        }
        file.write_all(format!("{body}\n").as_bytes()).map_err(failed)
    }
}

/// The path of `directory` from `root`, with `/`; empty where it does not lie in it.
fn prefix(root: &Path, directory: &Path) -> String {
    let (Ok(root), Ok(directory)) = (root.canonicalize(), directory.canonicalize()) else {
        return String::new();
    };
    let Ok(relative) = directory.strip_prefix(&root) else { return String::new() };
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}
