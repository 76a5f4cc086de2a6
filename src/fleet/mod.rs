//! Many instances of the aggregator as one: each keeps its panes in Redis or Valkey, and one of them publishes.
//!
//! At the end of a pane, each instance calls [`Fleet::merge`]. Then each asks with [`Fleet::claim`] whether it is the
//! one to publish; that one takes the panes of all with [`Fleet::panes`], makes a report and gauges of them within
//! [`Fleet::admission`], sends them, and says so with [`Fleet::finish`]. If it dies before that, another one is given
//! the claim, and writes the same points again. One that is stopped publishes what nobody else will, as
//! [`Fleet::has_others`] says.
//!
//! **What is in Redis.** A pane is one hash, with one field for each part that an instance has counted. A part is
//! opaque bytes and never changes. So merging is one write that may be repeated, it takes Redis no time whatever the
//! number of ids, nothing of a pane can be evicted alone, and whoever reads adds up exactly as threads are added up.
//! The sum of the counts could be kept in Redis instead, in a sorted set. That takes less memory there when many
//! instances count the same ids, but it takes Redis 30 ms for 10,000 ids, during which it serves nobody.
//!
//! All keys have the hash tag `{bellwether:<namespace>}`, so that one node of a cluster has them.
//!
//! **How long a call takes.** No longer than [`FleetOptions::timeout`], whatever Redis does; only the look-up of a
//! host's name takes as long as it takes. After a failure, the next call connects again: a caller that has several to
//! make stops at the first that [`FleetError::is_away`].
//!
//! **After an outage**, the caller merges its last panes once more, each under its former number. What is there already
//! stays as it is; what was lost is there again.

mod admission;
mod error;
mod link;
mod part;
mod shared;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::BuildHasher;
use std::time::Duration;

use redis::{ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, Value};

use crate::aggregate::{Pane, Rule};

pub use admission::FleetAdmission;
pub use error::FleetError;

use admission::Spent;
use link::{CLAIM, Deadline, FINISH, Link, Lua, MERGE, NAMES, PARTS};
use shared::{Cache, instance_of, is_last, part_name, run_of};

/// The most ids that one instance tells of a pane; the others are told as a sum, with a bound.
pub const MOST_IDS: usize = 10_000;

/// How many parts are read in one round trip.
const AT_ONCE: usize = 64;

/// How long what was announced is remembered, in milliseconds.
const STATE_LIVES: u64 = 24 * 3_600_000;

/// How an instance takes part in a fleet.
#[derive(Clone)]
pub struct FleetOptions {
    /// Where Redis is. There may be a password in it: it is never shown.
    pub url: String,
    /// What sets these instances apart from others in the same Redis: the environment's name.
    pub namespace: String,
    /// The name of this instance, which no other has at the same time.
    pub instance: String,
    /// How many instances there should be.
    pub instances: u32,
    /// The most time that a call takes.
    pub timeout: Duration,
    /// How long an instance has from a claim to the end of publishing, before another one is asked.
    pub lease: Duration,
    /// How long no new series is admitted once Redis has lost everything, or is used for the first time: in this time
    /// all instances tell it what they have published. A little more than the longest pane.
    pub settle: Duration,
}

impl FleetOptions {
    /// With usual times.
    pub fn new(url: &str, namespace: &str, instance: &str, instances: u32) -> Self {
        Self {
            url: url.to_owned(),
            namespace: namespace.to_owned(),
            instance: instance.to_owned(),
            instances,
            timeout: Duration::from_secs(1),
            lease: Duration::from_secs(5),
            settle: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for FleetOptions {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetOptions")
            .field("namespace", &self.namespace)
            .field("instance", &self.instance)
            .field("instances", &self.instances)
            .field("timeout", &self.timeout)
            .field("lease", &self.lease)
            .field("settle", &self.settle)
            .finish_non_exhaustive()
    }
}

/// What became of a pane that was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Whether it was not there yet. A repetition changes nothing.
    pub is_new: bool,
    /// How many instances have merged this pane to its end. One that was stopped before may have come back.
    pub instances: u32,
    /// How many there should be.
    pub expected: u32,
}

impl Merged {
    /// Whether there is nobody left to wait for.
    pub fn is_complete(&self) -> bool {
        self.instances >= self.expected
    }
}

/// Who publishes a pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The one who asked, within the lease. `state` is what the last publisher of the rule gave to [`Fleet::finish`].
    Yours {
        /// What was last announced.
        state: Option<String>,
    },
    /// Another one, as it seems. Ask again after this time.
    Held {
        /// When the other one's time is up.
        retry: Duration,
    },
    /// The pane was published.
    Done,
}

/// One instance's way to the others.
#[derive(Debug)]
pub struct Fleet {
    options: FleetOptions,
    link: Link,
    /// Sets this process apart from an earlier one of the same name.
    run: String,
    cache: Cache,
    spent: Spent,
    /// Whether there are published series of which Redis was not told.
    untold: bool,
    /// Whether Redis may have lost panes since this was last asked.
    may_have_lost: bool,
    /// The first of all parts that Redis has been given since it lost everything.
    first: Option<String>,
}

impl Fleet {
    /// Looks at the options; it is connected with the first call.
    ///
    /// # Errors
    ///
    /// When the address, the namespace or the instance's name cannot be used.
    pub fn new(options: FleetOptions) -> Result<Self, FleetError> {
        check("namespace", &options.namespace)?;
        check("name of the instance", &options.instance)?;
        let link = Link::new(&options.url)?;
        let run = format!("{:016x}", std::hash::RandomState::new().hash_one(std::process::id()));
        let (cache, spent) = (Cache::default(), Spent::default());
        Ok(Self { options, link, run, cache, spent, untold: false, may_have_lost: false, first: None })
    }

    /// Changes [`FleetOptions::settle`], as other rules with longer panes do.
    pub fn set_settle(&mut self, settle: Duration) {
        self.options.settle = settle;
    }

    /// Where Redis is, without user and password.
    pub fn server(&self) -> String {
        self.link.server()
    }

    /// How many parts of other instances were not understood: a newer version wrote them, or somebody else.
    pub fn not_understood(&self) -> u64 {
        self.cache.strange()
    }

    /// Adds this instance's pane to that of all. `sequence` is another number for each pane of the rule: the same
    /// pane under the same number is added once, however often this is called.
    ///
    /// An instance that is late adds to what is there, and is seen in the windows that follow.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses.
    pub fn merge(&mut self, rule: &Rule, pane: &Pane, sequence: u64) -> Result<Merged, FleetError> {
        let hour = pane.ended_at / 3600;
        let keys = [self.pane_key(rule, pane.shared_end), self.key("first"), self.hour_key(hour)];
        let is_early = pane.ended_at < pane.shared_end;
        let name = part_name(&self.run, sequence, &self.options.instance, is_early);
        let known = self.spent.len(hour) as u64;
        let lives = number(pane_lives(rule));
        // Who is not let in hears that from Redis only up to ten words.
        let args = [name.into_bytes(), part::encode(pane, MOST_IDS), lives, number(known)];
        let (is_new, first, is_short, names): (bool, String, bool, Vec<String>) =
            self.call(self.deadline(), &MERGE, &keys, &args)?;
        // Redis may have lost something without that the connection was closed.
        self.may_have_lost |= self.first.as_ref().is_some_and(|known| *known != first);
        self.untold |= is_short;
        self.first = Some(first);
        // Who is stopped does not know of anybody who will still come.
        let told = names.iter().filter(|name| is_early || is_last(name));
        let instances: BTreeSet<&str> = told.map(|name| instance_of(name)).collect();
        Ok(Merged { is_new, instances: instances.len() as u32, expected: self.options.instances })
    }

    /// Asks to publish the pane that ended at `shared_end`: who asks first may, for as long as the lease.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses.
    pub fn claim(&mut self, rule: &Rule, shared_end: u64) -> Result<Claim, FleetError> {
        let keys = self.claim_keys(rule, shared_end);
        let args = [self.owner(), number(millis(self.options.lease))];
        let (answer, left, state): (String, i64, Option<String>) =
            self.call(self.deadline(), &CLAIM, &keys, &args)?;
        match answer.as_str() {
            "yours" => Ok(Claim::Yours { state }),
            "held" => Ok(Claim::Held { retry: Duration::from_millis(left.max(0).unsigned_abs()) }),
            "done" => Ok(Claim::Done),
            _ => Err(self.strange()),
        }
    }

    /// Says that the pane was published. `state` is for the next publisher of the rule, whoever it is.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses. Another instance publishes the pane again then, which does no harm.
    pub fn finish(&mut self, rule: &Rule, shared_end: u64, state: &str) -> Result<(), FleetError> {
        self.end_turn(rule, shared_end, state, Some(number(pane_lives(rule))))
    }

    /// The same, by an instance that is stopped: whoever is there at the pane's end may publish it again, with more in it.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses.
    pub fn finish_early(&mut self, rule: &Rule, shared_end: u64, state: &str) -> Result<(), FleetError> {
        self.end_turn(rule, shared_end, state, None)
    }

    fn end_turn(
        &mut self,
        rule: &Rule,
        shared_end: u64,
        state: &str,
        lives: Option<Vec<u8>>,
    ) -> Result<(), FleetError> {
        let keys = self.claim_keys(rule, shared_end);
        let mut args = vec![number(shared_end), state.as_bytes().to_vec(), number(STATE_LIVES), self.owner()];
        args.extend(lives);
        self.call::<i64>(self.deadline(), &FINISH, &keys, &args).map(|_| ())
    }

    /// Whether there is another instance to publish this pane, the last one of an instance that is stopped: one that has
    /// merged this pane or the one before to its end, and was not stopped since.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses.
    pub fn has_others(&mut self, rule: &Rule, shared_end: u64) -> Result<bool, FleetError> {
        let before = shared_end.saturating_sub(rule.pane_seconds);
        let keys = [before, shared_end].map(|end| self.pane_key(rule, end));
        let names: [Vec<String>; 2] = self.call(self.deadline(), &NAMES, &keys, &[])?;
        let stopped: BTreeSet<&str> =
            names[1].iter().filter(|name| !is_last(name)).map(|name| run_of(name)).collect();
        let is_other = |name: &String| instance_of(name) != self.options.instance && is_last(name);
        Ok(names.iter().flatten().any(|name| is_other(name) && !stopped.contains(run_of(name))))
    }

    /// The panes of all instances in the window that ends at `shared_end`, oldest first. A pane in which nobody has
    /// counted is not among them.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses. What was read until then is kept, so that the next call has less to read.
    pub fn panes(&mut self, rule: &Rule, shared_end: u64) -> Result<Vec<Pane>, FleetError> {
        let deadline = self.deadline();
        let ends = ends(rule, shared_end);
        let keys: Vec<String> = ends.iter().map(|end| self.pane_key(rule, *end)).collect();
        let names: Vec<Vec<String>> = self.call(deadline, &NAMES, &keys, &[])?;
        let of_rule = self.rule_key(rule);
        self.cache.forget(&of_rule, rule, ends.first().copied().unwrap_or_default(), shared_end);
        let mut missing: Vec<(u64, String)> = Vec::new();
        for (end, mut names) in ends.iter().zip(names) {
            // Where not all ids fit, it matters who comes first: all instances have the same order.
            names.sort_unstable();
            let names = self.cache.missing(&of_rule, rule, *end, names);
            missing.extend(names.into_iter().map(|name| (*end, name)));
        }
        for some in missing.chunks(AT_ONCE) {
            let keys: Vec<String> = some.iter().map(|(end, _)| self.pane_key(rule, *end)).collect();
            let args: Vec<Vec<u8>> = some.iter().map(|(_, name)| name.clone().into_bytes()).collect();
            let parts: Vec<Option<Vec<u8>>> = self.call(deadline, &PARTS, &keys, &args)?;
            for ((end, name), bytes) in some.iter().zip(parts) {
                if let Some(bytes) = bytes {
                    self.cache.add(&of_rule, rule, *end, name.clone(), &bytes);
                }
            }
        }
        Ok(self.cache.panes(&of_rule, rule, &ends))
    }

    /// Whether Redis may have lost panes since this was last asked: it was connected anew, without an error if it was
    /// away for a moment only, or has forgotten what was published. The last panes are to be merged once more then.
    pub fn may_have_lost(&mut self) -> bool {
        std::mem::take(&mut self.may_have_lost)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.options.timeout)
    }

    fn owner(&self) -> Vec<u8> {
        format!("{}:{}", self.run, self.options.instance).into_bytes()
    }

    fn key(&self, rest: &str) -> String {
        format!("{{bellwether:{}}}:{rest}", self.options.namespace)
    }

    fn rule_key(&self, rule: &Rule) -> String {
        self.key(&format!("{}:{}", rule.address, rule.pane_seconds))
    }

    fn pane_key(&self, rule: &Rule, shared_end: u64) -> String {
        format!("{}:pane:{shared_end}", self.rule_key(rule))
    }

    fn claim_keys(&self, rule: &Rule, shared_end: u64) -> [String; 2] {
        let rule = self.rule_key(rule);
        [format!("{rule}:claim:{shared_end}"), format!("{rule}:state")]
    }

    fn strange(&self) -> FleetError {
        FleetError::strange(&self.link.server())
    }

    /// Runs a script. All of ours may run twice, so that it is run again at once where that may help.
    fn call<T: FromRedisValue>(
        &mut self,
        deadline: Deadline,
        lua: &Lua,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<T, FleetError> {
        // An idle connection may have been closed, and then the keys may be on another node of a cluster.
        const ATTEMPTS: usize = 3;
        let mut attempts = 1;
        loop {
            let was_open = self.link.is_open();
            let error = match self.attempt(deadline, lua, keys, args) {
                Ok(value) => return T::from_redis_value(value).map_err(|_| self.strange()),
                Err(error) => error,
            };
            let has_moved = error.kind() == ErrorKind::Server(ServerErrorKind::Moved);
            let was_closed = was_open && error.is_connection_dropped();
            if attempts == ATTEMPTS || !(has_moved || was_closed) {
                return Err(FleetError::of_redis(&self.link.server(), &error));
            }
            attempts += 1;
        }
    }

    fn attempt(
        &mut self,
        deadline: Deadline,
        lua: &Lua,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> RedisResult<Value> {
        // A Redis that went away may have come back empty.
        if !self.link.is_open() || self.untold {
            self.untold = true;
            self.may_have_lost |= !self.link.is_open();
            self.link.open(deadline)?;
            self.spend(deadline)?;
        }
        self.link.run(deadline, lua, keys, args)
    }
}

/// A name that can be part of a key.
fn check(what: &'static str, value: &str) -> Result<(), FleetError> {
    const LONGEST: usize = 200;
    let error = |why| Err(FleetError::Option { what, value: value.escape_debug().to_string(), why });
    match value {
        "" => error("it is empty"),
        _ if value.len() > LONGEST => error("it is longer than 200 bytes"),
        _ if value.contains(|c: char| c.is_control() || matches!(c, '{' | '}')) => {
            error("it has braces or control characters in it")
        }
        _ => Ok(()),
    }
}

fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// When the panes of a window end, oldest first.
fn ends(rule: &Rule, shared_end: u64) -> Vec<u64> {
    let before = |at: usize| shared_end.checked_sub(at as u64 * rule.pane_seconds);
    (0..rule.panes()).rev().filter_map(before).collect()
}

/// How long a pane is kept, in milliseconds: as long as it is in a window, and while instances may be late.
fn pane_lives(rule: &Rule) -> u64 {
    const SPARE: u64 = 60;
    let panes = rule.pane_seconds.saturating_mul(2);
    rule.window_seconds.saturating_add(panes).saturating_add(SPARE).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_shown_nowhere() {
        let options = FleetOptions::new("redis://:secret@localhost", "production", "a", 2);
        let shown = format!("{options:?}");
        let fleet = Fleet::new(options).unwrap();
        assert!(!format!("{shown} {fleet:?} {}", fleet.server()).contains("secret"));
    }

    #[test]
    fn names_that_would_break_a_key_are_refused() {
        for (namespace, instance) in
            [("", "a"), ("a", ""), ("a}b", "a"), ("a", "b\n"), ("a", &"x".repeat(201))]
        {
            let error =
                Fleet::new(FleetOptions::new("redis://localhost", namespace, instance, 1)).unwrap_err();
            assert!(matches!(error, FleetError::Option { .. }), "{namespace} {instance}");
        }
    }
}
