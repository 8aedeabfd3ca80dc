//! Reads bytes into a tree, with the pointer of every repeated member.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::json::Json;
use crate::Violation;
use crate::problem::{Rule, push_segment};

/// Deepest nesting of arrays and objects, well within the stack's limit for recursion.
const MAX_DEPTH: usize = 64;

/// Most bytes of pointers to repeated members. The body bounds their number and the length of
/// each, but not the product: a few thousand of them below one very long name would fill
/// megabytes.
const MAX_POINTER_BYTES: usize = 256 * 1024;

/// How `serde_json` hands over a number, as a map with this one key, when some crate of the build
/// turns its feature `arbitrary_precision` on.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

pub(super) fn read(body: &[u8]) -> (Option<Json>, Vec<Violation>) {
    let refuse = |rule: Rule| (None, vec![Violation::at_pointer("", rule)]);
    if body.is_empty() {
        return refuse("must not be empty; send a JSON object".into());
    }
    if body.starts_with("\u{feff}".as_bytes()) {
        return refuse("must not begin with a byte order mark".into());
    }
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let position = error.valid_up_to();
            return refuse(format!("is not valid UTF-8 at byte {position}").into());
        }
    };

    let mut state = State::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Node { state: &mut state, depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|json| deserializer.end().map(|()| json));
    let mut violations = state.into_violations();
    let json = read
        .map_err(|error| {
            // The parser's texts name the expected token and the place and never quote the input. The
            // only error about data is our own.
            violations.push(if error.is_data() {
                Violation::at_pointer("", format!("must not nest deeper than {MAX_DEPTH} levels"))
            } else {
                Violation::at_pointer("", format!("is not valid JSON: {error}"))
            });
        })
        .ok();
    (json, violations)
}

/// The position of the reader and its findings so far.
#[derive(Default)]
struct State {
    pointer: String,
    repeated: HashSet<String>,
    pointer_bytes: usize,
    cut: bool,
}

impl State {
    fn note_repeated_member(&mut self) {
        if self.repeated.contains(&self.pointer) {
            return;
        }
        self.pointer_bytes += self.pointer.len();
        if self.pointer_bytes > MAX_POINTER_BYTES {
            self.cut = true;
            return;
        }
        self.repeated.insert(self.pointer.clone());
    }

    fn into_violations(self) -> Vec<Violation> {
        let mut violations: Vec<_> = self
            .repeated
            .into_iter()
            .map(|pointer| Violation::at_pointer(pointer, "must be given only once"))
            .collect();
        if self.cut {
            violations.push(Violation::at_pointer("", "has more repeated members than are listed"));
        }
        violations
    }
}

/// Reads one value; `depth` is the number of arrays and objects around it.
struct Node<'s> {
    state: &'s mut State,
    depth: usize,
}

impl Node<'_> {
    fn enter<E: Error>(&self) -> Result<usize, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Json, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        // Rust writes doubles without an exponent, and whole ones without decimals: `1.0`, `1e0`
        // and `1` become one text. Zero has no sign.
        Ok(Json::Number(if value == 0.0 { "0".to_owned() } else { value.to_string() }))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let depth = self.enter()?;
        let mut elements = Vec::new();
        let parent = self.state.pointer.len();
        loop {
            push_segment(&mut self.state.pointer, &elements.len().to_string());
            let element = sequence.next_element_seed(Node { state: &mut *self.state, depth })?;
            self.state.pointer.truncate(parent);
            match element {
                Some(element) => elements.push(element),
                None => return Ok(Json::Array(elements)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let depth = self.enter()?;
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut seen = HashSet::new();
        let parent = self.state.pointer.len();
        while let Some(name) = map.next_key::<String>()? {
            push_segment(&mut self.state.pointer, &name);
            if !seen.insert(name.clone()) {
                self.state.note_repeated_member();
            }
            let value = map.next_value_seed(Node { state: &mut *self.state, depth })?;
            self.state.pointer.truncate(parent);
            members.push((name, value));
        }
        // A caller can send this very object, too. No field takes either, so it is refused in
        // both readings.
        match members.as_slice() {
            [(name, Json::Text(number))] if name == NUMBER_TOKEN => Ok(read_number(number)),
            _ => Ok(Json::Object(members)),
        }
    }
}

/// The number in the form that the visitor's own methods give it.
fn read_number(text: &str) -> Json {
    let whole = text.parse::<i64>().map(|number| number.to_string());
    let whole = whole.or_else(|_| text.parse::<u64>().map(|number| number.to_string()));
    Json::Number(whole.unwrap_or_else(|_| match text.parse::<f64>() {
        Ok(0.0) => "0".to_owned(),
        Ok(number) if number.is_finite() => number.to_string(),
        _ => text.to_owned(),
    }))
}
