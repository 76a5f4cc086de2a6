//! The command line: arguments in, one use case, a page of text and an exit code out.

mod args;
mod commands;
mod connect;
mod output;
mod progress;
mod runner;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use self::args::Arguments;
use self::output::Output;
use crate::ops::Exit;

/// Runs the program and gives its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // clap's own code for a usage error is 2, which in a cron job would read as "drift".
            let exit = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Usage,
            };
            let _ = error.print();
            return exit as u8;
        }
    };
    let mut output = Output::new(&parsed.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&format!("the runtime cannot start: {error}"));
            return Exit::Error as u8;
        }
    };
    let exit = match runtime.block_on(commands::run(&parsed, &mut output)) {
        Ok(exit) => exit,
        Err(error) => {
            output.failure(&error);
            error.failure.exit()
        }
    };
    // A call that is still under way must not hold up the end.
    runtime.shutdown_background();
    exit as u8
}
