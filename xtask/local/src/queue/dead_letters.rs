//! The queues of dead letters, kept on file: records that a stream mapping gave up, and messages of
//! functions.

use crate::data::{DataDirectory, write_atomically};
use crate::journal::Journal;
use crate::names::uuid;
use crate::observe::Observed;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const FILE: &str = "dead-letters.jsonl";
/// The members of a letter on file that do not belong to the message.
const ENVELOPE: [&str; 2] = ["destination", "messageId"];

/// All dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    observed: Arc<Observed>,
    /// ARNs of the queues by their URLs.
    queues: BTreeMap<String, String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    journal: Journal,
    /// Oldest first: objects with the members of the message, the queue's ARN and the message's id.
    letters: Vec<Value>,
    /// The end of the invisibility of received letters, by id.
    hidden: HashMap<String, Instant>,
}

impl DeadLetters {
    /// Opens the letters of a data directory, in queues whose ARNs are given by their URLs.
    pub(crate) fn open(
        data: &DataDirectory,
        queues: &BTreeMap<String, String>,
        observed: &Arc<Observed>,
    ) -> anyhow::Result<Self> {
        let path = data.file(FILE);
        let mut letters = Vec::new();
        let journal = Journal::open(&path, data.bytes_at_stop(FILE), |_, line| {
            let letter = serde_json::from_slice::<Map<String, Value>>(line);
            // The text of the error could quote the letter.
            let mut letter = letter.ok().context("it is not a letter")?;
            letter.entry("destination").or_insert(Value::Null);
            letter.entry("messageId").or_insert_with(|| json!(uuid()));
            letters.push(Value::Object(letter));
            Ok(())
        })?;
        Ok(Self {
            path,
            observed: Arc::clone(observed),
            queues: queues.clone(),
            state: Mutex::new(State { journal, letters, hidden: HashMap::new() }),
        })
    }

    /// All letters, oldest first.
    pub(crate) fn all(&self) -> Vec<Value> {
        self.lock().letters.clone()
    }

    /// The ARN of the queue with this URL.
    pub(crate) fn queue(&self, url: &str) -> Option<String> {
        self.queues.get(url).cloned()
    }

    /// Adds a message to the queue with this ARN and returns its id. It is on file when this returns.
    pub(crate) fn send(&self, queue: &str, body: &str) -> anyhow::Result<String> {
        let mut letter = match serde_json::from_str(body) {
            Ok(letter @ Value::Object(_)) => letter,
            _ => json!({"body": body}),
        };
        let id = uuid();
        letter["destination"] = json!(queue);
        letter["messageId"] = json!(id);
        {
            let mut state = self.lock();
            state.journal.append([&letter]).context("cannot write the dead letters")?;
            state.letters.push(letter);
        }
        self.observed.activity.note();
        Ok(id)
    }

    /// Receives up to `most` visible messages of a queue, with their ids, and hides them.
    pub(crate) fn receive(
        &self,
        queue: &str,
        most: usize,
        hidden_for: Duration,
    ) -> Vec<(String, String)> {
        let mut state = self.lock();
        let now = Instant::now();
        state.hidden.retain(|_, until| *until > now);
        let State { letters, hidden, .. } = &mut *state;
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

    /// Changes the visibility timeout of a message.
    pub(crate) fn hide(&self, id: &str, hidden_for: Duration) {
        self.lock().hidden.insert(id.to_owned(), Instant::now() + hidden_for);
    }

    /// Deletes a message, also from the file.
    pub(crate) fn delete(&self, id: &str) -> anyhow::Result<()> {
        {
            let mut state = self.lock();
            let mut kept = state.letters.clone();
            kept.retain(|letter| letter["messageId"] != id);
            let text: String = kept.iter().map(|letter| format!("{letter}\n")).collect();
            write_atomically(&self.path, text.as_bytes())?;
            state.journal = Journal::open(&self.path, 0, |_, _| Ok(()))?;
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

/// The message as it was sent, or equivalent JSON.
fn body(letter: &Value) -> String {
    let mut members = letter.as_object().cloned().unwrap_or_default();
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
        let error = format!("{error:#}");
        assert!(error.contains(place) && error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains("move it away"), "{error}");
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
