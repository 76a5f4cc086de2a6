//! Reading a compressed archive: wanted files out, everything suspicious an error.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::read::GzDecoder;
use tar::{Entry, EntryType};

use super::{File, Files, Limits, Wanted};
use crate::github::CommitSha;
use crate::text::clean_line;

/// What may be read between two entries beyond the first one's content: headers, and names that have their own entries.
const BETWEEN: u64 = 1 << 20;
/// What stands for bytes that are not UTF-8. Paths that have it cannot be told from each other.
const NOT_UTF8: char = char::REPLACEMENT_CHARACTER;
/// The longest name that is shown.
const LONGEST_NAME: usize = 200;

/// Why an archive is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It is no compressed archive, or it ends too soon.
    #[error("it is not a whole archive: {0}")]
    Broken(String),
    /// It is of another commit than the one that was asked for.
    #[error("it is of commit {0}")]
    OtherCommit(String),
    /// More bytes than are read.
    #[error("it has more than {limit} bytes {what}")]
    TooLarge {
        /// Which bytes.
        what: &'static str,
        /// How many are read.
        limit: u64,
    },
    /// More files and directories than are read.
    #[error("it has more than {0} entries")]
    TooManyEntries(u64),
    /// More wanted files than are read.
    #[error("it has more than {0} schema and catalog files")]
    TooManyFiles(usize),
    /// A path that leads out of the archive.
    #[error("`{0}` leads out of the archive")]
    Outside(String),
    /// A link where the wanted directory should be.
    #[error("`{0}` is a link; links are not followed")]
    Link(String),
    /// Two wanted files with one path.
    #[error("`{0}` is there twice")]
    Twice(String),
}

/// A reader that refuses to go beyond a limit.
struct Limited<R> {
    inner: R,
    meter: Meter,
}

/// How much was read, and how much may be.
#[derive(Clone, Default)]
struct Meter {
    used: Rc<Cell<u64>>,
    limit: Rc<Cell<u64>>,
    exceeded: Rc<Cell<bool>>,
}

impl Meter {
    fn new(limit: u64) -> Self {
        let meter = Self::default();
        meter.limit.set(limit);
        meter
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.meter.limit.get().saturating_sub(self.meter.used.get());
        if left == 0 && !buffer.is_empty() {
            self.meter.exceeded.set(true);
            return Err(io::Error::other("a limit is reached"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.inner.read(&mut buffer[..most])?;
        self.meter.used.set(self.meter.used.get() + length as u64);
        Ok(length)
    }
}

/// Reads the wanted files of the archive of `commit`.
///
/// # Errors
///
/// When it is broken, is of another commit, breaks a limit, or has a link where the wanted directory should be.
pub fn read(
    archive: impl Read,
    commit: &CommitSha,
    wanted: &Wanted,
    limits: &Limits,
) -> Result<Files, ArchiveError> {
    let (packed, unpacked) = (Meter::new(limits.compressed), Meter::new(BETWEEN));
    let failed = |error: &io::Error| {
        if packed.exceeded.get() {
            ArchiveError::TooLarge { what: "compressed", limit: limits.compressed }
        } else if unpacked.exceeded.get() && unpacked.limit.get() < limits.unpacked {
            ArchiveError::Broken("an entry's header is too long".to_owned())
        } else if unpacked.exceeded.get() {
            ArchiveError::TooLarge { what: "unpacked", limit: limits.unpacked }
        } else {
            ArchiveError::Broken(clean_line(&error.to_string()))
        }
    };
    let reader = GzDecoder::new(Limited { inner: archive, meter: packed.clone() });
    let mut archive = tar::Archive::new(Limited { inner: reader, meter: unpacked.clone() });
    let mut files = Files::new();
    let (mut count, mut read, mut total) = (0, 0, 0);
    let entries = archive.entries().map_err(|error| failed(&error))?;
    // The length of an entry is what the archive says it is, and the names of entries are read into memory: therefore
    // what may be read is set anew from entry to entry.
    for entry in entries {
        let mut entry = entry.map_err(|error| failed(&error))?;
        count += 1;
        if count > limits.entries {
            return Err(ArchiveError::TooManyEntries(limits.entries));
        }
        let until = unpacked.used.get().saturating_add(entry.size()).saturating_add(BETWEEN);
        unpacked.limit.set(until.min(limits.unpacked));
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            same_commit(&mut entry, commit).map_err(|error| error.unwrap_or_else(|e| failed(&e)))?;
            continue;
        }
        let Some((path, unread)) = wanted_path(&entry, wanted, limits)? else { continue };
        let size = entry.size();
        let unread = unread.or_else(|| (size > limits.file).then_some(File::TooLarge(size)));
        total += path.len() as u64 + if unread.is_none() { size } else { 0 };
        if total > limits.total {
            let what = "of schema and catalog files";
            return Err(ArchiveError::TooLarge { what, limit: limits.total });
        }
        if unread.is_none() {
            read += 1;
        }
        if read > limits.files {
            return Err(ArchiveError::TooManyFiles(limits.files));
        }
        let file = match unread {
            Some(unread) => unread,
            None => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(|error| failed(&error))?;
                if content.len() as u64 != size {
                    return Err(ArchiveError::Broken(format!("`{path}` ends too soon")));
                }
                File::Plain(content)
            }
        };
        if files.insert(path.clone(), file).is_some() && !path.contains(NOT_UTF8) {
            return Err(ArchiveError::Twice(path));
        }
    }
    Ok(files)
}

/// Git writes the commit into a global header.
fn same_commit<R: Read>(
    entry: &mut Entry<'_, R>,
    commit: &CommitSha,
) -> Result<(), Result<ArchiveError, io::Error>> {
    let mut header = String::new();
    entry.take(4096).read_to_string(&mut header).map_err(Err)?;
    let found = header.lines().find_map(|line| line.split_once(" comment=")).map(|(_, found)| found);
    match found {
        Some(found) if found != commit.as_str() => {
            Err(Ok(ArchiveError::OtherCommit(shown(found.as_bytes()))))
        }
        _ => Ok(()),
    }
}

/// The path of an entry that is kept, from the repository's root, and what it is kept as where it is not read. A link may have
/// any name: what is wanted could lie behind it.
fn wanted_path<R: Read>(
    entry: &Entry<'_, R>,
    wanted: &Wanted,
    limits: &Limits,
) -> Result<Option<(String, Option<File>)>, ArchiveError> {
    let whole = entry.path_bytes();
    let parts: Vec<&[u8]> = whole.split(|b| *b == b'/').collect();
    if whole.starts_with(b"/") || parts.contains(&b"..".as_slice()) {
        return Err(ArchiveError::Outside(shown(&whole)));
    }
    // GitHub puts everything into one directory, which has the commit in its name.
    let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !matches!(*part, b"" | b".")).skip(1).collect();
    let kind = entry.header().entry_type();
    if parts.is_empty() || kind == EntryType::Directory {
        return Ok(None);
    }
    let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
    let directory = wanted.directory.iter().map(String::as_bytes);
    let common = parts.iter().zip(directory).take_while(|(part, wanted)| *part == wanted).count();
    // The directory itself, or one above it: what is wanted would be somewhere else.
    if is_link && common == parts.len() {
        return Err(ArchiveError::Link(shown(&parts.join(&b'/'))));
    }
    let name = parts.last().copied().unwrap_or_default();
    if common < wanted.directory.len() {
        return Ok(None);
    }
    let path = parts.join(&b'/');
    let is_deep = parts.len() > limits.depth;
    if !wanted.suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes())) {
        return Ok(String::from_utf8(path)
            .ok()
            .filter(|_| is_link && !is_deep)
            .map(|path| (path, Some(File::Special))));
    }
    let path = String::from_utf8_lossy(&path).into_owned();
    let unread = match kind == EntryType::Regular && !path.contains(NOT_UTF8) {
        true => is_deep.then_some(File::TooDeep(parts.len() - 1)),
        false => Some(File::Special),
    };
    Ok(Some((path, unread)))
}

/// A path, fit for a message.
fn shown(path: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(path).chars().take(LONGEST_NAME).collect();
    clean_line(&text)
}
