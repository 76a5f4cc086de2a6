//! `init`

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::super::output::Output;
use super::Outcome;
use crate::ops::{Exit, Failure};
use crate::project::CONFIG_FILE;

/// The files of a new project, each with its content.
const FILES: &[(&str, &str)] = &[
    (CONFIG_FILE, include_str!("init/bellwether.toml")),
    ("schemas/cart.avdl", include_str!("init/cart.avdl")),
    (".gitignore", include_str!("init/gitignore")),
];

pub fn run(target: &Path, output: &mut Output) -> Outcome {
    if target.join(CONFIG_FILE).exists() {
        let message = format!("{} is there already; nothing was written", target.join(CONFIG_FILE).display());
        return Err(Failure::Message(message).into());
    }
    for (path, text) in FILES {
        let full = target.join(path);
        let failed =
            |error: std::io::Error| Failure::Message(format!("cannot write {}: {error}", full.display()));
        if let Some(directory) = full.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        match OpenOptions::new().write(true).create_new(true).open(&full) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(failed)?;
                output.result(&format!("wrote {}\n", full.display()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                output.notice(&format!("{} is there already and was left as it is", full.display()));
            }
            Err(error) => return Err(failed(error).into()),
        }
    }
    output.notice(&format!("next: bellwether -C {} plan", target.display()));
    Ok(Exit::Done)
}
