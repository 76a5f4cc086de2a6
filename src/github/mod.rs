//! The client of the GitHub API, on top of `octocrab`: typed calls for what bellwether does on pull requests and issues.
//!
//! `octocrab` authenticates and sends. Answers are read into types of our own with only the fields that are needed: GitHub
//! does not keep to its own schema. A [`Client`] is bound to one repository. It has two makers: [`Client::new`] with a token, and
//! [`App::installation`] for a GitHub App.
//!
//! Every call has a time limit, waits for GitHub's rate limits up to a bound, and is repeated after a failure only if
//! repeating it has the same effect as sending it once. What creates a comment, a check run or an issue *looks first*
//! when it does not know whether it succeeded.

mod api_url;
mod app;
pub mod archive;
mod checks;
mod client;
mod comments;
mod error;
mod issues;
pub mod marker;
mod name;
mod private_key;
mod pull;
mod transport;

pub use api_url::{ApiUrl, BadApiUrl};
pub use app::{App, Delivery};
pub use archive::Files;
pub use checks::{Annotation, AnnotationLevel, Check, CheckOutput, CheckRun, CheckState, Conclusion};
pub use client::Client;
pub use comments::{Comment, Reaction, Sticky, same_text};
pub use error::Error;
pub use issues::Issue;
pub use name::{BadName, CommitSha, Repository};
pub use private_key::{BadKey, PrivateKey};
pub use pull::{ChangedFile, ChangedFiles, Permission, PullRequest, Review, ReviewState};

pub use crate::retry::{Clock, Notices, Options, Retry};
