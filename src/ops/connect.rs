//! From an environment of bellwether.toml to a Datadog to talk to.

use std::path::Path;

use super::Failure;
use crate::config::{Environment, Target};
use crate::datadog::{Credentials, Endpoint, Options, Writer};
use crate::sandbox::{Attached, Sandbox};
use crate::secret::Secret;
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
    /// Connects to the environment's Datadog; an embedded sandbox keeps its monitors in `sandbox_directory`, and takes no
    /// credentials.
    ///
    /// # Errors
    ///
    /// When the address cannot be used, the sandbox cannot be started, or `credentials` gives none.
    pub async fn open(
        environment: &Environment,
        sandbox_directory: &Path,
        credentials: impl FnOnce() -> Result<Credentials, Failure> + Send,
        options: Options,
    ) -> Result<Self, Failure> {
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
                (endpoint, credentials()?, site.clone(), None)
            }
            Target::ApiUrl(url) => {
                let endpoint = Endpoint::api_url(url).map_err(|e| message(e.to_string()))?;
                (endpoint, credentials()?, url.clone(), None)
            }
        };
        let writer = Writer::with(endpoint, credentials, options)?;
        Ok(Self { writer, target, stop, sandbox })
    }

    /// Ends an embedded sandbox in order.
    ///
    /// # Errors
    ///
    /// When its database cannot be closed.
    pub async fn close(self) -> Result<(), Failure> {
        match self.sandbox {
            Some(sandbox) => sandbox.stop().await.map_err(|e| Failure::Message(e.to_string())),
            None => Ok(()),
        }
    }
}

fn sandbox_credentials() -> Result<Credentials, Failure> {
    // The double takes any key; these are no secret.
    let secret = || Secret::new("sandbox").map_err(|error| Failure::Message(error.to_string()));
    Ok(Credentials { api_key: secret()?, app_key: secret()? })
}
