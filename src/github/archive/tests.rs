//! Archives made by hand, most of them by somebody who means harm.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::{ArchiveError, File, Files, Limits, Wanted, read};
use crate::github::CommitSha;

const SHA: &str = "4f2c9ab00000000000000000000000000000000f";
const TOP: &str = "octo-schemas-4f2c9ab";

#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    /// An entry whose path is written as it is: the `tar` crate would not write most of these.
    fn entry(mut self, path: &[u8], kind: EntryType, size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("../../etc/passwd").unwrap();
        }
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        let whole = format!("{TOP}/{path}");
        self.entry(whole.as_bytes(), EntryType::Regular, content.len() as u64, content)
    }

    fn link(self, path: &str, kind: EntryType) -> Self {
        self.entry(format!("{TOP}/{path}").as_bytes(), kind, 0, b"")
    }

    fn packed(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        pack(&self.0)
    }

    fn read(self, directory: &str) -> Result<Files, ArchiveError> {
        self.read_within(directory, &Limits::default())
    }

    fn read_within(self, directory: &str, limits: &Limits) -> Result<Files, ArchiveError> {
        let wanted = wanted(directory).unwrap();
        read(self.packed().as_slice(), &sha(), &wanted, limits)
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn wanted(directory: &str) -> Option<Wanted> {
    Wanted::new(directory, &[".avdl", ".avsc", ".avpr", ".toml"])
}

fn sha() -> CommitSha {
    SHA.parse().unwrap()
}

fn paths(files: &Files) -> Vec<&str> {
    files.keys().map(String::as_str).collect()
}

#[test]
fn wanted_files_are_kept_by_their_path_from_the_root() {
    let archive = Archive::default()
        .entry(b"pax_global_header", EntryType::XGlobalHeader, 52, format!("52 comment={SHA}\n").as_bytes())
        .entry(format!("{TOP}/").as_bytes(), EntryType::Directory, 0, b"")
        .file("events/bellwether.toml", b"t")
        .file("events/./schemas//a.avdl", b"a")
        .file("events/schemas/deep/b.avsc", b"{}")
        .file("events/schemas/run.sh", b"#!")
        .file("events.avdl", b"no")
        .file("other/c.avpr", b"no")
        .link("events/latest", EntryType::Symlink);
    let files = archive.read("./events/").unwrap();
    assert_eq!(
        paths(&files),
        ["events/bellwether.toml", "events/latest", "events/schemas/a.avdl", "events/schemas/deep/b.avsc"]
    );
    assert_eq!(files["events/schemas/a.avdl"], File::Plain(b"a".to_vec()));
}

#[test]
fn long_paths_are_read_whole() {
    let path = format!("{TOP}/{}/a.avdl", "d".repeat(300));
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_data(&mut header, &path, b"x".as_slice()).unwrap();
    let packed = pack(&builder.into_inner().unwrap());
    let files = read(packed.as_slice(), &sha(), &wanted("").unwrap(), &Limits::default()).unwrap();
    assert_eq!(paths(&files), [path.split_once('/').unwrap().1]);
}

#[test]
fn a_directory_is_one_within_the_repository() {
    for directory in ["..", "a/../..", "/etc", "/"] {
        assert_eq!(wanted(directory), None, "{directory}");
    }
    for directory in ["", ".", "./a//b/"] {
        assert!(wanted(directory).is_some(), "{directory}");
    }
}

#[test]
fn nothing_leads_out_of_the_archive() {
    for path in ["/etc/a.avdl", "top/../../a.avdl", "..", "top/a/..", "../a.avdl"] {
        // Wanted or not: an archive with such a path is not Git's.
        let archive = Archive::default().entry(path.as_bytes(), EntryType::Regular, 1, b"x");
        assert_eq!(archive.read("schemas"), Err(ArchiveError::Outside(path.to_owned())));
    }
}

#[test]
fn a_link_is_named_and_not_followed() {
    let special = |path: &str| Ok(Files::from([(path.to_owned(), File::Special)]));
    for kind in [EntryType::Symlink, EntryType::Link] {
        for path in ["events", "events/schemas"] {
            let archive = Archive::default().link(path, kind);
            assert_eq!(archive.read("events/schemas"), Err(ArchiveError::Link(path.to_owned())));
        }
        assert_eq!(Archive::default().link("events/a.avdl", kind).read("events/schemas"), Ok(Files::new()));
        // A file, or a directory of files.
        for path in ["events/schemas/a.avdl", "events/schemas"] {
            assert_eq!(Archive::default().link(path, kind).read("events"), special(path));
        }
    }
    for kind in [EntryType::Fifo, EntryType::Char] {
        assert_eq!(Archive::default().link("a.avdl", kind).read(""), special("a.avdl"), "{kind:?}");
    }
    assert!(Archive::default().link("a.avdl", EntryType::GNUSparse).read("").is_err());
}

#[test]
fn a_path_is_there_once() {
    let archive = Archive::default().file("a.avdl", b"reviewed").file("./a.avdl", b"smuggled");
    assert_eq!(archive.read(""), Err(ArchiveError::Twice("a.avdl".to_owned())));
}

#[test]
fn a_wanted_path_that_is_not_utf_8_is_named_and_not_read() {
    let odd = |name: &[u8]| [TOP.as_bytes(), b"/", name].concat();
    // Two that look alike, and are no files that anybody could name.
    let archive = Archive::default().entry(&odd(b"a\xfe.avdl"), EntryType::Regular, 0, b"");
    let archive = archive.entry(&odd(b"a\xff.avdl"), EntryType::Regular, 0, b"");
    assert_eq!(archive.read(""), Ok(Files::from([("a\u{fffd}.avdl".to_owned(), File::Special)])));
    let archive = Archive::default().entry(&odd(b"a\xff.txt"), EntryType::Regular, 0, b"");
    assert_eq!(archive.read(""), Ok(Files::new()));
    // What is shown of a path is harmless.
    let archive = Archive::default().entry(&odd(b"\x1b[2J.avdl"), EntryType::Symlink, 0, b"");
    assert_eq!(archive.read("\u{1b}[2J.avdl"), Err(ArchiveError::Link("\\u{1b}[2J.avdl".to_owned())));
}

#[test]
fn sizes_and_counts_are_limited() {
    let limits = Limits { files: 2, file: 4, total: 20, depth: 2, entries: 4, ..Limits::default() };
    let read = |archive: Archive| archive.read_within("", &limits);
    assert!(read(Archive::default().file("a.avdl", b"1234").file("b/b.avdl", b"12")).is_ok());
    assert_eq!(
        read(Archive::default().file("a.avdl", b"12345")),
        Ok(Files::from([("a.avdl".to_owned(), File::TooLarge(5))]))
    );
    assert!(matches!(
        read(Archive::default().file("a.avdl", b"1234").file("bcd.avdl", b"1234")),
        Err(ArchiveError::TooLarge { limit: 20, .. })
    ));
    assert_eq!(
        read(Archive::default().file("a.avdl", b"").file("b.avdl", b"").file("c.avdl", b"")),
        Err(ArchiveError::TooManyFiles(2))
    );
    assert_eq!(
        read(Archive::default().file("a/b/c.avdl", b"")),
        Ok(Files::from([("a/b/c.avdl".to_owned(), File::TooDeep(2))]))
    );
    let many = (0..5).fold(Archive::default(), |archive, n| archive.file(&format!("{n}.txt"), b""));
    assert_eq!(read(many), Err(ArchiveError::TooManyEntries(4)));
}

#[test]
fn a_bomb_ends_early() {
    let gigabyte = |kind, name: &str| {
        // The header promises more than there is; what counts is what would be read.
        let zeros = vec![0_u8; 8 << 20];
        Archive::default().entry(format!("{TOP}/{name}").as_bytes(), kind, 8 << 20, &zeros)
    };
    let limits = Limits { unpacked: 2 << 20, ..Limits::default() };
    let unwanted = gigabyte(EntryType::Regular, "big.bin").file("a.avdl", b"x");
    assert_eq!(
        unwanted.read_within("", &limits),
        Err(ArchiveError::TooLarge { what: "unpacked", limit: 2 << 20 })
    );
    // Names of entries are read into memory, however long they say they are.
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let error = gigabyte(kind, "name").file("a.avdl", b"x").read("").unwrap_err();
        assert_eq!(error, ArchiveError::Broken("an entry's header is too long".to_owned()), "{kind:?}");
    }
    let limits = Limits { compressed: 100, ..Limits::default() };
    let noise: Vec<u8> = (0_u32..5000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    assert_eq!(
        Archive::default().file("a.bin", &noise).read_within("", &limits),
        Err(ArchiveError::TooLarge { what: "compressed", limit: 100 })
    );
}

#[test]
fn what_is_no_whole_archive_is_an_error() {
    let wanted = wanted("").unwrap();
    let broken = |bytes: &[u8]| {
        let result = read(bytes, &sha(), &wanted, &Limits::default());
        assert!(matches!(result, Err(ArchiveError::Broken(_))), "{result:?}");
    };
    broken(b"");
    broken(b"<html>sign in</html>");
    broken(&pack(b"no archive but text, as long as it has to be to fill a header").repeat(1));
    let content: Vec<u8> = (0_u32..5000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let whole = Archive::default().file("a.avdl", &content).file("b.avdl", b"b").packed();
    broken(&whole[..whole.len() / 2]);
    let cut =
        Archive::default().entry(format!("{TOP}/a.avdl").as_bytes(), EntryType::Regular, 9000, b"short");
    let mut short = cut.0;
    short.truncate(700);
    broken(&pack(&short));
}

#[test]
fn the_archive_is_of_the_commit_that_was_asked_for() {
    let other = "a".repeat(40);
    let comment = |sha: &str| format!("52 comment={sha}\n");
    let of = |sha: &str| {
        Archive::default().entry(b"pax_global_header", EntryType::XGlobalHeader, 52, comment(sha).as_bytes())
    };
    assert_eq!(of(SHA).read(""), Ok(Files::new()));
    assert_eq!(of(&other).read(""), Err(ArchiveError::OtherCommit(other)));
}
