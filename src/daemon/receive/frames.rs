//! Frames of a stream: a length of four bytes, the lowest first, then a payload of that length.

use std::io::{self, Read};

const HEADER: usize = 4;
/// Read at once, if it is there.
const CHUNK: usize = 64 * 1024;

/// A frame that is longer than is taken. What follows in its stream cannot be read any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Oversized;

/// The bytes of a stream that were read and not yet taken.
pub(super) struct Frames {
    buffer: Vec<u8>,
    filled: usize,
    max_payload: usize,
}

impl Frames {
    pub(super) fn new(max_payload: usize) -> Self {
        Self { buffer: vec![0; CHUNK.max(HEADER + max_payload)], filled: 0, max_payload }
    }

    /// Reads once. Zero is the stream's end.
    pub(super) fn fill(&mut self, mut stream: impl Read) -> io::Result<usize> {
        // There is room: what `take` leaves is less than a frame.
        let read = stream.read(&mut self.buffer[self.filled..])?;
        self.filled += read;
        Ok(read)
    }

    /// Gives the payloads that are complete.
    pub(super) fn take(&mut self, mut payload: impl FnMut(&[u8])) -> Result<(), Oversized> {
        let mut rest = &self.buffer[..self.filled];
        while let Some((header, body)) = rest.split_first_chunk::<HEADER>() {
            let length = u32::from_le_bytes(*header) as usize;
            if length > self.max_payload {
                return Err(Oversized);
            }
            let Some((frame, tail)) = body.split_at_checked(length) else { break };
            payload(frame);
            rest = tail;
        }
        let left = rest.len();
        self.buffer.copy_within(self.filled - left..self.filled, 0);
        self.filled = left;
        Ok(())
    }

    /// Whether a frame has begun and not ended.
    pub(super) fn is_partial(&self) -> bool {
        self.filled > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let frame = |payload: &Vec<u8>| [&(payload.len() as u32).to_le_bytes(), payload.as_slice()].concat();
        payloads.iter().flat_map(frame).collect()
    }

    proptest! {
        #[test]
        fn frames_are_found_wherever_the_stream_is_cut(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..20),
            cuts in proptest::collection::vec(1_usize..50, 1..40),
        ) {
            let (stream, mut frames, mut found) = (framed(&payloads), Frames::new(30), Vec::new());
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (start, end) = rest.split_at(rest.len().min(*cut));
                prop_assert_eq!(frames.fill(start).ok(), Some(start.len()));
                prop_assert_eq!(frames.take(|payload| found.push(payload.to_vec())), Ok(()));
                rest = end;
            }
            prop_assert_eq!(found, payloads);
            prop_assert!(!frames.is_partial());
        }
    }

    #[test]
    fn what_precedes_an_oversized_frame_is_taken() {
        let (mut frames, mut found) = (Frames::new(3), Vec::new());
        let stream = framed(&[b"abc".to_vec(), b"long".to_vec(), b"abc".to_vec()]);
        assert_eq!(frames.fill(stream.as_slice()).ok(), Some(stream.len()));
        assert_eq!(frames.take(|payload| found.push(payload.to_vec())), Err(Oversized));
        assert_eq!(found, [b"abc"]);
    }
}
