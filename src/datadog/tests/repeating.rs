//! Which calls are sent again, how often, and after which waits.

use super::*;
use crate::model::MonitorId;

const LIMITED: &str = r#"{"errors":["Rate limit of 1 requests in 10 seconds reached."]}"#;

#[tokio::test]
async fn reads_survive_three_failures() {
    let server = Server::start(|_, n| match n {
        0 => Answer::html(502),
        1 => Answer::HangUp,
        2 => Answer::CutOff("[".into()),
        _ => Answer::json(200, "[]"),
    })
    .await;
    let log = Log::default();
    let reader = writer(&server.url, &log).reader();
    assert!(reader.list_monitors("t").await.unwrap().is_empty());
    assert_eq!(server.requests().len(), 4);
    assert_eq!(log.notices().len(), 3);
    assert!(log.notices()[0].contains("page_size=1000&with_downtimes=false` with 502, trying again in "));
    assert_eq!(reader.calls().monitor_lists, 1, "repetitions are not counted");
}

#[tokio::test]
async fn the_fourth_failure_is_final() {
    let server = Server::start(|_, _| Answer::html(502)).await;
    let error = reader(&server.url).list_monitors("t").await.unwrap_err();
    assert!(matches!(error, ApiError::Server { status: 502, .. }), "{error}");
    assert!(!error.to_string().contains("gateway"), "{error}");
    assert_eq!(server.requests().len(), 4);

    let server = Server::start(|_, _| Answer::CutOff("[{\"id\":".into())).await;
    let error = reader(&server.url).list_monitors("t").await.unwrap_err();
    assert!(matches!(&error, ApiError::InvalidReply { what, .. } if what == "it broke off"), "{error}");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn updates_deletes_and_validations_are_repeated() {
    let server = Server::start(|request, n| match (n % 2, request.method.as_str()) {
        (0, _) => Answer::json(503, "{}"),
        (_, "DELETE") => Answer::json(404, r#"{"errors":["Monitor not found"]}"#),
        (_, "PUT") => Answer::json(200, r#"{"id":3}"#),
        _ => Answer::json(200, "{}"),
    })
    .await;
    let writer = writer(&server.url, &Log::default());
    let body = document(r#"{"name":"n"}"#);
    writer.update_monitor(MonitorId(3), &body).await.unwrap();
    assert_eq!(writer.delete_monitor(MonitorId(3)).await.unwrap(), Deleted::AlreadyGone);
    writer.reader().validate(None, &body).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn a_create_is_not_repeated_after_it_may_have_arrived() {
    for script in [|| Answer::json(500, "{}"), || Answer::html(504), || Answer::HangUp] {
        let server = Server::start(move |_, _| script()).await;
        let writer = writer(&server.url, &Log::default());
        let error = writer.create_monitor(&document(r#"{"name":"n"}"#)).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert_eq!(server.requests().len(), 1, "{error}");
        let error = writer.create_tag_configuration("m", &document("{}")).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert_eq!(server.requests().len(), 2, "{error}");
    }
    let server = Server::start(|_, _| Answer::CutOff(r#"{"id":1"#.into())).await;
    let error = writer(&server.url, &Log::default()).create_monitor(&document("{}")).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_create_that_cannot_have_arrived_is_repeated() {
    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = Log::default();
    let url = format!("http://127.0.0.1:{port}");
    let error = writer(&url, &log).create_monitor(&document("{}")).await.unwrap_err();
    assert!(!error.outcome_unknown());
    assert!(error.to_string().starts_with(&format!("`POST /api/v1/monitor` got no answer from {url}: ")));
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(log.notices().len(), 3);
}

#[tokio::test]
async fn a_slow_answer_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = Options { timeout: Duration::from_millis(20), ..Log::default().options() };
    let writer = Writer::with(Endpoint::api_url(&url).unwrap(), credentials(), options).unwrap();
    let error = writer.create_monitor(&document("{}")).await.unwrap_err();
    assert!(matches!(error, ApiError::Timeout { .. }), "{error}");
    assert!(error.outcome_unknown());
    drop(listener);
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_and_uses_up_no_try() {
    let server = Server::start(|_, n| match n {
        0..5 => Answer::json(429, LIMITED).with("x-ratelimit-reset", "7"),
        _ => Answer::json(200, r#"{"id":3,"name":"n"}"#),
    })
    .await;
    let log = Log::default();
    let live = writer(&server.url, &log).create_monitor(&document("{}")).await.unwrap();
    assert_eq!(live.id, MonitorId(3));
    assert_eq!(log.waits(), [7; 5]);
    let said = "datadog's rate limit reached by `POST /api/v1/monitor`, waiting 7 s, until ";
    assert!(log.notices()[0].starts_with(said), "{:?}", log.notices());
}

#[tokio::test]
async fn a_rate_limit_is_not_waited_for_longer_than_the_ceiling() {
    let server = Server::start(|_, _| Answer::json(429, LIMITED).with("x-ratelimit-reset", "25")).await;
    let log = Log::default();
    let error = writer(&server.url, &log).reader().list_monitors("t").await.unwrap_err();
    assert!(
        matches!(error, ApiError::RateLimited { waited, .. } if waited == Duration::from_secs(50)),
        "{error}"
    );
    assert_eq!(log.waits(), [25, 25]);

    let server = Server::start(|_, _| Answer::json(429, LIMITED).with("x-ratelimit-reset", "0")).await;
    reader(&server.url).list_monitors("t").await.unwrap_err();
    assert_eq!(server.requests().len(), 61, "a reset that is always now ends, too");

    let server = Server::start(|_, _| Answer::json(429, LIMITED)).await;
    let log = Log::default();
    writer(&server.url, &log).reader().list_monitors("t").await.unwrap_err();
    assert_eq!(log.waits(), [1, 1, 2, 4, 8, 16], "without a reset, waits double");
}

#[tokio::test]
async fn an_empty_bucket_is_waited_for_before_the_next_call_of_its_name() {
    let server = Server::start(|_, n| {
        let (remaining, reset) = if n == 0 { ("0", "9") } else { ("5", "9") };
        Answer::json(200, r#"{"id":1}"#)
            .with("x-ratelimit-name", "monitor_get")
            .with("x-ratelimit-remaining", remaining)
            .with("x-ratelimit-reset", reset)
    })
    .await;
    let log = Log::default();
    let writer = writer(&server.url, &log);
    for _ in 0..3 {
        writer.reader().monitor(MonitorId(1)).await.unwrap();
    }
    writer.update_monitor(MonitorId(1), &document("{}")).await.unwrap();
    let notices = log.notices();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].starts_with("datadog's rate limit `monitor_get` is used up, waiting 9 s, until "));
}
