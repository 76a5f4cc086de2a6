//! Reads: paging, the two meanings of 404, verdicts, and answers that are none.

use std::collections::BTreeMap;

use super::*;
use crate::model::{MonitorId, Verdict};

fn monitors(ids: std::ops::Range<u64>) -> String {
    let item = |id| format!(r#"{{"id":{id},"name":"m{id}","tags":["esm-prod","x:{id}"],"query":"q > 1"}}"#);
    format!("[{}]", ids.map(item).collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn a_list_takes_as_many_pages_as_it_needs() {
    let server = Server::start(|_, n| {
        let start = n as u64 * 1000;
        Answer::json(200, monitors(start + 1..(start + 1001).min(2501)))
    })
    .await;
    let reader = reader(&server.url);
    let live = reader.list_monitors("esm-prod").await.unwrap();
    assert_eq!(live.len(), 2500);
    assert!(live.iter().map(|m| m.id.0).eq(1..=2500));
    assert_eq!(
        server.lines(),
        [0, 1, 2].map(|page| format!(
            "GET /api/v1/monitor?monitor_tags=esm-prod&page={page}&page_size=1000&with_downtimes=false"
        ))
    );
    let request = &server.requests()[0];
    assert_eq!(request.header("dd-api-key"), Some(API_KEY));
    assert_eq!(request.header("dd-application-key"), Some(APP_KEY));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert!(request.header("user-agent").unwrap().starts_with("bellwether/"));
    assert_eq!(request.body, "");
    assert_eq!(reader.calls(), Calls { monitor_lists: 3, ..Calls::default() });
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one() {
    let server =
        Server::start(|_, n| Answer::json(200, if n == 0 { monitors(1..1001) } else { "[]".into() })).await;
    assert_eq!(reader(&server.url).list_monitors("esm-prod").await.unwrap().len(), 1000);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_page_that_fails_is_an_error_and_never_a_shorter_list() {
    let server = Server::start(|_, n| match n {
        0 => Answer::json(200, monitors(1..1001)),
        _ => Answer::json(403, r#"{"errors":["Forbidden"]}"#),
    })
    .await;
    let error = reader(&server.url).list_monitors("esm-prod").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "datadog (api_url {}) refused `GET /api/v1/monitor?monitor_tags=esm-prod&page=1&page_size=1000&with_downtimes=false` with 403: Forbidden; check that DD_API_KEY and DD_APP_KEY belong to this site and that the application key has the permission `monitors_read`",
            server.url
        )
    );
    assert_eq!(error.status(), Some(403));
    assert_eq!(server.requests().len(), 2, "a refusal is not repeated");
}

#[tokio::test]
async fn a_server_that_ignores_pages_is_an_error() {
    let server = Server::start(|_, _| Answer::json(200, monitors(1..1001))).await;
    let error = reader(&server.url).list_monitors("esm-prod").await.unwrap_err();
    assert!(matches!(&error, ApiError::InvalidReply { what, .. } if what.contains("repeats")), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn foreign_and_repeated_monitors_are_left_out() {
    let body = r#"[{"id":9,"name":"b","tags":["esm-prod"]},{"id":3,"name":"a","tags":["esm-prod"]},
        {"id":9,"name":"b","tags":["esm-prod"]},{"id":4,"name":"c","tags":["esm-production"]},
        {"id":5,"name":"d","tags":null},{"id":6}]"#;
    let server = Server::start(move |_, _| Answer::json(200, body)).await;
    let live = reader(&server.url).list_monitors("esm-prod").await.unwrap();
    assert_eq!(live.iter().map(|m| m.id.0).collect::<Vec<_>>(), [3, 9]);
    assert_eq!(&*live[0].body, r#"{"id":3,"name":"a","tags":["esm-prod"]}"#, "bodies are kept as text");
}

#[tokio::test]
async fn compressed_answers_are_read() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x8b\xae\x56\xca\x4c\x51\xb2\x52\x30\xd4\x51\x50\xca\x4b\xcc\x4d\x05\x32\x95\xf2\x94\x80\x9c\x92\xc4\xf4\x62\x20\x27\x5a\x29\xb5\x38\x57\xb7\xa0\x28\x3f\x45\x29\xb6\x36\x16\x00\x9d\xff\xb3\x06\x2e\x00\x00\x00";
    let server =
        Server::start(|_, _| Answer::Full(200, vec![("content-encoding", "gzip".into())], gzip.to_vec()))
            .await;
    assert_eq!(reader(&server.url).list_monitors("esm-prod").await.unwrap().len(), 1);
}

#[tokio::test]
async fn names_are_matched_exactly() {
    let body = r#"[{"id":1,"name":"Cart & more"},{"id":2,"name":"Cart & more!"}]"#;
    let server = Server::start(move |_, _| Answer::json(200, body)).await;
    let reader = reader(&server.url);
    let live = reader.monitors_named("Cart & more").await.unwrap();
    assert_eq!(live.iter().map(|m| m.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(
        server.lines(),
        ["GET /api/v1/monitor?name=Cart%20%26%20more&page=0&page_size=1000&with_downtimes=false"]
    );
    assert_eq!(reader.calls().monitor_reads, 1);
}

#[tokio::test]
async fn a_monitor_may_not_exist() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/monitor/7?with_assets=true" => Answer::json(200, r#"{"id":7,"name":"n","tags":[]}"#),
        "/api/v1/monitor/8?with_assets=true" => Answer::json(404, r#"{"errors":["Monitor not found"]}"#),
        "/api/v1/monitor/9?with_assets=true" => Answer::html(404),
        _ => Answer::json(200, r#"{"id":7}"#),
    })
    .await;
    let reader = reader(&server.url);
    assert_eq!(reader.monitor(MonitorId(7)).await.unwrap().unwrap().name, "n");
    assert!(reader.monitor(MonitorId(8)).await.unwrap().is_none());
    let error = reader.monitor(MonitorId(9)).await.unwrap_err();
    assert!(matches!(error, ApiError::InvalidReply { .. }), "a proxy's 404 says nothing: {error}");
    let error = reader.monitor(MonitorId(10)).await.unwrap_err();
    assert!(matches!(&error, ApiError::InvalidReply { what, .. } if what == "another monitor"), "{error}");
}

#[tokio::test]
async fn a_metric_is_two_reads() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/metrics/a.b" => Answer::json(200, r#"{"type":"gauge","unit":null}"#),
        "/api/v2/metrics/a.b/tags" => Answer::json(
            200,
            r#"{"data":{"type":"manage_tags","id":"a.b","attributes":{"tags":["y","x"],"metric_type":"gauge"}}}"#,
        ),
        _ => Answer::json(404, r#"{"errors":["x*/y not found"]}"#),
    })
    .await;
    let reader = reader(&server.url);
    let live = reader.metric("a.b").await.unwrap();
    assert_eq!(live.metadata, Some(document(r#"{"type":"gauge","unit":null}"#)));
    assert_eq!(live.tag_configuration, Some(document(r#"{"tags":["y","x"],"metric_type":"gauge"}"#)));
    assert_eq!(reader.metric("x*/y").await.unwrap(), Default::default());
    let mut lines = server.lines();
    lines[2..].sort();
    assert_eq!(lines[2..], ["GET /api/v1/metrics/x%2A%2Fy", "GET /api/v2/metrics/x%2A%2Fy/tags"]);
    assert_eq!(reader.metric("..").await.unwrap(), Default::default());
    assert_eq!(server.requests().len(), 4, "a name that would change the path is not sent");
    assert_eq!(reader.calls().metric_reads, 4);
}

#[tokio::test]
async fn validation_gives_a_verdict() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/api/v1/monitor/validate" => Answer::json(200, "{}"),
        "/api/v1/monitor/5/validate" => {
            Answer::json(400, r#"{"errors":["The value \u001b[1mis\u0007 bad"]}"#)
        }
        "/api/v1/monitor/6/validate" => Answer::json(404, r#"{"errors":["Monitor not found"]}"#),
        _ => Answer::html(400),
    })
    .await;
    let reader = reader(&server.url);
    let body = document(r#"{"type":"query alert","query":"q"}"#);
    assert_eq!(reader.validate(None, &body).await.unwrap(), Verdict::Accepted);
    let rejected = Verdict::Rejected(vec!["The value [1mis bad".into()]);
    assert_eq!(reader.validate(Some(MonitorId(5)), &body).await.unwrap(), rejected);
    let error = reader.validate(Some(MonitorId(6)), &body).await.unwrap_err();
    assert!(matches!(error, ApiError::NotFound { .. }), "no verdict: {error}");
    let error = reader.validate(Some(MonitorId(7)), &body).await.unwrap_err();
    assert!(matches!(error, ApiError::InvalidReply { .. }), "{error}");
    let request = &server.requests()[0];
    assert_eq!(request.line(), "POST /api/v1/monitor/validate");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(document(&request.body), body);
    assert_eq!(reader.calls(), Calls { validations: 4, ..Calls::default() });
}

#[tokio::test]
async fn deletes_can_be_asked_about() {
    let server = Server::start(|request, n| match n {
        0 => Answer::json(200, r#"{"data":{"ok":[1,2]},"errors":null}"#),
        1 => Answer::json(
            409,
            r#"{"data":{"ok":[]},"errors":{"2":["monitor [2,n] is referenced in slos: [s]"],"99":["x"]}}"#,
        ),
        2 => Answer::json(409, r#"{"errors":["no"]}"#),
        _ => Answer::json(200, format!(r#"{{"data":{{"ok":[]}},"x":"{}"}}"#, request.path.len())),
    })
    .await;
    let reader = reader(&server.url);
    let ids = [MonitorId(1), MonitorId(2)];
    assert_eq!(reader.can_delete(&ids).await.unwrap(), BTreeMap::new());
    let reasons = reader.can_delete(&ids).await.unwrap();
    assert_eq!(
        reasons,
        BTreeMap::from([(MonitorId(2), vec!["monitor [2,n] is referenced in slos: [s]".into()])])
    );
    let error = reader.can_delete(&ids).await.unwrap_err();
    assert_eq!(error.messages(), ["no"]);
    assert_eq!(server.lines()[0], "GET /api/v1/monitor/can_delete?monitor_ids=1,2");
    reader.can_delete(&[]).await.unwrap();
    assert_eq!(server.requests().len(), 3);
    let many: Vec<MonitorId> = (0..250).map(MonitorId).collect();
    reader.can_delete(&many).await.unwrap();
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn what_is_not_the_api_is_an_invalid_reply() {
    for (body, what) in [
        ("[{\"id\":1}", "its JSON is cut off"),
        ("hello", "it is not JSON"),
        ("", "it is not JSON"),
        ("{}", "its JSON has another shape"),
        ("[{\"name\":\"x\"}]", "its JSON has another shape"),
    ] {
        let server = Server::start(move |_, _| Answer::json(200, body)).await;
        let error = reader(&server.url).list_monitors("t").await.unwrap_err();
        assert!(matches!(&error, ApiError::InvalidReply { what: w, .. } if w == what), "{body}: {error}");
    }
    let server = Server::start(|_, _| Answer::html(200)).await;
    let error = reader(&server.url).list_monitors("t").await.unwrap_err().to_string();
    assert!(error.contains("an HTML page") && !error.contains("gateway"), "{error}");
    let server = Server::start(|_, _| Answer::json(302, "").with("location", "http://127.0.0.1:1/")).await;
    let error = reader(&server.url).list_monitors("t").await.unwrap_err().to_string();
    assert!(error.contains("a redirect (302)"), "{error}");
}

#[tokio::test]
async fn keys_are_never_shown() {
    let echo = format!(r#"{{"errors":["bad keys {API_KEY} and {APP_KEY}"]}}"#);
    let server = Server::start(move |_, n| match n {
        0 => Answer::json(403, echo.as_str()),
        1 => Answer::json(400, echo.as_str()),
        2 => Answer::json(200, format!("dd-api-key: {API_KEY}\n{}{APP_KEY}", "x".repeat(120))),
        _ => Answer::HangUp,
    })
    .await;
    let log = Log::default();
    let writer = writer(&server.url, &log);
    let reader = writer.reader();
    let mut shown = vec![format!("{writer:?} {reader:?} {:?}", reader.endpoint())];
    for _ in 0..4 {
        let error = reader.list_monitors("t").await.unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    shown.extend(log.notices());
    for text in shown {
        assert!(!text.contains(&API_KEY[..8]) && !text.contains(&APP_KEY[..8]), "{text}");
    }
}
