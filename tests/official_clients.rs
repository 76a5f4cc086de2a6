//! Datadog's own Python clients against the sandbox, unchanged. Needs `pip install datadog
//! datadog-api-client zstandard`; without them the test says that it was skipped.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::Path;
use std::process::Command;

use bellwether::sandbox::{Sandbox, Storage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_official_clients_work_unchanged() {
    let probe =
        Command::new("python3").args(["-c", "import datadog, datadog_api_client, zstandard"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: python3 with datadog, datadog-api-client and zstandard is not here");
        return;
    }
    let running = Sandbox::start("127.0.0.1:0".parse().unwrap(), Storage::Memory).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/official_clients.py");
    let url = running.url().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        Command::new("python3").arg(script).arg(url).env("no_proxy", "127.0.0.1").output().unwrap()
    })
    .await
    .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let last: Vec<_> = running.requests().into_iter().rev().take(5).collect();
    assert!(output.status.success(), "{out}\n{err}\nlast requests: {last:#?}");
    running.stop().await.unwrap();
}
