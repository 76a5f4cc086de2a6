//! A repository's files at an exact commit, out of the archive that GitHub makes of it.
//!
//! Nothing is executed and nothing is written to disk. Only wanted files are kept, and every size is limited while it is
//! read: what is in the archive is up to whoever wrote the commit.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Read};

use tokio::sync::mpsc;

pub use read::{ArchiveError, read};

use super::transport::Call;
use super::{Client, CommitSha, Error};

/// Files by their path from the repository's root, and the links that are between them.
pub type Files = BTreeMap<String, File>;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// A plain file, and its bytes.
    Plain(Vec<u8>),
    /// A link, which is not followed, or the like: also a file whose path is not UTF-8, and cannot be told from another such one.
    Special,
    /// A file of so many bytes, which is larger than [`Limits::file`].
    TooLarge(u64),
    /// A file so many directories deep, which is more than [`Limits::depth`] allows.
    TooDeep(usize),
}

/// Which files of an archive are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    directory: Vec<String>,
    suffixes: Vec<String>,
}

impl Wanted {
    /// The files below `directory` (empty for all of them) whose names end in one of `suffixes`. None where the directory
    /// is not one within the repository.
    pub fn new(directory: &str, suffixes: &[&str]) -> Option<Self> {
        let parts = directory.split('/').filter(|part| !matches!(*part, "" | "."));
        let directory_parts: Vec<String> = parts.map(str::to_owned).collect();
        if directory.starts_with('/') || directory_parts.iter().any(|part| part == "..") {
            return None;
        }
        let suffixes = suffixes.iter().map(|suffix| (*suffix).to_owned()).collect();
        Some(Self { directory: directory_parts, suffixes })
    }
}

/// What is read of an archive at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the archive as it comes.
    pub compressed: u64,
    /// Bytes of it unpacked, wanted or not.
    pub unpacked: u64,
    /// Files and directories, wanted or not.
    pub entries: u64,
    /// Wanted files.
    pub files: usize,
    /// Bytes of one wanted file. A larger one is named and not read.
    pub file: u64,
    /// Bytes of all wanted files and their paths.
    pub total: u64,
    /// Parts of the path of a wanted file. One with more is named and not read.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed: 512 << 20,
            unpacked: 4 << 30,
            entries: 1_000_000,
            files: 5_000,
            file: 16 << 20,
            total: 64 << 20,
            depth: 32,
        }
    }
}

impl Client {
    /// The wanted files of an exact commit.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read or breaks a limit.
    pub async fn archive(&self, sha: &CommitSha, wanted: &Wanted, limits: &Limits) -> Result<Files, Error> {
        let mut failures = 0;
        loop {
            match self.archive_once(sha, wanted, limits).await {
                // A connection that broke in the middle. What the API did not answer was tried often enough already.
                Err((error, true)) => {
                    failures += 1;
                    if !self.transport.again(failures, &error).await {
                        return Err(error);
                    }
                }
                Err((error, false)) => return Err(error),
                Ok(files) => return Ok(files),
            }
        }
    }

    async fn archive_once(
        &self,
        sha: &CommitSha,
        wanted: &Wanted,
        limits: &Limits,
    ) -> Result<Files, (Error, bool)> {
        let call = Call::get(self.path(&format!("tarball/{sha}")));
        let reply = self.transport.send(&call).await.map_err(|error| (error, false))?;
        let unreadable = |error| (Error::Archive { commit: sha.short().to_owned(), error }, false);
        if reply.status.is_success() {
            return read(reply.body.as_slice(), sha, wanted, limits).map_err(unreadable);
        }
        let Some(location) = reply.location() else {
            return Err((Error::Moved { call: call.label() }, false));
        };
        let mut response = self.transport.download(&call, location).await.map_err(|error| {
            let again = error.is_transient();
            (error, again)
        })?;
        let (sender, receiver) = mpsc::channel(16);
        let (commit, wanted, limits) = (sha.clone(), wanted.clone(), *limits);
        let reading = tokio::task::spawn_blocking(move || {
            read(Chunks { receiver, current: None }, &commit, &wanted, &limits)
        });
        let broken = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if sender.send(chunk).await.is_err() {
                        // Whoever reads has seen enough: the end, or something that must not be there.
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(sender);
        let files = reading.await;
        if let Some(error) = broken {
            return Err((self.transport.unavailable(&call, &error), true));
        }
        match files {
            Ok(files) => files.map_err(unreadable),
            Err(error) => Err((Error::Setup { reason: error.to_string() }, false)),
        }
    }
}

/// Chunks that come in elsewhere, as a reader.
struct Chunks<B> {
    receiver: mpsc::Receiver<B>,
    current: Option<(B, usize)>,
}

impl<B: AsRef<[u8]>> Read for Chunks<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((chunk, at)) = &mut self.current {
                let rest = chunk.as_ref().get(*at..).unwrap_or_default();
                if !rest.is_empty() {
                    let length = rest.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&rest[..length]);
                    *at += length;
                    return Ok(length);
                }
            }
            match self.receiver.blocking_recv() {
                Some(chunk) => self.current = Some((chunk, 0)),
                None => return Ok(0),
            }
        }
    }
}
