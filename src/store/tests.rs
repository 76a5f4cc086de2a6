//! The store on real directories.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::*;
use crate::model::{
    Address, Applied, Document, Lazy, LiveMetric, LiveMonitor, MonitorId, Rev, Snapshot, Verdict,
};

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn monitor(id: u64, name: &str) -> LiveMonitor {
    // Odd spacing, because bodies must come back byte for byte.
    let body = format!(r#"{{ "id":{id},"name":"{name}",  "tags":["esm-prod"],"x":1.0}}"#);
    LiveMonitor::from_json(RawValue::from_string(body).unwrap()).unwrap()
}

fn snapshot(ids: impl IntoIterator<Item = u64>) -> Snapshot {
    let tags = json!({"tags": ["a"]}).as_object().cloned();
    Snapshot {
        taken_at: at("2026-08-01T10:00:00Z"),
        monitors: ids.into_iter().map(|id| monitor(id, &format!("m{id}"))).collect(),
        metrics: BTreeMap::from([
            ("a.b".to_owned(), LiveMetric { metadata: None, tag_configuration: tags }),
            ("c".to_owned(), LiveMetric::default()),
        ]),
    }
}

fn bodies(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.monitors.iter().map(|m| &*m.body).collect()
}

fn applied(id: u64) -> Applied {
    Applied {
        id: Some(MonitorId(id)),
        rev: Rev("0123456789ab".into()),
        document: Lazy::new(&Document::from_iter([("name".to_owned(), json!("n"))])),
        parameters: Lazy::new(&BTreeMap::from([("deviations".to_owned(), json!(4))])),
        applied_at: at("2026-08-01T10:00:00Z"),
        source: Some("schemas/cart.avdl:12".into()),
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// All files below a directory with their content.
fn files(directory: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_snapshot_comes_back_as_it_was_ascending_by_id() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("new/snapshot");
    // 256 sorts after 2 only as a number.
    let before = snapshot([2, 1, 256, 70_000, 1]);
    {
        let store = Store::open(&path).unwrap();
        let written = store.environment("prod").commit_snapshot(&before).unwrap();
        assert_eq!(written, Written { written: 7, removed: 0 });
    }
    let store = Store::open_existing(&path, &Opening::default()).unwrap().unwrap();
    let after = store.environment("prod").snapshot().unwrap().unwrap();
    assert_eq!(after.monitors.iter().map(|m| m.id.0).collect::<Vec<_>>(), [1, 2, 256, 70_000]);
    assert_eq!(bodies(&after), bodies(&snapshot([1, 2, 256, 70_000])));
    assert_eq!(after.taken_at, before.taken_at);
    assert_eq!(after.metrics, before.metrics);
    assert_eq!(after.monitors[0].tags, ["esm-prod"]);
    assert!(store.environment("other").snapshot().unwrap().is_none());
    assert_eq!(store.environments(), ["prod"], "reading creates nothing");
}

#[test]
fn a_commit_writes_what_changed_and_removes_what_vanished() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let environment = store.environment("prod");
    environment.commit_snapshot(&snapshot(1..=100)).unwrap();
    assert_eq!(environment.commit_snapshot(&snapshot(1..=100)).unwrap(), Written::default());

    let mut next = snapshot(3..=100);
    next.taken_at = at("2026-08-02T10:00:00Z");
    next.monitors[5] = monitor(8, "renamed");
    next.metrics.remove("c");
    // The head and one monitor; two monitors and a metric are gone.
    assert_eq!(environment.commit_snapshot(&next).unwrap(), Written { written: 2, removed: 3 });
    let after = environment.snapshot().unwrap().unwrap();
    assert_eq!(bodies(&after), bodies(&next));
    assert_eq!(after.taken_at, next.taken_at);
    assert_eq!(after.metrics, next.metrics);

    let empty = Snapshot { monitors: vec![], metrics: BTreeMap::new(), ..next };
    environment.commit_snapshot(&empty).unwrap();
    let after = environment.snapshot().unwrap().unwrap();
    assert!(after.monitors.is_empty() && after.metrics.is_empty(), "empty is not the same as never read");
}

#[test]
fn an_unchanged_commit_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let environment = store.environment("prod");
    environment.commit_snapshot(&snapshot(1..=50)).unwrap();
    let mut events = store.db.open_tree("snapshot:prod").unwrap().watch_prefix(b"");
    environment.commit_snapshot(&snapshot(1..=50)).unwrap();
    environment.commit_snapshot(&snapshot(1..=49)).unwrap();
    // The first thing that happens belongs to the second commit: the head, or the monitor that vanished.
    let mut keys = vec![events.next().unwrap().key().to_vec(), events.next().unwrap().key().to_vec()];
    keys.sort();
    assert_eq!(keys, [b"h".to_vec(), [&b"m"[..], &50_u64.to_be_bytes()].concat()]);
    assert!(events.next_timeout(std::time::Duration::from_millis(10)).is_err());
}

#[test]
fn a_commit_is_seen_whole_or_not_at_all() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let environment = store.environment("prod");
    environment.commit_snapshot(&snapshot(1..=500)).unwrap();
    let copy = TempDir::new().unwrap();
    // Copies of the files at any moment are what a crash leaves behind.
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..20 {
                let ids = if round % 2 == 0 { 501..=1000 } else { 1..=500 };
                environment.commit_snapshot(&snapshot(ids)).unwrap();
            }
        });
        let mut round = 0;
        while !writer.is_finished() {
            let target = copy.path().join(round.to_string());
            fs::create_dir_all(&target).unwrap();
            for name in ["conf", "db", FORMAT_FILE] {
                fs::copy(directory.path().join(name), target.join(name)).unwrap();
            }
            let Ok(Some(store)) = Store::open_existing(&target, &Opening::default()) else { continue };
            // Damage that is noticed is allowed, a mixture is not.
            if let Ok(Some(found)) = store.environment("prod").snapshot() {
                let ids: Vec<u64> = found.monitors.iter().map(|m| m.id.0).collect();
                assert!(ids.iter().copied().eq(1..=500) || ids.iter().copied().eq(501..=1000));
            }
            round += 1;
        }
        writer.join().unwrap();
    });
}

#[test]
fn what_was_applied_is_kept_by_address_and_environment() {
    let directory = TempDir::new().unwrap();
    let (a, b) =
        (address("com.example.A/traffic_anomaly_monitor"), address("com.example.A.f/top_rate_monitor:x"));
    {
        let store = Store::open(directory.path()).unwrap();
        let environment = store.environment("prod");
        assert!(environment.applied().unwrap().is_empty());
        environment.forget_applied([&a]).unwrap();
        assert!(store.environments().is_empty());
        environment.record_all_applied(&BTreeMap::from([(a.clone(), applied(1))])).unwrap();
        environment.record_all_applied(&BTreeMap::from([(a.clone(), applied(2))])).unwrap();
        environment.record_all_applied(&BTreeMap::from([(b.clone(), applied(3))])).unwrap();
        store.environment("a:b").record_all_applied(&BTreeMap::from([(a.clone(), applied(4))])).unwrap();
    }
    let store = Store::open(directory.path()).unwrap();
    let environment = store.environment("prod");
    let wanted = BTreeMap::from([(a.clone(), applied(2)), (b.clone(), applied(3))]);
    assert_eq!(environment.applied().unwrap(), wanted);
    environment.forget_applied([&a]).unwrap();
    assert_eq!(environment.applied().unwrap(), BTreeMap::from([(b, applied(3))]));
    assert_eq!(store.environment("a:b").applied().unwrap(), BTreeMap::from([(a, applied(4))]));
    assert_eq!(store.environments(), ["a:b", "prod"]);
}

#[test]
fn verdicts_are_cached_and_the_oldest_dropped() {
    let directory = TempDir::new().unwrap();
    let environment = Store::open(directory.path()).unwrap().environment("prod");
    let rejected = Verdict::Rejected(vec!["no".into()]);
    assert_eq!(environment.verdict("h0").unwrap(), None);
    environment.record_verdict("h0", &rejected).unwrap();
    assert_eq!(environment.verdict("h0").unwrap(), Some(rejected));
    for hash in ["h1", "h2", "h0", "h3", "h4"] {
        environment.record_verdict_of(hash, &Verdict::Accepted, 4).unwrap();
    }
    let known = |hash| environment.verdict(hash).unwrap().is_some();
    assert_eq!(["h0", "h1", "h2", "h3", "h4"].map(known), [true, false, true, true, true]);
    environment.record_verdict_of("h5", &Verdict::Accepted, 1).unwrap();
    assert_eq!(["h0", "h2", "h3", "h4", "h5"].map(known), [false, false, false, false, true]);
}

#[test]
fn removed_monitors_are_kept_in_order() {
    let directory = TempDir::new().unwrap();
    let environment = Store::open(directory.path()).unwrap().environment("prod");
    let a = address("A/k");
    let document = Document::from_iter([("id".to_owned(), json!(1))]);
    for second in [30, 10, 20] {
        let at = jiff::Timestamp::from_second(1_700_000_000 + second).unwrap();
        environment.put_removed(&a, &document, at).unwrap();
    }
    let removed = environment.removed().unwrap();
    let seconds: Vec<i64> = removed.iter().map(|r| r.removed_at.as_second() - 1_700_000_000).collect();
    assert_eq!(seconds, [10, 20, 30]);
    assert_eq!((&removed[0].address, &removed[0].document), (&a, &document));
}

#[test]
fn an_export_says_what_it_is() {
    let directory = TempDir::new().unwrap();
    let environment = Store::open(directory.path()).unwrap().environment("prod");
    let empty =
        json!({"format_version": 1, "environment": "prod", "snapshot": null, "applied": {}, "removed": []});
    assert_eq!(environment.export().unwrap(), empty);
    environment.commit_snapshot(&snapshot([7])).unwrap();
    environment.record_all_applied(&BTreeMap::from([(address("A/k"), applied(7))])).unwrap();
    let export = environment.export().unwrap();
    assert_eq!(export["snapshot"]["monitors"][0]["name"], "m7");
    assert_eq!(export["snapshot"]["taken_at"], "2026-08-01T10:00:00Z");
    assert_eq!(export["snapshot"]["metrics"]["a.b"]["tag_configuration"]["tags"], json!(["a"]));
    assert_eq!(export["applied"]["A/k"]["rev"], "0123456789ab");
}

#[test]
fn nothing_is_created_where_only_an_existing_store_is_wanted() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("state");
    assert!(Store::open_existing(&path, &Opening::default()).unwrap().is_none());
    assert!(!path.exists());
    assert!(Store::open_existing(directory.path(), &Opening::default()).unwrap().is_none());
    assert!(files(directory.path()).is_empty());
}

#[test]
fn a_newer_store_is_refused_and_not_touched() {
    let original = TempDir::new().unwrap();
    Store::open(original.path()).unwrap().environment("prod").commit_snapshot(&snapshot([1])).unwrap();
    // A copy, because sled's threads may still write to the original.
    let directory = TempDir::new().unwrap();
    for name in ["conf", "db"] {
        fs::copy(original.path().join(name), directory.path().join(name)).unwrap();
    }
    fs::write(directory.path().join(FORMAT_FILE), "2\n").unwrap();
    let before = files(directory.path());
    for result in
        [Store::open(directory.path()).map(Some), Store::open_existing(directory.path(), &Opening::default())]
    {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, supported: 1, .. }), "{error}");
    }
    assert_eq!(files(directory.path()), before);
}

#[test]
fn one_process_at_a_time() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    let text = error.to_string();
    let holder = format!("is used by process {} (bellwether), since 2", std::process::id());
    assert!(text.contains(&holder) && text.contains(&directory.path().display().to_string()), "{text}");
    drop(store);
    Store::open(directory.path()).unwrap();
}

#[test]
fn garbage_in_a_record_is_an_error() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let environment = store.environment("prod");
    environment.commit_snapshot(&snapshot([1, 2])).unwrap();
    let tree = store.db.open_tree("snapshot:prod").unwrap();
    let mut key = vec![b'm'];
    key.extend(2_u64.to_be_bytes());
    let good = tree.get(&key).unwrap().unwrap();
    for bytes in [&b"\xff\x00garbage"[..], b"", b"{\"id\":3}", b"[]"] {
        tree.insert(&key, bytes).unwrap();
        let error = environment.snapshot().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("monitor #2"), "{error}");
    }
    tree.insert(&key, good).unwrap();
    tree.insert(b"m1", "{}").unwrap();
    assert!(matches!(environment.snapshot(), Err(StoreError::Corrupt { .. })));
    tree.remove(b"m1").unwrap();
    environment.snapshot().unwrap();
    tree.remove(&key).unwrap();
    let error = environment.snapshot().unwrap_err().to_string();
    assert!(error.contains("1 monitors instead of 2"), "{error}");
    tree.insert(b"h", r#"{"v":9,"data":{"taken_at":"2026-08-01T10:00:00Z","monitors":0,"metrics":0}}"#)
        .unwrap();
    let error = environment.snapshot().unwrap_err().to_string();
    assert!(error.contains("version 9 is unknown"), "{error}");

    for (tree, key) in [("applied:prod", "A/k"), ("applied:prod", "no address"), ("removed:prod", "x")] {
        let tree = store.db.open_tree(tree).unwrap();
        tree.insert(key, "garbage").unwrap();
        assert!(environment.applied().is_err() || environment.removed().is_err());
        tree.clear().unwrap();
    }
}

#[test]
fn garbage_in_the_files_is_no_panic() {
    let garbage: Vec<u8> = (0..1_200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for name in ["db", "conf", FORMAT_FILE] {
        for start in [0, 300, 5_000] {
            let directory = TempDir::new().unwrap();
            Store::open(directory.path())
                .unwrap()
                .environment("prod")
                .commit_snapshot(&snapshot(1..=50))
                .unwrap();
            let path = directory.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            bytes.truncate(start);
            bytes.extend_from_slice(&garbage[..garbage.len().min(600_000)]);
            fs::write(&path, bytes).unwrap();
            match Store::open(directory.path()) {
                Ok(store) => {
                    if let Ok(Some(found)) = store.environment("prod").snapshot() {
                        assert_eq!(found.monitors.len(), 50, "{name} from {start}");
                    }
                }
                Err(error) => assert!(!matches!(error, StoreError::Locked { .. }), "{error}"),
            }
        }
    }
    let directory = TempDir::new().unwrap();
    drop(Store::open(directory.path()).unwrap());
    fs::remove_file(directory.path().join(FORMAT_FILE)).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}
