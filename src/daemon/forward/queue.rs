//! Payloads that wait for the Agent, up to a number of bytes.

use std::collections::VecDeque;

/// Payloads in order.
#[derive(Debug)]
pub(super) struct Queue {
    payloads: VecDeque<Vec<u8>>,
    bytes: usize,
    max_bytes: usize,
}

impl Queue {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { payloads: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// There is always room for one, since a frame that is out in part must not be dropped.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.is_empty() || self.bytes + bytes <= self.max_bytes
    }

    pub(super) fn push(&mut self, payload: Vec<u8>) {
        self.bytes += payload.len();
        self.payloads.push_back(payload);
    }

    pub(super) fn front(&self) -> Option<&[u8]> {
        self.payloads.front().map(Vec::as_slice)
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let payload = self.payloads.pop_front()?;
        self.bytes -= payload.len();
        Some(payload)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }
}
