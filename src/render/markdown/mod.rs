//! GitHub-flavoured Markdown: the bodies of comments, issues and job summaries, made from data.
//!
//! Whatever schemas, Datadog or GitHub say is hostile here and goes through [`escape`]. A body never exceeds its limit:
//! [`ladder`] says what is left out first, and that deletes never are.

mod applied;
mod diagnostics;
mod difference;
mod drift;
mod escape;
mod held;
mod ladder;
mod plan;
mod row;
mod warnings;

pub use applied::applied;
pub use diagnostics::{diagnostics, failure};
pub use drift::drift;
pub use escape::{code, is_plain_url, link, prose};
pub use plan::plan;
pub use warnings::is_told_to_everybody;

use super::Header;
use crate::plan::Plan;

/// The most bytes of a body: GitHub takes 65,536 characters.
pub const LIMIT: usize = 65_000;

/// A body, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The Markdown. It ends with a line break.
    pub body: String,
    /// How many differences stand only in the full plan.
    pub cut: usize,
}

/// What the data cannot say of itself. All of it may be left out.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// What it was compared with, where a plan does not say that itself: `datadoghq.com`.
    pub compared_with: Option<String>,
    /// The commit that it is about.
    pub head: Option<String>,
    /// The commit that it is to be merged into.
    pub base: Option<String>,
    /// Where the full plan is to be read, an `https://` address.
    pub full_plan: Option<String>,
    /// What an id is put behind to give the monitor's page: `https://app.datadoghq.com/monitors/`.
    pub monitor_pages: Option<String>,
    /// How many live monitors are managed.
    pub managed: Option<u64>,
    /// The limit on deletes: `10%`.
    pub delete_limit: Option<String>,
    /// How many changed bodies Datadog has accepted.
    pub accepted: usize,
    /// What stands at the end: Markdown of the caller, made with [`code`] and [`prose`] where the text is untrusted.
    pub closing: Vec<String>,
    /// Whether only addresses and names of fields are shown, because anybody can read them.
    pub names_only: bool,
    /// The most bytes, where it is not [`LIMIT`].
    pub limit: Option<usize>,
}

/// Where the pages of a site's monitors are, for [`Context::monitor_pages`].
pub fn monitor_pages(site: &str) -> String {
    // Sites of two names have their pages below `app.`, the others below their own name.
    let host = if site.matches('.').count() == 1 { format!("app.{site}") } else { site.to_owned() };
    format!("https://{host}/monitors/")
}

impl From<&Header> for Context {
    fn from(header: &Header) -> Self {
        Self {
            compared_with: Some(header.target.clone()).filter(|target| !target.is_empty()),
            managed: Some(header.managed),
            delete_limit: Some(header.delete_limit.clone()),
            accepted: header.accepted,
            ..Self::default()
        }
    }
}

impl Context {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT)
    }

    /// A monitor's address, with a link to its page where that is known.
    fn address(&self, address: &crate::model::Address, id: Option<crate::model::MonitorId>) -> String {
        let text = code(address.as_str());
        match (&self.monitor_pages, id) {
            (Some(pages), Some(id)) => link(&text, &format!("{pages}{}", id.0)),
            _ => text,
        }
    }

    /// The caller's lines, and where all of it comes from.
    fn footer(&self, plan: Option<&Plan>) -> String {
        let mut text = String::new();
        for line in &self.closing {
            text.push_str(&format!("\n{line}\n"));
        }
        let commit = |commit: &String| code(commit.get(..12).unwrap_or(commit));
        let mut parts = Vec::new();
        let of: Vec<String> = [
            plan.map(|plan| format!("plan {}", code(plan.short_digest()))),
            self.head.as_ref().map(|head| format!("of {}", commit(head))),
            self.base.as_ref().map(|base| format!("onto {}", commit(base))),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !of.is_empty() {
            parts.push(of.join(" "));
        }
        let with = plan.and_then(|plan| plan.against.as_ref()).or(self.compared_with.as_ref());
        parts.extend(with.map(|with| format!("compared with {}", code(with))));
        if self.names_only {
            parts.push("names only, since everybody can read this".to_owned());
        }
        parts.extend(self.full_plan.as_ref().map(|url| link("full plan", url)));
        if !parts.is_empty() {
            text.push_str(&format!("\n<sub>{}</sub>\n", parts.join(" · ")));
        }
        text
    }
}

/// `1 monitor`, `2 monitors`.
fn plural(number: usize, noun: &str) -> String {
    super::count(number, noun)
}
