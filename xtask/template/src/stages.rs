//! The configuration of stages, read from `stages.toml`: one table per stage, named after it.

mod model;
mod problems;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

pub use self::model::{
    Access, Alarms, Architecture, Canary, CustomDomain, Endpoint, LogLevel, Stage, Waf,
};
use self::problems::Problems;
pub use self::problems::{Problem, StagesError};
use self::rules::{KEYS, Key, Rule};

/// Reads the stages, by name.
///
/// # Errors
///
/// With every problem of the text: where it is not UTF-8 or not TOML, and each key that is given
/// twice, is not known, or has a value that breaks its rule.
pub fn stages(toml_text: impl AsRef<[u8]>) -> Result<BTreeMap<String, Stage>, StagesError> {
    let toml_text = toml_text.as_ref();
    let text = std::str::from_utf8(toml_text).map_err(|error| {
        let before = &toml_text[..error.valid_up_to()];
        StagesError::not_utf8(&String::from_utf8_lossy(before), toml_text[before.len()])
    })?;
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems = Problems::of(text);
    problems.add_syntax(&errors);
    let document = document.into_inner();
    if document.is_empty() && problems.is_empty() {
        problems.add_to_file("there is no stage; add a table such as `[dev]`");
    }
    let mut stages = BTreeMap::new();
    for (name, value) in document {
        if let Some(stage) = read_stage(&name, value, &mut problems) {
            stages.insert(stage.name.clone(), stage);
        }
    }
    problems.finish(stages)
}

/// A stage as far as its values hold, so that the rules between its keys can be judged too.
fn read_stage(
    name: &Spanned<std::borrow::Cow<'_, str>>,
    mut value: Spanned<DeValue<'_>>,
    problems: &mut Problems<'_>,
) -> Option<Stage> {
    let stage = name.get_ref().as_ref();
    let DeValue::Table(table) = value.get_mut() else {
        let rule = match is_key(stage) {
            true => "is a key of a stage, and stands below the name of one, such as `[dev]`",
            false => "must be a table: `[name]` with keys below",
        };
        problems.add(name.span().start, None, stage, rule.to_owned());
        return None;
    };
    if let Some(rule) = rules::broken_name(stage) {
        problems.add(name.span().start, Some(stage), "", rule);
    }
    let mut reader = Reader {
        stage,
        problems,
        places: BTreeMap::new(),
        own: String::new(),
        broken: BTreeSet::new(),
    };
    reader.table(table, KEYS, "");
    let Reader { places, broken, .. } = reader;
    for key in &broken {
        table.remove(key.as_str());
    }
    let deserializer: ValueDeserializer<'_> = value.into_deserializer();
    let read = match Stage::deserialize(deserializer) {
        Ok(read) => Stage { name: stage.to_owned(), ..read },
        // Only where the table of rules and the type disagree.
        Err(error) => {
            let at = error.span().unwrap_or(name.span()).start;
            problems.add(at, Some(stage), "", error.message().to_owned());
            return None;
        }
    };
    for conflict in rules::conflicts(&read) {
        let (own, _) = conflict.key.split_once('.').unwrap_or((&conflict.key, ""));
        if !broken.contains(own) && !broken.contains(conflict.with) {
            let at = places.get(&conflict.key).copied().unwrap_or(name.span().start);
            problems.add(at, Some(stage), &conflict.key, conflict.rule);
        }
    }
    Some(read)
}

/// Holds the values of one stage to their rules.
struct Reader<'a, 'text> {
    stage: &'a str,
    problems: &'a mut Problems<'text>,
    /// Where each key stands, by its dotted name.
    places: BTreeMap<String, usize>,
    /// The key of the stage itself that is being read.
    own: String,
    /// The keys of the stage itself whose value, or something in it, breaks a rule.
    broken: BTreeSet<String>,
}

impl Reader<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>, keys: &'static [Key], prefix: &str) {
        for (key, value) in table {
            if prefix.is_empty() {
                self.own = key.get_ref().to_string();
            }
            let name = format!("{prefix}{}", key.get_ref());
            self.places.insert(name.clone(), key.span().start);
            match keys.iter().find(|(known, _)| known == key.get_ref()) {
                Some((_, rule)) => self.value(value, rule, &name),
                None => self.refuse(key.span().start, &name, unknown(&name, keys)),
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, rule: &'static Rule, name: &str) {
        let holds = match (rule, value.get_ref()) {
            (Rule::Flag, DeValue::Boolean(_)) => true,
            (Rule::Number(min, max), number) => {
                whole(number).is_some_and(|number| (*min..=*max).contains(&number))
            }
            (Rule::NumberOf(all), number) => {
                whole(number).is_some_and(|number| all.contains(&number))
            }
            (Rule::WordOf(all), DeValue::String(word)) => all.contains(&word.as_ref()),
            (Rule::Text(test, _), DeValue::String(text)) => test(text),
            (Rule::Texts(test, _), DeValue::Array(texts)) => {
                for text in texts {
                    if !matches!(text.get_ref(), DeValue::String(text) if test(text)) {
                        self.refuse_value(text, rule, name);
                    }
                }
                true
            }
            (Rule::Table(keys, needed), DeValue::Table(table)) => {
                self.table(table, keys, &format!("{name}."));
                let missing = needed.iter().filter(|key| !table.contains_key(**key));
                for key in missing {
                    let at = self.places.get(name).copied().unwrap_or(value.span().start);
                    self.refuse(at, name, format!("needs the key `{key}`"));
                }
                true
            }
            (Rule::Instances, DeValue::Table(table)) => {
                for (function, number) in table {
                    let name = format!("{name}.{}", function.get_ref());
                    self.places.insert(name.clone(), function.span().start);
                    if crate::functions::functions().any(|known| known == function.get_ref()) {
                        self.value(number, &rules::INSTANCES, &name);
                    } else {
                        let nearest = nearest(function.get_ref(), crate::functions::functions());
                        let rule = format!("there is no function of this name{nearest}");
                        self.refuse(function.span().start, &name, rule);
                    }
                }
                true
            }
            _ => false,
        };
        if !holds {
            self.refuse_value(value, rule, name);
        }
    }

    fn refuse_value(&mut self, value: &Spanned<DeValue<'_>>, rule: &Rule, name: &str) {
        let given = self.problems.given(value.span());
        let at = match self.places.get(name) {
            // A value in a list has its own place.
            Some(key) if !matches!(rule, Rule::Texts(..)) => *key,
            _ => value.span().start,
        };
        self.refuse(at, name, format!("must be {rule} (was {given})"));
    }

    fn refuse(&mut self, at: usize, name: &str, rule: String) {
        self.broken.insert(self.own.clone());
        self.problems.add(at, Some(self.stage), name, rule);
    }
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    let DeValue::Integer(number) = value else { return None };
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The problem with an unknown key of a table.
fn unknown(name: &str, keys: &[Key]) -> String {
    let nearest = nearest(name, all_keys().iter().map(String::as_str));
    if !nearest.is_empty() {
        return format!("is not a key{nearest}");
    }
    let known: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
    format!("is not a key; there are {}", known.join(", "))
}

/// The names of all keys, dotted.
fn all_keys() -> Vec<String> {
    let below = |(table, rule): &Key| match rule {
        Rule::Table(keys, _) => keys.iter().map(|(key, _)| format!("{table}.{key}")).collect(),
        _ => Vec::new(),
    };
    let own = KEYS.iter().map(|(key, _)| (*key).to_owned());
    own.chain(KEYS.iter().flat_map(below)).collect()
}

fn is_key(name: &str) -> bool {
    all_keys().iter().any(|key| key.rsplit('.').next() == Some(name))
}

/// `; did you mean ...?` when one of the names is near.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    // Keys of tables below are near also when their table was left out, or another one taken.
    let last = |name: &'a str| name.rsplit('.').next().unwrap_or(name);
    let likeness = |known: &'a str| {
        let short = name.rsplit('.').next().unwrap_or(name);
        strsim::jaro_winkler(name, known).max(strsim::jaro_winkler(short, last(known)) - 0.01)
    };
    names
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| format!("; did you mean `{known}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
