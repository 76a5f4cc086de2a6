//! The hidden first line by which we know what we wrote: `<!-- bellwether:1 {…} -->`. It is a cache, never an authority: who the
//! author is counts as well, and nothing is decided by what it says but whether to write again.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Something that is kept in a hidden first line.
pub trait Marker: Serialize + DeserializeOwned {
    /// What stands behind `bellwether:`.
    const KIND: &'static str;

    /// The first line, without a line break.
    fn line(&self) -> String {
        // Markers are made of texts and numbers: they always serialise. `>` and `--` would end the comment; within JSON
        // they stand in texts only, where they may be written as escapes.
        let json = serde_json::to_string(self).unwrap_or_default();
        let json = json.replace('>', "\\u003e").replace('<', "\\u003c").replace("--", "-\\u002d");
        format!("<!-- bellwether:{} {json} -->", Self::KIND)
    }

    /// Puts the first line in front of a body.
    fn mark(&self, body: &str) -> String {
        format!("{}\n{body}", self.line())
    }

    /// Reads the first line of a body; none where there is no such marker.
    fn read(body: &str) -> Option<Self> {
        let line = body.lines().next()?.trim();
        let rest = line.strip_prefix("<!-- bellwether:")?.strip_prefix(Self::KIND)?;
        serde_json::from_str(rest.strip_prefix(' ')?.strip_suffix("-->")?.trim()).ok()
    }
}

/// The marker of a plan's comment. There is one such comment for each environment of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanMarker {
    /// The environment.
    pub env: String,
    /// The plan's digest.
    pub plan: String,
    /// The head commit that was planned.
    pub head: String,
    /// The commit that it was planned onto.
    #[serde(default)]
    pub base: String,
    /// How many changes the plan has.
    #[serde(default)]
    pub actions: u64,
    /// How many diffs were left out for want of room.
    #[serde(default)]
    pub cut: u64,
    /// The run that wrote it; of two, the one with the greater number is newer. 0 where it has none.
    #[serde(default)]
    pub run: u64,
}

impl Marker for PlanMarker {
    const KIND: &'static str = "1";
}

/// The marker of an environment's drift issue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DriftMarker {
    /// The environment.
    pub env: String,
    /// What was looked at.
    pub scope: String,
    /// Whether all of it could be read.
    pub complete: bool,
    /// A hash of what differs: addresses, fields and live values.
    #[serde(default)]
    pub set: String,
    /// The run that wrote it.
    #[serde(default)]
    pub run: u64,
}

impl Marker for DriftMarker {
    const KIND: &'static str = "drift";
}

/// The marker of a comment that is written once, such as a result.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OnceMarker {
    /// What it is the answer to, as the caller names it.
    pub key: String,
}

impl Marker for OnceMarker {
    const KIND: &'static str = "once";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> PlanMarker {
        PlanMarker {
            env: "prod".into(),
            plan: "7f3a2c1d9b04".into(),
            head: "4f2c9ab".into(),
            run: 9123,
            ..PlanMarker::default()
        }
    }

    #[test]
    fn a_marker_is_one_hidden_line_and_is_read_back() {
        let body = marker().mark("### plan\n");
        assert_eq!(
            body,
            "<!-- bellwether:1 {\"env\":\"prod\",\"plan\":\"7f3a2c1d9b04\",\"head\":\"4f2c9ab\",\"base\":\"\",\"actions\":0,\"cut\":0,\"run\":9123} -->\n### plan\n"
        );
        assert_eq!(PlanMarker::read(&body), Some(marker()));
        assert_eq!(PlanMarker::read(&body.replace('\n', "\r\n")), Some(marker()), "as GitHub gives it back");
    }

    #[test]
    fn no_value_can_end_the_comment() {
        let hostile = "a-->\n<img src=x>--!> -- --- <!--\\u002d\"";
        let marker = PlanMarker { env: hostile.to_owned(), ..marker() };
        let line = marker.line();
        assert_eq!(line.matches("--").count(), 2, "{line}");
        assert_eq!(line.matches('>').count(), 1, "{line}");
        assert_eq!(line.matches('<').count(), 1, "{line}");
        assert!(!line.contains('\n'));
        assert_eq!(PlanMarker::read(&line), Some(marker));
    }

    #[test]
    fn only_a_first_line_of_the_same_kind_is_a_marker() {
        let line = marker().line();
        for body in [
            String::new(),
            "hello".to_owned(),
            format!("hello\n{line}"),
            format!("> {line}"),
            line.replace("bellwether:1", "bellwether:12"),
            line.replace("bellwether:1", "bellwether:drift"),
            line.replace(" -->", ""),
            line.replace("\"env\"", "\"x\""),
        ] {
            assert_eq!(PlanMarker::read(&body), None, "{body}");
        }
    }
}
