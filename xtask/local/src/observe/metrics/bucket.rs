//! The values of a minute, or of several.

/// How much larger a value may be than another that it is counted with: a percentile is as exact as
/// half of this. A minute of a metric whose values spread over three orders of magnitude takes some
/// 3 KB.
const RESOLUTION: f64 = 1.02;

/// Values in sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
    /// How many values there are of each size, by the logarithm and in its order; zero and less
    /// apart. A list, for there is one in each minute of each metric, and a map takes four times as
    /// much.
    sizes: Vec<(i32, u32)>,
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
        self.add_summary(count, value * count as f64, value, value);
        if value > 0.0 {
            self.add_size((value.ln() / RESOLUTION.ln()).round() as i32, count);
        } else {
            self.not_positive += count;
        }
    }

    /// Both together.
    pub(super) fn with(mut self, other: &Self) -> Self {
        self.add_summary(other.count, other.sum, other.least, other.most);
        self.not_positive += other.not_positive;
        for (size, count) in &other.sizes {
            self.add_size(*size, u64::from(*count));
        }
        self
    }

    fn add_summary(&mut self, count: u64, sum: f64, least: f64, most: f64) {
        if count == 0 {
            return;
        }
        (self.least, self.most) = match self.count {
            0 => (least, most),
            _ => (self.least.min(least), self.most.max(most)),
        };
        self.count += count;
        self.sum += sum;
    }

    fn add_size(&mut self, size: i32, count: u64) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match self.sizes.binary_search_by_key(&size, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, known)) = self.sizes.get_mut(place) {
                    *known = known.saturating_add(count);
                }
            }
            Err(place) => self.sizes.insert(place, (size, count)),
        }
    }

    /// Gives back what the list has room for and does not need, for when no more values are expected.
    pub(super) fn shrink(&mut self) {
        self.sizes.shrink_to_fit();
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
            below += u64::from(*count);
            if below >= rank {
                return RESOLUTION.powi(*size).clamp(self.least, self.most);
            }
        }
        self.most
    }
}
