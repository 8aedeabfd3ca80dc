//! The configuration of stages, read from `stages.toml`: one table per stage, named after it.

mod model;
mod rules;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

pub use self::model::{
    Access, Alarms, Architecture, Canary, CustomDomain, Endpoint, LogLevel, Stage, Waf,
};

/// Why `stages.toml` cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StagesError {
    /// It is not TOML.
    #[error("stages.toml:{line}: {rule}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What the parser expected.
        rule: String,
    },
    /// A stage breaks a rule.
    #[error("stages.toml:{line}: stage `{stage}`: {rule}")]
    Stage {
        /// The stage.
        stage: String,
        /// The line of its table, counted from 1.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// A key of a stage is unknown, or its value breaks a rule.
    #[error("stages.toml:{line}: stage `{stage}`, key `{key}`: {rule}")]
    Key {
        /// The stage.
        stage: String,
        /// The key.
        key: String,
        /// The line, counted from 1.
        line: usize,
        /// The rule.
        rule: String,
    },
    /// There is no stage at all.
    #[error("stages.toml: no stage; add a table such as `[dev]`")]
    Empty,
}

/// Reads the stages, by name.
///
/// # Errors
///
/// When the text is not TOML, a key is unknown or of the wrong type, or a value breaks its rule.
pub fn stages(toml_text: &str) -> Result<BTreeMap<String, Stage>, StagesError> {
    let line_of = |offset: usize| 1 + toml_text[..offset].bytes().filter(|b| *b == b'\n').count();
    let document = DeTable::parse(toml_text).map_err(|error| StagesError::Syntax {
        line: line_of(error.span().map_or(0, |span| span.start)),
        rule: error.message().to_owned(),
    })?;
    if document.get_ref().is_empty() {
        return Err(StagesError::Empty);
    }
    document
        .into_inner()
        .into_iter()
        .map(|(name, value)| {
            let line = line_of(name.span().start);
            let stage = read_stage(name.get_ref(), line, value, &line_of)?;
            Ok((stage.name.clone(), stage))
        })
        .collect()
}

fn read_stage(
    name: &str,
    line: usize,
    value: Spanned<DeValue<'_>>,
    line_of: &impl Fn(usize) -> usize,
) -> Result<Stage, StagesError> {
    let of_stage =
        |rule: &str| StagesError::Stage { stage: name.to_owned(), line, rule: rule.to_owned() };
    let DeValue::Table(table) = value.get_ref() else {
        return Err(of_stage("must be a table, `[name]` with keys below"));
    };
    if !rules::is_stage_name(name) {
        return Err(of_stage(
            "the name must be 1-20 lower case letters, digits and hyphens, beginning with a letter",
        ));
    }
    if name == "artifacts" {
        return Err(of_stage("the name is taken: the stack of the bucket for archives has it"));
    }
    let mut lines = BTreeMap::new();
    collect_lines(table, "", line_of, &mut lines);
    let of_key = |key: &str, rule: String| StagesError::Key {
        stage: name.to_owned(),
        key: key.to_owned(),
        line: line_of_key(&lines, key).unwrap_or(line),
        rule,
    };
    let mut stage = Stage { name: name.to_owned(), ..Stage::default() };
    let deserializer: ValueDeserializer<'_> = value.into_deserializer();
    let read = Stage::deserialize(deserializer).map_err(|error| {
        let at = error.span().map_or(line, |span| line_of(span.start));
        // The longest, since the line of `[dev.waf]` is that of `waf` and may be of a key too.
        let key = lines
            .iter()
            .filter(|(_, line)| **line == at)
            .map(|(key, _)| key.as_str())
            .max_by_key(|key| key.len());
        match key {
            Some(key) => of_key(key, error.message().to_owned()),
            None => of_stage(error.message()),
        }
    })?;
    stage = Stage { name: stage.name, ..read };
    match rules::broken(&stage) {
        Some((key, rule)) => Err(of_key(&key, rule)),
        None => Ok(stage),
    }
}

/// The lines of the keys of a table and of those below it, by dotted name.
fn collect_lines(
    table: &DeTable<'_>,
    prefix: &str,
    line_of: &impl Fn(usize) -> usize,
    lines: &mut BTreeMap<String, usize>,
) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            collect_lines(inner, &format!("{name}."), line_of, lines);
        }
        lines.insert(name, line_of(key.span().start));
    }
}

/// The line of a key or, when it was left out, of the table that it belongs into.
fn line_of_key(lines: &BTreeMap<String, usize>, key: &str) -> Option<usize> {
    lines.get(key).or_else(|| lines.get(key.rsplit_once('.')?.0)).copied()
}

#[cfg(test)]
mod tests;
