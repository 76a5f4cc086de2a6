//! The `bellwether` binary: see the library crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bellwether::cli::main(std::env::args_os()))
}
