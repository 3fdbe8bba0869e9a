//! The numbers: one for each metric and each set of its labels' values.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::label::{Label, OTHER};
use crate::metric::{Definition, Kind, Metric};

/// The most series of one metric, OpenTelemetry's default. What would be one more counts in one whose labels are all `other`.
pub const MOST_SERIES: usize = 2000;

/// The values of a metric's labels, in their order.
pub(crate) type Labels = Vec<Label>;

/// What was counted in one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Distribution(Distribution),
}

/// Observations of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distribution {
    /// How many were at most each bound and above the one before, and how many above the last.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Distribution {
    fn new(bounds: &[f64]) -> Self {
        Self { counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    fn observe(&mut self, bounds: &[f64], value: f64) {
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

type Series = HashMap<Labels, Value>;

/// All numbers.
pub(crate) struct Registry {
    /// One for each of [`Metric::ALL`].
    metrics: Vec<Mutex<Series>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { metrics: Metric::ALL.iter().map(|_| Mutex::default()).collect() }
    }

    /// Adds to a counter or a gauge.
    pub(crate) fn add(&self, metric: Metric, labels: &[Label], amount: f64) {
        self.change(metric, labels, |_, value| {
            if let Value::Number(number) = value {
                *number += amount;
            }
        });
    }

    /// Sets a gauge, or a counter that is counted elsewhere.
    pub(crate) fn set(&self, metric: Metric, labels: &[Label], number: f64) {
        self.change(metric, labels, |_, value| *value = Value::Number(number));
    }

    /// Adds an observation to a histogram.
    pub(crate) fn observe(&self, metric: Metric, labels: &[Label], observed: f64) {
        self.change(metric, labels, |definition, value| {
            if let (Value::Distribution(distribution), Kind::Histogram(bounds)) = (value, definition.kind) {
                distribution.observe(bounds, observed);
            }
        });
    }

    /// All series of a metric, in the order of their labels.
    pub(crate) fn series(&self, metric: Metric) -> Vec<(Labels, Value)> {
        let series = self.lock(metric).map(|series| series.clone()).unwrap_or_default();
        let mut series: Vec<_> = series.into_iter().collect();
        series.sort_by(|(one, _), (other, _)| one.cmp(other));
        series
    }

    fn change(&self, metric: Metric, labels: &[Label], change: impl FnOnce(&Definition, &mut Value)) {
        let definition = metric.definition();
        debug_assert_eq!(labels.len(), definition.labels.len(), "{metric:?}");
        let Some(mut series) = self.lock(metric) else { return };
        if let Some(value) = series.get_mut(labels) {
            return change(&definition, value);
        }
        let labels = if series.len() < MOST_SERIES { labels.to_vec() } else { vec![OTHER; labels.len()] };
        let value = series.entry(labels).or_insert_with(|| match definition.kind {
            Kind::Counter | Kind::Gauge => Value::Number(0.0),
            Kind::Histogram(bounds) => Value::Distribution(Distribution::new(bounds)),
        });
        change(&definition, value);
    }

    fn lock(&self, metric: Metric) -> Option<MutexGuard<'_, Series>> {
        Some(self.metrics.get(metric as usize)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Label {
        Label::Owned(text.to_owned())
    }

    #[test]
    fn whatever_labels_come_a_metric_has_so_many_series_and_one_for_the_others() {
        let registry = Registry::new();
        for number in 0..10_000 {
            registry.add(Metric::Limits, &[label(&number.to_string())], 1.0);
        }
        let series = registry.series(Metric::Limits);
        assert_eq!(series.len(), MOST_SERIES + 1);
        assert!(series.contains(&(vec![OTHER], Value::Number(8_000.0))), "nothing is lost");
    }

    #[test]
    fn an_observation_counts_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let registry = Registry::new();
        let labels = [label("sqlite"), label("get"), label("")];
        for seconds in [0.000_05, 0.000_06, 11.0] {
            registry.observe(Metric::StoreDuration, &labels, seconds);
        }
        let series = registry.series(Metric::StoreDuration);
        let [(_, Value::Distribution(distribution))] = series.as_slice() else { panic!("{series:?}") };
        assert_eq!((distribution.counts[0], distribution.counts[1], distribution.counts.last()), (1, 1, Some(&1)));
        assert!((distribution.sum - 11.000_11).abs() < 1e-9);
    }

    #[test]
    fn every_metric_has_a_place_and_names_of_its_own() {
        for (index, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(*metric as usize, index);
        }
        let definitions: Vec<_> = Metric::ALL.iter().map(|metric| metric.definition()).collect();
        for (index, one) in definitions.iter().enumerate() {
            for other in definitions.iter().skip(index + 1) {
                assert!(one.otlp != other.otlp && one.prometheus != other.prometheus, "{}", one.otlp);
            }
            let total = one.prometheus.ends_with("_total");
            assert_eq!(one.kind == Kind::Counter, total, "{}", one.prometheus);
        }
    }
}
