//! `schema`

use std::path::Path;

use super::super::output::Output;
use super::{CommandError, Outcome};
use crate::diag::Sources;
use crate::ops::{Exit, Failure};
use crate::project;

pub fn run(file: &Path, imports: &[String], output: &mut Output) -> Outcome {
    let mut sources = Sources::default();
    let (text, diagnostics) = project::avro_json(file, imports, &mut sources)?;
    match text.filter(|_| !crate::diag::has_errors(&diagnostics)) {
        Some(text) => {
            output.diagnostics(&diagnostics, &sources);
            output.result(text.trim_end());
            output.result("\n");
            Ok(Exit::Done)
        }
        None => Err(CommandError { failure: Failure::Diagnostics(diagnostics), sources: Some(sources) }),
    }
}
