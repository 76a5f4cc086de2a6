//! Diagnostics: what is wrong in the user's files, where, and what to do about it.
//!
//! One [`Diagnostic`] type serves every stage that reads what users write, and every output format.
//! It holds data only; drawing it is `render`'s work. Nothing here reads a file.

mod code;
mod relocate;
mod source;

pub use code::Code;
pub use relocate::relocate;
pub use source::{FileId, Position, SourceFile, Sources, Span};

/// How bad a diagnostic is. An error stops the run before anything is planned; a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is planned or written.
    Error,
    /// The run goes on.
    Warning,
}

/// A place in a source file and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The bytes that are meant.
    pub span: Span,
    /// A short remark drawn under them; may be empty.
    pub text: String,
}

/// One replacement of the bytes at `span` by `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes to replace; an empty span inserts.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

/// Something that a user of bellwether has to know about their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code; it also fixes the severity.
    pub code: Code,
    /// What is wrong: a lowercase fragment without a full stop.
    pub message: String,
    /// Where it is wrong; `None` only where no file is to blame.
    pub primary: Option<Label>,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do: each a short sentence fragment.
    pub helps: Vec<String>,
    /// A mechanical correction, where there is one.
    pub fix: Vec<Edit>,
}

impl Diagnostic {
    /// A diagnostic at `span`; `remark` stands under the marked bytes.
    pub fn at(code: Code, span: Span, message: impl Into<String>, remark: impl Into<String>) -> Self {
        let primary = Some(Label { span, text: remark.into() });
        Self { primary, ..Self::new(code, message) }
    }

    /// A diagnostic that no file is to blame for.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            helps: Vec::new(),
            fix: Vec::new(),
        }
    }

    /// Adds a place that explains the primary one.
    #[must_use]
    pub fn with_secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// Adds a mechanical correction.
    #[must_use]
    pub fn with_fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix.push(Edit { span, text: text.into() });
        self
    }

    /// The severity that belongs to the code.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Whether any of them is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity() == Severity::Error)
}

/// Sorts by file, position and code, and drops exact repetitions, so that output never depends on the
/// order in which stages ran.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.primary.as_ref().map(|l| l.span), d.code);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics.dedup();
}
