//! Arguments and options.

use std::net::SocketAddr;
use std::path::PathBuf;

#[cfg(unix)]
use crate::daemon::address::Address as DogStatsdAddress;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::github::{BadName, CommitSha, Repository};

/// Compiles annotated Avro event schemas into Datadog monitoring, the GitOps way.
#[derive(Parser)]
#[command(name = "bellwether", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The project's directory
    #[arg(short = 'C', long = "dir", value_name = "DIR", default_value = ".", global = true)]
    pub directory: PathBuf,
    /// The environment; otherwise `default_environment` of bellwether.toml
    #[arg(long = "env", value_name = "NAME", global = true)]
    pub environment: Option<String>,
    /// How the result is written
    #[arg(long, value_enum, default_value = "human", global = true)]
    pub format: Format,
    /// Whether colours are used
    #[arg(long, value_enum, default_value = "auto", global = true)]
    pub color: Color,
    /// No progress and no notices
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How long to wait for another bellwether that uses the state directory
    #[arg(long, value_name = "SECONDS", default_value_t = 0, global = true)]
    pub lock_timeout: u64,
    /// More detail
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// For programs
    Json,
    /// A comment for GitHub; for `plan`, `apply` and `drift`
    Markdown,
    /// Annotations and a log for GitHub Actions; for `check`, `plan`, `apply` and `drift`
    Github,
    /// SARIF 2.1.0, for code scanning; for `check`
    Sarif,
    /// Graphviz; for `graph`
    Dot,
    /// Mermaid; for `graph`
    Mermaid,
}

impl Format {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Github => "github",
            Self::Sarif => "sarif",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
        }
    }
}

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Write a small working project
    Init {
        /// Where
        #[arg(value_name = "DIR")]
        target: Option<PathBuf>,
    },
    /// Check everything that can be known offline: schemas, annotations, catalog, graph, budget
    Check,
    /// Print the Avro JSON of a schema file
    Schema {
        /// An .avdl, .avsc or .avpr file
        file: PathBuf,
        /// Search this directory for imports
        #[arg(short = 'I', long = "import", value_name = "DIR")]
        imports: Vec<String>,
    },
    /// List the annotation kinds, or one kind's parameters and an example
    Catalog {
        /// A kind
        kind: Option<String>,
    },
    /// Show what an apply would do
    Plan(PlanArguments),
    /// Make Datadog what the schemas ask for
    Apply(ApplyArguments),
    /// Report what was edited or deleted in Datadog since it was applied; writes nothing there
    Drift(DriftArguments),
    /// Show a saved plan on a pull request of GitHub, in one comment that is edited in place
    Comment(CommentArguments),
    /// Explain where a monitor comes from, or what a diagnostic code means
    Explain {
        /// An address, a monitor's id, or a code such as BW0204
        what: String,
    },
    /// Print the desired-state graph
    Graph,
    /// Print what the aggregator would run
    Rules,
    /// Count ids inside, and publish a few bounded metrics instead of a tag per id
    #[cfg(unix)]
    Aggregate(AggregateArguments),
    /// Look into the snapshot
    State {
        /// What to do with it
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Take GitHub's webhooks: plan pull requests, apply them on a word and on merge
    Serve(ServeArguments),
    /// Serve a Datadog double over HTTP
    Sandbox {
        /// The address to listen on
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8126")]
        listen: SocketAddr,
        /// Keep nothing on disk
        #[arg(long)]
        memory: bool,
        /// Rehearse an outage: errors, lost answers and rate limits from this TOML file
        #[arg(long, value_name = "FILE")]
        faults: Option<PathBuf>,
    },
}

impl Command {
    /// The command's name, and how its result can be written besides for people. The only place that says so.
    pub fn formats(&self) -> (&'static str, &'static [Format]) {
        match self {
            Self::Init { .. } => ("init", &[]),
            Self::Check => ("check", &[Format::Json, Format::Github, Format::Sarif]),
            // What it prints is JSON in any case.
            Self::Schema { .. } => ("schema", &[Format::Json]),
            Self::Catalog { .. } => ("catalog", &[Format::Json]),
            Self::Plan(_) => ("plan", &[Format::Json, Format::Markdown, Format::Github]),
            Self::Apply(_) => ("apply", &[Format::Json, Format::Markdown, Format::Github]),
            Self::Drift(_) => ("drift", &[Format::Json, Format::Markdown, Format::Github]),
            Self::Comment(_) => ("comment", &[Format::Json]),
            Self::Explain { .. } => ("explain", &[Format::Json]),
            Self::Graph => ("graph", &[Format::Json, Format::Dot, Format::Mermaid]),
            Self::Rules => ("rules", &[Format::Json]),
            #[cfg(unix)]
            Self::Aggregate(_) => ("aggregate", &[]),
            Self::State { .. } => ("state", &[Format::Json]),
            Self::Sandbox { .. } => ("sandbox", &[]),
            Self::Serve(_) => ("serve", &[]),
        }
    }
}

/// Where Redis is. There may be a password in it, so it cannot be printed.
#[derive(Clone)]
pub struct RedisUrl(pub String);

impl std::str::FromStr for RedisUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Options of `aggregate`.
#[cfg(unix)]
#[derive(Args)]
pub struct AggregateArguments {
    /// Listen for DogStatsD here: udp://HOST:PORT, unixgram:///PATH or unixstream:///PATH; may be repeated
    #[arg(long, value_name = "URL", default_value = "udp://127.0.0.1:8125")]
    pub listen: Vec<DogStatsdAddress>,
    /// Send the gauges and all other lines here, to the Agent
    #[arg(long, value_name = "URL", default_value = "udp://127.0.0.1:8126")]
    pub agent: DogStatsdAddress,
    /// Serve the page, its API and `POST /events/RECORD` here
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8127")]
    pub http: SocketAddr,
    /// Threads that receive from each UDP address
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Merge with other instances through this Redis or Valkey
    #[arg(long, value_name = "URL", env = "BELLWETHER_REDIS_URL", hide_env_values = true)]
    pub redis: Option<RedisUrl>,
    /// This instance's name among others; otherwise the host's
    #[arg(long, value_name = "NAME", requires = "redis")]
    pub instance: Option<String>,
    /// How many instances there are at most
    #[arg(long, value_name = "N", default_value_t = 1, requires = "redis", value_parser = clap::value_parser!(u32).range(1..))]
    pub instances: u32,
    /// How long to wait for the panes of other instances
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "redis", value_parser = clap::value_parser!(u64).range(..=60))]
    pub grace: u64,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Save the plan, for `bellwether apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 2 when there are differences
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Use the stored snapshot instead of reading Datadog
    #[arg(long)]
    pub offline: bool,
    /// Compare with other schemas instead of Datadog, without keys, network or state: with the project in DIR, or with
    /// the last commit that HEAD and the Git ref REF have in common. An existing directory comes first; a branch of its
    /// name is refs/heads/NAME
    #[arg(long, value_name = "DIR|REF", conflicts_with_all = ["offline", "reset_drift"])]
    pub against: Option<String>,
    /// Only addresses that match this pattern
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// One line a change
    #[arg(long)]
    pub summary: bool,
    /// Overwrite what was edited in Datadog
    #[arg(long)]
    pub reset_drift: bool,
    /// The number of deletes that is right, where it is above the limit
    #[arg(long, value_name = "N")]
    pub allow_deletes: Option<u64>,
}

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// A plan saved with `plan --out`; it is applied exactly, or refused
    #[arg(value_name = "PLANFILE")]
    pub plan: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// The number of deletes that is right, where it is above the limit
    #[arg(long, value_name = "N")]
    pub allow_deletes: Option<u64>,
    /// Overwrite what was edited in Datadog
    #[arg(long, conflicts_with = "plan")]
    pub reset_drift: bool,
    /// Only addresses that match this pattern
    #[arg(long, value_name = "GLOB", conflicts_with = "plan")]
    pub only: Option<String>,
}

/// Where GitHub is.
#[derive(Debug, Args)]
pub struct GitHubApi {
    /// GitHub's API; another one for GitHub Enterprise Server
    #[arg(
        long,
        value_name = "URL",
        env = "GITHUB_API_URL",
        hide_env_values = true,
        default_value = "https://api.github.com"
    )]
    pub github_url: String,
}

/// Where on GitHub, and as whom. The token is in GITHUB_TOKEN.
#[derive(Debug, Args)]
pub struct GitHubArguments {
    /// The repository on GitHub
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY", hide_env_values = true)]
    pub repository: Option<String>,
    #[command(flatten)]
    pub api: GitHubApi,
    /// The login that our comments have, where the token does not tell; otherwise github-actions[bot]
    #[arg(long, value_name = "LOGIN")]
    pub author: Option<String>,
    /// The number of this run: what a run with a greater number wrote is left alone
    #[arg(long, value_name = "N", env = "GITHUB_RUN_ID", hide_env_values = true)]
    pub run: Option<String>,
}

/// Options of `comment`.
#[derive(Debug, Args)]
pub struct CommentArguments {
    /// A plan saved with `plan --out`
    #[arg(value_name = "PLANFILE")]
    pub plan: PathBuf,
    /// Where on GitHub, and as whom.
    #[command(flatten)]
    pub github: GitHubArguments,
    /// The pull request
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub pull_request: u64,
    /// The commit that was planned; refused if it is no longer the pull request's head
    #[arg(long, value_name = "SHA")]
    pub head: Option<CommitSha>,
    /// Where the whole plan is, https://...
    #[arg(long, value_name = "URL")]
    pub link: Option<String>,
}

/// Options of `drift`.
#[derive(Debug, Args)]
pub struct DriftArguments {
    /// Keep an issue of GitHub up to date with the report: opened when there is drift, closed when there is none
    #[arg(long)]
    pub issue: bool,
    /// Where on GitHub, and as whom.
    #[command(flatten)]
    pub github: GitHubArguments,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Listen here; GitHub has to reach POST /webhook, through something that speaks TLS
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8128")]
    pub listen: SocketAddr,
    /// A repository that is served, and where the project is in it; may be repeated
    #[arg(long = "repository", value_name = "OWNER/NAME[=DIRECTORY]", required = true)]
    pub repositories: Vec<WatchedRepository>,
    /// The first word of a comment that is for bellwether; may be repeated
    #[arg(long = "word", value_name = "WORD", default_value = "bellwether")]
    pub words: Vec<String>,
    /// Where to keep what must survive a restart
    #[arg(long, value_name = "DIR", default_value = "serve")]
    pub state: PathBuf,
    #[command(flatten)]
    pub api: GitHubApi,
}

/// A repository that is served, `octo-org/schemas=shop`.
#[derive(Debug, Clone)]
pub struct WatchedRepository {
    /// The repository.
    pub repository: Repository,
    /// Where the project is in it; empty for its root.
    pub directory: String,
}

impl std::str::FromStr for WatchedRepository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (repository, directory) = text.split_once('=').unwrap_or((text, ""));
        let repository = repository.parse().map_err(|error: BadName| error.to_string())?;
        let parts = directory.split('/').filter(|part| !matches!(*part, "" | "."));
        let parts: Vec<&str> = parts.collect();
        if directory.starts_with('/') || parts.contains(&"..") {
            return Err("the directory is not one of the repository".to_owned());
        }
        Ok(Self { repository, directory: parts.join("/") })
    }
}

/// What to do with the snapshot.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// What is in it
    Show,
    /// All of it as JSON
    Export,
    /// Make again what a delete removed, under a new id; no apply deletes it
    Restore {
        /// Where it was declared, `com.example.AddToCartEvent/traffic_anomaly_monitor`
        address: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}
