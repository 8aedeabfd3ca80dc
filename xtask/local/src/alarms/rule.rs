//! Rules of alarms over other alarms: `ALARM("a") OR NOT OK("b")`.

use super::State;
use super::evaluate::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// A parsed rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Rule {
    Always(bool),
    /// Whether an alarm is in a state.
    Is(State, String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// Deeper ones are not understood: parsing calls itself.
const DEPTH: usize = 32;

impl Rule {
    /// Parses a text.
    ///
    /// # Errors
    /// A text that says what is not understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = words(text);
        let mut parser = Parser { words: &words, depth: 0 };
        match parser.either() {
            Some(rule) if parser.words.is_empty() => Ok(rule),
            _ => Err(format!("the rule `{text}` is not understood here")),
        }
    }

    /// How an alarm with this rule is, by the states of others.
    pub(super) fn outcome(&self, known: &BTreeMap<String, State>) -> Outcome {
        let (state, reason) = match self.holds(known) {
            Some(true) => (State::Alarm, self.named(known, State::Alarm)),
            Some(false) => (State::Ok, "no alarm of its rule is on".to_owned()),
            None => (State::NotEvaluated, self.named(known, State::NotEvaluated)),
        };
        Outcome { state, reason, values: Vec::new() }
    }

    /// Whether it holds; none when that depends on an alarm that is not evaluated.
    fn holds(&self, known: &BTreeMap<String, State>) -> Option<bool> {
        match self {
            Self::Always(holds) => Some(*holds),
            Self::Is(wanted, name) => match known.get(name) {
                None | Some(State::NotEvaluated) => None,
                // Alarms here treat nothing measured as nothing wrong, unless they say otherwise.
                Some(State::NoData) => Some(*wanted == State::Ok),
                Some(state) => Some(state == wanted),
            },
            Self::Not(rule) => rule.holds(known).map(|holds| !holds),
            Self::And(left, right) => match (left.holds(known), right.holds(known)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.holds(known), right.holds(known)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }

    /// The alarms of the rule that are in a state, in words.
    fn named(&self, known: &BTreeMap<String, State>, state: State) -> String {
        let mut names = Vec::new();
        self.collect(&mut names);
        let is_in = |name: &&str| match known.get(*name) {
            Some(found) => *found == state,
            None => state == State::NotEvaluated,
        };
        let found: Vec<_> = names.into_iter().filter(is_in).collect();
        let word = if state == State::Alarm { "on" } else { "not evaluated" };
        format!("{word}: {}", found.join(", "))
    }

    fn collect<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Always(_) => {}
            Self::Is(_, name) => names.push(name),
            Self::Not(rule) => rule.collect(names),
            Self::And(left, right) | Self::Or(left, right) => {
                left.collect(names);
                right.collect(names);
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(true) => formatter.write_str("always"),
            Self::Always(false) => formatter.write_str("never"),
            Self::Is(State::Ok, name) => write!(formatter, "{name} is off"),
            Self::Is(_, name) => write!(formatter, "{name}"),
            Self::Not(rule) => write!(formatter, "not ({rule})"),
            Self::And(left, right) => write!(formatter, "({left}) and ({right})"),
            Self::Or(left, right) => write!(formatter, "{left} or {right}"),
        }
    }
}

/// Words, signs, and texts in quotes without them.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '(' | ')' => 1,
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            _ => rest
                .find(|it: char| it.is_whitespace() || matches!(it, '(' | ')' | '"'))
                .unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        words.push(word.trim_matches('"').to_owned());
        rest = after.trim_start();
    }
    words
}

struct Parser<'a> {
    words: &'a [String],
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Option<Rule> {
        let mut left = self.both()?;
        while self.takes("OR") {
            left = Rule::Or(Box::new(left), Box::new(self.both()?));
        }
        Some(left)
    }

    fn both(&mut self) -> Option<Rule> {
        let mut left = self.one()?;
        while self.takes("AND") {
            left = Rule::And(Box::new(left), Box::new(self.one()?));
        }
        Some(left)
    }

    fn one(&mut self) -> Option<Rule> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let rule = match self.next()?.as_str() {
            "TRUE" => Rule::Always(true),
            "FALSE" => Rule::Always(false),
            "NOT" => Rule::Not(Box::new(self.one()?)),
            "(" => {
                let inner = self.either()?;
                self.takes(")").then_some(inner)?
            }
            "ALARM" => Rule::Is(State::Alarm, self.name()?),
            "OK" => Rule::Is(State::Ok, self.name()?),
            _ => return None,
        };
        self.depth -= 1;
        Some(rule)
    }

    /// The name in brackets.
    fn name(&mut self) -> Option<String> {
        let opened = self.takes("(");
        let name = self.next()?.clone();
        // A name can be an ARN.
        let name = name.rsplit(":alarm:").next().unwrap_or(&name).to_owned();
        (opened && self.takes(")")).then_some(name)
    }

    fn takes(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn next(&mut self) -> Option<&String> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, State};
    use std::collections::BTreeMap;

    fn state(text: &str) -> (State, String) {
        let known = [
            ("on", State::Alarm),
            ("off", State::Ok),
            ("quiet", State::NoData),
            ("blind", State::NotEvaluated),
        ];
        let known: BTreeMap<_, _> =
            known.into_iter().map(|(name, state)| (name.to_owned(), state)).collect();
        let outcome = Rule::parse(text).unwrap().outcome(&known);
        (outcome.state, outcome.reason)
    }

    #[test]
    fn rules_are_judged_by_other_alarms_and_never_guess() {
        for (text, expected) in [
            (r#"ALARM("on")"#, State::Alarm),
            ("ALARM(off)", State::Ok),
            (r#"ALARM("off") OR ALARM("quiet")"#, State::Ok),
            (r#"ALARM("off") OR ALARM("blind")"#, State::NotEvaluated),
            (r#"ALARM("on") OR ALARM("blind")"#, State::Alarm),
            (r#"ALARM("off") AND ALARM("blind")"#, State::Ok),
            (r#"ALARM("on") AND NOT OK("on")"#, State::Alarm),
            (r#"NOT (ALARM("on") OR FALSE)"#, State::Ok),
            (r#"ALARM("nobody")"#, State::NotEvaluated),
            (r#"ALARM("arn:aws:cloudwatch:r:0:alarm:on")"#, State::Alarm),
            ("TRUE", State::Alarm),
        ] {
            assert_eq!(state(text).0, expected, "{text}");
        }
    }

    #[test]
    fn the_reason_names_alarms() {
        assert_eq!(state(r#"ALARM("on") OR ALARM("off")"#).1, "on: on");
        assert_eq!(state(r#"ALARM("blind") OR ALARM("off")"#).1, "not evaluated: blind");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let deep = format!("{}TRUE{}", "(".repeat(100), ")".repeat(100));
        for text in ["", "ALARM", "ALARM(", r#"ALARM("a") ALARM("b")"#, "MAYBE(a)", "(TRUE", &deep]
        {
            assert!(Rule::parse(text).unwrap_err().contains("is not understood"), "{text}");
        }
    }
}
