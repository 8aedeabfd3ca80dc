//! The queue of dead letters: records that were given up on, kept on file.

use crate::data::DataDirectory;
use crate::observe::{MetricKey, Observed, Series};
use crate::server::Stop;
use crate::template::QueuePlan;
use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the number of letters is noted, as SQS does it. Metrics are kept by the minute, so
/// that no minute may be left out.
const MEASURE_EVERY: Duration = Duration::from_secs(30);

/// Records that were given up on.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    observed: Arc<Observed>,
    /// By the queue's ARN. Locked also while the file is written.
    depths: Mutex<BTreeMap<String, Depth>>,
}

/// How many letters a queue has.
#[derive(Debug)]
struct Depth {
    letters: u64,
    metric: Arc<Series>,
}

impl DeadLetters {
    /// Those of a data directory.
    pub(crate) fn open(
        data: &DataDirectory,
        queues: &[QueuePlan],
        observed: &Arc<Observed>,
    ) -> anyhow::Result<Self> {
        let depth = |queue: &QueuePlan| {
            let dimensions = [("QueueName", queue.name.as_str())];
            let key = MetricKey::new("AWS/SQS", "ApproximateNumberOfMessagesVisible", &dimensions);
            (queue.arn.clone(), Depth { letters: 0, metric: observed.metrics.series(key) })
        };
        let letters = Self {
            path: data.file("dead-letters.jsonl"),
            observed: Arc::clone(observed),
            depths: Mutex::new(queues.iter().map(depth).collect()),
        };
        for letter in letters.all()? {
            count(&mut letters.lock(), &letter);
        }
        Ok(letters)
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> anyhow::Result<Vec<Value>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => {
                Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).context("cannot read the dead letters"),
        }
    }

    /// Notes how many there are, now and again until `stop`.
    pub(crate) async fn measure(self: Arc<Self>, mut stop: Stop) {
        loop {
            for depth in self.lock().values() {
                depth.metric.record(depth.letters as f64);
            }
            tokio::select! {
                () = stop.wait() => break,
                () = tokio::time::sleep(MEASURE_EVERY) => {}
            }
        }
    }

    /// Adds one; it is on file when this returns.
    pub(super) fn add(&self, letter: &Value) -> anyhow::Result<()> {
        {
            let mut depths = self.lock();
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(&self.path)
                .context("cannot write the dead letters")?;
            file.write_all(format!("{letter}\n").as_bytes())?;
            file.sync_data()?;
            if let Some(depth) = count(&mut depths, letter) {
                depth.metric.record(depth.letters as f64);
            }
        }
        self.observed.activity.note();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Depth>> {
        self.depths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a letter for its queue, and gives that.
fn count<'a>(depths: &'a mut BTreeMap<String, Depth>, letter: &Value) -> Option<&'a Depth> {
    let depth = depths.get_mut(letter["destination"].as_str()?)?;
    depth.letters += 1;
    Some(depth)
}

#[cfg(test)]
mod tests {
    use super::DeadLetters;
    use crate::data::{DataDirectory, DataLocation};
    use crate::observe::{MetricKey, Observed, Statistic};
    use crate::template::QueuePlan;
    use jiff::Timestamp;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn letters_are_counted_also_those_of_the_last_run() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let queue = || QueuePlan { name: "letters".to_owned(), arn: "arn:letters".to_owned() };
        let letter = json!({"destination": "arn:letters"});
        let observed = Arc::new(Observed::new());
        DeadLetters::open(&data, &[queue()], &observed).unwrap().add(&letter).unwrap();

        let observed = Arc::new(Observed::new());
        let letters = DeadLetters::open(&data, &[queue()], &observed).unwrap();
        letters.add(&letter).unwrap();
        letters.add(&json!({"destination": "arn:elsewhere"})).unwrap();
        assert_eq!(letters.all().unwrap().len(), 3);
        let key = MetricKey::new(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            &[("QueueName", "letters")],
        );
        let window = observed.metrics.find(&key).unwrap().window(Timestamp::now(), 2).unwrap();
        assert_eq!(window.statistic(Statistic::Maximum), 2.0);
        assert_eq!(observed.activity.revision(), 2);
    }
}
