//! The figures of a run.

mod limits;
mod text;

use crate::cpu::Cpu;
use crate::instance::Invoked;
use crate::stats::{Summary, median};
use crate::telemetry::Telling;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Processors of the machine.
    pub(crate) processors: usize,
    /// Sizes of the archives, in bytes.
    pub(crate) archive_bytes: BTreeMap<String, u64>,
    /// Times, by CPU setting and case.
    pub(crate) times: BTreeMap<Cpu, BTreeMap<String, Timed>>,
    /// Why a CPU setting is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) share_left_out: Option<String>,
    /// What telling costs, by case.
    #[serde(default)]
    pub(crate) telling: BTreeMap<String, Telling>,
    /// What each case asks of AWS.
    pub(crate) asks: BTreeMap<String, Asks>,
    /// Pages among many users.
    pub(crate) pages: Vec<Page>,
    /// Signed reads a second that the local stack serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reads_per_second: Option<f64>,
    /// Median times of commands, in milliseconds.
    pub(crate) command_ms: BTreeMap<String, f64>,
}

/// Times, CPU and memory of a function. Times are without those of the backend.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Timed {
    /// From the start of the program to its first request for work.
    pub(crate) initialisation_ms: Summary,
    /// The first invocation.
    pub(crate) first_ms: Summary,
    /// Both together, in each process.
    pub(crate) start_ms: Summary,
    /// CPU until the first answer, in milliseconds: less subject to what else the machine does.
    #[serde(default)]
    pub(crate) start_cpu_ms: f64,
    /// Connections that the first invocation opened besides the one of the initialisation.
    #[serde(default)]
    pub(crate) first_connections: f64,
    /// Later invocations.
    pub(crate) warm_ms: Summary,
    /// What the backend took of a later invocation.
    pub(crate) backend_ms: Summary,
    /// CPU of a later invocation, in milliseconds; of a thousand, in seconds.
    pub(crate) cpu_ms: f64,
    /// Peak memory, in KiB.
    pub(crate) memory_kib: f64,
    /// All of it by the floor's; none of the floor itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by_floor: Option<ByFloor>,
}

/// What a function takes by what the floor takes: the medians of what was measured next to each
/// other, since the pace of a machine changes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct ByFloor {
    pub(crate) start: f64,
    pub(crate) start_cpu: f64,
    pub(crate) warm: f64,
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
}

/// What an invocation asks of AWS.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Asks {
    /// Requests.
    pub(crate) requests: f64,
    /// Requests that had to wait for others, and one.
    pub(crate) round_trips: f64,
    /// Read capacity units.
    pub(crate) read_units: f64,
    /// Write capacity units.
    pub(crate) write_units: f64,
    /// Items read.
    pub(crate) items_read: f64,
    /// Items returned, when the answer is a page.
    pub(crate) items_returned: f64,
}

impl Asks {
    /// What most of some invocations asked: the median of each figure.
    pub(crate) fn usual(invoked: &[Invoked]) -> Self {
        let middle =
            |figure: fn(&Invoked) -> f64| median(&invoked.iter().map(figure).collect::<Vec<_>>());
        Self {
            requests: middle(|it| f64::from(it.asked.requests)),
            round_trips: middle(|it| f64::from(it.asked.round_trips)),
            read_units: middle(|it| it.asked.read_units),
            write_units: middle(|it| it.asked.write_units),
            items_read: middle(|it| it.asked.items as f64),
            items_returned: middle(|it| returned(it) as f64),
        }
    }
}

/// Items of the page that was answered.
pub(crate) fn returned(invoked: &Invoked) -> usize {
    invoked.body["items"].as_array().map_or(0, Vec::len)
}

/// Pages of one kind among a number of users.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Page {
    /// What is listed.
    pub(crate) name: String,
    /// Users that there are.
    pub(crate) users: usize,
    /// Read units of a page.
    pub(crate) read_units: f64,
    /// Requests that were sent one after the other. Answers come at once here, so calls that could
    /// go on together wait for a connection that comes free.
    pub(crate) round_trips: f64,
    /// Items read for each that was returned.
    pub(crate) read_for_each: f64,
    /// Time of a page with that of the backend, in milliseconds.
    pub(crate) page_ms: Summary,
}
