//! What the template says, against what a service answers.
//!
//! A service may say more than the template. It spells names with a small first letter, numbers and
//! booleans as text, documents as text, and lists as objects by key; none of that is a difference.

use super::Known;
use serde_json::Value;

/// Members that become the key where a service has an object and the template a list.
const KEYS: [&str; 3] = ["HttpMethod", "ResourcePath", "StatusCode"];

/// Whether what is there has all that the template says; else what differs, in words.
pub(super) fn compare(wanted: &Value, found: Option<&Value>, known: &Known) -> Result<(), String> {
    let Some(found) = found.filter(|found| !found.is_null()) else {
        return Err("it is absent".to_owned());
    };
    if is_expression(wanted) {
        let resolved = known.resolve(wanted);
        return match resolved {
            Some(value) => scalar(&value, found),
            // Its value is not known here, but it has one.
            None if *found == "" => Err("it is empty".to_owned()),
            None => Ok(()),
        };
    }
    match (wanted, found) {
        (Value::Object(_) | Value::Array(_), Value::String(text)) => {
            let document: Value = serde_json::from_str(text)
                .map_err(|_| "it is a text that is no document".to_owned())?;
            if document.is_string() {
                return Err("it is a text that is no document".to_owned());
            }
            compare(wanted, Some(&document), known)
        }
        (Value::Object(wanted), Value::Object(_)) => {
            for (name, wanted) in wanted {
                compare(wanted, member(found, name), known)
                    .map_err(|difference| format!("{name}: {difference}"))?;
            }
            Ok(())
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.iter().try_for_each(|wanted| one_of(wanted, found.iter(), known))
        }
        (Value::Array(wanted), Value::Object(found)) => wanted.iter().try_for_each(|wanted| {
            let mut wanted = wanted.clone();
            if let Some(members) = wanted.as_object_mut() {
                members.retain(|name, _| !KEYS.contains(&name.as_str()));
            }
            one_of(&wanted, found.values(), known)
        }),
        (Value::String(wanted), found) => scalar(wanted, found),
        (wanted, found) => scalar(&wanted.to_string(), found),
    }
}

fn one_of<'a>(
    wanted: &Value,
    mut found: impl Iterator<Item = &'a Value>,
    known: &Known,
) -> Result<(), String> {
    if found.any(|found| compare(wanted, Some(found), known).is_ok()) {
        return Ok(());
    }
    Err(format!("nothing there is {}", shorten(&wanted.to_string())))
}

/// A member of an answer, in the template's spelling or with a small first letter.
fn member<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    answer.get(name).or_else(|| {
        let mut letters = name.chars();
        let first = letters.next()?.to_ascii_lowercase();
        answer.get(format!("{first}{}", letters.as_str()))
    })
}

fn scalar(wanted: &str, found: &Value) -> Result<(), String> {
    let text = match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let numbers = wanted.parse::<f64>().ok().zip(text.parse::<f64>().ok());
    let same = wanted == text
        || numbers.is_some_and(|(wanted, text)| (wanted - text).abs() < f64::EPSILON)
        || (wanted == "true" && text == "ENABLED");
    if same {
        return Ok(());
    }
    Err(format!("{} there, {} in the template", shorten(&text), shorten(wanted)))
}

fn is_expression(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        members.len() == 1 && members.keys().all(|name| name == "Ref" || name.starts_with("Fn::"))
    })
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(120).collect();
    if short.len() < text.len() {
        short.push_str(" ...");
    }
    short
}
