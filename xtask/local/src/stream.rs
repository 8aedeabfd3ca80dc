//! Event source mappings: deliver the records of a table's stream to a function, in order and at
//! least once.
//!
//! The number of the last completed record is kept on file, so a restart continues there. It is
//! written after the function completed the record: a crash in between delivers it again.

mod checkpoint;
mod filter;
mod retry;

use self::checkpoint::Checkpoint;
use self::filter::Filters;
use self::retry::{Attempt, Outcome, next_attempts, outcome};
use crate::console::Console;
use crate::data::DataDirectory;
use crate::dynamo::{Dynamo, has_record, records_after, sequence_number};
use crate::faults::Fault;
use crate::lambda::Function;
use crate::names::{rfc3339, trace_root, uuid};
use crate::observe::TraceHeader;
use crate::queue::DeadLetters;
use crate::server::Stop;
use crate::template::MappingPlan;
use anyhow::Context;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The polling interval without a signal: the expiry of items sends none.
const IDLE: Duration = Duration::from_secs(1);
/// The polling interval of a held stream.
const HELD: Duration = Duration::from_millis(10);
/// The delay of a late batch.
const LATE: Duration = Duration::from_millis(400);
/// The shortest and the longest wait after a failure.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A record of the stream.
#[derive(Clone, Debug)]
struct Record {
    sequence_number: String,
    /// Seconds since the epoch.
    created: i64,
    event: Value,
}

/// A running mapping.
#[derive(Debug)]
pub(crate) struct Mapping {
    plan: MappingPlan,
    region: String,
    filters: Filters,
    dynamo: Dynamo,
    function: Arc<Function>,
    checkpoint: Checkpoint,
    dead_letters: Arc<DeadLetters>,
    progress: Arc<Progress>,
    console: Console,
}

/// The progress of a mapping, for the control endpoint.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    caught_up: AtomicU64,
}

impl Progress {
    /// The name, and how often the mapping caught up with the stream. When the number has risen by
    /// two, all records from before the first query are completed or given up.
    pub(crate) fn describe(&self) -> Value {
        json!({"name": self.name, "caughtUp": self.caught_up.load(Ordering::SeqCst)})
    }
}

impl Mapping {
    /// Prepares a mapping.
    pub(crate) fn new(
        plan: MappingPlan,
        region: &str,
        dynamo: Dynamo,
        function: Arc<Function>,
        data: &DataDirectory,
        dead_letters: Arc<DeadLetters>,
        console: &Console,
    ) -> anyhow::Result<Self> {
        let filters = Filters::new(&plan.filters)
            .with_context(|| format!("in the filters of {}", plan.logical_id))?;
        let progress = Progress { name: plan.logical_id.clone(), caught_up: AtomicU64::new(0) };
        let path = data.file(&format!("{}.json", plan.logical_id));
        let checkpoint =
            Checkpoint::open(&path, |number| has_record(&dynamo.database, &plan.table, number))?;
        Ok(Self {
            plan,
            region: region.to_owned(),
            filters,
            dynamo,
            function,
            checkpoint,
            dead_letters,
            progress: Arc::new(progress),
            console: console.clone(),
        })
    }

    /// Its progress, also while it runs.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Delivers records until `stop`.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let mut failures = 0;
        while !stop.is_set() {
            if self.function.faults().holds_streams() {
                tokio::select! {
                    () = stop.wait() => break,
                    () = tokio::time::sleep(HELD) => continue,
                }
            }
            let wait = match self.step(&mut stop).await {
                // There may be more at once.
                Ok(true) => {
                    failures = 0;
                    continue;
                }
                Ok(false) => {
                    failures = 0;
                    self.progress.caught_up.fetch_add(1, Ordering::SeqCst);
                    IDLE
                }
                Err(error) => {
                    failures += 1;
                    self.console.line("stream", &format!("ERROR {error:#}"));
                    back_off(failures)
                }
            };
            tokio::select! {
                () = stop.wait() => break,
                () = self.dynamo.changes.wait(), if failures == 0 => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Delivers the records after the checkpoint. False when there are none.
    async fn step(&mut self, stop: &mut Stop) -> anyhow::Result<bool> {
        let records = self.read().await?;
        let Some(last_read) = records.last().map(|record| record.sequence_number.clone()) else {
            return Ok(false);
        };
        // Records written since the stream is held stay for a later batch.
        if self.function.faults().holds_streams() {
            return Ok(true);
        }
        let passing: Vec<_> =
            records.into_iter().filter(|record| self.filters.pass(&record.event)).collect();
        for batch in passing.chunks(self.plan.batch_size) {
            self.complete(batch.to_vec(), stop).await?;
            if stop.is_set() {
                return Ok(false);
            }
        }
        // Also past the records that the filters rejected.
        self.checkpoint.set(&last_read)?;
        Ok(true)
    }

    /// Delivers a batch until every record is completed or given up.
    async fn complete(&mut self, records: Vec<Record>, stop: &mut Stop) -> anyhow::Result<()> {
        let mut waiting = VecDeque::from([Attempt { records, failures: 0 }]);
        let mut consecutive_failures = 0;
        while let Some(mut attempt) = waiting.pop_front() {
            self.drop_expired(&mut attempt)?;
            let Some(last) = attempt.records.last().map(|record| record.sequence_number.clone())
            else {
                continue;
            };
            if self.plan.retries.is_some_and(|retries| attempt.failures > retries) {
                self.give_up(&attempt.records, "RetryAttemptsExhausted")?;
                self.checkpoint.set(&last)?;
                continue;
            }
            let outcome = self.deliver(&attempt.records).await;
            match outcome {
                Outcome::Done => self.checkpoint.set(&last)?,
                Outcome::DoneBefore(index) if index > 0 => {
                    self.checkpoint.set(&attempt.records[index - 1].sequence_number)?;
                }
                Outcome::DoneBefore(_) | Outcome::Failed => {}
            }
            if outcome == Outcome::Done {
                consecutive_failures = 0;
                continue;
            }
            consecutive_failures += 1;
            for next in next_attempts(attempt, &outcome, self.plan.bisect).into_iter().rev() {
                waiting.push_front(next);
            }
            tokio::select! {
                // The next run reads incomplete records again.
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep(back_off(consecutive_failures)) => {}
            }
        }
        Ok(())
    }

    /// Gives up expired records at the front.
    fn drop_expired(&mut self, attempt: &mut Attempt<Record>) -> anyhow::Result<()> {
        // A record that was never tried is kept: this program may have been off for longer than the
        // limit.
        let Some(limit) = self.plan.record_age_seconds.filter(|_| attempt.failures > 0) else {
            return Ok(());
        };
        let oldest = Timestamp::now().as_second() - limit;
        let expired = attempt.records.iter().take_while(|record| record.created < oldest).count();
        let kept = attempt.records.split_off(expired);
        let dropped = std::mem::replace(&mut attempt.records, kept);
        if let Some(last) = dropped.last() {
            self.give_up(&dropped, "RecordAgeExceeded")?;
            self.checkpoint.set(&last.sequence_number)?;
        }
        Ok(())
    }

    /// Delivers records to the function, with an injected fault if there is one.
    async fn deliver(&self, records: &[Record]) -> Outcome {
        let event = event_of(records);
        match self.function.faults().at_delivery(self.function.binary(), &event, records.len()) {
            Some(Fault::Repeat) => {
                let _ = self.invoke(records, event.clone()).await;
                self.invoke(records, event).await
            }
            Some(Fault::Split) => {
                let first = &records[..records.len() / 2];
                match self.invoke(first, event_of(first)).await {
                    Outcome::Done => Outcome::DoneBefore(first.len()),
                    other => other,
                }
            }
            Some(Fault::Late) => {
                tokio::time::sleep(LATE).await;
                self.invoke(records, event).await
            }
            _ => self.invoke(records, event).await,
        }
    }

    async fn invoke(&self, records: &[Record], event: Bytes) -> Outcome {
        let trace = TraceHeader { root: trace_root(), parent: None };
        let Ok(response) = self.function.invoke(event, trace).await else {
            return Outcome::Failed;
        };
        if !self.plan.reports_item_failures {
            return Outcome::Done;
        }
        let numbers: Vec<_> =
            records.iter().map(|record| record.sequence_number.as_str()).collect();
        match serde_json::from_slice::<Value>(&response) {
            Ok(response) => outcome(&response, &numbers),
            Err(_) => Outcome::Failed,
        }
    }

    fn give_up(&self, records: &[Record], condition: &str) -> anyhow::Result<()> {
        self.console
            .line("stream", &format!("ERROR {} records given up: {condition}", records.len()));
        let Some(queue) = &self.plan.on_failure else { return Ok(()) };
        let numbers = |record: Option<&Record>| record.map(|record| record.sequence_number.clone());
        let times = |record: Option<&Record>| {
            let time = record.and_then(|record| Timestamp::from_second(record.created).ok());
            time.map(rfc3339)
        };
        // As on AWS, a letter has the position of the records in the stream, not their content.
        let letter = json!({
            "requestContext": {
                "requestId": uuid(),
                "functionArn": self.plan.function_arn,
                "condition": condition,
            },
            "timestamp": rfc3339(Timestamp::now()),
            "DDBStreamBatchInfo": {
                "shardId": "shardId-local",
                "startSequenceNumber": numbers(records.first()),
                "endSequenceNumber": numbers(records.last()),
                "approximateArrivalOfFirstRecord": times(records.first()),
                "approximateArrivalOfLastRecord": times(records.last()),
                "batchSize": records.len(),
                "streamArn": self.plan.stream_arn,
            }
        });
        self.dead_letters.send(queue, &letter.to_string()).map(drop)
    }

    /// The records after the checkpoint.
    async fn read(&mut self) -> anyhow::Result<Vec<Record>> {
        let database = self.dynamo.database.clone();
        let table = self.plan.table.clone();
        let last = self.checkpoint.last().map(str::to_owned);
        let is_first_read = last.is_none();
        let mut records =
            tokio::task::spawn_blocking(move || records_after(&database, &table, last.as_deref()))
                .await??;
        if is_first_read && self.plan.from_latest {
            // A mapping with the position LATEST skips the existing records.
            if let Some(latest) = records.last() {
                self.checkpoint.set(sequence_number(latest)?)?;
            }
            records.clear();
        }
        records.into_iter().map(|record| self.record(record)).collect()
    }

    /// A record for the function: with the Region and the stream of the template.
    fn record(&self, mut event: Value) -> anyhow::Result<Record> {
        event["awsRegion"] = json!(self.region);
        event["eventSourceARN"] = json!(self.plan.stream_arn);
        let created = event["dynamodb"]["ApproximateCreationDateTime"].as_f64();
        Ok(Record {
            sequence_number: sequence_number(&event)?.to_owned(),
            created: created.context("a stream record has no time")? as i64,
            event,
        })
    }
}

/// The event of a function for records.
fn event_of(records: &[Record]) -> Bytes {
    let events: Vec<_> = records.iter().map(|record| &record.event).collect();
    Bytes::from(json!({"Records": events}).to_string())
}

/// Doubles with every consecutive failure, within bounds.
fn back_off(failures: u32) -> Duration {
    let (shortest, longest) = BACK_OFF;
    shortest.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(longest)
}

#[cfg(test)]
mod tests {
    use super::back_off;
    use std::time::Duration;

    #[test]
    fn waits_double_up_to_five_seconds() {
        let waits: Vec<_> = [1, 2, 3, 7, 100].map(back_off).to_vec();
        assert_eq!(waits, [100, 200, 400, 5000, 5000].map(Duration::from_millis));
    }
}
