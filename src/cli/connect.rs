//! From an environment of bellwether.toml to a Datadog to talk to. The only place that reads credentials.

use std::path::Path;
use std::sync::Arc;

use super::output::Output;
use crate::config::{Environment, Target};
use crate::datadog::{Credentials, Endpoint, Options, Secret, Writer};
use crate::ops::Failure;
use crate::sandbox::{Attached, Sandbox};
use crate::stop::Stop;

/// A Datadog to talk to. Only `apply` asks for the writer; all else takes a reader.
pub struct Connection {
    /// The way to write; its reader reads.
    pub writer: Writer,
    /// Its name, for people.
    pub target: String,
    /// Ends what it waits for.
    pub stop: Stop,
    sandbox: Option<Attached>,
}

impl Connection {
    /// Connects to the environment's Datadog; an embedded sandbox keeps its monitors in `sandbox_directory`.
    pub async fn open(
        environment: &Environment,
        sandbox_directory: &Path,
        output: &Output,
    ) -> Result<Self, Failure> {
        let speaker = output.speaker();
        let options =
            Options { notices: Arc::new(move |text: &str| speaker.notice(text)), ..Options::default() };
        let stop = options.stop.clone();
        let message = |text: String| Failure::Message(text);
        let (endpoint, credentials, target, sandbox) = match &environment.target {
            Target::Sandbox => {
                let attached =
                    Sandbox::attach(sandbox_directory).await.map_err(|e| message(e.to_string()))?;
                let endpoint = Endpoint::api_url(attached.url()).map_err(|e| message(e.to_string()))?;
                let target = if attached.is_own() { "embedded sandbox" } else { "running sandbox" };
                (endpoint, sandbox_credentials()?, target.to_owned(), Some(attached))
            }
            Target::Site(site) => {
                let endpoint = Endpoint::site(site).map_err(|e| message(e.to_string()))?;
                (endpoint, credentials_from_environment()?, site.clone(), None)
            }
            Target::ApiUrl(url) => {
                let endpoint = Endpoint::api_url(url).map_err(|e| message(e.to_string()))?;
                (endpoint, credentials_from_environment()?, url.clone(), None)
            }
        };
        let writer = Writer::with(endpoint, credentials, options)?;
        Ok(Self { writer, target, stop, sandbox })
    }

    /// Ends an embedded sandbox in order.
    pub async fn close(self) -> Result<(), Failure> {
        match self.sandbox {
            Some(sandbox) => sandbox.stop().await.map_err(|e| Failure::Message(e.to_string())),
            None => Ok(()),
        }
    }
}

fn credentials_from_environment() -> Result<Credentials, Failure> {
    let secret = |name: &str| match std::env::var(name) {
        Ok(text) if !text.trim().is_empty() => {
            Secret::new(&text).map_err(|error| Failure::Message(format!("{name}: {error}")))
        }
        _ => Err(Failure::Message(format!(
            "{name} is not set: this environment needs DD_API_KEY and DD_APP_KEY in the process's environment"
        ))),
    };
    Ok(Credentials { api_key: secret("DD_API_KEY")?, app_key: secret("DD_APP_KEY")? })
}

fn sandbox_credentials() -> Result<Credentials, Failure> {
    // The double takes any key; these are no secret.
    let secret = || Secret::new("sandbox").map_err(|error| Failure::Message(error.to_string()));
    Ok(Credentials { api_key: secret()?, app_key: secret()? })
}
