//! The pages of `docs/` that are made from data: the annotation kinds, in Markdown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::{Builds, Catalog, Kind, MODIFIERS, On, Parameter};
use crate::units::plain;

const ANNOTATIONS: &str = "\
# Annotations

This page is made from the catalog: `BLESS=1 cargo test --test docs` writes it anew. `bellwether catalog KIND` prints the same at the
terminal, the repository's own kinds included. How to write such a kind: [catalog.md](catalog.md).

";

const HOW_TO_WRITE: &str = r##"## How annotations are written

A record annotation stands before the record in Avro IDL, and is a property of the record in Avro JSON:

```avdl
@traffic_anomaly_monitor({"deviations": 4})
record AddToCartEvent {
  string cartId;
}
```

```json
{"type": "record", "name": "AddToCartEvent", "traffic_anomaly_monitor": {"deviations": 4}, "fields": []}
```

A field annotation stands between the field's type and its name: `string @aggregate_metric({"per": "hour"}) experimentId;`.

The value is an object of parameters, `{}` for all defaults. A list of objects builds one monitor each; then each needs an `"id"`, which
ends the address (`…/traffic_threshold_monitor:night`) and is added to the monitor's name:

```avdl
@traffic_threshold_monitor([{"id": "day", "below": 200}, {"id": "night", "below": 20}])
```

A parameter is taken from the strongest of these that gives it, weakest first: the catalog's default, `[defaults.KIND]` of
bellwether.toml, `[environments.NAME.defaults.KIND]`, a modifier such as `@priority`, the annotation itself. An option that is
made of a parameter without any value has to be unset in Datadog: setting it there is drift.

Annotations that bellwether does not know are left alone, unless the name is close to a known one.

"##;

/// `docs/annotations.md`: every kind of a catalog and every modifier.
pub fn annotations(catalog: &Catalog) -> String {
    let common = common(catalog);
    let mut page = ANNOTATIONS.to_owned();
    page.push_str(HOW_TO_WRITE);
    for (on, title) in [(On::Record, "Before a record"), (On::Field, "On a field")] {
        page.push_str(&format!("## {title}\n\n"));
        for kind in catalog.kinds.values().filter(|kind| kind.on == on) {
            page.push_str(&annotation(kind, &common));
        }
    }
    page.push_str("## Parameters of every monitor kind\n\n");
    page.push_str("`@datadog_monitor` has none of these: its value is the monitor.\n\n");
    page.push_str(&parameters(common.values().copied()));
    page.push_str("## Modifiers\n\n");
    page.push_str(
        "A modifier stands before a record or a protocol and holds for every monitor under it. What a record says replaces what its \
         protocol says; tags of both add up.\n\n| modifier | takes | what it does | example |\n|---|---|---|---|\n",
    );
    for modifier in MODIFIERS {
        let cells = [
            format!("`@{}`", modifier.name),
            modifier.takes.to_owned(),
            cell(modifier.summary),
            format!("`{}`", cell(modifier.example)),
        ];
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page
}

/// The parameters that all monitors from templates have.
fn common(catalog: &Catalog) -> BTreeMap<&str, &Parameter> {
    let mut templates = catalog.kinds.values().filter(|kind| matches!(kind.builds, Builds::Monitor(_)));
    let Some(first) = templates.next() else { return BTreeMap::new() };
    let mut common: BTreeMap<&str, &Parameter> =
        first.parameters.values().map(|parameter| (parameter.name.as_str(), parameter)).collect();
    for kind in templates {
        common.retain(|name, parameter| {
            kind.parameters.get(*name).is_some_and(|own| own.help == parameter.help)
        });
    }
    common
}

fn annotation(kind: &Kind, common: &BTreeMap<&str, &Parameter>) -> String {
    let builds = match &kind.builds {
        Builds::Monitor(template) => format!("Builds a monitor of Datadog's type `{}`.", template.monitor_type),
        Builds::RawMonitor => {
            "Builds the monitor that the value is; `type` and `query` are required. Owner tag, address, alert channel, monitor tags \
             and priority are added."
                .to_owned()
        }
        Builds::Metric => {
            "Configures a gauge in Datadog, its metadata and its tags, and gives the aggregator its rule.".to_owned()
        }
    };
    let mut text = format!("### `@{}`\n\n{} {builds}", kind.name, kind.summary);
    if let Some(needed) = &kind.needs {
        text.push_str(&format!(" It needs `@{needed}` on the same field."));
    }
    text.push_str(&format!("\n\n```avdl\n{}\n```\n\n", kind.example));
    text.push_str(&parameters(kind.parameters.values().filter(|parameter| {
        common.get(parameter.name.as_str()).is_none_or(|shared| shared.help != parameter.help)
    })));
    if !kind.checks.is_empty() {
        let rules: Vec<String> = kind.checks.iter().map(|check| format!("- {}\n", check.message)).collect();
        text.push_str(&format!("Beyond the ranges:\n\n{}\n", rules.concat()));
    }
    text
}

fn parameters<'p>(parameters: impl Iterator<Item = &'p Parameter>) -> String {
    let rows: Vec<String> = parameters
        .map(|parameter| {
            let default = match (&parameter.default, parameter.required) {
                (_, true) => "required".to_owned(),
                (Value::Null, _) => String::new(),
                (Value::Array(items), _) if items.is_empty() => "none".to_owned(),
                (value, _) => format!("`{}`", cell(&plain(value))),
            };
            let cells = [
                format!("`{}`", parameter.name),
                parameter.kind.as_str().replace('_', " "),
                default,
                cell(&parameter.range_text()),
                cell(&parameter.help),
            ];
            format!("| {} |\n", cells.join(" | "))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("| parameter | type | default | range | |\n|---|---|---|---|---|\n{}\n", rows.concat())
}

/// Text that cannot end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
