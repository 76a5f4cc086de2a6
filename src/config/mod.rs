//! `bellwether.toml`: its keys, its environments and their defaults.
//!
//! Reading is pure: text in, a [`Config`] and diagnostics out. Credentials are never part of it.

pub mod toml;

use std::collections::BTreeMap;

use self::toml::Table;
use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::suggest::closest;
use crate::value::{Member, Node, Value};

/// The project's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Glob patterns of schema files.
    pub schemas: Vec<String>,
    /// Search directories for IDL imports.
    pub imports: Vec<String>,
    /// Glob patterns of the repository's own catalog files.
    pub catalog: Vec<String>,
    /// Annotations of others, whose names may look like a mistyped one of ours.
    pub foreign_annotations: Vec<String>,
    /// The environment used without `--env`.
    pub default_environment: Option<String>,
    /// The directory of the snapshot, relative to the project.
    pub state_path: String,
    /// Names of the metrics that the event pipeline reports.
    pub metrics: Metrics,
    /// Repository-wide parameter defaults by annotation kind.
    pub defaults: Defaults,
    /// Limits on what may be created.
    pub budget: Budget,
    /// Brakes on a plan.
    pub guard: Guard,
    /// What applying from a pull request takes.
    pub register: Register,
    /// The environments by name.
    pub environments: BTreeMap<String, Environment>,
}

/// Parameter defaults: annotation kind, then parameter name, each with its place.
pub type Defaults = BTreeMap<String, KindDefaults>;

/// The defaults of one annotation kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KindDefaults {
    /// Where the kind's name stands.
    pub key_span: Option<Span>,
    /// The parameters.
    pub parameters: Vec<Member>,
}

/// Names of the metrics that the event pipeline reports, each tagged `event:<record name in lower case>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// A count of received events.
    pub received: String,
    /// A count of events that could not be serialized.
    pub errors: String,
}

/// Limits on what may be created.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Distinct time series per clock hour, over all aggregate metrics.
    pub custom_metrics: u64,
    /// The price of 100 custom metrics for a month, in dollars.
    pub price_per_100: f64,
    /// The most series of one record's aggregate metrics in an hour.
    pub max_per_event: Option<u64>,
    /// The most managed monitors.
    pub max_monitors: Option<u64>,
}

/// Brakes on a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// How many monitors one plan may delete.
    pub max_deletes: MaxDeletes,
    /// What happens to edits made in Datadog.
    pub on_drift: OnDrift,
}

/// What applying from a pull request takes, before it is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// How many people, who may write and are not the author, have to approve the head commit.
    pub approvals: u64,
    /// Whether all other checks of the head commit have to be green.
    pub checks: bool,
}

/// A limit on deletes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxDeletes {
    /// Percent of the managed monitors.
    Percent(f64),
    /// A number.
    Count(u64),
}

impl MaxDeletes {
    /// Deletes that are always allowed, so that small projects are not in the way of themselves.
    pub const ALWAYS: u64 = 3;

    /// How many deletes are allowed among `managed` monitors.
    pub fn allowed(self, managed: u64) -> u64 {
        let limit = match self {
            Self::Percent(percent) => (managed as f64 * percent / 100.0).floor() as u64,
            Self::Count(count) => count,
        };
        limit.max(Self::ALWAYS)
    }
}

impl std::fmt::Display for MaxDeletes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// What an apply does with a field that was edited in Datadog and not in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDrift {
    /// Leaves it as it is, and shows it.
    Hold,
    /// Puts the schema's value back.
    Revert,
}

/// One environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Where Datadog is.
    pub target: Target,
    /// The tag that marks the monitors this environment owns.
    pub tag: String,
    /// Tags added to the scope of every generated query, `env:prod`; may be empty.
    pub scope: String,
    /// Parameter defaults of this environment.
    pub defaults: Defaults,
}

/// Where an environment's Datadog is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The embedded double.
    Sandbox,
    /// A Datadog site, `datadoghq.com`.
    Site(String),
    /// An explicit base URL.
    ApiUrl(String),
}

impl Config {
    /// Reads the text of a `bellwether.toml`; wrong keys are reported and the rest is used.
    pub fn parse(file: FileId, text: &str) -> (Self, Vec<Diagnostic>) {
        let mut out = Vec::new();
        let root = match toml::parse(file, text, Code::Config) {
            Ok(root) => root,
            Err(diagnostic) => {
                out.push(*diagnostic);
                Node { span: Span::new(file, 0, 0), value: Value::Object(Vec::new()) }
            }
        };
        let mut table = Table::new(&root, "bellwether.toml", Code::Config, &mut out);
        let config = Self {
            schemas: table.strings("schemas", &mut out).unwrap_or_else(|| {
                ["avdl", "avsc", "avpr"].map(|extension| format!("schemas/**/*.{extension}")).to_vec()
            }),
            imports: table.strings("imports", &mut out).unwrap_or_else(|| vec!["schemas".to_owned()]),
            catalog: table.strings("catalog", &mut out).unwrap_or_else(|| vec!["monitors/*.toml".to_owned()]),
            foreign_annotations: table.strings("foreign_annotations", &mut out).unwrap_or_default(),
            default_environment: table.string("default_environment", &mut out),
            state_path: state_path(&mut table, &mut out),
            metrics: metrics(&mut table, &mut out),
            defaults: defaults(table.get("defaults"), "[defaults]", &mut out),
            budget: budget(&mut table, &mut out),
            guard: guard(&mut table, &mut out),
            register: register(&mut table, &mut out),
            environments: environments(&mut table, &mut out),
        };
        table.finish(&mut out);
        (config, out)
    }

    /// The environment `name`, or the default one.
    ///
    /// # Errors
    ///
    /// A sentence that says which environments there are.
    pub fn environment(&self, name: Option<&str>) -> Result<(String, &Environment), String> {
        let names =
            || self.environments.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let only = || match self.environments.len() {
            1 => self.environments.keys().next().map(String::as_str),
            _ => None,
        };
        let name = name.or(self.default_environment.as_deref()).or_else(only).ok_or_else(|| {
            format!("which environment? give --env or set default_environment; there are {}", names())
        })?;
        match self.environments.get(name) {
            Some(environment) => Ok((name.to_owned(), environment)),
            None => {
                let meant = closest(name, self.environments.keys().map(String::as_str));
                let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                Err(format!("there is no environment `{name}` among {}{hint}", names()))
            }
        }
    }
}

fn state_path(table: &mut Table<'_>, out: &mut Vec<Diagnostic>) -> String {
    let mut path = None;
    if let Some(node) = table.get("state") {
        let mut state = Table::new(node, "[state]", Code::Config, out);
        path = state.string("path", out);
        state.finish(out);
    }
    path.unwrap_or_else(|| "state".to_owned())
}

fn metrics(table: &mut Table<'_>, out: &mut Vec<Diagnostic>) -> Metrics {
    let (mut received, mut errors) = (None, None);
    if let Some(node) = table.get("metrics") {
        let mut metrics = Table::new(node, "[metrics]", Code::Config, out);
        for (key, slot) in [("received", &mut received), ("errors", &mut errors)] {
            *slot = metrics.string(key, out);
            if let (Some(name), Some(node)) = (slot.as_deref(), metrics.get(key))
                && !is_metric_name(name)
            {
                let message = format!("`{name}` is not a metric name");
                out.push(
                    Diagnostic::at(Code::Config, node.span, message, "")
                        .with_help("a letter, then letters, digits, `_` and `.`, at most 200 characters"),
                );
            }
        }
        metrics.finish(out);
    }
    Metrics {
        received: received.unwrap_or_else(|| "events.received".to_owned()),
        errors: errors.unwrap_or_else(|| "events.serialization_errors".to_owned()),
    }
}

/// Whether Datadog takes the name as it is: a letter, then letters, digits, `_` and `.`, at most 200.
pub fn is_metric_name(name: &str) -> bool {
    name.len() <= 200
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

fn defaults(node: Option<&Node>, what: &str, out: &mut Vec<Diagnostic>) -> Defaults {
    let Some(node) = node else { return Defaults::new() };
    let Value::Object(kinds) = &node.value else {
        out.push(Diagnostic::at(Code::Config, node.span, format!("{what} must be a table"), ""));
        return Defaults::new();
    };
    let mut defaults = Defaults::new();
    for kind in kinds {
        match &kind.value.value {
            Value::Object(parameters) => {
                let entry = KindDefaults { key_span: Some(kind.key_span), parameters: parameters.clone() };
                defaults.insert(kind.key.clone(), entry);
            }
            _ => out.push(
                Diagnostic::at(Code::Config, kind.value.span, format!("`{}` must be a table", kind.key), "")
                    .with_help(format!("[defaults.{}]", kind.key)),
            ),
        }
    }
    defaults
}

fn budget(table: &mut Table<'_>, out: &mut Vec<Diagnostic>) -> Budget {
    let mut budget =
        Budget { custom_metrics: 500, price_per_100: 5.0, max_per_event: None, max_monitors: None };
    if let Some(node) = table.get("budget") {
        let mut table = Table::new(node, "[budget]", Code::Config, out);
        budget.custom_metrics = table.count("custom_metrics", out).unwrap_or(budget.custom_metrics);
        budget.price_per_100 = table.number("price_per_100", out).unwrap_or(budget.price_per_100);
        budget.max_per_event = table.count("max_per_event", out);
        budget.max_monitors = table.count("max_monitors", out);
        table.finish(out);
    }
    budget
}

fn guard(table: &mut Table<'_>, out: &mut Vec<Diagnostic>) -> Guard {
    let mut guard = Guard { max_deletes: MaxDeletes::Percent(10.0), on_drift: OnDrift::Hold };
    let Some(node) = table.get("guard") else { return guard };
    let mut table = Table::new(node, "[guard]", Code::Config, out);
    if let Some(node) = table.get("max_deletes") {
        match max_deletes(&node.value) {
            Some(limit) => guard.max_deletes = limit,
            None => out.push(Diagnostic::at(
                Code::Config,
                node.span,
                "`max_deletes` must be a percentage such as \"10%\", or a whole number",
                "",
            )),
        }
    }
    if let Some(node) = table.get("on_drift") {
        match &node.value {
            Value::String(text) if text == "hold" => guard.on_drift = OnDrift::Hold,
            Value::String(text) if text == "revert" => guard.on_drift = OnDrift::Revert,
            _ => out.push(Diagnostic::at(
                Code::Config,
                node.span,
                "`on_drift` must be \"hold\" or \"revert\"",
                "",
            )),
        }
    }
    table.finish(out);
    guard
}

fn register(table: &mut Table<'_>, out: &mut Vec<Diagnostic>) -> Register {
    let mut register = Register { approvals: 1, checks: true };
    if let Some(node) = table.get("register") {
        let mut table = Table::new(node, "[register]", Code::Config, out);
        register.approvals = table.count("approvals", out).unwrap_or(register.approvals);
        register.checks = table.boolean("checks", out).unwrap_or(register.checks);
        table.finish(out);
    }
    register
}

fn max_deletes(value: &Value) -> Option<MaxDeletes> {
    match value {
        Value::Int(count) => u64::try_from(*count).ok().map(MaxDeletes::Count),
        Value::String(text) => {
            let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(MaxDeletes::Percent(percent))
        }
        _ => None,
    }
}

fn environments(table: &mut Table<'_>, out: &mut Vec<Diagnostic>) -> BTreeMap<String, Environment> {
    let mut environments = BTreeMap::new();
    let Some(node) = table.get("environments") else {
        // A project without environments still has somewhere harmless to go.
        environments.insert("sandbox".to_owned(), Environment::sandbox());
        return environments;
    };
    let Value::Object(members) = &node.value else {
        out.push(Diagnostic::at(Code::Config, node.span, "`environments` must be a table of tables", ""));
        return environments;
    };
    for member in members {
        if let Some(environment) = environment(member, out) {
            environments.insert(member.key.clone(), environment);
        }
    }
    shared_tags(members, &environments, out);
    environments
}

/// Two environments with one owner tag in one Datadog would each take the other's monitors for orphans.
fn shared_tags(members: &[Member], environments: &BTreeMap<String, Environment>, out: &mut Vec<Diagnostic>) {
    for (index, member) in members.iter().enumerate() {
        let Some(environment) = environments.get(&member.key) else { continue };
        let same = |other: &&Member| {
            environments
                .get(&other.key)
                .is_some_and(|e| e.tag == environment.tag && e.target == environment.target)
        };
        if let Some(first) = members[..index].iter().find(same) {
            let message = format!("`{}` has the tag and the Datadog of `{}`", member.key, first.key);
            out.push(
                Diagnostic::at(Code::Config, member.key_span, message, "")
                    .with_secondary(first.key_span, "the first")
                    .with_help(
                        "give each environment a `tag` of its own: it marks the monitors that are its",
                    ),
            );
        }
    }
}

impl Environment {
    /// The tags of the scope that say what something is, `env:prod`, and not what it is not: aggregate metrics carry
    /// them, so that scoped queries find them.
    pub fn constant_tags(&self) -> Vec<String> {
        let tags = self.scope.split(',').filter(|tag| tag.contains(':') && !tag.starts_with('!'));
        tags.map(str::to_owned).collect()
    }

    fn sandbox() -> Self {
        Self {
            target: Target::Sandbox,
            tag: "bellwether-sandbox".to_owned(),
            scope: String::new(),
            defaults: Defaults::new(),
        }
    }
}

fn environment(member: &Member, out: &mut Vec<Diagnostic>) -> Option<Environment> {
    let what = format!("[environments.{}]", member.key);
    let mut table = Table::new(&member.value, &what, Code::Config, out);
    let sandbox = table.boolean("sandbox", out).unwrap_or(false);
    let site = table.string("site", out);
    let api_url = table.string("api_url", out);
    let tag = table.string("tag", out);
    let tag_span = table.get("tag").map(|node| node.span);
    let scope = table.string("scope", out).unwrap_or_default();
    let scope_span = table.get("scope").map(|node| node.span);
    let defaults = defaults(table.get("defaults"), &format!("[environments.{}.defaults]", member.key), out);
    table.finish(out);
    let mut complain = |span: Span, message: String, help: &str| {
        out.push(Diagnostic::at(Code::Config, span, message, "").with_help(help));
    };
    if let (Some(tag), Some(span)) = (&tag, tag_span)
        && !is_tag(tag)
    {
        complain(span, format!("`{tag}` is not a tag"), "a letter, then letters, digits and `_-:./`");
    }
    if let Some(span) = scope_span
        && !is_scope(&scope)
    {
        complain(span, format!("`{scope}` is not a scope"), "tags joined by commas, such as `env:prod`");
    }
    let target = match (sandbox, site, api_url) {
        (true, None, None) => Target::Sandbox,
        (false, Some(site), None) => Target::Site(site),
        (false, None, Some(url)) => Target::ApiUrl(url),
        (false, None, None) => Target::Site("datadoghq.com".to_owned()),
        _ => {
            complain(
                member.key_span,
                format!("{what} names more than one place"),
                "give one of `sandbox = true`, `site` and `api_url`",
            );
            return None;
        }
    };
    let tag = tag.unwrap_or_else(|| format!("bellwether-{}", member.key.to_lowercase()));
    Some(Environment { target, tag, scope, defaults })
}

/// Whether a tag is bellwether's own book-keeping, which nobody else may set.
pub fn is_reserved_tag(text: &str) -> bool {
    let key = text.split_once(':').map_or(text, |(key, _)| key);
    matches!(key, "bellwether" | "bellwether_rev")
}

/// Whether Datadog keeps the text as a tag unchanged.
pub fn is_tag(text: &str) -> bool {
    text.chars().count() <= 200
        && text.starts_with(|c: char| c.is_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || "_-:./".contains(c))
        && !text.ends_with([':', '_'])
}

fn is_scope(text: &str) -> bool {
    text.is_empty() || text.split(',').all(|tag| is_tag(tag.strip_prefix('!').unwrap_or(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn parse(text: &str) -> (Config, Vec<String>) {
        let mut sources = Sources::default();
        let file = sources.add("bellwether.toml", text);
        let (config, diagnostics) = Config::parse(file, text);
        let lines = diagnostics.iter().map(|d| {
            let place = d.primary.as_ref().map(|label| sources.file_line(label.span)).unwrap_or_default();
            format!("{place} {} {}", d.message, d.helps.join(" "))
        });
        (config, lines.collect())
    }

    #[test]
    fn an_empty_file_is_a_project_with_a_sandbox() {
        let (config, problems) = parse("");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(config.environment(None).unwrap().1.target, Target::Sandbox);
        assert_eq!(config.metrics.received, "events.received");
    }

    #[test]
    fn unknown_keys_are_errors_that_name_the_key_that_was_meant() {
        let (_, problems) = parse("schema = []\n[guard]\nmax_delete = 3\n");
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().any(|p| p.contains(":1 ") && p.contains("did you mean `schemas`?")));
        assert!(problems.iter().any(|p| p.contains(":3 ") && p.contains("did you mean `max_deletes`?")));
    }

    #[test]
    fn wrong_types_and_broken_toml_are_reported_with_their_line() {
        assert!(parse("\nschemas = 3").1[0].starts_with("bellwether.toml:2 `schemas`"));
        assert!(parse("[state").1[0].starts_with("bellwether.toml:1 "));
        assert!(parse("[environments.x]\nsandbox = true\nsite = \"a\"").1[0].contains("more than one place"));
    }

    #[test]
    fn environments_of_one_datadog_have_tags_of_their_own() {
        let (_, problems) = parse("[environments.a]\ntag = \"x\"\n[environments.b]\ntag = \"x\"\n");
        assert!(problems[0].contains("`b` has the tag and the Datadog of `a`"), "{problems:?}");
        assert!(parse("[environments.a]\ntag = \"x\"\n[environments.b]\ntag = \"y\"\n").1.is_empty());
    }

    #[test]
    fn three_deletes_are_always_allowed() {
        assert_eq!(MaxDeletes::Percent(10.0).allowed(5), 3);
        assert_eq!(MaxDeletes::Percent(10.0).allowed(219), 21);
        assert_eq!(MaxDeletes::Count(0).allowed(1_000), 3);
    }

    #[test]
    fn a_missing_environment_names_those_there_are() {
        let (config, _) =
            parse("[environments.prod]\ntag = \"esm-prod\"\n[environments.test]\nsandbox = true");
        assert!(config.environment(None).unwrap_err().contains("`prod`, `test`"));
        assert!(config.environment(Some("prods")).unwrap_err().contains("did you mean `prod`?"));
        assert_eq!(config.environment(Some("prod")).unwrap().1.tag, "esm-prod");
    }
}
