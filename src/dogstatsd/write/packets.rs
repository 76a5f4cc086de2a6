//! Lines joined to payloads.

use memchr::memchr;

use super::Refused;

/// Payloads under construction. Each holds as many whole lines as fit, in order, joined by line breaks.
#[derive(Debug, Clone)]
pub struct Packets {
    max_payload: usize,
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Packets {
    /// None yet; each will have `max_payload` bytes at most.
    pub fn new(max_payload: usize) -> Self {
        Self { max_payload, full: Vec::new(), open: Vec::new() }
    }

    /// Adds a line. One that no payload can hold is refused, and the others stay.
    pub fn push(&mut self, line: &[u8]) -> Result<(), Refused> {
        if line.is_empty() || memchr(b'\n', line).is_some() {
            return Err(Refused::NotALine);
        }
        if line.len() > self.max_payload {
            return Err(Refused::TooLong { length: line.len(), max: self.max_payload });
        }
        if self.open.len() + 1 + line.len() > self.max_payload {
            self.close();
        }
        if !self.open.is_empty() {
            self.open.push(b'\n');
        }
        self.open.extend_from_slice(line);
        Ok(())
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
    }

    /// The payloads, in order.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.full
    }
}
