//! Everything that changes something in Datadog.
//!
//! Whether it should is decided elsewhere; `force` is never sent.

use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::call::{Call, Class, segment};
use super::transport::Transport;
use super::{ApiError, Credentials, Endpoint, Options, Reader};
use crate::model::{Document, LiveMonitor, MonitorId};

const MONITORS_WRITE: &str = "monitors_write";
const METADATA_WRITE: &str = "metrics_metadata_write";
const TAGS_WRITE: &str = "metric_tags_write";

/// How a delete ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It was deleted now.
    Done,
    /// It was not there any more.
    AlreadyGone,
}

/// Writes. Cheap to clone; clones share connections, counters and rate limits.
#[derive(Clone)]
pub struct Writer(Arc<Transport>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Writer").field(&self.0.endpoint.label()).finish()
    }
}

impl Writer {
    /// A writer with the usual rules of repetition.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be set up, for example for want of any trusted root certificate.
    pub fn new(endpoint: Endpoint, credentials: Credentials) -> Result<Self, ApiError> {
        Self::with(endpoint, credentials, Options::default())
    }

    /// A writer that behaves as `options` say.
    ///
    /// # Errors
    ///
    /// As [`Writer::new`].
    pub fn with(endpoint: Endpoint, credentials: Credentials, options: Options) -> Result<Self, ApiError> {
        Transport::new(endpoint, credentials, options).map(Self)
    }

    /// A reader over the same connections, counters and rate limits.
    pub fn reader(&self) -> Reader {
        Reader::over(Arc::clone(&self.0))
    }

    /// How often Datadog answered that it is asked too much at a time (504 and 512).
    pub fn overloads(&self) -> u64 {
        self.0.counters().overloads()
    }

    /// Creates a monitor. It is sent at most once, unless it certainly did not arrive: there is no idempotency
    /// key, and a second monitor would page people twice. See [`ApiError::outcome_unknown`].
    ///
    /// # Errors
    ///
    /// When it was not created, or when nobody can tell.
    pub async fn create_monitor(&self, body: &Document) -> Result<LiveMonitor, ApiError> {
        let path = "/api/v1/monitor";
        let call =
            Call::new(Method::POST, path.to_owned(), "POST /api/v1/monitor", Class::Write, MONITORS_WRITE);
        self.monitor(&call.json(body)?).await
    }

    /// Replaces a monitor by the whole document `body`.
    ///
    /// # Errors
    ///
    /// When it was not replaced, or when nobody can tell.
    pub async fn update_monitor(&self, id: MonitorId, body: &Document) -> Result<LiveMonitor, ApiError> {
        let path = format!("/api/v1/monitor/{}", id.0);
        let call = Call::new(Method::PUT, path, "PUT /api/v1/monitor/{id}", Class::Write, MONITORS_WRITE);
        self.monitor(&call.json(body)?).await
    }

    async fn monitor(&self, call: &Call) -> Result<LiveMonitor, ApiError> {
        let reply = self.0.send(call).await?;
        let body: Box<RawValue> = self.0.parse(call, &reply)?;
        LiveMonitor::from_json(body).map_err(|e| self.0.not_json(call, &e, &reply.body))
    }

    /// Deletes a monitor. One that is gone already counts as deleted.
    ///
    /// # Errors
    ///
    /// When it is still there, for example because an SLO refers to it.
    pub async fn delete_monitor(&self, id: MonitorId) -> Result<Deleted, ApiError> {
        let path = format!("/api/v1/monitor/{}", id.0);
        let call =
            Call::new(Method::DELETE, path, "DELETE /api/v1/monitor/{id}", Class::Write, MONITORS_WRITE);
        self.delete(&call).await
    }

    async fn delete(&self, call: &Call) -> Result<Deleted, ApiError> {
        let reply = self.0.send(call).await?;
        if reply.status.is_success() {
            return Ok(Deleted::Done);
        }
        match self.0.rejected(call, &reply) {
            ApiError::NotFound { .. } => Ok(Deleted::AlreadyGone),
            error => Err(error),
        }
    }

    /// Writes a metric's metadata and gives back what Datadog holds then.
    ///
    /// # Errors
    ///
    /// [`ApiError::MetricUnknown`] when the metric has never been reported; others when it was not written.
    pub async fn put_metric_metadata(&self, name: &str, body: &Document) -> Result<Document, ApiError> {
        let path = format!("/api/v1/metrics/{}", metric(name)?);
        let route = "PUT /api/v1/metrics/{metric}";
        let call = Call::new(Method::PUT, path, route, Class::Write, METADATA_WRITE).json(body)?;
        let reply = self.0.send(&call).await?;
        self.0.parse(&call, &reply).map_err(|error| match error {
            ApiError::NotFound { .. } => ApiError::MetricUnknown { metric: name.to_owned() },
            error => error,
        })
    }

    /// Creates a metric's tag configuration and gives back its attributes. Sent at most once, like a monitor.
    ///
    /// # Errors
    ///
    /// [`ApiError::MetricUnknown`] when the metric has never been reported; [`ApiError::Rejected`] with status
    /// 409 when there is a configuration already, or when a deleted one has not faded yet.
    pub async fn create_tag_configuration(
        &self,
        name: &str,
        attributes: &Document,
    ) -> Result<Document, ApiError> {
        self.configure(Method::POST, "POST /api/v2/metrics/{metric}/tags", name, attributes).await
    }

    /// Changes a metric's tag configuration and gives back its attributes. `attributes` must not hold
    /// `metric_type`, which cannot be changed.
    ///
    /// # Errors
    ///
    /// When it was not changed.
    pub async fn update_tag_configuration(
        &self,
        name: &str,
        attributes: &Document,
    ) -> Result<Document, ApiError> {
        self.configure(Method::PATCH, "PATCH /api/v2/metrics/{metric}/tags", name, attributes).await
    }

    async fn configure(
        &self,
        method: Method,
        route: &'static str,
        name: &str,
        attributes: &Document,
    ) -> Result<Document, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            attributes: Document,
        }
        let path = format!("/api/v2/metrics/{}/tags", metric(name)?);
        let body = json!({"data": {"type": "manage_tags", "id": name, "attributes": attributes}});
        let call = Call::new(method, path, route, Class::Write, TAGS_WRITE).json(&body)?;
        let reply = self.0.send(&call).await?;
        match self.0.parse::<Answer>(&call, &reply) {
            Ok(answer) => Ok(answer.data.attributes),
            Err(ApiError::Rejected { status: 400, messages, .. })
                if messages.iter().any(|message| message.contains("metric that does not exist")) =>
            {
                Err(ApiError::MetricUnknown { metric: name.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes a metric's tag configuration. One that is gone already counts as deleted.
    ///
    /// # Errors
    ///
    /// When it is still there.
    pub async fn delete_tag_configuration(&self, name: &str) -> Result<Deleted, ApiError> {
        let path = format!("/api/v2/metrics/{}/tags", metric(name)?);
        let route = "DELETE /api/v2/metrics/{metric}/tags";
        self.delete(&Call::new(Method::DELETE, path, route, Class::Write, TAGS_WRITE)).await
    }
}

/// A metric's name as part of a path. Names that cannot be one belong to no metric.
fn metric(name: &str) -> Result<String, ApiError> {
    segment(name).ok_or_else(|| ApiError::MetricUnknown { metric: name.to_owned() })
}
