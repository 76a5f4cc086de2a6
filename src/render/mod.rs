//! Turning results into text: for people, and as JSON. Renderers take data and give a `String`; they print nothing.

pub mod annotations;
mod apply;
mod changes;
mod diagnostics;
mod drift;
mod fields;
pub mod github;
mod graph;
mod manual;
pub mod markdown;
mod page;
mod plan;
mod sarif;

pub use apply::{apply_json, apply_summary, journal_line};
pub use diagnostics::{diagnostics, diagnostics_json};
pub use drift::drift;
pub use graph::{dot, graph_json, mermaid};
pub use manual::annotations;
pub use page::{Page, Style};
pub use plan::{Header, count, plan, plan_summary};
pub use sarif::{sarif, sarif_failure};
