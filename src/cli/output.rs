//! The only place that prints: results to stdout, everything else to stderr, quietly ending on a closed pipe.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use super::args::{Color, Format, Global};
use super::commands::CommandError;
use super::runner::Runner;
use crate::diag::{Diagnostic, Severity, Sources};
use crate::ops::Failure;
use crate::project::CONFIG_FILE;
use crate::render::annotations::{self, Annotation};
use crate::render::github;
use crate::render::markdown::{self, Comment, Context};
use crate::render::{self, Page};
use crate::text::{clean, without_commands};

/// Where results and notices go.
pub struct Output {
    /// What the reader's terminal shows.
    pub page: Page,
    /// How the result is written.
    pub format: Format,
    /// Whether that is JSON.
    pub json: bool,
    /// Whether progress and notices are left out.
    pub quiet: bool,
    /// Whether stderr is a terminal.
    pub interactive: bool,
    /// Whether nobody reads the result any more.
    closed: bool,
    runner: Runner,
}

impl Output {
    /// As the options and the terminal say.
    pub fn new(global: &Global) -> Self {
        let terminal = io::stdout().is_terminal();
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => color_by_environment(terminal),
        };
        let width = terminal_width(terminal).min(100);
        let page = Page { width, color, unicode: locale_is_unicode(), verbose: global.verbose > 0 };
        Self {
            page,
            format: global.format,
            json: global.format == Format::Json,
            quiet: global.quiet,
            interactive: io::stderr().is_terminal() && !global.quiet,
            closed: false,
            runner: Runner::new(global),
        }
    }

    /// Writes a part of the result. Where the runner of GitHub Actions reads it, nothing in it acts there.
    pub fn result(&mut self, text: &str) {
        if self.runner.reads {
            self.write(&without_commands(text));
        } else {
            self.write(text);
        }
    }

    /// Tells the runner of GitHub Actions what stands at which line.
    pub fn annotate(&mut self, annotations: &[Annotation]) {
        self.write(&github::commands(annotations));
    }

    /// The project's path from the repository's root.
    pub fn prefix(&self) -> &str {
        &self.runner.prefix
    }

    /// Adds a text to the job's summary, if it has one.
    pub fn summarise(&self, context: &Context, comment: impl FnOnce(&Context) -> Comment) {
        let body = |left| comment(&Context { limit: Some(left), ..context.clone() }).body;
        if let Err(reason) = self.runner.summarise(body) {
            self.notice(&reason);
        }
    }

    fn write(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            self.closed = true;
            // `bellwether plan | head`: the reader has seen enough. The command goes on to its end, so that an
            // apply is not cut short and the exit code says what it always says.
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.error(&format!("cannot write the result: {error}"));
            }
        }
    }

    /// Writes the result as JSON.
    pub fn json(&mut self, value: &impl Serialize) {
        let text = json_text(value);
        // `##[` can only stand in a text, where JSON knows another way to write it.
        let text = if self.runner.reads { text.replace("##[", "##\\u005b") } else { text };
        self.write(&text);
    }

    /// A line that tells what is going on.
    pub fn notice(&self, text: &str) {
        self.speaker().notice(text);
    }

    /// Tells what is going on from other threads too.
    pub fn speaker(&self) -> Speaker {
        Speaker { quiet: self.quiet, runner_reads: self.runner.reads }
    }

    /// A diagnostic without a snippet: an error always, a warning unless it is to be quiet.
    pub fn told(&self, severity: &str, code: &str, text: &str) {
        if severity == "error" || !self.quiet {
            self.speaker().write(&format!("{severity}[{code}]: {}\n", clean(text)));
        }
    }

    /// An error that no file is to blame for.
    pub fn error(&self, text: &str) {
        self.speaker().write(&format!("error: {}\n", clean(text)));
    }

    /// Diagnostics, to stderr.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic], sources: &Sources) {
        let page = Page { color: self.page.color && io::stderr().is_terminal(), ..self.page };
        let shown: Vec<Diagnostic> =
            diagnostics.iter().filter(|d| !self.quiet || d.severity() == Severity::Error).cloned().collect();
        self.speaker().write(&render::diagnostics(&shown, sources, &page));
        let errors = shown.iter().filter(|d| d.severity() == Severity::Error).count();
        if errors > 0 {
            self.speaker().write(&format!("{}; nothing was planned\n", render::count(errors, "error")));
        }
    }

    /// Why a command gave no result.
    pub fn failure(&mut self, error: &CommandError) {
        let nothing = Sources::default();
        let sources = error.sources.as_ref().unwrap_or(&nothing);
        if self.json {
            let diagnostics = match &error.failure {
                Failure::Diagnostics(diagnostics) => render::diagnostics_json(diagnostics, sources),
                other => vec![json!({"severity": "error", "summary": other.to_string()})],
            };
            self.json(&json!({"format_version": 1, "diagnostics": diagnostics}));
            return;
        }
        self.failure_for_github(&error.failure, sources);
        match &error.failure {
            Failure::Diagnostics(diagnostics) => self.diagnostics(diagnostics, sources),
            other => self.error(&other.to_string()),
        }
    }

    /// The same in the formats of GitHub; what is wrong with the command line is for whoever wrote it.
    fn failure_for_github(&mut self, failure: &Failure, sources: &Sources) {
        if matches!(failure, Failure::Usage(_)) {
            return;
        }
        let context = Context::default();
        let found = if let Failure::Diagnostics(found) = failure { Some(found.as_slice()) } else { None };
        let comment = |context: &Context| match found {
            Some(found) => markdown::diagnostics(found, sources, context),
            None => markdown::failure(&failure.to_string(), context),
        };
        match self.format {
            Format::Markdown => self.result(&comment(&context).body),
            Format::Github => {
                let annotations = match found {
                    Some(found) => annotations::of_diagnostics(found, sources, &self.runner.prefix),
                    None => vec![annotations::error(&failure.to_string())],
                };
                self.annotate(&annotations);
                self.summarise(&context, comment);
            }
            Format::Sarif => {
                let document = match found {
                    Some(found) => render::sarif(found, sources, &self.runner.prefix, CONFIG_FILE),
                    None => render::sarif_failure(&failure.to_string()),
                };
                self.json(&document);
            }
            Format::Human | Format::Json | Format::Dot | Format::Mermaid => {}
        }
    }
}

/// Tells what is going on, from any thread.
#[derive(Debug, Clone, Copy)]
pub struct Speaker {
    quiet: bool,
    runner_reads: bool,
}

impl Speaker {
    /// A line that tells what is going on.
    pub fn notice(self, text: &str) {
        if !self.quiet {
            self.write(&format!("{}\n", clean(text)));
        }
    }

    /// Text for stderr. Where the runner of GitHub Actions reads it, nothing in it acts there.
    pub fn write(self, text: &str) {
        let text = if self.runner_reads { without_commands(text) } else { text.into() };
        // There is nowhere left to say that stderr is closed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

/// A result as JSON, the same on stdout and in a file.
pub fn json_text(value: &impl Serialize) -> String {
    // Everything that is written so is made of texts, numbers and lists with texts as keys: it always serialises.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

fn color_by_environment(terminal: bool) -> bool {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return false;
    }
    if set("CLICOLOR_FORCE")
        || set("FORCE_COLOR")
        || std::env::var("GITHUB_ACTIONS").is_ok_and(|v| v == "true")
    {
        return true;
    }
    terminal && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

/// The columns: as `COLUMNS` says, else those of the terminal, else 100.
fn terminal_width(terminal: bool) -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .or_else(|| {
            terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0))
        })
        .filter(|width| *width >= 40)
        .unwrap_or(100)
}

fn locale_is_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    // Where nothing is said, as in most containers, the reader is a log that takes UTF-8.
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8") || locale == "c" && cfg!(windows)
    })
}
