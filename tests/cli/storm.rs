//! The fault storm: random schemas, applied through random faults again and again. Whatever happened on the way, in the
//! end there is every monitor once, those of others are as they were, and no id was lost.
//!
//! `BELLWETHER_STORM=100000` tries that many seeds instead of a thousand, `BELLWETHER_STORM_SEED` only that one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether::datadog::{Clock, Options as Client, Retry};
use bellwether::plan::Options;
use bellwether::sandbox::{Faults, Rule};
use bellwether::store::Store;
use serde_json::{Value, json};

use super::in_process::{Hooks, World};
use super::support::{Project, Server, runtime};

const SEEDS: u64 = 1_000;
/// Applies under faults before the weather clears.
const ROUNDS: usize = 2;

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Up to five records with a monitor or two each, sometimes a composite, sometimes renamed.
fn schema(chance: &mut Chance, renamed: bool) -> String {
    let mut text = "@namespace(\"n\") @alert_channel(\"a\") protocol P {\n".to_owned();
    for name in ["A", "B", "C", "D", "E"] {
        if chance.one_in(3) {
            continue;
        }
        let below = 10 + chance.below(5);
        text += &format!("@traffic_threshold_monitor({{\"below\": {below}}}) ");
        if chance.one_in(2) {
            text += &format!("@traffic_anomaly_monitor({{\"deviations\": {}}}) ", 2 + chance.below(3));
            if chance.one_in(2) {
                text += "@composite_monitor({\"when\": \"traffic_threshold_monitor && traffic_anomaly_monitor\"}) ";
            }
        }
        match name {
            "A" if renamed => text += "@aliases([\"A\"]) record A2 { int a; }\n",
            _ => text += &format!("record {name} {{ int a; }}\n"),
        }
    }
    text + "}\n"
}

fn faults(chance: &mut Chance, lists_lie: bool) -> Faults {
    let rule = |chance: &mut Chance| {
        let probability = Some([0.05, 0.2, 0.5][chance.below(3) as usize]);
        let method = ["GET", "POST", "PUT", "DELETE"][chance.below(4) as usize];
        let route = match method {
            _ if chance.one_in(3) => None,
            "PUT" | "DELETE" => Some("/api/v1/monitor/{id}"),
            _ => Some("/api/v1/monitor"),
        };
        let base = Rule {
            probability,
            method: route.map(|_| method.to_owned()),
            route: route.map(str::to_owned),
            times: chance.one_in(2).then(|| 1 + chance.below(6)),
            ..Rule::default()
        };
        let list = Rule { method: Some("GET".into()), route: Some("/api/v1/monitor".into()), ..base.clone() };
        match chance.below(if lists_lie { 11 } else { 8 }) {
            0 => Rule { status: Some([500, 502, 503, 504, 512][chance.below(5) as usize]), ..base },
            1 => {
                Rule { status: Some(429), headers: [("X-RateLimit-Reset".into(), "3".into())].into(), ..base }
            }
            2 => Rule { reset: true, ..base },
            3 => Rule { lose_reply: true, ..base },
            4 => Rule { lose_reply: true, reset: true, ..base },
            5 => Rule { truncate: Some(chance.below(60) as usize), ..base },
            6 => Rule { cut_json: Some(chance.below(60) as usize), ..base },
            7 => Rule { status: Some(403), times: Some(1), ..base },
            8 => Rule { empty_page: true, ..list },
            9 => Rule { short_page: Some(1 + chance.below(3) as usize), ..list },
            _ => Rule {
                lose_reply: true,
                hold: 1 + chance.below(3) as u32,
                method: Some("POST".into()),
                route: Some("/api/v1/monitor".into()),
                ..base
            },
        }
    };
    let rules = (0..=chance.below(3)).map(|_| rule(chance)).collect();
    Faults { seed: chance.next(), rules, ..Faults::default() }
}

/// The managed monitors by address; two of one address are the worst there is.
fn managed(monitors: &[Value], seed: u64) -> BTreeMap<String, u64> {
    let mut managed = BTreeMap::new();
    for monitor in monitors {
        let tags = monitor["tags"].as_array().unwrap();
        let Some(address) = tags.iter().find_map(|tag| tag.as_str().unwrap().strip_prefix("bellwether:"))
        else {
            continue;
        };
        let id = monitor["id"].as_u64().unwrap();
        assert_eq!(managed.insert(address.to_owned(), id), None, "seed {seed}: two of {address}");
    }
    managed
}

fn foreign(monitors: &[Value]) -> Vec<&Value> {
    monitors.iter().filter(|monitor| monitor["name"].as_str().unwrap().contains("foreign")).collect()
}

fn storm(seed: u64) {
    let mut chance = Chance(seed);
    let server = Server::new();
    for name in ["foreign", "Traffic Threshold of A (foreign)"] {
        let query = format!("avg(last_5m):avg:{}.b{{*}} > 1", name.len());
        server.create(&json!({"type": "query alert", "name": name, "query": query, "tags": ["env:prod"]}));
    }
    let others: Vec<Value> = server.monitors();
    let project = Project::of("", server.url());
    let config = project.read("bellwether.toml");
    project.write("bellwether.toml", &format!("{config}[guard]\nmax_deletes = 1000\n"));
    let mut store = Store::open(&project.path("state/0")).unwrap();
    let world = |store: &Store| {
        let retry = Retry { clock: Clock::skipping().0, ..Retry::default() };
        World::new(&project.path(""), store.clone(), server.url(), Client { retry, ..Client::default() })
    };
    for stage in 0..2 {
        let before = managed(&server.monitors(), seed);
        project.write("schemas/events.avdl", &schema(&mut chance, stage == 1));
        // Without the snapshot nothing is left that would contradict a list that lies: see docs/guarantees.md.
        let forgets = stage == 1 && chance.one_in(4);
        if forgets {
            store = Store::open(&project.path("state/1")).unwrap();
        }
        let world = world(&store);
        let apply = || runtime().block_on(world.apply(Options::default(), &Hooks::QUIET));
        for _ in 0..ROUNDS {
            server.faults(faults(&mut chance, !forgets));
            // It fails, or it does not; both are fine in this weather.
            let _ = apply();
            let monitors = in_fair_weather(&server);
            assert_eq!(foreign(&monitors), foreign(&others), "seed {seed}: a monitor of others was touched");
            managed(&monitors, seed);
        }
        server.faults(Faults::default());
        let (_, applied) = apply().unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(applied.report.is_complete(), "seed {seed}: {:?}", applied.report);
        let left = runtime().block_on(world.plan(Options::default())).unwrap();
        assert!(left.changes.is_empty() && left.drift.is_empty(), "seed {seed}: {left:#?}");

        let after = managed(&server.monitors(), seed);
        assert_eq!(after.len() as u64, left.summary.unchanged, "seed {seed}");
        for (address, id) in before {
            let now = after.get(&address).or_else(|| after.get(&address.replace("n.A/", "n.A2/")));
            assert!(now.is_none_or(|now| *now == id), "seed {seed}: {address} lost its id");
        }
    }
}

/// What is live, asked for in fair weather.
fn in_fair_weather(server: &Server) -> Vec<Value> {
    server.faults(Faults::default());
    server.monitors()
}

#[test]
fn no_weather_makes_a_monitor_twice_loses_one_or_touches_those_of_others() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("BELLWETHER_STORM_SEED") {
        return storm(seed);
    }
    let (seeds, next) = (number("BELLWETHER_STORM").unwrap_or(SEEDS), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < seeds)
                {
                    storm(seed);
                }
            });
        }
    });
}
