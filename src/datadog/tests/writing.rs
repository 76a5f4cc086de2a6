//! Writes: exact requests, and what each refusal means.

use super::*;
use crate::model::MonitorId;

#[tokio::test]
async fn monitors_are_created_updated_and_deleted() {
    let server = Server::start(|request, _| match request.method.as_str() {
        "DELETE" => Answer::json(200, r#"{"deleted_monitor_id":7}"#),
        _ => Answer::json(200, r#"{"id":7,"name":"n","tags":["a"],"overall_state":"No Data"}"#),
    })
    .await;
    let writer = writer(&server.url, &Log::default());
    let body =
        document(r#"{"type":"query alert","query":"q > 2.0","options":{"thresholds":{"critical":2.0}}}"#);
    let live = writer.create_monitor(&body).await.unwrap();
    assert_eq!((live.id, live.name.as_str(), live.tags.as_slice()), (MonitorId(7), "n", &["a".into()][..]));
    writer.update_monitor(MonitorId(7), &body).await.unwrap();
    assert_eq!(writer.delete_monitor(MonitorId(7)).await.unwrap(), Deleted::Done);
    assert_eq!(server.lines(), ["POST /api/v1/monitor", "PUT /api/v1/monitor/7", "DELETE /api/v1/monitor/7"]);
    let requests = server.requests();
    assert_eq!(requests[0].body, serde_json::to_string(&body).unwrap());
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(requests[1].body, requests[0].body);
    assert_eq!(requests[2].body, "");
    assert_eq!(writer.reader().calls(), Calls { writes: 3, ..Calls::default() });
}

#[tokio::test]
async fn refusals_keep_their_reasons() {
    let server = Server::start(|_, n| match n {
        0 => {
            Answer::json(400, r#"{"errors":["Duplicate of an existing monitor_id:106264774 org_id:569146"]}"#)
        }
        1 => Answer::json(404, r#"{"errors":["Monitor not found"]}"#),
        2 => Answer::json(400, r#"{"errors":["monitor [4,x] is referenced in slos: [s,S]"]}"#),
        3 => Answer::json(401, r#"{"errors":["monitor [4,x] is referenced in slos: [s,S]"]}"#),
        _ => Answer::html(413),
    })
    .await;
    let writer = writer(&server.url, &Log::default());
    let body = document("{}");
    let error = writer.create_monitor(&body).await.unwrap_err();
    assert_eq!(error.duplicate_of(), Some(MonitorId(106_264_774)));
    assert_eq!(
        error.to_string(),
        "datadog rejected `POST /api/v1/monitor` with 400: Duplicate of an existing monitor_id:106264774 org_id:569146"
    );
    let error = writer.update_monitor(MonitorId(4), &body).await.unwrap_err();
    assert!(matches!(error, ApiError::NotFound { .. }), "{error}");
    for status in [400, 401] {
        let error = writer.delete_monitor(MonitorId(4)).await.unwrap_err();
        assert!(matches!(error, ApiError::Rejected { status: s, .. } if s == status), "{error}");
        assert_eq!(error.messages(), ["monitor [4,x] is referenced in slos: [s,S]"]);
        assert!(!error.outcome_unknown());
    }
    let error = writer.create_monitor(&body).await.unwrap_err();
    assert_eq!(error.to_string(), "datadog rejected `POST /api/v1/monitor` with 413");
    assert_eq!(server.requests().len(), 5, "a refusal is never repeated");
}

#[tokio::test]
async fn metrics_are_configured() {
    let server = Server::start(|request, _| match request.method.as_str() {
        "PUT" => Answer::json(200, r#"{"type":"gauge","integration":null}"#),
        "DELETE" => Answer::Full(204, vec![], vec![]),
        method => Answer::json(
            if method == "POST" { 201 } else { 200 },
            r#"{"data":{"type":"manage_tags","id":"a.b","attributes":{"tags":["y","x"]}}}"#,
        ),
    })
    .await;
    let writer = writer(&server.url, &Log::default());
    let metadata = writer.put_metric_metadata("a.b", &document(r#"{"type":"gauge"}"#)).await.unwrap();
    assert_eq!(metadata, document(r#"{"type":"gauge","integration":null}"#));
    let tags = document(r#"{"tags":["x","y"]}"#);
    let live = document(r#"{"tags":["y","x"]}"#);
    assert_eq!(writer.create_tag_configuration("a.b", &tags).await.unwrap(), live);
    assert_eq!(writer.update_tag_configuration("a.b", &tags).await.unwrap(), live);
    assert_eq!(writer.delete_tag_configuration("a.b").await.unwrap(), Deleted::Done);
    assert_eq!(
        server.lines(),
        [
            "PUT /api/v1/metrics/a.b",
            "POST /api/v2/metrics/a.b/tags",
            "PATCH /api/v2/metrics/a.b/tags",
            "DELETE /api/v2/metrics/a.b/tags"
        ]
    );
    assert_eq!(
        document(&server.requests()[1].body),
        document(r#"{"data":{"type":"manage_tags","id":"a.b","attributes":{"tags":["x","y"]}}}"#)
    );
    assert_eq!(writer.reader().calls().writes, 4);
}

#[tokio::test]
async fn metrics_that_do_not_exist_yet_are_told_apart() {
    let server = Server::start(|request, n| match (request.method.as_str(), n) {
        ("PUT", _) => Answer::json(404, r#"{"errors":["metric_name not found"]}"#),
        ("POST", 1) => {
            Answer::json(400, r#"{"errors":["Cannot configure tags on a metric that does not exist."]}"#)
        }
        ("POST", _) => Answer::json(
            409,
            r#"{"errors":[{"status":"409","title":"Conflict","detail":"New gauge/count/rate conflicts with existing tag configuration, use PATCH to update"}]}"#,
        ),
        ("DELETE", _) => Answer::json(404, r#"{"errors":["a.b not found"]}"#),
        _ => Answer::json(403, r#"{"errors":["Forbidden"]}"#),
    })
    .await;
    let writer = writer(&server.url, &Log::default());
    let body = document("{}");
    let unknown = ApiError::MetricUnknown { metric: "a.b".into() };
    assert_eq!(writer.put_metric_metadata("a.b", &body).await, Err(unknown.clone()));
    assert_eq!(writer.create_tag_configuration("a.b", &body).await, Err(unknown));
    let error = writer.create_tag_configuration("a.b", &body).await.unwrap_err();
    assert!(matches!(error, ApiError::Rejected { status: 409, .. }), "{error}");
    assert!(error.to_string().contains("Conflict: New gauge"), "{error}");
    assert_eq!(writer.delete_tag_configuration("a.b").await, Ok(Deleted::AlreadyGone));
    let error = writer.update_tag_configuration("a.b", &body).await.unwrap_err();
    assert!(error.to_string().contains("`metric_tags_write`"), "{error}");
    assert!(writer.put_metric_metadata("", &body).await.is_err());
    assert_eq!(server.requests().len(), 5);
}
