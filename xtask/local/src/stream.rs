//! Event source mappings: carry the records of a table's stream to a function, in order and at
//! least once.
//!
//! The number of the last record that is done is kept on file, so that a restart goes on where the
//! last run stopped. It is written after the function was done with a record: a crash in between
//! delivers that record again.

mod checkpoint;
mod dead_letters;
mod filter;
mod records;
mod retry;

pub(crate) use self::dead_letters::DeadLetters;
pub(crate) use self::records::records_after;

use self::checkpoint::Checkpoint;
use self::filter::Filters;
use self::records::{has_record, read};
use self::retry::{Attempt, Outcome, next_attempts, outcome};
use crate::console::Console;
use crate::data::DataDirectory;
use crate::dynamo::Dynamo;
use crate::faults::Fault;
use crate::lambda::Function;
use crate::names::{rfc3339, trace_root, uuid};
use crate::observe::TraceHeader;
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

/// How long to wait for news when nobody signals any: items that expire do not.
const IDLE: Duration = Duration::from_secs(1);
/// How often to look whether a stream that is held may go on.
const HELD: Duration = Duration::from_millis(10);
/// How much later a late batch is delivered.
const LATE: Duration = Duration::from_millis(400);
/// Shortest and longest wait after a failure.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A record of the stream, as the function gets it.
#[derive(Clone, Debug)]
struct Record {
    sequence_number: String,
    /// Seconds since the epoch.
    created: i64,
    event: Value,
}

/// A mapping at work.
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

/// How far a mapping is, for the control endpoint.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    caught_up: AtomicU64,
}

impl Progress {
    /// Counts how often the end of the stream was reached with everything before it done or given
    /// up on: when it has risen by two, everything from before the first look is.
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
            Checkpoint::open(&path, |number| has_record(&dynamo, &plan.table, number))?;
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

    /// How far it is, also while it runs.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Carries records until `stop`.
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

    /// Reads on from the checkpoint and carries what there is. False when there was nothing.
    async fn step(&mut self, stop: &mut Stop) -> anyhow::Result<bool> {
        let records = self.read().await?;
        let Some(last_read) = records.last().map(|record| record.sequence_number.clone()) else {
            return Ok(false);
        };
        // What was written since the stream is held stays for a later batch.
        if self.function.faults().holds_streams() {
            return Ok(true);
        }
        let passing: Vec<_> =
            records.into_iter().filter(|record| self.filters.pass(&record.event)).collect();
        for batch in passing.chunks(self.plan.batch_size) {
            self.carry(batch.to_vec(), stop).await?;
            if stop.is_set() {
                return Ok(false);
            }
        }
        // Past those that the filters held back, too.
        self.checkpoint.set(&last_read)?;
        Ok(true)
    }

    /// Gives a batch to the function until every record is done or given up on.
    async fn carry(&mut self, records: Vec<Record>, stop: &mut Stop) -> anyhow::Result<()> {
        let mut waiting = VecDeque::from([Attempt { records, failures: 0 }]);
        let mut failures_in_a_row = 0;
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
                failures_in_a_row = 0;
                continue;
            }
            failures_in_a_row += 1;
            for next in next_attempts(attempt, &outcome, self.plan.bisect).into_iter().rev() {
                waiting.push_front(next);
            }
            tokio::select! {
                // What is not done is read again by the next run.
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep(back_off(failures_in_a_row)) => {}
            }
        }
        Ok(())
    }

    /// Gives up on records at the front that are too old.
    fn drop_expired(&mut self, attempt: &mut Attempt<Record>) -> anyhow::Result<()> {
        // A record that was never tried is not given up on: this program may just have been off
        // for longer than that.
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

    /// Gives records to the function, as they come or as a fault wants it.
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
            .line("stream", &format!("ERROR {} records given up on: {condition}", records.len()));
        let Some(queue) = &self.plan.on_failure else { return Ok(()) };
        let numbers = |record: Option<&Record>| record.map(|record| record.sequence_number.clone());
        let times = |record: Option<&Record>| {
            let time = record.and_then(|record| Timestamp::from_second(record.created).ok());
            time.map(rfc3339)
        };
        // As on AWS, a letter says where the records are in the stream, not what they hold.
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
        let from_latest = self.plan.from_latest;
        let answer = tokio::task::spawn_blocking(move || {
            read(&database, &table, last.as_deref(), from_latest)
        })
        .await??;
        if let Some(start) = answer.start {
            self.checkpoint.set(&start)?;
        }
        answer.records.into_iter().map(|record| self.record(record)).collect()
    }

    /// A record as the function gets it: with this region and stream instead of the database's.
    fn record(&self, mut event: Value) -> anyhow::Result<Record> {
        event["awsRegion"] = json!(self.region);
        event["eventSourceARN"] = json!(self.plan.stream_arn);
        let change = &event["dynamodb"];
        Ok(Record {
            sequence_number: change["SequenceNumber"]
                .as_str()
                .context("a stream record has no number")?
                .to_owned(),
            created: change["ApproximateCreationDateTime"]
                .as_f64()
                .map(|seconds| seconds as i64)
                .context("a stream record has no time")?,
            event,
        })
    }
}

/// The event that a function gets for records.
fn event_of(records: &[Record]) -> Bytes {
    let events: Vec<_> = records.iter().map(|record| &record.event).collect();
    Bytes::from(json!({"Records": events}).to_string())
}

/// Twice as long after every failure in a row, within bounds.
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
