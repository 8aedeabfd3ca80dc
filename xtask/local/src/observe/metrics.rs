//! Metrics as CloudWatch would have them: by namespace, name and dimensions, a minute at a time.

mod bucket;
mod emf;

pub(crate) use bucket::Statistic;

use self::bucket::Bucket;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Minutes kept: twice the longest that an alarm of ours looks back.
const MINUTES: usize = 30;
/// Metrics kept. A function that makes up names or dimensions without end gets no more of them.
const SERIES: usize = 2000;

/// What a metric is called.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct MetricKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl MetricKey {
    /// A name with its dimensions.
    pub(crate) fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }
}

/// `namespace name (by dimension, dimension)`
impl fmt::Display for MetricKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.namespace, self.name)?;
        if self.dimensions.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self.dimensions.keys().map(String::as_str).collect();
        write!(formatter, " by {}", names.join(", "))
    }
}

/// All metrics.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<MetricKey, Arc<Series>>>);

impl Metrics {
    /// The values of a metric, to add to. Past the limit, values of new metrics go nowhere.
    pub(crate) fn series(&self, key: MetricKey) -> Arc<Series> {
        let mut all = self.lock();
        if let Some(series) = all.get(&key) {
            return Arc::clone(series);
        }
        let series = Arc::<Series>::default();
        if all.len() < SERIES {
            all.insert(key, Arc::clone(&series));
        }
        series
    }

    /// The values of a metric, if there are any.
    pub(crate) fn find(&self, key: &MetricKey) -> Option<Arc<Series>> {
        self.lock().get(key).cloned()
    }

    /// Takes the metrics out of a log line in CloudWatch's embedded metric format; any other line
    /// has none.
    pub(crate) fn take_line(&self, line: &str, now: Timestamp) {
        for (key, time, samples) in emf::read(line, now) {
            let series = self.series(key);
            for (value, count) in samples {
                series.add(time, value, count);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MetricKey, Arc<Series>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values of one metric.
#[derive(Debug, Default)]
pub(crate) struct Series(Mutex<VecDeque<(i64, Bucket)>>);

impl Series {
    /// Adds a value that was measured now.
    pub(crate) fn record(&self, value: f64) {
        self.add(Timestamp::now(), value, 1);
    }

    /// Adds a value that was measured so many times at some time.
    pub(crate) fn add(&self, time: Timestamp, value: f64, count: u64) {
        let minute = minute_of(time);
        let mut buckets = self.lock();
        // Nearly always at the end.
        let later = buckets.iter().rev().take_while(|(known, _)| *known > minute).count();
        let place = buckets.len() - later;
        match place.checked_sub(1).and_then(|before| buckets.get_mut(before)) {
            Some((known, bucket)) if *known == minute => bucket.add(value, count),
            _ => {
                let mut bucket = Bucket::default();
                bucket.add(value, count);
                if let Some((_, before)) = buckets.back_mut() {
                    before.shrink();
                }
                buckets.insert(place, (minute, bucket));
                if buckets.len() > MINUTES {
                    buckets.pop_front();
                }
            }
        }
    }

    /// All that was measured in `minutes` minutes, of which the last is that of `end`.
    pub(crate) fn window(&self, end: Timestamp, minutes: i64) -> Option<Bucket> {
        let last = minute_of(end);
        let buckets = self.lock();
        let within =
            buckets.iter().filter(|(minute, _)| (last - minutes + 1..=last).contains(minute));
        within.map(|(_, bucket)| bucket).fold(None, |sum, bucket| match sum {
            None => Some(bucket.clone()),
            Some(sum) => Some(sum.with(bucket)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(i64, Bucket)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn minute_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests;
