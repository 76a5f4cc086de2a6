//! Progress of an apply on stderr: a bar on a terminal, a line for each change elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::{Output, Speaker};
use crate::plan::{Change, Outcome};
use crate::render::{self, Page};

/// Shows how far an apply is.
pub struct Progress {
    bar: ProgressBar,
    page: Page,
    interactive: bool,
    quiet: bool,
    speaker: Speaker,
}

impl Progress {
    /// For so many changes.
    pub fn new(output: &Output, total: usize) -> Self {
        let target =
            if output.interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template(
            "  {bar:30} {pos}/{len}  {elapsed}  Ctrl-C stops after calls in flight",
        ) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self {
            bar,
            page: output.page,
            interactive: output.interactive,
            quiet: output.quiet,
            speaker: output.speaker(),
        }
    }

    /// A change ended.
    pub fn step(&self, change: &Change, outcome: &Outcome, elapsed: Duration, done: usize, total: usize) {
        let failed = !matches!(outcome, Outcome::Done { .. } | Outcome::Deferred);
        let line = render::journal_line(&self.page, change, outcome, elapsed, done, total);
        if self.interactive {
            self.bar.println(line);
            self.bar.inc(1);
        } else if !self.quiet || failed {
            self.speaker.write(&format!("{line}\n"));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
