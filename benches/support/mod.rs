//! A repository like those that bellwether is made for, of any size, and the state of a Datadog that matches it.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has to stop")]
#![allow(dead_code, reason = "each benchmark needs a part of it")]

pub mod datadog;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bellwether::diag::Sources;
use bellwether::project::{self, CONFIG_FILE};

/// How many records a schema file has.
pub const RECORDS_PER_FILE: usize = 20;
/// Monitors of eight records in a row; see [`annotations`].
const MONITORS_PER_EIGHT: usize = 20;

const AREAS: [&str; 10] = [
    "checkout",
    "catalogue",
    "search",
    "learning",
    "payments",
    "identity",
    "messaging",
    "recommendation",
    "experiment",
    "fulfilment",
];
const NOUNS: [&str; 8] =
    ["CartItem", "Course", "Invoice", "Session", "Recommendation", "Certificate", "Voucher", "Notification"];
const VERBS: [&str; 8] =
    ["Added", "Removed", "Viewed", "Updated", "Requested", "Completed", "Rejected", "Expired"];

/// The files of a repository: the paths, relative to its root, and what is in them.
pub type Files = Vec<(String, String)>;

/// Writes a repository with `monitors` monitors to `root`, in place of what is there; `target` is the line of
/// bellwether.toml that says where Datadog is.
pub fn write(root: &Path, monitors: usize, target: &str) -> Files {
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(root.join("schemas")).unwrap();
    let files = idl_files(monitors, RECORDS_PER_FILE);
    write_all(root, &files);
    write_config(root, target);
    files
}

/// Writes the repository in `idl_root` once more, as Avro's JSON protocols.
pub fn write_as_json(root: &Path, idl_root: &Path, files: &Files, target: &str) -> Files {
    let _ = fs::remove_dir_all(root);
    fs::create_dir_all(root.join("schemas")).unwrap();
    let as_json = |(path, _): &(String, String)| {
        let (text, _) = project::avro_json(&idl_root.join(path), &[], &mut Sources::default()).unwrap();
        (path.replace(".avdl", ".avpr"), text.unwrap())
    };
    let files: Files = files.iter().map(as_json).collect();
    write_all(root, &files);
    write_config(root, target);
    files
}

/// A directory of its own for one benchmark, below Cargo's.
pub fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn write_all(root: &Path, files: &Files) {
    for (path, text) in files {
        fs::write(root.join(path), text).unwrap();
    }
}

fn write_config(root: &Path, target: &str) {
    let text = format!(
        "schemas = [\"schemas/**/*.avdl\", \"schemas/**/*.avpr\"]\n\
         default_environment = \"bench\"\n\n\
         [environments.bench]\n{target}\ntag = \"esm-bench\"\nscope = \"env:bench\"\n"
    );
    fs::write(root.join(CONFIG_FILE), text).unwrap();
}

/// The schema files of a repository, as IDL.
pub fn idl_files(monitors: usize, records_per_file: usize) -> Files {
    let records = monitors * 8 / MONITORS_PER_EIGHT;
    let mut files = Files::new();
    for (index, first) in (0..records).step_by(records_per_file).enumerate() {
        let area = AREAS[index % AREAS.len()];
        let mut text = format!(
            "/** Events of {area}, part {index}. They are sent by its services and read by the warehouse. */\n\
             @namespace(\"com.example.{area}\")\n@alert_channel(\"{area}-alerts\")\n@owner(\"team-{area}\")\n\
             @monitor_tags([\"team:{area}\", \"tier:{}\"])\nprotocol {}{index} {{\n",
            index % 3 + 1,
            capital(area),
        );
        for number in first..records.min(first + records_per_file) {
            record(&mut text, area, number);
        }
        text.push_str("}\n");
        files.push((format!("schemas/{area}_{index:04}.avdl"), text));
    }
    files
}

fn record(text: &mut String, area: &str, number: usize) {
    let noun = NOUNS[number % NOUNS.len()];
    let verb = VERBS[number / NOUNS.len() % VERBS.len()];
    let _ = write!(
        text,
        "\n  /** A {} was {}. Sent once for each request that the service has answered; retries are left out. */\n",
        noun.to_lowercase(),
        verb.to_lowercase(),
    );
    for annotation in annotations(area, number) {
        let _ = writeln!(text, "  @{annotation}");
    }
    if number.is_multiple_of(5) {
        let _ = writeln!(text, "  @priority({})", number % 4 + 1);
    }
    if number % 4 == 1 {
        let _ = writeln!(text, "  @runbook(\"https://wiki.example.com/runbooks/{area}/{number}\")");
    }
    if number % 7 == 2 {
        let _ = writeln!(text, "  @alert_channel([\"{area}-alerts\", \"@pagerduty-{area}\"])");
    }
    let _ = write!(
        text,
        "  record {noun}{verb}{number}Event {{\n\
         \x20   /** When it happened, by the clock of the service. */\n    timestamp_ms occurredAt;\n\
         \x20   /** The same for all events of one request. */\n    string requestId;\n\
         \x20   string sessionId;\n    string? userId;\n\
         \x20   /** The market, as two letters. */\n    string market = \"de\";\n\
         \x20   int position = 0;\n    array<string> experiments = [];\n\
         \x20   union {{ null, double }} amount = null;\n  }}\n"
    );
}

/// The annotations of a record. Eight records in a row have 20 monitors of nine kinds.
fn annotations(area: &str, number: usize) -> Vec<String> {
    let below = 50 + number % 40 * 10;
    match number % 8 {
        0 => vec![
            "traffic_anomaly_monitor({})".to_owned(),
            format!(
                "traffic_threshold_monitor({{\"below\": {below}, \"window\": \"15m\", \"warning\": {}}})",
                below * 2
            ),
        ],
        1 => vec![
            "traffic_anomaly_monitor({\"direction\": \"below\", \"critical\": 0.8, \"warning\": 0.5})".to_owned(),
            "error_rate_monitor({\"above\": 0.02, \"warning\": 0.01})".to_owned(),
            "composite_monitor({\"when\": \"traffic_anomaly_monitor && error_rate_monitor\"})".to_owned(),
        ],
        2 => vec![
            "traffic_absence_monitor({\"window\": \"6h\", \"note\": \"Look at the service's deployments first.\"})"
                .to_owned(),
            format!("log_monitor({{\"search\": \"service:{area} status:error\", \"above\": 10, \"by\": \"@error.kind\"}})"),
        ],
        3 => vec![
            format!(
                "traffic_threshold_monitor([\n    {{\"id\": \"burst\", \"above\": {}, \"window\": \"5m\"}},\n    \
                 {{\"id\": \"slow\", \"above\": {}, \"window\": \"4h\", \"warning\": {below}}}\n  ])",
                below * 3,
                below * 20
            ),
            "traffic_anomaly_monitor({\"deviations\": 4})".to_owned(),
        ],
        4 => vec![
            format!("traffic_forecast_monitor({{\"below\": {below}, \"window\": \"1d\"}})"),
            "error_rate_monitor({})".to_owned(),
        ],
        5 => vec![
            "traffic_outlier_monitor({\"by\": \"region\", \"tolerance\": 3.5})".to_owned(),
            "traffic_anomaly_monitor({\"direction\": \"above\", \"alert_window\": \"30m\"})".to_owned(),
            "error_rate_monitor({\"window\": \"1h\", \"renotify_interval\": 60})".to_owned(),
        ],
        6 => vec![
            format!("traffic_threshold_monitor({{\"above\": {below}, \"window\": \"30m\", \"no_data\": true}})"),
            format!("log_monitor({{\"search\": \"service:{area} @http.status_code:5*\", \"above\": 25, \"window\": \"1h\"}})"),
        ],
        _ => vec![
            format!(
                "datadog_monitor({{\n    \"type\": \"service check\",\n    \"name\": \"Agents of {area} {number}\",\n    \
                 \"query\": \"\\\"datadog.agent.up\\\".over(\\\"service:{area}\\\").by(\\\"host\\\").last(4).count_by_status()\",\n    \
                 \"message\": \"{{{{host.name}}}} has no Agent.\",\n    \
                 \"options\": {{\"thresholds\": {{\"critical\": 3, \"warning\": 2, \"ok\": 1}}, \"notify_no_data\": true, \"no_data_timeframe\": 10}}\n  }})"
            ),
            "traffic_absence_monitor({})".to_owned(),
            "traffic_anomaly_monitor({\"algorithm\": \"robust\", \"seasonality\": \"daily\"})".to_owned(),
        ],
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
