//! What can go wrong with a call.
//!
//! Messages are fragments that say what happened, at which method and path, and what to do. None ever holds a
//! key, and all text from the network has been cleaned before it gets here.

use std::time::Duration;

use crate::model::MonitorId;

/// A call that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer came, because there was no connection or it broke.
    #[error(
        "`{call}` got no answer from {url}: {reason}; check the network, the proxy and `site` or `api_url` in bellwether.toml"
    )]
    Unreachable {
        /// Method and path.
        call: String,
        /// The base URL.
        url: String,
        /// What the network said.
        reason: String,
        /// Whether the request may have reached the other side.
        sent: bool,
    },
    /// No answer came in time.
    #[error("`{call}` got no answer within {} s; try again later", .after.as_secs())]
    Timeout {
        /// Method and path.
        call: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// 401 or 403.
    #[error(
        "datadog ({endpoint}) refused `{call}` with {status}{}; check that DD_API_KEY and DD_APP_KEY belong to this site and that the application key has the permission `{permission}`",
        said(.messages)
    )]
    Unauthorized {
        /// Method and path.
        call: String,
        /// 401 or 403.
        status: u16,
        /// The configured site or URL: valid keys of another site look just like invalid ones.
        endpoint: String,
        /// The permission that is most likely missing.
        permission: &'static str,
        /// What Datadog said.
        messages: Vec<String>,
    },
    /// 404.
    #[error("`{call}` found nothing{}; was it deleted in Datadog?", said(.messages))]
    NotFound {
        /// Method and path.
        call: String,
        /// What Datadog said.
        messages: Vec<String>,
    },
    /// Another 4xx: the request itself is not acceptable, so that repeating it is useless.
    #[error("datadog rejected `{call}` with {status}{}", said(.messages))]
    Rejected {
        /// Method and path.
        call: String,
        /// The status.
        status: u16,
        /// What Datadog said.
        messages: Vec<String>,
    },
    /// The metric has never been reported, so it cannot be configured yet.
    #[error(
        "datadog does not know the metric `{metric}` yet; it can be configured once it has been reported"
    )]
    MetricUnknown {
        /// Its name.
        metric: String,
    },
    /// 429 for longer than we are willing to wait.
    #[error("datadog's rate limit kept `{call}` waiting for {} s, and would for longer; try again later", .waited.as_secs())]
    RateLimited {
        /// Method and path.
        call: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The user stopped the run before the call was sent.
    #[error("`{call}` was not sent: the run was stopped")]
    Stopped {
        /// Method and path.
        call: String,
    },
    /// 5xx, after all tries.
    #[error("datadog failed to answer `{call}` ({status}{}); try again later", said(.messages))]
    Server {
        /// Method and path.
        call: String,
        /// The status; 512 is Datadog's overfull queue of writes.
        status: u16,
        /// What Datadog said.
        messages: Vec<String>,
    },
    /// An answer that is not what the API answers. Nothing is concluded from it.
    #[error("`{call}` got an answer that is not Datadog's: {what}, {excerpt}; is a proxy in between?")]
    InvalidReply {
        /// Method and path.
        call: String,
        /// What is wrong with it.
        what: String,
        /// Its beginning.
        excerpt: String,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up an HTTP client: {reason}")]
    Client {
        /// Why.
        reason: String,
    },
}

fn said(messages: &[String]) -> String {
    if messages.is_empty() { String::new() } else { format!(": {}", messages.join("; ")) }
}

impl ApiError {
    /// What Datadog said, cleaned; empty where it said nothing.
    pub fn messages(&self) -> &[String] {
        match self {
            Self::Unauthorized { messages, .. }
            | Self::NotFound { messages, .. }
            | Self::Rejected { messages, .. }
            | Self::Server { messages, .. } => messages,
            _ => &[],
        }
    }

    /// The status, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { status, .. }
            | Self::Rejected { status, .. }
            | Self::Server { status, .. } => Some(*status),
            Self::NotFound { .. } => Some(404),
            Self::RateLimited { .. } => Some(429),
            _ => None,
        }
    }

    /// The monitor that already has this name, query and message, when that is the reason of a rejection.
    pub fn duplicate_of(&self) -> Option<MonitorId> {
        let Self::Rejected { messages, .. } = self else { return None };
        messages.iter().find_map(|message| {
            let (_, rest) = message.split_once("Duplicate of an existing monitor_id:")?;
            let rest = rest.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..end].parse().ok().map(MonitorId)
        })
    }

    /// Whether the same call may succeed later, without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::RateLimited { .. } | Self::Server { .. }
        )
    }

    /// Whether a write that ended so may have happened all the same. Then only a read can tell.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { sent, .. } => *sent,
            Self::Timeout { .. } | Self::Server { .. } | Self::InvalidReply { .. } => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(message: &str) -> ApiError {
        ApiError::Rejected { call: "POST /x".into(), status: 400, messages: vec![message.into()] }
    }

    #[test]
    fn duplicates_name_the_other_monitor() {
        let id = |message| rejected(message).duplicate_of();
        assert_eq!(
            id("Duplicate of an existing monitor_id:106264774 org_id:569146"),
            Some(MonitorId(106_264_774))
        );
        assert_eq!(id("Duplicate of an existing monitor_id:7"), Some(MonitorId(7)));
        assert_eq!(id("Duplicate of an existing monitor_id:"), None);
        assert_eq!(id("Duplicate of an existing monitor_id:99999999999999999999999"), None);
        assert_eq!(id("The value provided for parameter 'query' is invalid"), None);
    }
}
