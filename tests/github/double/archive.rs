//! Archives as GitHub makes them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// The archive of a commit: one directory, a global header with the commit, then the files.
pub fn archive_of<'f>(
    directory: &str,
    commit: &str,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> Vec<u8> {
    archive_with_links(directory, commit, files, &[])
}

/// The same, with links to somewhere else.
pub fn archive_with_links<'f>(
    directory: &str,
    commit: &str,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    links: &[&str],
) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let comment = format!("52 comment={commit}\n");
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XGlobalHeader);
    header.set_size(comment.len() as u64);
    builder.append_data(&mut header, "pax_global_header", comment.as_bytes()).unwrap();
    for (path, content) in files {
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{directory}/{path}"), content).unwrap();
    }
    for path in links {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, format!("{directory}/{path}"), "../../etc").unwrap();
    }
    packed(&builder.into_inner().unwrap())
}

/// Bytes, compressed as an archive is.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
