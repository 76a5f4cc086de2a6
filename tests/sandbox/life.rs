//! Starting, finding, stopping, and what survives.

use bellwether::sandbox::{Sandbox, SandboxError, Storage};
use serde_json::json;

use crate::client::{Client, monitor};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_keeps_everything_but_downtimes() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::Directory(directory.path().join("sandbox"));
    let client = Client::with(storage.clone()).await;
    let kept = client.create(&monitor(json!({"tags": ["a:b"]}))).await;
    let gone = client.create(&monitor(json!({"name": "gone"}))).await;
    client.ok("DELETE", &format!("/api/v1/monitor/{}", gone["id"]), &json!(null)).await;
    let series = json!({"series": [{"metric": "a.b", "points": [], "tags": ["x:y"]}]});
    client.ok("POST", "/api/v2/series", &series).await;
    let body = json!({"data": {"type": "manage_tags", "id": "a.b", "attributes": {"metric_type": "gauge", "tags": ["x"]}}});
    client.ok("POST", "/api/v2/metrics/a.b/tags", &body).await;
    let listed = client.get("/api/v1/monitor").await;
    client.running.stop().await.unwrap();

    let client = Client::with(storage).await;
    assert_eq!(client.get("/api/v1/monitor").await, listed);
    assert_eq!(client.get("/api/v1/monitor?monitor_tags=a:b").await[0]["id"], kept["id"]);
    assert_eq!(client.get("/api/v2/metrics/a.b/tags").await["data"]["attributes"]["tags"], json!(["x"]));
    client.refused("POST", "/api/v1/monitor", &monitor(json!({}))).await;
    let next = client.create(&monitor(json!({"name": "next"}))).await;
    assert!(next["id"].as_u64() > gone["id"].as_u64(), "the id of a deleted monitor is not used again");
    client.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_means_durable() {
    let directory = tempfile::tempdir().unwrap();
    let served = directory.path().join("served");
    let client = Client::with(Storage::Directory(served.clone())).await;
    for number in 0..20 {
        client.create(&monitor(json!({"name": number.to_string()}))).await;
    }
    // What a crash right now would leave: the files as they are, without an orderly stop.
    let copy = directory.path().join("copy");
    copy_all(&served, &copy);
    let after = Client::with(Storage::Directory(copy)).await;
    assert_eq!(after.get("/api/v1/monitor").await.as_array().unwrap().len(), 20);
    after.running.stop().await.unwrap();
    client.running.stop().await.unwrap();
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn an_address_in_use_is_said() {
    let client = Client::new().await;
    let address = client.running.address();
    let error = Sandbox::start(address, Storage::Memory).await.unwrap_err();
    assert!(matches!(error, SandboxError::AddressInUse(_)));
    assert_eq!(error.to_string(), format!("address {address} is already in use"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_directory_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::Directory(directory.path().to_owned());
    let running = Sandbox::start("127.0.0.1:0".parse().unwrap(), storage.clone()).await.unwrap();
    let error = Sandbox::start("127.0.0.1:0".parse().unwrap(), storage).await.unwrap_err();
    assert!(error.to_string().ends_with("is locked by another sandbox"), "{error}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attaching_serves_or_joins() {
    let directory = tempfile::tempdir().unwrap();
    // A stale address, even one where something listens, is not believed.
    let other = Client::new().await;
    let file = directory.path().join("address");
    std::fs::write(&file, format!("{}\n1-2-3\n", other.running.url())).unwrap();
    let first = Sandbox::attach(directory.path()).await.unwrap();
    assert!(first.is_own() && first.url() != other.running.url());
    let second = Sandbox::attach(directory.path()).await.unwrap();
    assert!(!second.is_own());
    assert_eq!(first.url(), second.url());
    second.stop().await.unwrap();
    assert!(file.exists());
    first.stop().await.unwrap();
    assert!(!file.exists(), "an orderly stop removes the address");
    let third = Sandbox::attach(directory.path()).await.unwrap();
    assert!(third.is_own());
    third.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attaching_joins_a_started_sandbox() {
    let directory = tempfile::tempdir().unwrap();
    let client = Client::with(Storage::Directory(directory.path().to_owned())).await;
    let attached = Sandbox::attach(directory.path()).await.unwrap();
    assert_eq!(attached.url(), client.running.url());
    client.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_frees_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    drop(Sandbox::attach(directory.path()).await.unwrap());
    let again = Sandbox::attach(directory.path()).await.unwrap();
    assert!(again.is_own());
    again.stop().await.unwrap();
}

/// Not a test by itself: the other process of the next one. It serves until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by a_killed_process_leaves_everything"]
async fn serve_until_killed() {
    let Some(directory) = std::env::var_os("SANDBOX_DIRECTORY") else { return };
    let _running = Client::with(Storage::Directory(directory.into())).await;
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "life::serve_until_killed"])
        .env("SANDBOX_DIRECTORY", directory.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let file = directory.path().join("address");
    while !file.exists() {
        assert!(other.try_wait().unwrap().is_none(), "the other process ended");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let attached = Sandbox::attach(directory.path()).await.unwrap();
    assert!(!attached.is_own());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |method: &str, url: &str, body: String| {
        let request = http.request(method.parse().unwrap(), format!("{url}/api/v1/monitor")).body(body);
        Client::finish(request.header("DD-API-KEY", "k").header("DD-APPLICATION-KEY", "k")).await
    };
    for number in 0..10 {
        let body = monitor(json!({"name": number.to_string()})).to_string();
        assert_eq!(send("POST", attached.url(), body).await.0, 200);
    }
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(file.exists(), "nobody removed the address");

    let again = Sandbox::attach(directory.path()).await.unwrap();
    assert!(again.is_own());
    let (_, list) = send("GET", again.url(), String::new()).await;
    assert_eq!(list.as_array().unwrap().len(), 10);
    again.stop().await.unwrap();
}
