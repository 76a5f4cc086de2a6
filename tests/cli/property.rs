//! Whatever the schemas ask for and whatever is edited in Datadog: once applied, nothing is left to do.

use std::path::Path;

use bellwether::ops::{Failure, Verified};
use bellwether::plan::{Change, Options, Plan};
use bellwether::store::Store;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::in_process::{Hooks, World};
use super::support::{Server, runtime};

/// The annotations of one record.
fn annotations() -> impl Strategy<Value = String> {
    let option = |text: BoxedStrategy<String>| proptest::option::of(text).prop_map(Option::unwrap_or_default);
    let anomaly = (1..=10_u32, 0..3_usize, proptest::option::of(0..=100_u32)).prop_map(|(deviations, direction, renotify)| {
        let direction = ["above", "below", "both"][direction];
        let renotify = renotify.map(|n| format!(", \"renotify_interval\": {n}")).unwrap_or_default();
        format!("@traffic_anomaly_monitor({{\"deviations\": {deviations}, \"direction\": \"{direction}\"{renotify}}}) ")
    });
    let threshold = (1..5000_u32, any::<bool>(), 0..3_usize).prop_map(|(limit, warns, window)| {
        let warning = if warns { format!(", \"warning\": {}", limit + 7) } else { String::new() };
        let window = ["5m", "15m", "4h"][window];
        format!("@traffic_threshold_monitor({{\"below\": {limit}{warning}, \"window\": \"{window}\"}}) ")
    });
    let errors = (1..100_u32)
        .prop_map(|percent| format!("@error_rate_monitor({{\"above\": {}}}) ", f64::from(percent) / 100.0));
    let absence =
        (1..=12_u32).prop_map(|hours| format!("@traffic_absence_monitor({{\"window\": \"{hours}h\"}}) "));
    let priority = (1..=5_u32).prop_map(|priority| format!("@priority({priority}) "));
    let tags = (0..3_usize).prop_map(|n| format!("@monitor_tags([\"team:t{n}\", \"z:1\"]) "));
    let parts = (
        option(anomaly.boxed()),
        option(threshold.boxed()),
        option(errors.boxed()),
        option(absence.boxed()),
        option(priority.boxed()),
        option(tags.boxed()),
    );
    parts.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].concat())
}

/// A schema of a few records.
pub fn schema() -> impl Strategy<Value = String> {
    proptest::collection::vec(annotations(), 1..4).prop_map(|records| {
        let records: Vec<String> = records
            .iter()
            .enumerate()
            .map(|(n, text)| format!("{text} record Event{n} {{ string id; }}"))
            .collect();
        format!("@namespace(\"n\") @alert_channel(\"a\") protocol P {{\n{}\n}}", records.join("\n"))
    })
}

/// An edit that a person makes, of a field that bellwether sets.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Name,
    Message,
    Priority,
    Renotify,
    Tags,
}

impl Edit {
    fn make(self, body: &mut Value) {
        match self {
            Self::Name => body["name"] = format!("{} (edited)", body["name"].as_str().unwrap()).into(),
            Self::Message => body["message"] = "edited".into(),
            Self::Priority => body["priority"] = if body["priority"] == 3 { json!(4) } else { json!(3) },
            Self::Renotify => body["options"]["renotify_interval"] = json!(1234),
            Self::Tags => body["tags"].as_array_mut().unwrap().retain(|tag| tag != "z:1"),
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<(usize, Edit)>> {
    let edit = prop_oneof![
        Just(Edit::Name),
        Just(Edit::Message),
        Just(Edit::Priority),
        Just(Edit::Renotify),
        Just(Edit::Tags)
    ];
    proptest::collection::vec((0..12_usize, edit), 0..4)
}

/// Makes the edits, each on the monitor at its index, counted around.
fn edit_monitors(server: &Server, edits: Vec<(usize, Edit)>) {
    let ids: Vec<u64> = server.monitors().iter().map(|monitor| monitor["id"].as_u64().unwrap()).collect();
    for (index, edit) in edits {
        let Some(&id) = ids.get(index % ids.len().max(1)) else { continue };
        server.edit(id, |body| edit.make(body));
    }
}

/// Plans, and applies if asked to.
async fn run(root: &Path, url: &str, store: &Store, reset_drift: bool, apply: bool) -> Plan {
    let world = World::new(root, store.clone(), url, Default::default());
    let options = Options { reset_drift, ..Options::default() };
    if !apply {
        return world.plan(options).await.unwrap();
    }
    let (plan, applied) = world.apply(options, &Hooks::QUIET).await.unwrap();
    assert_eq!(applied.report.done(), plan.changes.len(), "{:?}", applied.report.steps);
    plan
}

/// A project in `root` that applies to this server; what comes back writes its schema.
fn project<'r>(root: &'r Path, server: &Server) -> impl Fn(&str) + use<'r> {
    let config = format!(
        "default_environment = \"e\"\n[environments.e]\napi_url = \"{}\"\ntag = \"esm-e\"\n[guard]\nmax_deletes = \"100%\"\n",
        server.url()
    );
    std::fs::create_dir(root.join("schemas")).unwrap();
    std::fs::write(root.join("bellwether.toml"), config).unwrap();
    move |schema| std::fs::write(root.join("schemas/e.avdl"), schema).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn once_applied_nothing_is_left_but_what_is_held(first in schema(), second in schema(), edits in edits()) {
        let directory = tempfile::tempdir().unwrap();
        let (root, server) = (directory.path(), Server::new());
        let write = project(root, &server);
        let store = Store::open(&root.join("state")).unwrap();
        let go = |reset_drift, apply| runtime().block_on(run(root, server.url(), &store, reset_drift, apply));

        write(&first);
        go(false, true);
        let plan = go(false, false);
        prop_assert!(plan.changes.is_empty() && plan.drift.is_empty(), "{plan:?}");

        let original = server.monitors();
        edit_monitors(&server, edits);
        // Two edits can undo each other, so that what counts is where they end.
        let is_edited = |before: &Value, after: &Value| {
            ["name", "message", "priority", "options", "tags"].iter().any(|key| after[key] != before[key])
        };
        let edited: std::collections::BTreeSet<u64> = original
            .iter()
            .map(|before| (before, before["id"].as_u64().unwrap()))
            .filter(|(before, id)| is_edited(before, &server.monitor(*id)))
            .map(|(_, id)| id)
            .collect();
        let plan = go(false, true);
        let held: std::collections::BTreeSet<u64> = plan.drift.iter().filter_map(|drift| drift.id).map(|id| id.0).collect();
        prop_assert!(plan.changes.is_empty(), "{plan:?}");
        prop_assert_eq!(held, edited);

        write(&second);
        go(true, true);
        let plan = go(false, false);
        prop_assert!(plan.changes.is_empty() && plan.drift.is_empty(), "{plan:?}");

        // The same without anything remembered.
        let empty = Store::open(&root.join("other")).unwrap();
        let plan = runtime().block_on(run(root, server.url(), &empty, false, false));
        prop_assert!(plan.changes.is_empty() && plan.drift.is_empty(), "{plan:?}");
    }

    #[test]
    fn a_saved_plan_applies_as_shown_or_refuses(
        first in schema(), second in schema(), edits in edits(), later in edits()
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (root, server) = (directory.path(), Server::new());
        let write = project(root, &server);
        let store = Store::open(&root.join("state")).unwrap();
        let go = |apply| runtime().block_on(run(root, server.url(), &store, false, apply));

        write(&first);
        go(true);
        edit_monitors(&server, edits);
        write(&second);
        let saved = go(false);
        prop_assume!(saved.blocked.is_empty());
        edit_monitors(&server, later);
        let (mark, before) = (server.mark(), server.monitors());
        let world = World::new(root, store.clone(), server.url(), Default::default());
        match runtime().block_on(world.apply_saved(saved.clone())) {
            Ok((plan, applied)) => {
                let shown = |change: &Change| saved.changes.iter().any(|other| other == change);
                prop_assert!(plan.changes.iter().all(shown), "more than was shown");
                prop_assert!(applied.report.is_complete(), "{:?}", applied.report);
                let Verified::Left(left) = applied.verified else { panic!("not verified") };
                prop_assert!(left.changes.is_empty(), "{left:?}");
            }
            Err(failure) => {
                prop_assert!(matches!(failure, Failure::Stale(_)), "{failure}");
                prop_assert_eq!(server.writes_since(mark), Vec::<String>::new());
                prop_assert_eq!(server.monitors(), before);
            }
        }
    }
}
