//! Rate limits, outages, revoked tokens, and answers that are not GitHub's.

use bellwether::github::Error;
use bellwether::stop::Stop;

use super::double::{Fault, Pull};
use super::{Log, TOKEN, client_with, start};

const PULL: &str = "/pulls/";

fn soon(seconds: i64) -> String {
    (jiff::Timestamp::now().as_second() + seconds).to_string()
}

#[tokio::test]
async fn a_rate_limit_is_waited_for() {
    let (github, repository) = start();
    let number = repository.open(&Pull { head: &repository.commit(&[]), ..Pull::default() });
    github.fault(Fault::status("GET", PULL, 403).header("retry-after", "7"));
    github.fault(
        Fault::status("GET", PULL, 403)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", &soon(100)),
    );
    github.fault(Fault::status("GET", PULL, 429));
    github.fault(
        Fault::status("GET", PULL, 403).body("{\"message\":\"You have exceeded a secondary rate limit.\"}"),
    );
    let log = Log::default();
    client_with(&github, &log).pull_request(number).await.unwrap();
    let waits = log.waits();
    assert!(waits[0] == 7 && (97..=101).contains(&waits[1]) && waits[2..] == [60, 60], "{waits:?}");
    assert!(
        log.notices().contains("GitHub's rate limit reached by `GET /repos/octo/schemas/pulls/"),
        "{}",
        log.notices()
    );
}

#[tokio::test]
async fn a_comment_that_a_rate_limit_held_back_was_not_written_and_is_sent_again() {
    let (github, repository) = start();
    let number = repository.open(&Pull { head: &repository.commit(&[]), ..Pull::default() });
    github.fault(Fault::status("POST", "/comments", 403).header("retry-after", "1"));
    client_with(&github, &Log::default()).create_comment(number, "x").await.unwrap();
    assert_eq!(repository.comments(number).len(), 1);
}

#[tokio::test]
async fn a_rate_limit_that_lasts_too_long_is_an_error_that_says_until_when() {
    let (github, _) = start();
    github.fault(
        Fault::status("GET", PULL, 403)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", &soon(1800)),
    );
    let log = Log::default();
    let client = client_with(&github, &log);
    let error = client.pull_request(1).await.unwrap_err();
    let Error::RateLimited { until, .. } = &error else { panic!("{error}") };
    let seconds = until.as_second() - jiff::Timestamp::now().as_second();
    assert!((1700..=1801).contains(&seconds), "{seconds}");
    assert!(error.is_transient() && log.waits().is_empty());
    // A server that always says "now" does not keep us for ever.
    github.fault(Fault::status("GET", PULL, 429).header("retry-after", "0").times(1000));
    assert!(matches!(client.pull_request(1).await, Err(Error::RateLimited { .. })));
    assert_eq!(log.waits().len(), 300);
}

#[tokio::test]
async fn reads_are_repeated_and_a_long_outage_is_an_error() {
    let (github, repository) = start();
    let number = repository.open(&Pull { head: &repository.commit(&[]), ..Pull::default() });
    github.fault(Fault::status("GET", PULL, 502));
    github.fault(Fault::lost("GET", PULL));
    let log = Log::default();
    let client = client_with(&github, &log);
    client.pull_request(number).await.unwrap();
    assert_eq!(log.waits().len(), 2);
    github.fault(Fault::status("GET", PULL, 503).body("<html>\u{1b}[31m").times(9));
    github.forget_calls();
    let error = client.pull_request(number).await.unwrap_err();
    assert_eq!(github.calls().len(), 4);
    let text = error.to_string();
    assert_eq!(
        text,
        format!("GitHub did not answer `GET /repos/octo/schemas/pulls/{number}`: 503; try again later")
    );
}

#[tokio::test]
async fn an_archive_whose_connection_broke_is_read_again() {
    use bellwether::github::archive::{Limits, Wanted};
    let (github, repository) = start();
    let head = repository.commit(&[("a.avdl", "x")]);
    github.fault(Fault::lost("GET", "/codeload"));
    let client = client_with(&github, &Log::default());
    let files = client
        .archive(&super::sha(&head), &Wanted::new("", &[".avdl", ".toml"]).unwrap(), &Limits::default())
        .await;
    assert_eq!(files.unwrap().len(), 1);
    assert_eq!(github.calls().iter().filter(|call| call.contains("codeload")).count(), 2);
}

#[tokio::test]
async fn refusals_are_told_apart_and_their_texts_are_harmless() {
    let (github, repository) = start();
    let number = repository.open(&Pull { head: &repository.commit(&[]), ..Pull::default() });
    let log = Log::default();
    let client = client_with(&github, &log);
    let hostile = format!("{{\"message\":\"\\u001b[2J no {TOKEN}\\n::error::x\"}}");
    github.fault(Fault::status("GET", PULL, 403).body(&hostile));
    let error = client.pull_request(number).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }));
    let text = error.to_string();
    assert!(!text.contains(['\u{1b}', '\n']) && !text.contains(TOKEN) && text.contains("***"), "{text}");
    github.fault(Fault::status("GET", PULL, 422));
    assert!(matches!(client.pull_request(number).await, Err(Error::Rejected { status: 422, .. })));
    github.fault(Fault::status("GET", PULL, 200).body("<html>login</html>"));
    assert!(matches!(client.pull_request(number).await, Err(Error::Unexpected { .. })));
    github.fault(Fault::status("GET", PULL, 301).header("location", "https://evil.invalid/"));
    assert!(matches!(client.pull_request(number).await, Err(Error::Moved { .. })));
    assert!(matches!(client.pull_request(404).await, Err(Error::NotFound { .. })));
    github.revoke(TOKEN);
    assert!(matches!(client.pull_request(number).await, Err(Error::RevokedToken { .. })));
    assert!(log.waits().is_empty(), "none of these is tried again");
}

#[tokio::test]
async fn a_stopped_run_sends_nothing_more() {
    let (github, _) = start();
    let log = Log::default();
    let stop = Stop::default();
    let mut options = log.options();
    options.stop = stop.clone();
    let api = bellwether::github::ApiUrl::new(&github.url()).unwrap();
    let token = bellwether::secret::Secret::new(TOKEN).ok().unwrap();
    let client = bellwether::github::Client::new(api, token, super::NAME.parse().unwrap(), options).unwrap();
    stop.raise(bellwether::stop::Level::Drain);
    assert!(matches!(client.pull_request(1).await, Err(Error::Stopped { .. })));
    assert!(github.calls().is_empty());
}

#[tokio::test]
async fn no_answer_is_waited_for_longer_than_the_limit() {
    let (github, repository) = start();
    let number = repository.open(&Pull { head: &repository.commit(&[]), ..Pull::default() });
    github.fault(Fault::hung("GET", PULL).times(9));
    github.fault(Fault::hung("GET", "/codeload").times(9));
    let log = Log::default();
    let mut options = log.options();
    options.timeout = std::time::Duration::from_millis(30);
    let api = bellwether::github::ApiUrl::new(&github.url()).unwrap();
    let token = bellwether::secret::Secret::new(TOKEN).ok().unwrap();
    let client = bellwether::github::Client::new(api, token, super::NAME.parse().unwrap(), options).unwrap();
    let error = client.pull_request(number).await.unwrap_err();
    assert!(error.to_string().contains("nothing came within") && error.outcome_unknown(), "{error}");
    assert_eq!(github.calls().len(), 1, "a server that does not answer is not asked again and again");
    let wanted = bellwether::github::archive::Wanted::new("", &[".avdl", ".toml"]).unwrap();
    let head = super::sha(&repository.commit(&[]));
    let error = client.archive(&head, &wanted, &Default::default()).await.unwrap_err();
    assert!(error.to_string().contains("nothing came within"), "{error}");
}
