//! `serve`

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::super::args::ServeArguments;
use super::super::connect::{credentials, options, secret};
use super::super::output::Output;
use super::Outcome;
use crate::datadog::Credentials;
use crate::github::{ApiUrl, PrivateKey};
use crate::ops::{Exit, Failure};
use crate::retry::Retry;
use crate::review::is_name;
use crate::secret::Secret;
use crate::serve::{Access, Keys, Log, Now, Running, Settings, Sink, Watched, WebhookSecrets};

/// How long jobs that are under way may take when the service stops.
const DRAIN: Duration = Duration::from_secs(25);

pub async fn run(arguments: &ServeArguments, output: &mut Output) -> Outcome {
    let settings = settings(arguments, output)?;
    // Before anyone can know that it runs, so that no signal finds it unprepared.
    let signal = super::apply::next_signal();
    let cannot_listen = |error: std::io::Error| {
        let address = arguments.listen;
        Failure::Message(format!("cannot listen on {address}: {error}; choose another address with --listen"))
    };
    let listener = TcpListener::bind(arguments.listen).await.map_err(cannot_listen)?;
    let running =
        Running::start(listener, settings).await.map_err(|error| Failure::Message(error.to_string()))?;
    output.result(&format!("http://{}/webhook\n", running.address()));
    let signal = signal.await;
    output.notice("Stopping: no new jobs; those under way are ended, 25 s at most");
    running.stop(DRAIN).await;
    Ok(if signal == 15 { Exit::Terminated } else { Exit::Interrupted })
}

fn settings(arguments: &ServeArguments, output: &Output) -> Result<Settings, Failure> {
    let mut repositories: Vec<Watched> = Vec::new();
    for watched in &arguments.repositories {
        let name = watched.repository.to_string();
        if repositories.iter().any(|other| other.repository.is(&name)) {
            return Err(Failure::Usage(format!("--repository {name} is given twice")));
        }
        let (repository, directory) = (watched.repository.clone(), watched.directory.clone());
        repositories.push(Watched { repository, directory });
    }
    if let Some(word) = arguments.words.iter().find(|word| !is_name(word)) {
        return Err(Failure::Usage(format!("--word {word} is not a word of letters, digits and `_-.`")));
    }
    let speaker = output.speaker();
    let sink: Sink = Arc::new(move |line: &str| speaker.notice(line));
    let now: Now = Arc::new(Timestamp::now);
    Ok(Settings {
        repositories,
        words: arguments.words.clone(),
        state: arguments.state.clone(),
        secrets: webhook_secrets()?,
        access: access(&arguments.api.github_url)?,
        datadog: keys()?,
        github: options(output),
        datadog_options: options(output),
        retry: Retry { base: Duration::from_secs(1), ..Retry::default() },
        log: Log::new(sink, Arc::clone(&now)),
        now,
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

fn webhook_secrets() -> Result<WebhookSecrets, Failure> {
    let Some(current) = variable("BELLWETHER_WEBHOOK_SECRET") else {
        let message = "BELLWETHER_WEBHOOK_SECRET is not set: without it anybody could send deliveries";
        return Err(Failure::Message(message.to_owned()));
    };
    let old = variable("BELLWETHER_WEBHOOK_SECRET_OLD");
    WebhookSecrets::new(&current, old.as_deref())
        .map_err(|error| Failure::Message(format!("BELLWETHER_WEBHOOK_SECRET: {error}")))
}

/// As a GitHub App where one is set up, else with a token.
fn access(url: &str) -> Result<Access, Failure> {
    let api = ApiUrl::new(url).map_err(|error| Failure::Usage(format!("--github-url: {error}")))?;
    let wrong = |name: &str, error: &dyn std::fmt::Display| Failure::Message(format!("{name}: {error}"));
    match (variable("BELLWETHER_GITHUB_APP_ID"), variable("BELLWETHER_GITHUB_PRIVATE_KEY")) {
        (Some(id), Some(key)) => {
            let id = id.trim().parse().map_err(|error| wrong("BELLWETHER_GITHUB_APP_ID", &error))?;
            let key = PrivateKey::from_pem(&key)
                .map_err(|error| wrong("BELLWETHER_GITHUB_PRIVATE_KEY", &error))?;
            Ok(Access::App { api, id, key })
        }
        (None, None) => {
            let token = variable("GITHUB_TOKEN").unwrap_or_default();
            let token = Secret::new(&token).map_err(|error| {
                Failure::Message(format!(
                    "GITHUB_TOKEN: {error}; set it, or BELLWETHER_GITHUB_APP_ID and BELLWETHER_GITHUB_PRIVATE_KEY"
                ))
            })?;
            Ok(Access::Token { api, token })
        }
        _ => Err(Failure::Message(
            "BELLWETHER_GITHUB_APP_ID and BELLWETHER_GITHUB_PRIVATE_KEY belong together; one of them is not set"
                .to_owned(),
        )),
    }
}

/// Without keys, only embedded sandboxes can be planned; without the one that may write, nothing can be applied.
fn keys() -> Result<Keys, Failure> {
    let (api, write, read) = (secret("DD_API_KEY")?, secret("DD_APP_KEY")?, secret("DD_READ_APP_KEY")?);
    let write = match (&api, &write, &read) {
        (None, None, None) | (Some(_), None, Some(_)) => None,
        _ => Some(credentials()?),
    };
    let read = api.zip(read).map(|(api_key, app_key)| Credentials { api_key, app_key });
    Ok(Keys { write, read })
}
