//! Numbers that somebody else adds up: those of a process that answers one request and ends.

use crate::label::Label;
use crate::metric::{Definition, Kind};
use crate::registry::{Labels, Value};
use crate::span::Attribute;

/// What was counted of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The metric, which is no gauge.
    pub definition: Definition,
    /// By its attributes; at least one.
    pub series: Vec<Series>,
}

/// What was counted with the same attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Those that have a value.
    pub attributes: Vec<Attribute>,
    /// What there is; not 0.
    pub value: Measured,
}

/// A number of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// How often it happened.
    Count(f64),
    /// How long it took, in seconds.
    Durations {
        /// The upper bounds of all buckets but the last.
        bounds: &'static [f64],
        /// How many there are in each bucket.
        counts: Vec<u64>,
        /// Their sum.
        sum: f64,
    },
}

impl Counted {
    /// `None` where nothing was counted, and for a gauge: it says how things stand, and nobody can add that up.
    pub(crate) fn of(definition: &Definition, series: Vec<(Labels, Value)>) -> Option<Self> {
        let series = series.into_iter().filter_map(|(labels, value)| {
            let value = match (definition.kind, value) {
                (Kind::Counter, Value::Number(number)) if number > 0.0 => Measured::Count(number),
                (Kind::Histogram(bounds), Value::Distribution(distribution)) => {
                    Measured::Durations { bounds, counts: distribution.counts, sum: distribution.sum }
                }
                _ => return None,
            };
            Some(Series { attributes: attributes(definition, labels), value })
        });
        let series: Vec<_> = series.collect();
        (!series.is_empty()).then_some(Self { definition: *definition, series })
    }
}

fn attributes(definition: &Definition, labels: Vec<Label>) -> Vec<Attribute> {
    let named = definition.labels.iter().zip(labels).filter(|(_, value)| !value.is_empty());
    named.map(|(name, value)| Attribute::new(name, value)).collect()
}
