//! The budget, kept: which distinct time series were published in a clock hour.
//!
//! Datadog bills distinct series per hour, not points. A series that was published once in an hour is paid for, and
//! may be published again for nothing; a new one is refused when the hour's budget is used up.

use std::collections::BTreeSet;

/// A time series as it is billed: a name with its tags in order, and a host if there is one among the tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series(String);

impl Series {
    /// The series of a name with these tags, in whatever order they come.
    pub fn new(name: &str, tags: &[String]) -> Self {
        let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        tags.sort_unstable();
        tags.dedup();
        Self(format!("{name}|{}", tags.join(",")))
    }

    /// The metric's name.
    pub fn name(&self) -> &str {
        self.0.split_once('|').map_or(&self.0, |(name, _)| name)
    }

    /// Name and tags in one text, the same for the same series.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Series {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Why the ledger could not be kept outside the process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger of published series cannot be kept: {0}")]
pub struct LedgerError(pub String);

/// Where a ledger outlives the process: a restart must not spend an hour's budget twice.
pub trait LedgerStore: Send {
    /// The series that were published in an hour. Hours are counted from 1970.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn load(&mut self, hour: u64) -> Result<Vec<Series>, LedgerError>;

    /// Keeps series before they are published for the first time in an hour. Earlier hours may be forgotten.
    ///
    /// # Errors
    ///
    /// When they cannot be kept; they are not published then.
    fn keep(&mut self, hour: u64, series: &[&Series]) -> Result<(), LedgerError>;
}

/// Says which series may be published.
pub trait Admission {
    /// For each of these series, whether it may be published at `unix` seconds; not more of one name in an hour than
    /// `most`, those that are reserved not counted. What is admitted is paid for.
    fn admit(&mut self, unix: u64, most: u64, series: &[Series]) -> Vec<bool>;
}

/// What was published in one clock hour.
#[derive(Debug, Default)]
struct Hour {
    /// Counted from 1970.
    number: u64,
    published: BTreeSet<Series>,
    /// Whether it is not known what was published before: then only what is reserved may be.
    unknown: bool,
}

/// The distinct series of a clock hour, at most `limit`.
pub struct Ledger {
    limit: u64,
    hour: Hour,
    /// The hours before, by use: a clock may jump back.
    former: Vec<Hour>,
    /// Series that are to have their place in every hour, the most important first.
    wanted: Vec<Series>,
    /// Those of them that have it, whether they are published or not.
    reserved: BTreeSet<Series>,
    refused: u64,
    error: Option<LedgerError>,
    store: Option<Box<dyn LedgerStore>>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({} of {} in hour {})", self.used(), self.limit, self.hour.number)
    }
}

/// How many hours are remembered beside the present one.
const FORMER: usize = 2;

impl Ledger {
    /// A ledger of so many distinct series an hour, kept in this process alone.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            hour: Hour::default(),
            former: Vec::new(),
            wanted: Vec::new(),
            reserved: BTreeSet::new(),
            refused: 0,
            error: None,
            store: None,
        }
    }

    /// The same, kept in `store` too.
    pub fn with_store(limit: u64, store: Box<dyn LedgerStore>) -> Self {
        Self { store: Some(store), ..Self::new(limit) }
    }

    /// Changes the limit and what is reserved, as after a change of the rules. What was published in this hour stays
    /// paid for. Reserved are, in this order, as many series as there is room for.
    pub fn reserve(&mut self, limit: u64, series: impl IntoIterator<Item = Series>) {
        self.wanted = series.into_iter().collect();
        self.limit = limit;
        self.reserve_places();
    }

    /// Changes the limit alone, and with it how many of those that are to be reserved have room.
    pub fn set_limit(&mut self, limit: u64) {
        if limit != self.limit {
            self.limit = limit;
            self.reserve_places();
        }
    }

    fn reserve_places(&mut self) {
        self.reserved.clear();
        for series in &self.wanted {
            if (self.reserved.len() as u64) < self.limit {
                self.reserved.insert(series.clone());
            }
        }
    }

    /// Whether there is room for a series, which is taken then.
    fn take_room(&mut self, most: u64, series: &Series) -> Room {
        if self.hour.published.contains(series) {
            return Room::Had;
        }
        let is_reserved = self.reserved.contains(series);
        let has_room = is_reserved
            || !self.hour.unknown && self.used() < self.limit && self.unreserved(series.name()) < most;
        // After a reload, what the former rules have published is paid for beside what is reserved now.
        if !has_room || self.published() >= self.limit {
            return Room::Refused;
        }
        self.hour.published.insert(series.clone());
        if is_reserved { Room::Reserved } else { Room::New }
    }

    /// The series of a name that were published and have no place of their own.
    fn unreserved(&self, name: &str) -> u64 {
        let first = Series(format!("{name}|"));
        let of_name = self.hour.published.range(first..).take_while(|series| series.name() == name);
        of_name.filter(|series| !self.reserved.contains(series)).count() as u64
    }

    /// Keeps what is new outside the process, at once.
    fn keep(&mut self, series: &[&Series]) -> bool {
        let Some(store) = self.store.as_mut().filter(|_| !series.is_empty()) else { return true };
        store.keep(self.hour.number, series).map_err(|error| self.error = Some(error)).is_ok()
    }

    /// Follows the clock, in either direction.
    fn turn_to(&mut self, number: u64) {
        if number == self.hour.number {
            return;
        }
        let known = self.former.iter().position(|hour| hour.number == number);
        let next = known.map(|at| self.former.remove(at)).unwrap_or_else(|| self.load(number));
        self.former.insert(0, std::mem::replace(&mut self.hour, next));
        self.former.truncate(FORMER);
    }

    fn load(&mut self, number: u64) -> Hour {
        let mut hour = Hour { number, ..Hour::default() };
        let Some(store) = &mut self.store else { return hour };
        match store.load(number) {
            Ok(series) => hour.published.extend(series),
            Err(error) => {
                self.error = Some(error);
                hour.unknown = true;
            }
        }
        hour
    }

    /// How many series of the present hour are published or reserved.
    pub fn used(&self) -> u64 {
        self.hour.published.union(&self.reserved).count() as u64
    }

    /// How many series were published in the present hour.
    pub fn published(&self) -> u64 {
        self.hour.published.len() as u64
    }

    /// The most distinct series in an hour.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How many times a series was refused since the process began.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts series that another ledger, which decides for several processes, has refused this one.
    pub fn add_refused(&mut self, refused: u64) {
        self.refused += refused;
    }

    /// The last failure of the store, told once.
    pub fn take_error(&mut self) -> Option<LedgerError> {
        self.error.take()
    }
}

impl Admission for Ledger {
    fn admit(&mut self, unix: u64, most: u64, series: &[Series]) -> Vec<bool> {
        self.turn_to(unix / 3600);
        let mut rooms: Vec<Room> = series.iter().map(|series| self.take_room(most, series)).collect();
        let of = |wanted: &[Room]| -> Vec<&Series> {
            series
                .iter()
                .zip(&rooms)
                .filter(|(_, room)| wanted.contains(room))
                .map(|(series, _)| series)
                .collect()
        };
        let (new, to_keep) = (of(&[Room::New]), of(&[Room::New, Room::Reserved]));
        if !self.keep(&to_keep) {
            for series in new {
                self.hour.published.remove(series);
            }
            rooms.iter_mut().filter(|room| **room == Room::New).for_each(|room| *room = Room::Refused);
        }
        self.refused += rooms.iter().filter(|room| **room == Room::Refused).count() as u64;
        rooms.iter().map(|room| *room != Room::Refused).collect()
    }
}

/// What a series finds in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// It is paid for.
    Had,
    /// It has its place.
    Reserved,
    /// It takes room that was free.
    New,
    /// There is none.
    Refused,
}
