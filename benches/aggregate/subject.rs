//! What is measured, and our own among it.

use std::ops::Range;

use bellwether::aggregate::{Aggregator, Handle, Id, Moment};

use crate::rule;
use crate::stream::Streams;

/// Whose marks they are.
#[derive(Clone, Copy, PartialEq)]
pub enum Who {
    /// A mark of ours.
    Mark,
    /// Many of ours under one lock.
    Batch,
    /// A map from labels to counters, as services have it that do so by hand.
    Article,
    /// A metrics library.
    Library,
}

/// How the ids come.
#[derive(Clone, Copy, PartialEq)]
pub enum Input {
    Number,
    Decimal,
    Guid,
    Text,
}

impl Input {
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "`u64`",
            Self::Decimal => "decimal text",
            Self::Guid => "GUID text",
            Self::Text => "other text",
        }
    }
}

/// Something that marks a part of a stream.
pub struct Subject {
    pub name: &'static str,
    pub who: Who,
    pub input: Input,
    pub run: Box<dyn Fn(Range<usize>) + Sync>,
}

impl Subject {
    /// One that marks each id by itself.
    pub fn new<T: Copy + Sync>(
        name: &'static str,
        who: Who,
        (input, ids): (Input, &'static [T]),
        mark: impl Fn(T) + Sync + 'static,
    ) -> Self {
        let run = Box::new(move |part: Range<usize>| ids[part].iter().for_each(|id| mark(*id)));
        Self { name, who, input, run }
    }
}

/// How many events a batch has: about as many as a datagram.
const BATCH: usize = 32;

pub fn ours(streams: &Streams) -> Vec<Subject> {
    vec![
        mark(Input::Number, streams.numbers),
        mark(Input::Decimal, streams.decimals),
        mark(Input::Guid, streams.guids),
        mark(Input::Text, streams.texts),
        batch(Input::Number, streams.numbers),
        batch(Input::Guid, streams.guids),
    ]
}

fn mark<T: Copy + Sync + Into<Id<'static>>>(input: Input, ids: &'static [T]) -> Subject {
    let handle = handle();
    Subject::new("**`Handle::mark`**", Who::Mark, (input, ids), move |id: T| handle.mark(id))
}

fn batch<T: Copy + Sync + Into<Id<'static>>>(input: Input, ids: &'static [T]) -> Subject {
    let handle = handle();
    let run = Box::new(move |part: Range<usize>| {
        for ids in ids[part].chunks(BATCH) {
            let mut batch = handle.batch();
            ids.iter().for_each(|id| batch.mark(*id));
        }
    });
    Subject { name: "`Handle::batch`, 32 marks", who: Who::Batch, input, run }
}

fn handle() -> Handle {
    let start = Moment { elapsed: Default::default(), unix: Default::default() };
    let rule = rule();
    Aggregator::new([rule.clone()], start).handle(&rule.metric).unwrap()
}
