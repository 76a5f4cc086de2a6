//! Gauges and events as lines for the Agent.
//!
//! They carry no host and none of the sender's own tags, so that a series is the same from wherever it is published.

use super::publish::{Event, Gauge, Publication};
use crate::dogstatsd::write::{EventLine, Refused, Sample};

impl Publication {
    /// The lines, each without a line break. What cannot be written (a metric's name that DogStatsD does not know, say) is
    /// told instead.
    pub fn lines(&self) -> impl Iterator<Item = Result<String, Refused>> + '_ {
        let at = self.report.ended_at;
        let gauges = self.gauges.iter().map(move |gauge| gauge.line(Some(at)));
        gauges.chain(self.events.iter().map(move |event| event.line(at)))
    }
}

impl Gauge {
    /// The line of this gauge, at a second since 1970 or now.
    ///
    /// # Errors
    ///
    /// When the name or the value cannot stand in a line.
    pub fn line(&self, at: Option<u64>) -> Result<String, Refused> {
        let sample = Sample::gauge(&self.name, self.value)?.tags(&self.tags).without_host().without_origin();
        Ok(at.map_or(sample.clone(), |at| sample.at(at)).line())
    }
}

impl Event {
    fn line(&self, at: u64) -> Result<String, Refused> {
        let line = EventLine::new(&self.title, &self.text)?
            .at(at)
            .aggregation_key(&self.key)
            .alert_type(self.shown_as)
            .tags(&self.tags);
        Ok(line.without_host().without_origin().line())
    }
}
