//! From an environment of bellwether.toml to a Datadog to talk to, and to a repository on GitHub. The only place that reads credentials.

use std::path::Path;
use std::sync::Arc;

use super::args::GitHubArguments;
use super::output::Output;
use crate::config::{Environment, Target};
use crate::datadog::{Credentials, Endpoint, Options, Secret, Writer};
use crate::github::{ApiUrl, Client, Repository, Token};
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
        let options = options(output);
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

fn options(output: &Output) -> Options {
    let speaker = output.speaker();
    Options { notices: Arc::new(move |text: &str| speaker.notice(text)), ..Options::default() }
}

/// A client of a repository on GitHub, and the number of this run; 0 where it has none.
pub fn github(arguments: &GitHubArguments, output: &Output) -> Result<(Client, u64), Failure> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let usage = |name: &str, error: &dyn std::fmt::Display| Failure::Usage(format!("{name}: {error}"));
    let Some(repository) = given(&arguments.repository) else {
        let message = "which repository? Give --repository OWNER/NAME, or set GITHUB_REPOSITORY";
        return Err(Failure::Usage(message.to_owned()));
    };
    let repository: Repository = repository.parse().map_err(|error| usage("--repository", &error))?;
    let api = match arguments.github_url.as_str() {
        "" => ApiUrl::default(),
        url => ApiUrl::new(url).map_err(|error| usage("--github-url", &error))?,
    };
    let run = given(&arguments.run).map(|run| run.parse()).transpose();
    let run: u64 = run.map_err(|error| usage("--run", &error))?.unwrap_or_default();
    let token = std::env::var("GITHUB_TOKEN").unwrap_or_default();
    let token = Token::new(&token).map_err(|error| {
        let hint =
            "a token that may write to issues and pull requests is needed in the process's environment";
        Failure::Message(format!("GITHUB_TOKEN: {error}; {hint}"))
    })?;
    let client = Client::new(api, token, repository, options(output)).map_err(github_failure)?;
    Ok(match &arguments.author {
        Some(login) => (client.acting_as(login), run),
        None => (client, run),
    })
}

/// What GitHub did not do.
pub fn github_failure(error: crate::github::Error) -> Failure {
    Failure::Message(error.to_string())
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
