//! The files of a commit, read through the `git` program: no checkout, no hooks, no shell and no network.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use globset::GlobSet;

use super::files::{MAX_FILE, TreeError};
use super::listing::Listing;

/// The most files of one commit that are read.
const MAX_FILES: u32 = 50_000;

/// The most bytes of one commit that are read.
const MAX_BYTES: u64 = 256 << 20;

/// What Git sets for the programs that it starts, such as hooks, and what would name another repository than the one
/// that the directory lies in.
const OF_ANOTHER_REPOSITORY: [&str; 10] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The files of a directory in a commit. Each is read when it is asked for.
pub struct Commit {
    /// Its hash, in full.
    pub id: String,
    directory: PathBuf,
    /// The hash of each file's content.
    files: Listing<String>,
    reader: RefCell<Option<Reader>>,
    files_read: Cell<u32>,
    bytes_read: Cell<u64>,
}

/// A commit that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git`.
    #[error("cannot run `git`: {0}. Install it, or compare with the directory of another checkout")]
    NoProgram(io::Error),
    /// Git finds no repository, or does not trust it.
    #[error("Git knows no repository of {}: {reason}", .directory.display())]
    NoRepository {
        /// Where it was looked for.
        directory: PathBuf,
        /// What Git says.
        reason: String,
    },
    /// It would be taken for an option.
    #[error("`{0}` names no commit: a Git ref does not begin with `-`")]
    Option(String),
    /// There is no such commit.
    #[error(
        "`{0}` is neither a directory nor a commit that is here. A checkout of CI has often one branch only: fetch the other \
         (`git fetch origin main`), or check out everything (`fetch-depth: 0`)"
    )]
    Unknown(String),
    /// HEAD and the commit have nothing in common, as far as this clone knows.
    #[error(
        "HEAD and `{0}` have no common commit in this shallow clone. Fetch the history: `git fetch --unshallow`, or \
         `fetch-depth: 0` where CI checks out"
    )]
    Shallow(String),
    /// HEAD and the commit have nothing in common.
    #[error("HEAD and `{reference}` have no common commit{reason}")]
    Unrelated {
        /// What the user named.
        reference: String,
        /// What Git says, if it says anything.
        reason: String,
    },
    /// Git cannot list the files.
    #[error("Git cannot read commit {id}: {reason}")]
    Unreadable {
        /// The commit.
        id: String,
        /// What Git says.
        reason: String,
    },
}

impl Commit {
    /// The last commit that HEAD and `reference` have in common, as in `git diff REFERENCE...`: what was merged there
    /// since is no change of ours. Of it, the files below `directory`, whose repository is looked into.
    ///
    /// # Errors
    ///
    /// When there is no such commit, or no `git`.
    pub fn in_common(directory: &Path, reference: &str) -> Result<Self, GitError> {
        if reference.starts_with('-') {
            return Err(GitError::Option(reference.to_owned()));
        }
        let prefix = ask(directory, &["rev-parse", "--show-prefix"])?;
        if !prefix.is_success {
            let directory = directory.to_owned();
            return Err(GitError::NoRepository { directory, reason: prefix.complaint });
        }
        let commit = format!("{reference}^{{commit}}");
        let tip = ask(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        if !tip.is_success {
            return Err(GitError::Unknown(reference.to_owned()));
        }
        let common = ask(directory, &["merge-base", "HEAD", tip.line()])?;
        if !common.is_success {
            let is_shallow = ask(directory, &["rev-parse", "--is-shallow-repository"])?.line() == "true";
            let reference = reference.to_owned();
            return Err(match (is_shallow, common.complaint) {
                (true, _) => GitError::Shallow(reference),
                (false, reason) if reason.is_empty() => GitError::Unrelated { reference, reason },
                (false, reason) => GitError::Unrelated { reference, reason: format!(": {reason}") },
            });
        }
        Self::of(directory, common.line(), prefix.line().trim_end_matches('/'))
    }

    /// The files below `prefix`, a directory from the repository's top, in the commit `id`.
    fn of(directory: &Path, id: &str, prefix: &str) -> Result<Self, GitError> {
        let mut commit = Self {
            id: id.to_owned(),
            directory: directory.to_owned(),
            files: Listing::default(),
            reader: RefCell::default(),
            files_read: Cell::new(0),
            bytes_read: Cell::new(0),
        };
        let tree = format!("{id}:{prefix}");
        let found = ask(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &tree])?;
        if !found.is_success {
            // The directory is new.
            return Ok(commit);
        }
        let listed = ask(directory, &["ls-tree", "-r", "-z", "--full-tree", found.line()])?;
        if !listed.is_success {
            return Err(GitError::Unreadable { id: id.to_owned(), reason: listed.complaint });
        }
        for entry in listed.text.split('\0') {
            // `100644 blob <hash>\t<path>`; a link has another mode, a submodule another type.
            let Some((head, path)) = entry.split_once('\t') else { continue };
            let [mode, kind, hash] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
            // A path that is not UTF-8 cannot be told from another such path.
            let is_file = kind == "blob" && mode.starts_with("100") && !path.contains('\u{fffd}');
            match is_file {
                true => commit.files.add(path, hash.to_owned()),
                false => commit.files.add_special(path),
            }
        }
        Ok(commit)
    }

    /// The first seven digits of its hash.
    pub fn short_id(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }

    /// The paths below `start` that match, in order.
    pub(super) fn matching(&self, start: &str, set: &GlobSet) -> Result<Vec<String>, TreeError> {
        self.files.matching(start, set)
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let hash = self.files.get(path)?;
        let mut reader = self.reader.borrow_mut();
        let result = self.read(&mut reader, hash, path);
        if result.is_err() {
            // What it has still to say would be taken for the next answer.
            *reader = None;
        }
        result
    }

    fn read(&self, reader: &mut Option<Reader>, hash: &str, path: &str) -> Result<Vec<u8>, TreeError> {
        let failed = |source| TreeError::Io { path: format!("{}:{path}", self.short_id()), source };
        let reader = match reader {
            Some(reader) => reader,
            none => none.insert(Reader::start(&self.directory).map_err(failed)?),
        };
        let size = reader.find(hash).map_err(failed)?;
        if size > MAX_FILE {
            return Err(TreeError::TooLarge { path: path.to_owned(), size });
        }
        self.files_read.set(self.files_read.get() + 1);
        self.bytes_read.set(self.bytes_read.get() + size);
        if self.files_read.get() > MAX_FILES || self.bytes_read.get() > MAX_BYTES {
            let limit = format!("more than {MAX_FILES} files or {} MiB are asked for", MAX_BYTES >> 20);
            return Err(failed(io::Error::other(limit)));
        }
        reader.read(size).map_err(failed)
    }
}

/// `git`, in a directory and asking for that directory's repository.
fn git(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(directory).stdin(Stdio::null());
    for name in OF_ANOTHER_REPOSITORY {
        command.env_remove(name);
    }
    // A partial clone would get what it lacks from its remote: no protocol is allowed.
    command.env("GIT_ALLOW_PROTOCOL", "none");
    command
}

/// What `git` answered.
struct Answer {
    is_success: bool,
    text: String,
    /// What it said on stderr, in one line.
    complaint: String,
}

impl Answer {
    fn line(&self) -> &str {
        self.text.trim_end_matches('\n')
    }
}

fn ask(directory: &Path, arguments: &[&str]) -> Result<Answer, GitError> {
    let output = git(directory).args(arguments).output().map_err(GitError::NoProgram)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint: Vec<&str> = complaint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(Answer {
        is_success: output.status.success(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint: complaint.join(" "),
    })
}

/// A `git cat-file --batch`: it takes a hash a line, and answers each with a line and the content.
struct Reader {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Reader {
    fn start(directory: &Path) -> io::Result<Self> {
        let mut command = git(directory);
        command.args(["cat-file", "--batch"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output: BufReader::new(output) }),
            _ => Err(io::Error::other("git has no pipes")),
        }
    }

    /// Asks for an object and gives its size; [`Reader::read`] gives the rest.
    fn find(&mut self, hash: &str) -> io::Result<u64> {
        self.input.write_all(format!("{hash}\n").as_bytes())?;
        let mut head = String::new();
        (&mut self.output).take(1024).read_line(&mut head)?;
        match head.trim_end().split(' ').collect::<Vec<_>>()[..] {
            [_, "blob", size] => size.parse().map_err(io::Error::other),
            _ => Err(io::Error::other("this clone does not have it; a partial clone has to fetch it first")),
        }
    }

    fn read(&mut self, size: u64) -> io::Result<Vec<u8>> {
        // The caller has compared the size with its limit. A line end follows the content.
        let mut bytes = vec![0; size as usize + 1];
        self.output.read_exact(&mut bytes)?;
        bytes.pop();
        Ok(bytes)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It reads only, and nobody is left to hear that it cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
