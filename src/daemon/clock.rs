//! The two clocks of this machine.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::aggregate::Moment;

/// Tells the time since it was made, by a clock that never jumps, beside the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock {
    /// Now. A wall clock before 1970 counts as 1970.
    pub fn now(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { elapsed: self.0.elapsed(), unix }
    }
}
