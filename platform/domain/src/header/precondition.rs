//! `If-Match` and `If-None-Match` (RFC 9110, section 13).

use std::fmt;

use users_contract::header::{IF_MATCH, IF_NONE_MATCH};

use super::white_space::{skip_white_space, trim_white_space};
use crate::{Version, Violation};

/// Both conditions of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Preconditions {
    /// `If-Match`: the user must be at one of these versions.
    pub if_match: Option<Precondition>,
    /// `If-None-Match`: the user must be at none of these versions.
    pub if_none_match: Option<Precondition>,
}

/// The result of judging the conditions of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// Both hold.
    Holds,
    /// The user is at none of the versions of `If-Match`.
    Mismatch,
    /// The user is at a version of `If-None-Match`, which the caller already has.
    Known,
}

impl Preconditions {
    /// Reads the values of all headers of these names.
    ///
    /// # Errors
    ///
    /// Each header that is malformed.
    pub fn parse(if_match: &[&[u8]], if_none_match: &[&[u8]]) -> Result<Self, Vec<Violation>> {
        let if_match = parse_entity_tags(IF_MATCH, if_match);
        let if_none_match = parse_entity_tags(IF_NONE_MATCH, if_none_match);
        match (if_match, if_none_match) {
            (Ok(if_match), Ok(if_none_match)) => Ok(Self { if_match, if_none_match }),
            (one, other) => Err(one.err().into_iter().chain(other.err()).collect()),
        }
    }

    /// Judges them in the order of RFC 9110, section 13.2.2: `If-Match` first and strongly, then
    /// `If-None-Match` and weakly.
    #[must_use]
    pub fn judge(&self, version: Version) -> Judgement {
        let is = |condition: &Option<Precondition>, matches: fn(&Precondition, Version) -> bool| {
            condition.as_ref().map(|condition| matches(condition, version))
        };
        if is(&self.if_match, Precondition::matches_strongly) == Some(false) {
            Judgement::Mismatch
        } else if is(&self.if_none_match, Precondition::matches_weakly) == Some(true) {
            Judgement::Known
        } else {
            Judgement::Holds
        }
    }
}

/// The condition of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// `*`: any version.
    Any,
    /// One of these entity tags; never empty.
    Tags(Vec<EntityTag>),
}

/// An entity tag (RFC 9110).
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EntityTag {
    /// Whether it is marked weak with `W/`.
    pub weak: bool,
    /// The text between the quotes, each byte as the character with its number.
    pub opaque: String,
}

/// Reads the values of all headers named `header` of a request as one list of entity tags, or `*`.
pub fn parse_entity_tags(
    header: &'static str,
    values: &[&[u8]],
) -> Result<Option<Precondition>, Violation> {
    if values.is_empty() {
        return Ok(None);
    }
    // Several header lines are one list (RFC 9110, 5.3).
    let joined = values.join(&b","[..]);
    if trim_white_space(&joined) == b"*" {
        return Ok(Some(Precondition::Any));
    }
    match parse_tag_list(&joined) {
        Some(tags) if !tags.is_empty() => Ok(Some(Precondition::Tags(tags))),
        _ => Err(Violation::at_header(header, "must be a list of entity tags in quotes, or *")),
    }
}

fn parse_tag_list(mut rest: &[u8]) -> Option<Vec<EntityTag>> {
    let mut tags = Vec::new();
    loop {
        rest = skip_white_space(rest);
        let weak = rest.strip_prefix(b"W/");
        if let Some(quoted) = weak.unwrap_or(rest).strip_prefix(b"\"") {
            let end = quoted.iter().position(|&byte| byte == b'"')?;
            let (opaque, after) = quoted.split_at(end);
            if !opaque.iter().all(|&byte| matches!(byte, 0x21..=0x7E | 0x80..=0xFF)) {
                return None;
            }
            let opaque = opaque.iter().copied().map(char::from).collect();
            tags.push(EntityTag { weak: weak.is_some(), opaque });
            rest = skip_white_space(&after[1..]);
        }
        // Between two commas, only an entity tag or nothing is allowed.
        match rest.split_first() {
            None => return Some(tags),
            Some((b',', after)) => rest = after,
            Some(_) => return None,
        }
    }
}

impl Precondition {
    /// Whether the version is meant, by strong comparison: a weak tag never is.
    #[must_use]
    pub fn matches_strongly(&self, version: Version) -> bool {
        self.any(|tag| !tag.weak && tag.is_of(version))
    }

    /// Whether the version is meant, by weak comparison: weakness does not count.
    #[must_use]
    pub fn matches_weakly(&self, version: Version) -> bool {
        self.any(|tag| tag.is_of(version))
    }

    /// One text for all spellings of the same condition: tags sorted, each once.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Tags(tags) => {
                let mut tags: Vec<_> = tags.iter().collect();
                tags.sort();
                tags.dedup();
                let tags: Vec<_> = tags.into_iter().map(EntityTag::to_string).collect();
                tags.join(",")
            }
        }
    }

    fn any(&self, predicate: impl Fn(&EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(predicate),
        }
    }
}

impl EntityTag {
    fn is_of(&self, version: Version) -> bool {
        self.opaque == version.get().to_string()
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}
