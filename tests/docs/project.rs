//! Projects in temporary directories.

use std::fs;
use std::path::Path;

use bellwether::diag::{Diagnostic, Severity};
use bellwether::ops::{Compiled, Failure, compile};
use bellwether::project::Project;

/// Writes files, given by path and text, and opens the project they make.
pub fn open(directory: &Path, files: &[(&str, &str)]) -> Project {
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Project::open(directory).unwrap()
}

/// Compiles a project for an environment; on errors, says which.
pub fn compiled(project: &Project, environment: Option<&str>) -> Result<Compiled, String> {
    let (name, environment) = project.config.environment(environment)?;
    compile(project, &name, environment).map_err(|failure| match failure {
        Failure::Diagnostics(diagnostics) => {
            let errors = diagnostics.iter().filter(|d| d.severity() == Severity::Error);
            let text = |d: &Diagnostic| {
                let place = d.primary.as_ref().map(|label| project.sources.file_line(label.span));
                format!("{} {}: {}", place.unwrap_or_default(), d.code, d.message)
            };
            errors.map(text).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    })
}
