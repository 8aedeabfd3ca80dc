//! The queues of dead letters, kept on file: what a stream mapping gave up on, and what functions
//! put there themselves.

use crate::data::{DataDirectory, write_atomically};
use crate::names::uuid;
use crate::observe::Observed;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The members of a letter on file that are not of the message.
const ENVELOPE: [&str; 2] = ["destination", "messageId"];

/// All letters.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    observed: Arc<Observed>,
    /// ARNs of the queues by their URLs.
    queues: BTreeMap<String, String>,
    /// Locked also while the file is written.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first: the members of the message, the queue's ARN and the message's id.
    letters: Vec<Map<String, Value>>,
    /// Until when a letter is not received again, by its id.
    hidden: HashMap<String, Instant>,
}

impl DeadLetters {
    /// Those of a data directory, in queues whose ARNs are given by their URLs.
    pub(crate) fn open(
        data: &DataDirectory,
        queues: &BTreeMap<String, String>,
        observed: &Arc<Observed>,
    ) -> anyhow::Result<Self> {
        let path = data.file("dead-letters.jsonl");
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = text[..complete].split_inclusive(|byte| *byte == b'\n').enumerate();
        let letters = lines.map(|(at, line)| read(&path, at + 1, line));
        let letters = letters.collect::<anyhow::Result<Vec<_>>>()?;
        // Half a line at the end is from a kill.
        if complete < text.len() {
            write_all(&path, &letters)?;
        }
        Ok(Self {
            path,
            observed: Arc::clone(observed),
            queues: queues.clone(),
            state: Mutex::new(State { letters, hidden: HashMap::new() }),
        })
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Value> {
        self.lock().letters.iter().cloned().map(Value::Object).collect()
    }

    /// The ARN of the queue with this URL.
    pub(crate) fn queue(&self, url: &str) -> Option<String> {
        self.queues.get(url).cloned()
    }

    /// Adds a message to the queue with this ARN; it is on file when this returns. Gives its id.
    pub(crate) fn send(&self, queue: &str, body: &str) -> anyhow::Result<String> {
        let mut letter = match serde_json::from_str(body) {
            Ok(Value::Object(members)) => members,
            _ => Map::from_iter([("body".to_owned(), json!(body))]),
        };
        let id = uuid();
        letter.insert("destination".to_owned(), json!(queue));
        letter.insert("messageId".to_owned(), json!(id));
        {
            let mut state = self.lock();
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(&self.path)
                .context("cannot write the dead letters")?;
            file.write_all(line(&letter)?.as_bytes())?;
            file.sync_data()?;
            state.letters.push(letter);
        }
        self.observed.activity.note();
        Ok(id)
    }

    /// Up to `most` messages of a queue that are not hidden, with their ids; they are for a while.
    pub(crate) fn receive(
        &self,
        queue: &str,
        most: usize,
        hidden_for: Duration,
    ) -> Vec<(String, String)> {
        let mut state = self.lock();
        let now = Instant::now();
        state.hidden.retain(|_, until| *until > now);
        let State { letters, hidden } = &mut *state;
        let visible = letters.iter().filter(|letter| letter["destination"] == queue);
        let visible = visible.filter_map(|letter| Some((letter["messageId"].as_str()?, letter)));
        let received: Vec<_> = visible
            .filter(|(id, _)| !hidden.contains_key(*id))
            .take(most)
            .map(|(id, letter)| (id.to_owned(), body(letter)))
            .collect();
        hidden.extend(received.iter().map(|(id, _)| (id.clone(), now + hidden_for)));
        received
    }

    /// Hides a message from now on for a while, or no more.
    pub(crate) fn hide(&self, id: &str, hidden_for: Duration) {
        self.lock().hidden.insert(id.to_owned(), Instant::now() + hidden_for);
    }

    /// Deletes a message; it is off the file when this returns.
    pub(crate) fn delete(&self, id: &str) -> anyhow::Result<()> {
        {
            let mut state = self.lock();
            let kept: Vec<_> =
                state.letters.iter().filter(|letter| letter["messageId"] != id).cloned().collect();
            write_all(&self.path, &kept)?;
            state.letters = kept;
            state.hidden.remove(id);
        }
        self.observed.activity.note();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The letter of a line. Damage is refused at the start, and not when somebody asks.
fn read(path: &Path, number: usize, line: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let letter = serde_json::from_slice::<Map<String, Value>>(line);
    let mut letter = letter.ok().with_context(|| {
        format!(
            "the dead letters in {} cannot be read: line {number} is not a letter; put a copy of \
             the file in its place, or move it away to begin without past letters",
            path.display(),
        )
    })?;
    letter.entry("destination").or_insert(Value::Null);
    letter.entry("messageId").or_insert_with(|| json!(uuid()));
    Ok(letter)
}

fn write_all(path: &Path, letters: &[Map<String, Value>]) -> anyhow::Result<()> {
    let text = letters.iter().map(line).collect::<anyhow::Result<String>>()?;
    write_atomically(path, text.as_bytes())
}

fn line(letter: &Map<String, Value>) -> anyhow::Result<String> {
    Ok(serde_json::to_string(letter)? + "\n")
}

/// The message as it was sent, or, of JSON, the same in another form.
fn body(letter: &Map<String, Value>) -> String {
    let mut members = letter.clone();
    members.retain(|name, _| !ENVELOPE.contains(&name.as_str()));
    match members.get("body") {
        Some(Value::String(text)) if members.len() == 1 => text.clone(),
        _ => Value::Object(members).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::DeadLetters;
    use crate::data::{DataDirectory, DataLocation};
    use crate::observe::Observed;
    use rstest::rstest;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn open(data: &DataDirectory, observed: &Arc<Observed>) -> anyhow::Result<DeadLetters> {
        DeadLetters::open(data, &BTreeMap::new(), observed)
    }

    /// Where the letters go, oldest first.
    fn destinations(letters: &DeadLetters) -> Vec<String> {
        let all = letters.all();
        all.iter().map(|letter| letter["destination"].as_str().unwrap().to_owned()).collect()
    }

    #[rstest]
    #[case::no_json("oops", "line 2 ")]
    #[case::half_a_letter("{\"destination\":", "line 2 ")]
    #[case::nothing("", "line 2 ")]
    #[case::a_list("[]", "line 2 ")]
    #[case::a_number("7", "line 2 ")]
    fn a_damaged_letter_is_named_by_its_line(#[case] line: &str, #[case] place: &str) {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let path = data.file("dead-letters.jsonl");
        std::fs::write(&path, format!("{{}}\n{line}\n{{}}\n")).unwrap();
        let error = open(&data, &Arc::new(Observed::new())).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(place) && error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains("move it away"), "{error}");
    }

    #[test]
    fn half_a_letter_at_the_end_is_cut_off() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let path = data.file("dead-letters.jsonl");
        std::fs::write(&path, "{\"destination\":\"first\"}\n{\"dest").unwrap();
        open(&data, &Arc::new(Observed::new())).unwrap().send("second", "{}").unwrap();
        let letters = open(&data, &Arc::new(Observed::new())).unwrap();
        assert_eq!(destinations(&letters), ["first", "second"]);
    }

    #[test]
    fn letters_of_the_last_run_are_kept() {
        let data = DataDirectory::open(&DataLocation::Ephemeral).unwrap();
        let before = open(&data, &Arc::new(Observed::new())).unwrap();
        assert!(before.all().is_empty());
        before.send("first", "{}").unwrap();

        let observed = Arc::new(Observed::new());
        let after = open(&data, &observed).unwrap();
        after.send("second", "{}").unwrap();
        assert_eq!(destinations(&after), ["first", "second"]);
        assert_eq!(observed.activity.revision(), 1);
    }
}
