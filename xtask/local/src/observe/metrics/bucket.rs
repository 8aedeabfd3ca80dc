//! The values of a minute, or of several.

use std::collections::BTreeMap;

/// How much larger a value may be than another that it is counted with: a percentile is as exact as
/// this.
const RESOLUTION: f64 = 1.01;

/// Values in sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
    /// How many values there are of each size, by the logarithm; zero and less apart.
    sizes: BTreeMap<i32, u64>,
    not_positive: u64,
}

/// What is asked of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    Sum,
    Average,
    Minimum,
    Maximum,
    SampleCount,
    /// More than 0, at most 100.
    Percentile(f64),
}

impl Statistic {
    /// As templates spell it: `Sum`, `p99` and so on.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Sum" => Self::Sum,
            "Average" => Self::Average,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            _ => {
                let percent = text.strip_prefix('p')?.parse().ok()?;
                Self::Percentile(Some(percent).filter(|it| *it > 0.0 && *it <= 100.0)?)
            }
        })
    }
}

impl Bucket {
    /// Adds a value that was measured so many times.
    pub(super) fn add(&mut self, value: f64, count: u64) {
        let mut one =
            Self { count, sum: value * count as f64, least: value, most: value, ..Self::default() };
        if value > 0.0 {
            one.sizes.insert((value.ln() / RESOLUTION.ln()).round() as i32, count);
        } else {
            one.not_positive = count;
        }
        *self = std::mem::take(self).with(&one);
    }

    /// Both together.
    pub(super) fn with(mut self, other: &Self) -> Self {
        if self.count == 0 {
            return other.clone();
        }
        if other.count > 0 {
            self.count += other.count;
            self.sum += other.sum;
            self.least = self.least.min(other.least);
            self.most = self.most.max(other.most);
            self.not_positive += other.not_positive;
            for (size, count) in &other.sizes {
                *self.sizes.entry(*size).or_default() += count;
            }
        }
        self
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A statistic of the values.
    pub(crate) fn statistic(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.count as f64,
            Statistic::Minimum => self.least,
            Statistic::Maximum => self.most,
            Statistic::SampleCount => self.count as f64,
            Statistic::Percentile(percent) => self.percentile(percent),
        }
    }

    fn percentile(&self, percent: f64) -> f64 {
        let rank = (self.count as f64 * percent / 100.0).ceil() as u64;
        let mut below = self.not_positive;
        if below >= rank {
            return self.least;
        }
        if rank == self.count {
            return self.most;
        }
        for (size, count) in &self.sizes {
            below += count;
            if below >= rank {
                return RESOLUTION.powi(*size).clamp(self.least, self.most);
            }
        }
        self.most
    }
}
