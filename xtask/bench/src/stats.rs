//! Statistics of samples.

use serde::Serialize;

/// A distribution, in the unit of its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Summary {
    /// The summary of samples; zero without samples.
    pub(crate) fn of(samples: &[f64]) -> Self {
        Self { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) }
    }
}

/// The nearest-rank quantile; zero without samples.
fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

/// The middle sample; zero without samples.
pub(crate) fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The mean; not a number without samples.
pub(crate) fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::{Summary, median};

    #[test]
    fn quantiles_are_samples_by_nearest_rank() {
        let samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Summary::of(&samples), Summary { p50: 100.0, p99: 198.0 });
        assert_eq!(Summary::of(&[7.0]), Summary { p50: 7.0, p99: 7.0 });
        assert_eq!(median(&[3.0, 1.0, 2.0, 9.0]), 2.0);
    }

    #[test]
    fn no_samples_are_zero() {
        assert_eq!(Summary::of(&[]), Summary::default());
    }
}
