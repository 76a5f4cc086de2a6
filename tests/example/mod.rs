//! A copy of the example repository with a state of its own, for tests that run the program on it.

use std::fs;
use std::path::{Path, PathBuf};

/// The copy, and the directory that holds it as long as it is kept.
pub fn example() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let project = directory.path().join("storefront");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storefront"), &project);
    edit(&project, "bellwether.toml", "path = \"../../state\"", "path = \"state\"");
    (directory, project)
}

/// Replaces the first `from` in a file of the project.
pub fn edit(project: &Path, file: &str, from: &str, to: &str) {
    let path = project.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
