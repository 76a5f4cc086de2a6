//! Datadog's keys, and a client of GitHub. The only place that reads credentials from the process's environment.

use std::sync::Arc;

use super::args::GitHubArguments;
use super::output::Output;
use crate::datadog::{Credentials, Options};
use crate::github::{ApiUrl, Client, Repository};
use crate::ops::Failure;
use crate::secret::Secret;

/// How clients behave that tell `output` of their waits.
pub fn options(output: &Output) -> Options {
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
    let api = match arguments.api.github_url.as_str() {
        "" => ApiUrl::default(),
        url => ApiUrl::new(url).map_err(|error| usage("--github-url", &error))?,
    };
    let run = given(&arguments.run).map(|run| run.parse()).transpose();
    let run: u64 = run.map_err(|error| usage("--run", &error))?.unwrap_or_default();
    let token = std::env::var("GITHUB_TOKEN").unwrap_or_default();
    let token = Secret::new(&token).map_err(|error| {
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

/// The keys that may write.
pub fn credentials() -> Result<Credentials, Failure> {
    let missing = |name: &str| {
        Failure::Message(format!(
            "{name} is not set: this environment needs DD_API_KEY and DD_APP_KEY in the process's environment"
        ))
    };
    let secret = |name: &str| secret(name)?.ok_or_else(|| missing(name));
    Ok(Credentials { api_key: secret("DD_API_KEY")?, app_key: secret("DD_APP_KEY")? })
}

/// A key of the process's environment, if it is set.
pub fn secret(name: &str) -> Result<Option<Secret>, Failure> {
    match std::env::var(name) {
        Ok(text) if !text.trim().is_empty() => {
            Secret::new(&text).map(Some).map_err(|error| Failure::Message(format!("{name}: {error}")))
        }
        _ => Ok(None),
    }
}
