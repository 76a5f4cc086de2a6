//! `aggregate`

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::super::args::{AggregateArguments, Global, RedisUrl};
use super::super::output::{Output, Speaker};
use super::session::Session;
use super::{CommandError, Outcome};
use crate::daemon::http::Http;
use crate::daemon::{Daemon, Options, Place, Rules, Setup, host_name, wanted};
use crate::diag::Severity;
use crate::event::{EventReader, Limits};
use crate::fleet::FleetOptions;
use crate::ops::{Exit, Failure};
use crate::project::Stamp;
use crate::render::count;

/// How often the project's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

pub async fn run(arguments: &AggregateArguments, global: &Global, output: &mut Output) -> Outcome {
    // Where to look is known only once it is read; and it has to be looked at before it is read, or a file that changes
    // in between would never be noticed.
    let stamp = Session::open(global)?.project.stamp();
    let session = Session::open(global)?;
    let setup = setup(&session)?;
    // Before anyone can know that it runs, so that no signal finds it unprepared.
    let signals = Signals { end: super::apply::next_signal(), hangups: Hangups::new() };
    let failed = |error: crate::daemon::DaemonError| Failure::Message(error.to_string());
    let options = Options {
        listen: arguments.listen.clone(),
        agent: arguments.agent.clone(),
        threads: usize::from(arguments.threads),
        ledger: session.project.state_directory().join("aggregate").join(&session.name),
        lock_timeout: Duration::from_secs(global.lock_timeout),
        fleet: fleet(arguments, &session.name),
    };
    let place = options.fleet.as_ref().map(|(_, place)| place.clone());
    let rules = setup.rules.rules.len();
    let speaker = output.speaker();
    let say = Arc::new(move |line: &str| speaker.notice(line));
    let mut daemon = Daemon::start(&options, setup, say).map_err(failed)?;
    let cannot_serve = |error: std::io::Error| {
        let address = arguments.http;
        Failure::Message(format!(
            "cannot serve HTTP on {address}: {error}; choose another address with --http"
        ))
    };
    let listener = TcpListener::bind(arguments.http).await.map_err(cannot_serve)?;
    let page = listener.local_addr().map_err(cannot_serve)?;
    for address in daemon.addresses() {
        output.result(&format!("{address}\n"));
    }
    output.result(&format!("http://{page}/\n"));
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async {
        // The sender is dropped at the end.
        let _ = stopped.await;
    };
    let http = tokio::spawn(Http::new(listener, daemon.site()).serve(until));
    if let Some(place) = place {
        output.notice(&format!(
            "Merging panes through Redis as `{}`, one of at most {}.",
            place.instance, place.instances
        ));
    }
    output.notice(&format!(
        "Counting by {} of {}; all else goes to {}. Ctrl-C publishes the last pane and ends.",
        count(rules, "rule"),
        session.name,
        arguments.agent
    ));
    let signal = serve(&mut daemon, (session, stamp), global, speaker, signals).await;
    drop(stop);
    // Whoever is connected gets an answer, within the server's own limits.
    let _ = http.await;
    // Receiving and publishing end on threads of their own, which takes a moment where the Agent is away.
    tokio::task::block_in_place(|| daemon.stop()).map_err(failed)?;
    Ok(if signal == 15 { Exit::Terminated } else { Exit::Done })
}

/// This instance among others, if there are.
fn fleet(arguments: &AggregateArguments, environment: &str) -> Option<(FleetOptions, Place)> {
    let RedisUrl(url) = arguments.redis.as_ref()?;
    let instance = arguments.instance.clone().unwrap_or_else(host_name);
    let options = FleetOptions::new(url, environment, &instance, arguments.instances);
    let grace = Duration::from_secs(arguments.grace);
    Some((options, Place { instance, instances: arguments.instances, grace }))
}

/// Reads the rules anew whenever a file has changed or a SIGHUP comes, until a signal ends it.
async fn serve<E: Future<Output = u8>>(
    daemon: &mut Daemon,
    (mut session, mut stamp): (Session, Stamp),
    global: &Global,
    speaker: Speaker,
    signals: Signals<E>,
) -> u8 {
    let mut ticks = tokio::time::interval(LOOK);
    let Signals { end, mut hangups } = signals;
    tokio::pin!(end);
    loop {
        let asked = tokio::select! {
            signal = &mut end => return signal,
            () = hangups.next() => true,
            _ = ticks.tick() => false,
        };
        daemon.look_around();
        let present = session.project.stamp();
        if !asked && present == stamp {
            continue;
        }
        // What changes while it is read, or is looked at by other patterns from now on, is read once more.
        stamp = present;
        match Session::open(global).and_then(|fresh| Ok((setup(&fresh)?, fresh))) {
            Ok((setup, fresh)) => {
                daemon.reload(setup);
                session = fresh;
            }
            Err(error) => {
                let reason = reason(&error);
                speaker.notice(&format!("The rules stay as they are: {reason}"));
                daemon.reload_failed(reason);
            }
        }
    }
}

/// The first of what is wrong, in a line; `bellwether check` shows all of it.
fn reason(error: &CommandError) -> String {
    let (Failure::Diagnostics(diagnostics), Some(sources)) = (&error.failure, &error.sources) else {
        return error.failure.to_string();
    };
    let first = diagnostics.iter().find(|diagnostic| diagnostic.severity() == Severity::Error);
    first.map_or_else(
        || error.failure.to_string(),
        |first| {
            let place = first
                .primary
                .as_ref()
                .map(|label| format!("{}: ", sources.file_line(label.span)))
                .unwrap_or_default();
            format!("{place}{}; `bellwether check` says more", first.message)
        },
    )
}

fn setup(session: &Session) -> Result<Setup, CommandError> {
    let compiled = session.compile()?;
    let config = &session.project.config;
    let rules = Rules {
        rules: compiled.graph.rules().cloned().collect(),
        limit: config.budget.custom_metrics,
        received: config.metrics.received.clone(),
    };
    let reader = EventReader::new(&session.project.schemas, &wanted(&rules), Limits::default());
    let reader = reader.map_err(|error| Failure::Message(error.to_string()))?;
    Ok(Setup {
        environment: session.name.clone(),
        tags: session.environment()?.constant_tags(),
        rules,
        errors: config.metrics.errors.clone(),
        reader,
    })
}

/// The signals that the daemon knows.
struct Signals<E> {
    /// One that ends it.
    end: E,
    hangups: Hangups,
}

/// The requests to read the rules again.
struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            signal.recv().await;
            return;
        }
        std::future::pending().await
    }
}
