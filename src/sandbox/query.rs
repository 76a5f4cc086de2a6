//! A light check of monitor queries, by monitor type, and the facts other rules need from them: the
//! comparison, the groups, the scopes, the monitors of a composite.
//!
//! It refuses what the real API is known to refuse and passes what it may accept: it is no grammar.

use super::lex::{arguments, inside, items, mask, method};
use super::reply::Refusal;

/// How the queries of a type are built.
#[derive(Clone, Copy)]
enum Family {
    /// `avg(last_5m):avg:metric{scope} by {key} > 1`, or a formula.
    Metric,
    /// `logs("…").rollup("count").by("…").last("5m") > 1`, or a formula; the name starts with this.
    Events(&'static str),
    /// `"check".over("…").by("…").last(2).count_by_status()`.
    Check,
    /// `1 && (2 || !3)`.
    Composite,
    /// Anything with a comparison at its end.
    Open,
    /// Made by another API (`no_query`).
    Opaque,
}

/// The types of `openapi-v1-monitors.json`, and `datadog-usage alert`, which exists beside them.
const TYPES: &[(&str, Family)] = &[
    ("metric alert", Family::Metric),
    ("query alert", Family::Metric),
    ("service check", Family::Check),
    ("composite", Family::Composite),
    ("log alert", Family::Events("logs")),
    ("event-v2 alert", Family::Events("events")),
    ("rum alert", Family::Events("rum")),
    ("audit alert", Family::Events("audit")),
    ("ci-pipelines alert", Family::Events("ci-pipelines")),
    ("ci-tests alert", Family::Events("ci-tests")),
    ("error-tracking alert", Family::Events("error-tracking")),
    ("llm-observability alert", Family::Events("llm-observability")),
    ("process alert", Family::Events("processes")),
    ("database-monitoring alert", Family::Open),
    ("network-performance alert", Family::Open),
    ("network-path alert", Family::Open),
    ("trace-analytics alert", Family::Open),
    ("slo alert", Family::Open),
    ("cost alert", Family::Open),
    ("data-quality alert", Family::Open),
    ("data-jobs alert", Family::Open),
    ("datadog-usage alert", Family::Open),
    ("event alert", Family::Opaque),
    ("synthetics alert", Family::Opaque),
];

const OPERATORS: &[&str] = &["<", "<=", ">", ">=", "==", "!="];
const TIME_AGGREGATORS: &[&str] = &["avg", "sum", "max", "min", "change", "pct_change"];

/// The functions whose second argument is an algorithm and whose third is a number.
const ALGORITHMS: &[(&str, &[&str])] = &[
    ("anomalies(", &["basic", "agile", "robust"]),
    ("forecast(", &["linear", "seasonal"]),
    ("outliers(", &["dbscan", "mad", "scaleddbscan", "scaledmad"]),
];

/// The end of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) operator: String,
    pub(super) value: f64,
}

/// What a query says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    pub(super) comparison: Option<Comparison>,
    /// The keys of `by {…}` or `.by("…")`.
    pub(super) groups: Vec<String>,
    /// The items of `{…}` and `.over("…")`: what the list's `tags` filter looks at.
    pub(super) scopes: Vec<String>,
    /// The monitors of a composite.
    pub(super) monitors: Vec<u64>,
    /// The count of `.last(2)` of a service check.
    pub(super) last: Option<u64>,
}

/// Whether a monitor type exists.
pub(super) fn known_type(kind: &str) -> bool {
    TYPES.iter().any(|(name, _)| *name == kind)
}

/// Checks a query of a type and reads it.
pub(super) fn parse(kind: &str, query: &str) -> Result<Parsed, Refusal> {
    let family = TYPES.iter().find(|(name, _)| *name == kind).map_or(Family::Opaque, |(_, family)| *family);
    let invalid = |detail: &str| Refusal::parameter("query", detail);
    match family {
        Family::Opaque => Ok(Parsed::default()),
        Family::Composite => {
            let monitors =
                composite(query).ok_or_else(|| invalid("not a boolean expression of monitor ids"))?;
            Ok(Parsed { monitors, ..Parsed::default() })
        }
        Family::Check => service_check(query).map_err(invalid),
        Family::Metric | Family::Events(_) | Family::Open => {
            let (left, comparison) = comparison(query)
                .map_err(|found| invalid(&format!("invalid operator specified: {found}")))?;
            let masked = mask(left).ok_or_else(|| invalid("unbalanced brackets or quotes"))?;
            match family {
                Family::Metric => metric(left, &masked).map_err(invalid)?,
                Family::Events(name) => events(name, left, &masked).map_err(invalid)?,
                _ => {}
            }
            let (groups, scopes) = groups_and_scopes(left, &masked);
            Ok(Parsed { comparison: Some(comparison), groups, scopes, ..Parsed::default() })
        }
    }
}

/// Splits `left op number`. The error is the operator found: the recorded refusal of the query `query`
/// ends in an empty one.
fn comparison(query: &str) -> Result<(&str, Comparison), String> {
    let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let query = query.trim();
    let end = query.rfind(is_operator).ok_or_else(String::new)?;
    let (head, number) = query.split_at(end + 1);
    let number = number.trim();
    let value = number
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite() && !number.contains(|c: char| c.is_ascii_alphabetic() && c != 'e'))
        .ok_or_else(String::new)?;
    let left = head.trim_end_matches(is_operator);
    let operator = head.get(left.len()..).unwrap_or_default();
    if OPERATORS.contains(&operator) {
        Ok((left.trim_end(), Comparison { operator: operator.to_owned(), value }))
    } else {
        Err(operator.to_owned())
    }
}

fn metric(left: &str, masked: &str) -> Result<(), &'static str> {
    if masked.starts_with("formula(") {
        return Ok(());
    }
    let open = masked.find('(').ok_or("no time aggregation")?;
    let aggregator = masked.get(..open).unwrap_or_default();
    if !TIME_AGGREGATORS.contains(&aggregator) {
        return Err("unknown time aggregation");
    }
    let (window, _) = inside(left, masked, open).ok_or("no evaluation window")?;
    let rest = masked.get(open + window.len() + 2..).and_then(|rest| rest.strip_prefix(':'));
    let rest = rest.ok_or("no metric query after the evaluation window")?;
    let window = if aggregator.ends_with("change") {
        // change(avg(last_5m),last_5m): the inner aggregation holds the window, then comes the shift.
        window.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(window, _)| window)
    } else {
        window
    };
    if !is_window(window) {
        return Err("invalid evaluation window");
    }
    if !(rest.contains('{') && rest.contains(':')) {
        return Err("no metric with a scope");
    }
    for (function, algorithms) in ALGORITHMS {
        for (at, _) in masked.match_indices(function) {
            let (text, mask) = inside(left, masked, at + function.len() - 1).ok_or("unbalanced brackets")?;
            check_algorithm(text, mask, algorithms)?;
        }
    }
    Ok(())
}

fn check_algorithm(text: &str, masked: &str, algorithms: &[&str]) -> Result<(), &'static str> {
    let arguments = arguments(text, masked);
    let algorithm = arguments.get(1).map(|name| name.trim_matches(['\'', '"']).to_ascii_lowercase());
    if !algorithm.is_some_and(|name| algorithms.contains(&name.as_str())) {
        return Err("unknown algorithm");
    }
    match arguments.get(2).map(|number| number.parse::<f64>()) {
        Some(Ok(number)) if number > 0.0 => Ok(()),
        _ => Err("the third argument of the algorithm must be a positive number"),
    }
}

/// `last_5m`, `next_1w`, and the `current_1mo` of `Create-a-metric-monitor-returns-OK-response.json`.
fn is_window(window: &str) -> bool {
    let Some((direction, length)) = window.trim().split_once('_') else { return false };
    let digits = length.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = length.split_at(digits);
    let counted = number.parse::<u32>().is_ok_and(|number| number > 0);
    counted
        && matches!(direction, "last" | "next" | "current")
        && matches!(unit, "m" | "h" | "d" | "w" | "mo")
}

fn events(name: &str, left: &str, masked: &str) -> Result<(), &'static str> {
    let open = masked.find('(').ok_or("not a search")?;
    let head = masked.get(..open).unwrap_or_default();
    if head != "formula" && !head.starts_with(name) {
        return Err("the search is not of the monitor's type");
    }
    let last = method(left, masked, ".last(").ok_or("no evaluation window: add .last(\"5m\")")?;
    if is_window(&format!("last_{}", last.trim_matches(['"', '\'']))) {
        Ok(())
    } else {
        Err("invalid evaluation window")
    }
}

fn groups_and_scopes(left: &str, masked: &str) -> (Vec<String>, Vec<String>) {
    let mut groups = Vec::new();
    let mut scopes = Vec::new();
    if let Some(keys) = method(left, masked, ".by(") {
        groups.extend(items(keys));
    }
    for call in [".over(", "logs(", "events(", "processes("] {
        if let Some(scope) = method(left, masked, call) {
            scopes.extend(items(scope));
        }
    }
    for (at, _) in masked.match_indices('{') {
        let Some((text, _)) = inside(left, masked, at) else { continue };
        let before = masked.get(..at).unwrap_or_default().trim_end();
        let grouping = before.strip_suffix("by").is_some_and(|rest| rest.ends_with(['}', ' ', ')']));
        let target = if grouping { &mut groups } else { &mut scopes };
        target.extend(items(text).filter(|item| !target.contains(item)).collect::<Vec<_>>());
    }
    (groups, scopes)
}

fn service_check(query: &str) -> Result<Parsed, &'static str> {
    let masked = mask(query).ok_or("unbalanced brackets or quotes")?;
    if !query.starts_with('"') {
        return Err("the name of the check must be in double quotes");
    }
    if !(query.ends_with(".count_by_status()") || query.ends_with(".pct_by_status()")) {
        return Err("a service check ends in .count_by_status()");
    }
    // Recorded without .over(), never without .by().
    if !masked.contains(".by(") {
        return Err("by cannot be blank");
    }
    let last = method(query, &masked, ".last(").and_then(|count| count.trim().parse::<u64>().ok());
    if !last.is_some_and(|last| (1..=100).contains(&last)) {
        return Err("last must be between 1 and 100");
    }
    let (groups, scopes) = groups_and_scopes(query, &masked);
    Ok(Parsed { groups, scopes, last, ..Parsed::default() })
}

/// The ids of a boolean expression over monitors; `None` when it is none.
fn composite(query: &str) -> Option<Vec<u64>> {
    let mut ids = Vec::new();
    let mut depth = 0_usize;
    let mut wants_operand = true;
    let mut rest = query.trim();
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '!' | '(' if wants_operand => {
                depth += usize::from(c == '(');
                1
            }
            '0'..='9' if wants_operand => {
                let digits = rest.chars().take_while(char::is_ascii_digit).count();
                ids.push(rest.get(..digits)?.parse().ok()?);
                wants_operand = false;
                digits
            }
            ')' if !wants_operand => {
                depth = depth.checked_sub(1)?;
                1
            }
            '&' | '|' if !wants_operand && (rest.starts_with("&&") || rest.starts_with("||")) => {
                wants_operand = true;
                2
            }
            _ => return None,
        };
        rest = rest.get(taken..)?.trim_start();
    }
    (depth == 0 && !wants_operand).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(kind: &str, query: &str) -> Parsed {
        parse(kind, query).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"))
    }

    #[test]
    fn documented_queries_pass() {
        for (kind, query) in [
            ("query alert", "avg(last_5m):sum:a.b{env:prod,x:y} by {host} > 2"),
            ("query alert", "avg(last_5m):sum:a{*} + sum:b{*} >= 1e3"),
            ("query alert", "sum(last_10m):( sum:e{*}.as_count() / sum:r{*}.as_count() ) * 100 > 5"),
            ("query alert", "pct_change(avg(last_5m),1h_ago):avg:a{*} < -0.5"),
            (
                "query alert",
                "avg(last_1h):anomalies(avg:a{name:b}, 'basic', 3, direction='above', alert_window='last_5m', \
                 interval=20, count_default_zero='true') >= 1",
            ),
            (
                "query alert",
                "max(next_1w):forecast(avg:a{*}, 'linear', 1, interval='60m', history='1w') >= 5",
            ),
            ("query alert", "avg(last_30m):outliers(avg:a{r:b} by {host}, 'dbscan', 7) > 0"),
            ("log alert", r#"logs("service:a AND \"x > 1\"").index("main").rollup("count").last("5m") > 2"#),
            ("event-v2 alert", r#"events("source:a").rollup("count").by("b,c").last("30m") > 0"#),
            ("process alert", "processes('java').over('tag').rollup('count').last('10m') > 1"),
            ("slo alert", r#"burn_rate("x").over("30d").long_window("1h").short_window("5m") > 14.4"#),
            ("service check", r#""ntp.in_sync".by("*").last(2).count_by_status()"#),
            ("composite", "12 && (34 || !56)"),
            ("synthetics alert", "no_query"),
        ] {
            ok(kind, query);
        }
    }

    #[test]
    fn broken_queries_are_refused() {
        for (kind, query) in [
            ("query alert", "avg(last_5m):sum:a{*} by {host}"),
            ("query alert", "avg(last_5m):sum:a{* > 2"),
            ("query alert", "avg(last_5m):sum:a{*} => 2"),
            ("query alert", "avg(last_5m):sum:a{*} > inf"),
            ("query alert", "avg(last_xm):sum:a{*} > 2"),
            ("query alert", "median(last_5m):sum:a{*} > 2"),
            ("query alert", "avg(last_5m):anomalies(avg:a{*}, 'magic', 3) >= 1"),
            ("query alert", "avg(last_5m):anomalies(avg:a{*}, 'basic') >= 1"),
            ("log alert", r#"rum("a").rollup("count").last("5m") > 2"#),
            ("log alert", r#"logs("a").rollup("count") > 2"#),
            ("service check", r#""a".by("*").last(0).count_by_status()"#),
            ("service check", r#""a".over("*").last(2).count_by_status()"#),
            ("composite", "12 && "),
            ("composite", "12 & 34"),
            ("composite", "(12 && 34"),
            ("composite", "name"),
        ] {
            assert!(parse(kind, query).is_err(), "{query}");
        }
    }

    #[test]
    fn facts_are_read() {
        let parsed =
            ok("query alert", "avg(last_5m):sum:a{env:prod} by {host,az} + sum:b{x:y} by {host} > -2");
        assert_eq!(parsed.groups, ["host", "az"]);
        assert_eq!(parsed.scopes, ["env:prod", "x:y"]);
        assert_eq!(parsed.comparison, Some(Comparison { operator: ">".to_owned(), value: -2.0 }));
        let parsed = ok("log alert", r#"logs("a").rollup("count").by("b,c").last("5m") > 2"#);
        assert_eq!(parsed.groups, ["b", "c"]);
        let parsed = ok("service check", r#""a".over("x:y").by("*").last(3).count_by_status()"#);
        assert_eq!((parsed.last, parsed.scopes), (Some(3), vec!["x:y".to_owned()]));
        assert_eq!(ok("composite", "12 && (34 || !56)").monitors, [12, 34, 56]);
    }

    #[test]
    fn odd_text_never_panics() {
        for text in [
            "",
            "(",
            ")",
            "{",
            "\"",
            "'é",
            "é > 1",
            "a\\",
            "> ",
            "!",
            "((((",
            ".by(",
            "formula(",
            "avg(é):é{é} > 1",
        ] {
            for (kind, _) in TYPES {
                let _ = parse(kind, text);
                let _ = parse(kind, &format!("{text} > 1"));
            }
        }
    }
}
