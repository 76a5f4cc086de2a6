//! One repository that is served: its client, and where its state is kept.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::trouble::Trouble;
use super::{Access, Settings, Watched};
use crate::config::Environment;
use crate::datadog;
use crate::github::{App, Client};
use crate::ops::{Connection, Failure};
use crate::stop::Stop;
use crate::store::{Opening, Store};

/// One repository that is served.
pub struct Site {
    /// GitHub, for this repository.
    pub client: Client,
    /// Where the project is in it; empty for its root.
    pub directory: String,
    /// Whether anybody could read it when that was last asked.
    is_public: AtomicBool,
    /// The snapshot.
    store: Store,
    state: PathBuf,
}

/// What a connection to Datadog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Making a plan.
    Read,
    /// Applying one.
    Write,
}

impl Site {
    /// Connects to GitHub for a repository, and opens its snapshot.
    pub async fn open(watched: &Watched, settings: &Settings) -> Result<Self, Trouble> {
        let repository = &watched.repository;
        let client = match &settings.access {
            Access::Token { api, token } => {
                Client::new(api.clone(), token.clone(), repository.clone(), settings.github.clone())?
            }
            Access::App { api, id, key } => {
                let app = App::new(api.clone(), *id, key, settings.github.clone())?;
                let installation = app.installation_of(repository).await?;
                app.installation(installation, repository)?.acting_as(app.login().await?)
            }
        };
        let is_public = AtomicBool::new(client.is_public().await?);
        let state = settings.state.join("repositories").join(repository.to_string().to_lowercase());
        let opening = Opening { command: "bellwether serve", ..Opening::default() };
        let store = Store::open_as(&state.join("snapshot"), &opening)
            .map_err(|error| Trouble::Kept(error.to_string()))?;
        Ok(Self { client, directory: watched.directory.clone(), is_public, store, state })
    }

    /// Whether anybody can read the repository: then live values are not shown there.
    pub fn is_public(&self) -> bool {
        self.is_public.load(Ordering::Relaxed)
    }

    /// Asks GitHub for that once more.
    pub async fn look_at_visibility(&self) -> Result<(), Trouble> {
        self.is_public.store(self.client.is_public().await?, Ordering::Relaxed);
        Ok(())
    }

    /// An environment's part of the snapshot.
    pub fn state(&self, environment: &str) -> crate::store::Environment {
        self.store.environment(environment)
    }

    /// Connects to an environment's Datadog. To make a plan, the key that may only read is enough.
    pub async fn connect(
        &self,
        environment: &Environment,
        purpose: Purpose,
        settings: &Settings,
        stop: &Stop,
    ) -> Result<Connection, Failure> {
        let options = datadog::Options { stop: stop.clone(), ..settings.datadog_options.clone() };
        let keys = &settings.datadog;
        let found = match purpose {
            Purpose::Read => keys.read.as_ref().or(keys.write.as_ref()),
            Purpose::Write => keys.write.as_ref(),
        };
        let credentials = || {
            found.cloned().ok_or_else(|| {
                Failure::Message("the service has no key for this environment's Datadog".to_owned())
            })
        };
        Connection::open(environment, &self.state.join("sandbox"), credentials, options).await
    }
}
