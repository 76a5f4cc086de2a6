//! A GitHub App: who it is, where it is installed, and the clients of its installations.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;

use super::client::{Identity, encoded};
use super::transport::{Call, Transport};
use super::{ApiUrl, Client, Error, Options, PrivateKey, Repository};

/// A GitHub App. It can ask about itself only; what it does in repositories is done by the clients of its installations.
#[derive(Clone)]
pub struct App {
    transport: Arc<Transport>,
    login: Arc<OnceCell<String>>,
}

/// A delivery of a webhook, as GitHub remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// Its number, by which it is asked for again.
    pub id: u64,
    /// Its `X-GitHub-Delivery`, which stays the same when it is delivered again.
    pub guid: String,
    /// When it was delivered.
    pub delivered_at: Timestamp,
    /// The status that was answered; 0 where nothing was.
    #[serde(default)]
    pub status_code: u16,
    /// The event.
    pub event: String,
}

impl App {
    /// The App with this number and private key. It has to be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be set up.
    pub fn new(api: ApiUrl, app: u64, key: &PrivateKey, options: Options) -> Result<Self, Error> {
        let transport = Arc::new(Transport::with_key(api, app, key, options)?);
        Ok(Self { transport, login: Arc::default() })
    }

    /// A client for `repository`, by the number of the App's installation. Its tokens are good for this repository only, and are
    /// kept as long as the client and its clones.
    ///
    /// # Errors
    ///
    /// When it cannot be set up; nothing is sent yet.
    pub fn installation(&self, installation: u64, repository: &Repository) -> Result<Client, Error> {
        let transport = self.transport.installation(installation, repository.name())?;
        Ok(Client::with(transport, Identity::App(self.clone()), repository.clone()))
    }

    /// The number of the App's installation that has `repository`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where it is not installed.
    pub async fn installation_of(&self, repository: &Repository) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Installation {
            id: u64,
        }
        let call = Call::get(format!("/repos/{repository}/installation"));
        Ok(self.transport.json::<Installation>(&call).await?.id)
    }

    /// The login that the App's comments have, `slug[bot]`. It is asked for once.
    ///
    /// # Errors
    ///
    /// When GitHub does not say.
    pub async fn login(&self) -> Result<&str, Error> {
        #[derive(Deserialize)]
        struct Answer {
            slug: String,
        }
        let ask = async || {
            let answer: Answer = self.transport.json(&Call::get("/app".to_owned())).await?;
            Ok(format!("{}[bot]", answer.slug))
        };
        self.login.get_or_try_init(ask).await.map(String::as_str)
    }

    /// A hundred deliveries of the App's webhook, the newest first: the last ones, or those that begin at the cursor that came
    /// with an earlier page. With them the cursor of the next page, where there is one.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn deliveries(&self, cursor: Option<&str>) -> Result<(Vec<Delivery>, Option<String>), Error> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
        let call = Call::get(format!("/app/hook/deliveries?per_page=100{cursor}"));
        let reply = self.transport.send(&call).await?;
        Ok((self.transport.parse(&call, &reply)?, reply.next_cursor()))
    }

    /// Asks GitHub to deliver once more. Whoever receives it has to know it by its guid.
    ///
    /// # Errors
    ///
    /// When GitHub refuses.
    pub async fn redeliver(&self, delivery: u64) -> Result<(), Error> {
        let call = Call::post(format!("/app/hook/deliveries/{delivery}/attempts"), json!({}));
        self.transport.send(&call).await.map(drop)
    }
}
