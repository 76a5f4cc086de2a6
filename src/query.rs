//! The few things that have to be read out of a Datadog query: what it compares with, and its window.
//!
//! Queries come from templates, from `@datadog_monitor` and from Datadog itself, so nothing here fails: what
//! cannot be read is `None`.

use crate::units::seconds;

/// How a query compares its value with its threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison<'q> {
    /// `<`, `<=`, `>`, `>=`, `==` or `!=`.
    pub operator: &'q str,
    /// The number.
    pub threshold: f64,
}

impl Comparison<'_> {
    /// Whether larger values are the bad ones.
    pub fn alerts_above(&self) -> bool {
        self.operator.starts_with('>')
    }

    /// Whether smaller values are the bad ones.
    pub fn alerts_below(&self) -> bool {
        self.operator.starts_with('<')
    }
}

/// The comparison that ends a query.
pub fn comparison(query: &str) -> Option<Comparison<'_>> {
    let query = query.trim_end();
    let before = query.trim_end_matches(|c: char| c.is_ascii_digit() || "+-.eE".contains(c));
    let number = &query[before.len()..];
    let before = before.trim_end();
    let operator =
        ["<=", ">=", "==", "!=", "<", ">"].into_iter().find(|operator| before.ends_with(operator))?;
    let operator = &before[before.len() - operator.len()..];
    number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .map(|threshold| Comparison { operator, threshold })
}

/// The evaluation window in seconds: `avg(last_5m):…` or `….last("5m")`.
pub fn window_seconds(query: &str) -> Option<u64> {
    let after = |marker: &str, end: char| {
        let start = query.find(marker)? + marker.len();
        let length = query[start..].find(end)?;
        seconds(&query[start..start + length])
    };
    after("(last_", ')').or_else(|| after(".last(\"", '"')).or_else(|| after("(next_", ')'))
}

/// The width of the band of `anomalies(...)`.
pub fn deviations(query: &str) -> Option<f64> {
    let start = query.find("anomalies(")?;
    let algorithm = ["'basic',", "'agile',", "'robust',"];
    let rest = algorithm
        .into_iter()
        .find_map(|marker| query[start..].find(marker).map(|at| &query[start + at + marker.len()..]))?;
    rest.split([',', ')']).next()?.trim().parse().ok()
}

/// The side of the band that `anomalies(...)` alerts on: above, below or both.
pub fn direction(query: &str) -> Option<&str> {
    query.split_once("direction='")?.1.split('\'').next()
}

/// The @-handles in a message: those at its start or after a blank, as Datadog reads them.
pub fn handles(message: &str) -> Vec<&str> {
    // What stands in {{...}} is a variable, even one that starts with an @.
    let plain = message.split("{{").map(|part| part.rsplit_once("}}").map_or(part, |(_, text)| text));
    let mut handles: Vec<&str> = plain
        .flat_map(|text| text.split(|c: char| c.is_whitespace() || c == ','))
        .filter(|word| word.len() > 1 && word.starts_with('@'))
        .map(|word| word.trim_end_matches(['.', ',', ';', ':', ')']))
        .collect();
    handles.sort_unstable();
    handles.dedup();
    handles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_may_stand_where_a_query_is_expected() {
        for query in ["a\u{200b}", "ä", "\u{202e} > 1ä", "→5", "> ä5", "", " ", "5"] {
            assert!(comparison(query).is_none(), "{query}");
            let _ = (window_seconds(query), deviations(query), direction(query), handles(query));
        }
        assert!(comparison("ä > 5").is_some());
    }

    #[test]
    fn the_number_a_query_compares_with_is_found() {
        let read = |query| comparison(query).map(|c| (c.operator.to_owned(), c.threshold));
        assert_eq!(read("sum(last_5m):sum:a{*}.as_count() > 10"), Some((">".into(), 10.0)));
        assert_eq!(read("avg(last_5m):avg:a{b:c} <= -1.5e3 "), Some(("<=".into(), -1500.0)));
        assert_eq!(read("1 && 2"), None);
        assert_eq!(read("\"x\".over(\"y\").last(2).count_by_status()"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn windows_and_deviations_are_found() {
        assert_eq!(window_seconds("sum(last_15m):sum:a{*} > 1"), Some(900));
        assert_eq!(
            window_seconds("logs(\"x\").index(\"*\").rollup(\"count\").last(\"1h\") > 1"),
            Some(3_600)
        );
        assert_eq!(
            deviations("avg(last_4h):anomalies(sum:a{*}, 'agile', 4.5, direction='both') >= 1"),
            Some(4.5)
        );
    }

    #[test]
    fn a_handle_needs_a_blank_before_it() {
        assert_eq!(handles("{{@machine.name}} {{#is_alert}}@slack-b{{/is_alert}}"), ["@slack-b"]);
        assert_eq!(
            handles("x {{value}} @slack-a, mail a@b.c\n@jane@example.com."),
            ["@jane@example.com", "@slack-a"]
        );
    }
}
