//! What is said at lines of files: for the GitHub Actions runner, and for checks on GitHub.

use super::changes::is_strong;
use super::markdown::is_told_to_everybody;
use crate::diag::{Code, Diagnostic, Severity, Sources};
use crate::plan::{Action, Blocked, Outcome, Plan, PlanDiagnostic, Report, SourceReference};

/// How an annotation is shown; the worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warning,
    /// Something to know.
    Notice,
}

impl Level {
    /// The name of the command.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// A remark at a line of a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How it is shown.
    pub level: Level,
    /// Where: the path from the repository's root, lines and columns from 1. Columns end after the last character.
    pub place: Option<Place>,
    /// A few words.
    pub title: String,
    /// The rest; may have several lines.
    pub message: String,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path from the repository's root.
    pub file: String,
    /// The first line.
    pub line: u32,
    /// The last line.
    pub end_line: u32,
    /// The first column, and the one behind the last.
    pub columns: Option<(u32, u32)>,
}

impl Place {
    /// The file, whatever stands in it.
    fn whole_file(self) -> Self {
        Self { line: 1, end_line: 1, columns: None, ..self }
    }

    fn of(source: &SourceReference, prefix: &str) -> Self {
        let SourceReference { file, line, column } = source;
        let columns = Some((*column, *column + 1));
        Self { file: in_repository(file, prefix), line: *line, end_line: *line, columns }
    }
}

/// The path of a file from the repository's root, when that of the project is `prefix`.
pub fn in_repository(file: &str, prefix: &str) -> String {
    match prefix.trim_matches('/') {
        "" => file.to_owned(),
        prefix => format!("{prefix}/{file}"),
    }
}

/// What is wrong in the user's files.
pub fn of_diagnostics(diagnostics: &[Diagnostic], sources: &Sources, prefix: &str) -> Vec<Annotation> {
    let told = diagnostics.iter().map(|diagnostic| {
        let place = diagnostic.primary.as_ref().map(|label| {
            let file = sources.file(label.span.file);
            let (start, end) = (file.position(label.span.start), file.position(label.span.end));
            Place {
                file: in_repository(&file.path, prefix),
                line: start.line,
                end_line: end.line,
                // GitHub takes columns only where they are of one line.
                columns: (start.line == end.line).then_some((start.column, end.column.max(start.column + 1))),
            }
        });
        // What is embedded in the program is no file of the repository.
        let place = place.filter(|place| !place.file.starts_with('('));
        let level = match diagnostic.severity() {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        Annotation {
            level,
            place,
            title: format!("{} {}", diagnostic.code, diagnostic.code.title()),
            message: said(diagnostic),
        }
    });
    told.collect()
}

/// All that a diagnostic says at its place: its message, what is marked there, and its helps.
pub(super) fn said(diagnostic: &Diagnostic) -> String {
    let mut message = diagnostic.message.clone();
    if let Some(label) = diagnostic.primary.as_ref().filter(|label| !label.text.is_empty()) {
        message.push('\n');
        message.push_str(&label.text);
    }
    with_helps(message, &diagnostic.helps)
}

/// What a plan changes, one notice for each at its line; what keeps it from being applied, and what Datadog says of it. With
/// `names_only`, nothing that tells of what is live.
pub fn of_plan(plan: &Plan, prefix: &str, names_only: bool) -> Vec<Annotation> {
    let mut told: Vec<Annotation> = plan
        .blocked
        .iter()
        .map(|guard| {
            let changes =
                plan.changes.iter().filter(|change| Some(&change.address) == guard.address.as_ref());
            let source = changes.filter_map(|change| change.source.as_ref()).next();
            let annotation = blocked(guard, source.map(|source| Place::of(source, prefix)));
            match names_only && !is_told_to_everybody(&guard.guard) {
                true => Annotation { message: "it holds the plan back".to_owned(), ..annotation },
                false => annotation,
            }
        })
        .collect();
    told.extend(plan.diagnostics.iter().map(|found| Annotation {
        level: if found.severity == "error" { Level::Error } else { Level::Warning },
        place: found.source.as_ref().map(|source| Place::of(source, prefix)),
        title: title(found),
        message: match names_only {
            // What Datadog says of a monitor may repeat what is live in it.
            true => String::new(),
            false => with_helps(found.message.clone(), &found.help),
        },
    }));
    // Where only some are shown, they are the ones that must be seen.
    let mut changes: Vec<_> = plan.changes.iter().collect();
    changes.sort_by_key(|change| {
        let strong = change.effect.iter().any(|effect| is_strong(effect));
        (!matches!(change.action, Action::Delete | Action::Replace), !strong)
    });
    told.extend(changes.into_iter().map(|change| {
        let place = change.source.as_ref().map(|source| Place::of(source, prefix));
        Annotation {
            level: Level::Notice,
            // What is deleted is not where it was any more.
            place: if change.action == Action::Delete { place.map(Place::whole_file) } else { place },
            title: format!("{} {}", change.action.word(), change.address),
            message: if names_only { String::new() } else { change.effect.join("; ") },
        }
    }));
    told
}

fn title(found: &PlanDiagnostic) -> String {
    match Code::parse(&found.code) {
        Some(code) => format!("{code} {}", code.title()),
        None => found.code.clone(),
    }
}

fn with_helps(mut message: String, helps: &[String]) -> String {
    for help in helps {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    message
}

/// A guard, at the line of the resource that it is about.
pub fn blocked(guard: &Blocked, place: Option<Place>) -> Annotation {
    Annotation {
        level: Level::Error,
        place,
        title: format!("blocked by {}", guard.guard),
        message: with_helps(guard.message.clone(), std::slice::from_ref(&guard.help)),
    }
}

/// What differs from what was last applied, at the lines that ask for it.
pub fn of_drift(plan: &Plan, prefix: &str) -> Vec<Annotation> {
    let warning = |source: Option<&SourceReference>, title: String, message: String| Annotation {
        level: Level::Warning,
        place: source.map(|source| Place::of(source, prefix)),
        title,
        message,
    };
    let missing = plan.changes.iter().map(|change| {
        let what = if change.is_recreated() { "deleted in Datadog" } else { "missing in Datadog" };
        warning(change.source.as_ref(), format!("{what}: {}", change.address), change.effect.join("; "))
    });
    let edited = plan.drift.iter().map(|drift| {
        let fields: Vec<&str> = drift.fields.iter().map(|field| &*field.path).collect();
        let message = format!(
            "{}
{}",
            fields.join(", "),
            drift.effect.join("; ")
        );
        warning(drift.source.as_ref(), format!("edited in Datadog: {}", drift.address), message)
    });
    missing.chain(edited).collect()
}

/// What could not be applied, at the lines that ask for it.
pub fn of_report(report: &Report, plan: &Plan, prefix: &str) -> Vec<Annotation> {
    let told = report.steps.iter().filter_map(|(address, action, outcome, _)| {
        let (title, message) = match outcome {
            Outcome::Done { .. } | Outcome::Deferred | Outcome::Skipped { .. } => return None,
            Outcome::Failed { message, .. } => ("failed", message),
            Outcome::HalfDone { message } => ("half done", message),
            Outcome::Stale { what } => ("left alone, changed since the plan", what),
        };
        let change = plan.changes.iter().find(|change| change.address == *address);
        let source = change.and_then(|change| change.source.as_ref());
        Some(Annotation {
            level: Level::Error,
            place: source.map(|source| Place::of(source, prefix)),
            title: format!("{} {address}: {title}", action.word()),
            message: message.clone(),
        })
    });
    told.collect()
}

/// An error that no file is to blame for.
pub fn error(message: &str) -> Annotation {
    Annotation {
        level: Level::Error,
        place: None,
        title: "bellwether".to_owned(),
        message: message.to_owned(),
    }
}
