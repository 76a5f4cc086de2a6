//! Datadog's own Python clients, unchanged: against the sandbox, and at work on monitors that bellwether manages.
//!
//! Needs `pip install datadog datadog-api-client zstandard`; without them the tests say that they were skipped.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod example;

use std::path::Path;
use std::process::{Command, Output};

use bellwether::sandbox::{Running, Sandbox, Storage};
use example::{edit, example};

/// A sandbox, when the clients are here to talk to it.
async fn sandbox() -> Option<Running> {
    let probe =
        Command::new("python3").args(["-c", "import datadog, datadog_api_client, zstandard"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: python3 with datadog, datadog-api-client and zstandard is not here");
        return None;
    }
    Some(Sandbox::start("127.0.0.1:0".parse().unwrap(), Storage::Memory).await.unwrap())
}

/// Runs a program without holding up the sandbox.
async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn script(name: &str, running: &Running) {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name));
    command.arg(running.url()).env("no_proxy", "127.0.0.1");
    let output = run(command).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let last: Vec<_> = running.requests().into_iter().rev().take(5).collect();
    assert!(output.status.success(), "{out}\n{err}\nlast requests: {last:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_official_clients_work_unchanged() {
    let Some(running) = sandbox().await else { return };
    script("official_clients.py", &running).await;
    running.stop().await.unwrap();
}

async fn bellwether(project: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    command.args(["--env", "live", "-C"]).arg(project).args(arguments).env_clear();
    let output = run({
        command.env("DD_API_KEY", "k").env("DD_APP_KEY", "k");
        command
    })
    .await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_by_an_official_client_is_drift_with_its_field_both_values_and_the_line() {
    let Some(running) = sandbox().await else { return };
    let (_directory, project) = example();
    let live = format!(
        "[environments.live]\napi_url = \"{}\"\ntag = \"esm-live\"\n\n[environments.prod]",
        running.url()
    );
    edit(&project, "bellwether.toml", "[environments.prod]", &live);
    assert_eq!(bellwether(&project, &["apply", "--yes"]).await.0, Some(0));
    assert_eq!(bellwether(&project, &["drift"]).await.0, Some(0));
    script("edit_monitor.py", &running).await;

    let (code, report) = bellwether(&project, &["drift"]).await;
    assert_eq!(code, Some(2), "{report}");
    for expected in [
        "AddToCartEvent/traffic_threshold_monitor",
        "schemas/cart.avdl:11",
        "critical  200 → 300",
        "priority  not set → 1",
    ] {
        assert!(report.contains(expected), "{expected:?} is not in\n{report}");
    }
    assert!(!report.contains("By hand"), "{report}");

    assert_eq!(bellwether(&project, &["apply", "--yes", "--reset-drift"]).await.0, Some(0));
    assert_eq!(bellwether(&project, &["drift"]).await.0, Some(0));
    let hand_made = |record: &&bellwether::sandbox::RequestRecord| {
        record.method != "GET" && record.path.ends_with("/10000019")
    };
    assert_eq!(
        running.requests().iter().filter(hand_made).count(),
        0,
        "a hand-made monitor is never touched"
    );
    running.stop().await.unwrap();
}
