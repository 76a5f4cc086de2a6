//! Everything that can be asked of Datadog without changing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::call::{Call, Calls, Class, encoded, segment};
use super::transport::Transport;
use super::{ApiError, Credentials, Endpoint, Options};
use crate::model::{Document, LiveMetric, LiveMonitor, MonitorId, Verdict};

/// The largest page that the API gives.
const PAGE: usize = 1_000;
/// How many ids one question about deletes holds, so that URLs stay short.
const IDS: usize = 100;

const MONITORS_READ: &str = "monitors_read";
const METRICS_READ: &str = "metrics_read";

/// Reads. Cheap to clone; clones share connections, counters and rate limits.
#[derive(Clone)]
pub struct Reader(Arc<Transport>);

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.0.endpoint.label()).finish()
    }
}

impl Reader {
    /// A reader with the usual rules of repetition.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be set up, for example for want of any trusted root certificate.
    pub fn new(endpoint: Endpoint, credentials: Credentials) -> Result<Self, ApiError> {
        Self::with(endpoint, credentials, Options::default())
    }

    /// A reader that behaves as `options` say.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`].
    pub fn with(endpoint: Endpoint, credentials: Credentials, options: Options) -> Result<Self, ApiError> {
        Transport::new(endpoint, credentials, options).map(Self)
    }

    pub(super) fn over(transport: Arc<Transport>) -> Self {
        Self(transport)
    }

    /// Where it reads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// How many calls this reader, its clones and its writer have made.
    pub fn calls(&self) -> Calls {
        self.0.counters().get()
    }

    /// All monitors that carry `owner_tag`, ascending by id. It is all of them or an error, never a part.
    ///
    /// # Errors
    ///
    /// When any page cannot be read.
    pub async fn list_monitors(&self, owner_tag: &str) -> Result<Vec<LiveMonitor>, ApiError> {
        let filter = format!("monitor_tags={}&", encoded(owner_tag));
        // Whether the server's filter is exact is not documented, so that it only saves traffic.
        self.pages(&filter, Class::MonitorList, |monitor| monitor.tags.iter().any(|tag| tag == owner_tag))
            .await
    }

    /// All monitors of exactly this name, ascending by id.
    ///
    /// # Errors
    ///
    /// When any page cannot be read.
    pub async fn monitors_named(&self, name: &str) -> Result<Vec<LiveMonitor>, ApiError> {
        let filter = format!("name={}&", encoded(name));
        self.pages(&filter, Class::MonitorRead, |monitor| monitor.name == name).await
    }

    /// All monitors of the organisation for which `wanted` holds, ascending by id.
    ///
    /// # Errors
    ///
    /// When any page cannot be read.
    pub async fn all_monitors(
        &self,
        wanted: impl Fn(&LiveMonitor) -> bool,
    ) -> Result<Vec<LiveMonitor>, ApiError> {
        self.pages("", Class::MonitorList, wanted).await
    }

    /// Any monitor of the organisation; `None` where there is none at all.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub async fn any_monitor(&self) -> Result<Option<LiveMonitor>, ApiError> {
        let path = "/api/v1/monitor?page=0&page_size=1&with_downtimes=false".to_owned();
        let call = Call::new(Method::GET, path, "GET /api/v1/monitor", Class::MonitorRead, MONITORS_READ);
        let reply = self.0.send(&call).await?;
        let items: Vec<Box<RawValue>> = self.0.parse(&call, &reply)?;
        let first = items.into_iter().next().map(LiveMonitor::from_json).transpose();
        first.map_err(|e| self.0.not_json(&call, &e, &reply.body))
    }

    async fn pages(
        &self,
        filter: &str,
        class: Class,
        wanted: impl Fn(&LiveMonitor) -> bool,
    ) -> Result<Vec<LiveMonitor>, ApiError> {
        let mut monitors = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for page in 0_u32.. {
            let path = format!("/api/v1/monitor?{filter}page={page}&page_size={PAGE}&with_downtimes=false");
            let call = Call::new(Method::GET, path, "GET /api/v1/monitor", class, MONITORS_READ);
            let reply = self.0.send(&call).await?;
            let items: Vec<Box<RawValue>> = self.0.parse(&call, &reply)?;
            let count = items.len();
            let known = seen.len();
            for item in items {
                let monitor =
                    LiveMonitor::from_json(item).map_err(|e| self.0.not_json(&call, &e, &reply.body))?;
                // Pages shift when a monitor is deleted or created between two of them.
                if seen.insert(monitor.id) && wanted(&monitor) {
                    monitors.insert(monitor.id, monitor);
                }
            }
            if count < PAGE {
                break;
            }
            if seen.len() == known {
                // A server that ignores `page` would go on like this for ever.
                return Err(self.0.invalid(&call, "a page that repeats earlier ones", &reply.body));
            }
        }
        Ok(monitors.into_values().collect())
    }

    /// One monitor; `None` when there is none of that id. Its assets are included, which a list leaves out.
    ///
    /// # Errors
    ///
    /// When it cannot be read. A 404 that does not come from the API is an error, not `None`.
    pub async fn monitor(&self, id: MonitorId) -> Result<Option<LiveMonitor>, ApiError> {
        let path = format!("/api/v1/monitor/{}?with_assets=true", id.0);
        let call =
            Call::new(Method::GET, path, "GET /api/v1/monitor/{id}", Class::MonitorRead, MONITORS_READ);
        let reply = self.0.send(&call).await?;
        let Some(body) = found(self.0.parse::<Box<RawValue>>(&call, &reply))? else { return Ok(None) };
        let monitor = LiveMonitor::from_json(body).map_err(|e| self.0.not_json(&call, &e, &reply.body))?;
        if monitor.id != id {
            return Err(self.0.invalid(&call, "another monitor", &reply.body));
        }
        Ok(Some(monitor))
    }

    /// A metric's metadata and tag configuration. What does not exist is `None`; that is no error.
    ///
    /// # Errors
    ///
    /// When either cannot be read.
    pub async fn metric(&self, name: &str) -> Result<LiveMetric, ApiError> {
        #[derive(Deserialize)]
        struct Configuration {
            data: Attributes,
        }
        #[derive(Deserialize)]
        struct Attributes {
            attributes: Document,
        }
        let Some(segment) = segment(name) else { return Ok(LiveMetric::default()) };
        let call = |path, route| Call::new(Method::GET, path, route, Class::MetricRead, METRICS_READ);
        let metadata = async {
            let call = call(format!("/api/v1/metrics/{segment}"), "GET /api/v1/metrics/{metric}");
            let reply = self.0.send(&call).await?;
            found(self.0.parse::<Document>(&call, &reply))
        };
        let configuration = async {
            let call = call(format!("/api/v2/metrics/{segment}/tags"), "GET /api/v2/metrics/{metric}/tags");
            let reply = self.0.send(&call).await?;
            found(self.0.parse::<Configuration>(&call, &reply))
        };
        let (metadata, configuration) = tokio::try_join!(metadata, configuration)?;
        Ok(LiveMetric { metadata, tag_configuration: configuration.map(|c| c.data.attributes) })
    }

    /// Asks whether a monitor would be accepted; `id` says which existing monitor it is to replace.
    ///
    /// # Errors
    ///
    /// When there is no verdict. That says nothing about the monitor.
    pub async fn validate(&self, id: Option<MonitorId>, body: &Document) -> Result<Verdict, ApiError> {
        let (path, route) = match id {
            Some(id) => (format!("/api/v1/monitor/{}/validate", id.0), "POST /api/v1/monitor/{id}/validate"),
            None => ("/api/v1/monitor/validate".to_owned(), "POST /api/v1/monitor/validate"),
        };
        let call = Call::new(Method::POST, path, route, Class::Validation, MONITORS_READ);
        let call = call.harmless().json(body)?;
        let reply = self.0.send(&call).await?;
        if reply.status == StatusCode::BAD_REQUEST {
            let messages = self.0.messages(&reply.body);
            if messages.is_empty() {
                return Err(self.0.invalid(&call, "a rejection (400) without a reason", &reply.body));
            }
            return Ok(Verdict::Rejected(messages));
        }
        self.0.parse::<Document>(&call, &reply)?;
        Ok(Verdict::Accepted)
    }

    /// Asks which of `ids` cannot be deleted, and why: each reason names what refers to the monitor. An empty
    /// answer means that all can be.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn can_delete(&self, ids: &[MonitorId]) -> Result<BTreeMap<MonitorId, Vec<String>>, ApiError> {
        let mut reasons = BTreeMap::new();
        for ids in ids.chunks(IDS) {
            reasons.append(&mut self.can_delete_some(ids).await?);
        }
        Ok(reasons)
    }

    async fn can_delete_some(&self, ids: &[MonitorId]) -> Result<BTreeMap<MonitorId, Vec<String>>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            errors: Value,
        }
        let list = ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(",");
        let path = format!("/api/v1/monitor/can_delete?monitor_ids={list}");
        let route = "GET /api/v1/monitor/can_delete";
        let call = Call::new(Method::GET, path, route, Class::MonitorRead, MONITORS_READ);
        let reply = self.0.send(&call).await?;
        if !reply.status.is_success() && reply.status != StatusCode::CONFLICT {
            return Err(self.0.rejected(&call, &reply));
        }
        let answer: Answer =
            serde_json::from_slice(&reply.body).map_err(|e| self.0.not_json(&call, &e, &reply.body))?;
        let mut reasons = BTreeMap::new();
        if let Value::Object(errors) = &answer.errors {
            for (key, value) in errors {
                let Some(id) = key.parse().ok().map(MonitorId).filter(|id| ids.contains(id)) else {
                    continue;
                };
                let mut texts = self.0.strings(value);
                if texts.is_empty() {
                    texts.push("datadog gives no reason".to_owned());
                }
                reasons.insert(id, texts);
            }
        }
        if reasons.is_empty() && reply.status == StatusCode::CONFLICT {
            // It says no, but not of which: nothing may be concluded.
            return Err(self.0.rejected(&call, &reply));
        }
        Ok(reasons)
    }
}

/// Turns "not found" into `None`.
fn found<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ApiError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
