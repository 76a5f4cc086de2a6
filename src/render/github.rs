//! What the GitHub Actions runner is told: annotations as workflow commands, within its limits.

use super::changes::is_strong;
use super::count;
use crate::diag::{Diagnostic, Severity, Sources};
use crate::plan::{Action, Blocked, Outcome, Plan, Report, SourceReference};
use crate::text::{clean, clean_line, shortened};

/// The runner shows ten annotations of a type for each step; the last one says how many there are besides.
const MOST: usize = 9;

/// It cuts messages at 4,096 characters.
const MOST_MESSAGE: usize = 4_000;
const MOST_TITLE: usize = 200;

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
                // The runner takes columns only where they are of one line.
                columns: (start.line == end.line).then_some((start.column, end.column.max(start.column + 1))),
            }
        });
        let mut message = diagnostic.message.clone();
        let remark = diagnostic.primary.as_ref().map(|label| &*label.text).filter(|text| !text.is_empty());
        for more in remark.into_iter().map(str::to_owned).chain(diagnostic.helps.iter().map(help)) {
            message.push('\n');
            message.push_str(&more);
        }
        let level = match diagnostic.severity() {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        Annotation {
            level,
            place,
            title: format!("{} {}", diagnostic.code, diagnostic.code.title()),
            message,
        }
    });
    told.collect()
}

fn help(text: &String) -> String {
    format!("help: {text}")
}

/// What a plan changes, one notice for each at its line; what keeps it from being applied, and what Datadog says of it.
pub fn of_plan(plan: &Plan, prefix: &str) -> Vec<Annotation> {
    let mut told: Vec<Annotation> = plan
        .blocked
        .iter()
        .map(|guard| {
            let changes =
                plan.changes.iter().filter(|change| Some(&change.address) == guard.address.as_ref());
            let source = changes.filter_map(|change| change.source.as_ref()).next();
            blocked(guard, source.map(|source| Place::of(source, prefix)))
        })
        .collect();
    told.extend(plan.diagnostics.iter().map(|found| {
        Annotation {
            level: if found.severity == "error" { Level::Error } else { Level::Warning },
            place: found.source.as_ref().map(|source| Place::of(source, prefix)),
            title: match crate::diag::Code::parse(&found.code) {
                Some(code) => format!("{code} {}", code.title()),
                None => found.code.clone(),
            },
            message: std::iter::once(found.message.clone())
                .chain(found.help.iter().map(help))
                .collect::<Vec<_>>()
                .join("\n"),
        }
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
            message: change.effect.join("; "),
        }
    }));
    told
}

/// A guard, at the line of the resource that it is about.
pub fn blocked(guard: &Blocked, place: Option<Place>) -> Annotation {
    Annotation {
        level: Level::Error,
        place,
        title: format!("blocked by {}", guard.guard),
        message: format!("{}\nhelp: {}", guard.message, guard.help),
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

/// The workflow commands, one a line: errors first, of each type at most nine and one that counts the others.
pub fn commands(annotations: &[Annotation]) -> String {
    let mut text = String::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let of_level: Vec<&Annotation> = annotations.iter().filter(|one| one.level == level).collect();
        for annotation in of_level.iter().take(MOST) {
            text.push_str(&command(annotation));
        }
        if let Some(more) = of_level.len().checked_sub(MOST).filter(|more| *more > 0) {
            let counted = count(more, level.word());
            text.push_str(&format!("::{}::and {counted} more, see the log\n", level.word()));
        }
    }
    text
}

fn command(annotation: &Annotation) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &annotation.place {
        properties.push(format!("file={}", property(&clean_line(&place.file))));
        properties.push(format!("line={}", place.line));
        properties.push(format!("endLine={}", place.end_line));
        if let Some((column, end)) = place.columns {
            properties.push(format!("col={column}"));
            properties.push(format!("endColumn={end}"));
        }
    }
    properties.push(format!("title={}", property(&shortened(&clean_line(&annotation.title), MOST_TITLE))));
    // The old form of a command acts anywhere in a line.
    let message = clean(&annotation.message).replace("##[", "## [");
    format!(
        "::{} {}::{}\n",
        annotation.level.word(),
        properties.join(","),
        data(&shortened(&message, MOST_MESSAGE))
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&text.replace("##[", "## [")).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_property_or_a_message_ends_it() {
        let place = Place { file: "a,b::c.avdl".into(), line: 1, end_line: 2, columns: None };
        let title = "50%: x,\ny".to_owned();
        let message = "one\n::error::two\r##[set-env]".to_owned();
        let text = commands(&[Annotation { level: Level::Warning, place: Some(place), title, message }]);
        assert_eq!(
            text,
            "::warning file=a%2Cb%3A%3Ac.avdl,line=1,endLine=2,title=50%25%3A x%2C⏎y::one%0A::error::two\\u{d}## [set-env]\n"
        );
    }

    #[test]
    fn the_runner_gets_ten_of_a_type_at_most() {
        let one = |level, n: usize| Annotation { level, ..error(&format!("number {n}")) };
        let mut all: Vec<Annotation> = (0..36).map(|n| one(Level::Notice, n)).collect();
        all.extend((0..9).map(|n| one(Level::Error, n)));
        let text = commands(&all);
        assert_eq!(text.matches("::error ").count(), 9);
        assert_eq!(text.matches("::notice ").count(), 9);
        assert!(text.ends_with("::notice::and 27 notices more, see the log\n"), "{text}");
        let long = commands(&[error(&"x".repeat(5_000))]);
        assert!(long.chars().count() < 4_096, "{}", long.len());
    }
}
