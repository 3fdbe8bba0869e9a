//! Points in time.

/// Nanoseconds since 1970, as OTLP counts them. The host takes care that they never go back within one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// Seconds from `earlier` to this; 0 where it is not earlier.
    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        std::time::Duration::from_nanos(self.0.saturating_sub(earlier.0)).as_secs_f64()
    }
}
