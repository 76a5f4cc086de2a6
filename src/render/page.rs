//! A page of text: width, colours and symbols that fit the reader's terminal.

use anstyle::{AnsiColor, Effects};

use crate::plan::Action;

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used; meaning never hangs on them.
    pub color: bool,
    /// Whether symbols outside ASCII may be used.
    pub unicode: bool,
    /// Whether unchanged and grouped parts are spelled out.
    pub verbose: bool,
}

impl Page {
    /// A hundred columns without colour, as in a log.
    pub const PLAIN: Self = Self { width: 100, color: false, unicode: true, verbose: false };

    /// `text` in a style.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let ansi = match style {
            Style::Create => AnsiColor::Green.on_default(),
            Style::Update => AnsiColor::Yellow.on_default(),
            Style::Move => AnsiColor::Cyan.on_default(),
            Style::Delete => AnsiColor::Red.on_default(),
            Style::Drift => AnsiColor::Magenta.on_default(),
            Style::Faint => anstyle::Style::new() | Effects::DIMMED,
            Style::Strong => anstyle::Style::new() | Effects::BOLD,
            Style::Mark => anstyle::Style::new() | Effects::BOLD | Effects::UNDERLINE,
        };
        format!("{ansi}{text}{ansi:#}")
    }

    /// The symbol of an action.
    pub fn symbol(&self, action: Action) -> &'static str {
        match (action, self.unicode) {
            (Action::Create, _) => "+",
            (Action::Update, _) => "~",
            (Action::Rename, true) => "→",
            (Action::Rename, false) => ">",
            (Action::Adopt, _) => "&",
            (Action::Replace, true) => "±",
            (Action::Replace, false) => "%",
            (Action::Delete, _) => "-",
        }
    }

    /// The style of an action.
    pub fn style(&self, action: Action) -> Style {
        match action {
            Action::Create => Style::Create,
            Action::Update => Style::Update,
            Action::Rename | Action::Adopt => Style::Move,
            Action::Replace | Action::Delete => Style::Delete,
        }
    }

    /// Text with symbols that the terminal can show.
    pub fn symbols(&self, text: &str) -> String {
        if self.unicode {
            return text.to_owned();
        }
        text.replace('→', "->")
            .replace(['·', '─'], "-")
            .replace('…', "...")
            .replace('✓', "ok")
            .replace('✗', "x")
    }

    /// A line across a third of the page.
    pub fn rule(&self) -> String {
        self.symbols(&"─".repeat(24))
    }

    /// `left`, and `right` at the end of the line if both fit, else below it. Widths are of the unpainted texts.
    pub fn spread(&self, left: &str, left_painted: &str, right: &str) -> String {
        let (left_width, right_width) = (left.chars().count(), right.chars().count());
        if right.is_empty() {
            return left_painted.to_owned();
        }
        let right_painted = self.paint(Style::Faint, right);
        if left_width + 2 + right_width <= self.width {
            let gap = " ".repeat(self.width - left_width - right_width);
            format!("{left_painted}{gap}{right_painted}")
        } else {
            format!("{left_painted}\n    {right_painted}")
        }
    }

    /// `text` broken at blanks into lines of at most `width` characters; a word is never broken.
    pub fn wrap(&self, text: &str, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }
}

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Something new.
    Create,
    /// Something changed.
    Update,
    /// Something under another address.
    Move,
    /// Something that goes.
    Delete,
    /// Something edited in Datadog.
    Drift,
    /// Of less weight.
    Faint,
    /// Of more weight.
    Strong,
    /// The part of a value that changed.
    Mark,
}
