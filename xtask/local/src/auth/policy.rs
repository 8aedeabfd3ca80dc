//! Principals: the callers of the API, and the calls that each may make.

use super::keyring::Keyring;
use crate::names::hex;
use regex::Regex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A caller of the API: an IAM user.
#[derive(Clone)]
pub struct Principal {
    /// The access key id, also the user's name.
    pub(crate) id: String,
    /// The secret access key.
    pub(crate) secret: String,
    /// The allowed calls, as `METHOD/path` with the wildcards `*` and `?`; `None` allows all.
    allowed: Option<Vec<String>>,
}

impl Principal {
    /// An IAM user that may call everything.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), allowed: None }
    }

    /// Restricts it to the calls that one of `patterns` covers: `METHOD/path` below the API stage,
    /// with the wildcards `*` and `?` of IAM.
    #[must_use]
    pub fn restricted_to(mut self, patterns: Vec<String>) -> Self {
        self.allowed = Some(patterns);
        self
    }

    /// The ARN of the user.
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:user/{}", self.id)
    }

    /// The unique id of the user, in the form of IAM.
    pub(crate) fn unique_id(&self) -> String {
        let digest = hex(&Sha256::digest(self.id.as_bytes())).to_ascii_uppercase();
        format!("AIDA{}", &digest[..17])
    }

    /// Whether `execute-api:Invoke` is allowed on a method of a path below the API stage. The path
    /// is that of the chosen route, not that of the request line.
    pub(crate) fn may_call(&self, method: &str, path: &str) -> bool {
        let called = format!("{method}{path}");
        self.allowed
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, &called)))
    }
}

// The secret is kept out of every message.
impl fmt::Debug for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Principal")
            .field("id", &self.id)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl FromStr for Principal {
    type Err = String;

    /// Reads `ID:SECRET` or `ID:SECRET=METHOD/path,METHOD/path`. Secrets may contain `=`: the text
    /// after the last one is a list only when each element is `*` or begins with a method, in
    /// capitals and wildcards, and a slash.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, rest) = text.split_once(':').ok_or(FORM)?;
        let (secret, patterns) = match rest.rsplit_once('=') {
            Some((secret, list)) if list.split(',').all(is_pattern) => (secret, Some(list)),
            _ => (rest, None),
        };
        if id.is_empty() || secret.is_empty() {
            return Err(FORM.to_owned());
        }
        if id.contains(['/', ',', ' ']) || !id.is_ascii() {
            return Err(format!(
                "{FORM}; an id stands in signatures and is ASCII without slash, comma and space"
            ));
        }
        let principal = Self::new(id, secret);
        Ok(match patterns {
            None => principal,
            Some(list) => principal.restricted_to(list.split(',').map(str::to_owned).collect()),
        })
    }
}

const FORM: &str = "a principal is ID:SECRET, or ID:SECRET=METHOD/path,METHOD/path";

/// Whether a text is a pattern of allowed calls.
fn is_pattern(text: &str) -> bool {
    let method = text.split_once('/').map(|(method, _)| method);
    text == "*"
        || method.is_some_and(|method| {
            let fits = |byte: u8| byte.is_ascii_uppercase() || b"*?".contains(&byte);
            !method.is_empty() && method.bytes().all(fits)
        })
}

/// All callers of the API.
#[derive(Clone, Debug)]
pub(crate) struct Principals(BTreeMap<String, Principal>);

impl Principals {
    /// These principals.
    ///
    /// # Errors
    /// When two have the same id: the restriction of one of them would be lost.
    pub(crate) fn new(principals: impl IntoIterator<Item = Principal>) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for principal in principals {
            if let Some(twice) = all.insert(principal.id.clone(), principal) {
                return Err(format!(
                    "there is more than one principal {:?}; give each id once (test is always \
                     there)",
                    twice.id
                ));
            }
        }
        Ok(Self(all))
    }

    /// The keys of all principals.
    pub(crate) fn keys(&self) -> Keyring {
        let keys = Keyring::default();
        for principal in self.0.values() {
            keys.insert(&principal.id, &principal.secret);
        }
        keys
    }

    /// The principal of an access key.
    pub(crate) fn get(&self, access_key: &str) -> Option<&Principal> {
        self.0.get(access_key)
    }
}

/// Matches the wildcards of IAM: `*` is any text, `?` any one character.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    Regex::new(&format!("(?s)^{pattern}$")).is_ok_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::{Principal, Principals, matches};
    use rstest::rstest;

    #[rstest]
    #[case::literal("GET/users", "GET/users", true)]
    #[case::longer("GET/users", "GET/users/1", false)]
    #[case::star_at_the_end("GET/users*", "GET/users/1/audit", true)]
    #[case::star_takes_nothing("GET/users*", "GET/users", true)]
    #[case::star_in_the_middle("*/users/*/audit", "GET/users/1/audit", true)]
    #[case::star_goes_back("GET/*/a", "GET/a/b/a", true)]
    #[case::one_character("GET/users/?", "GET/users/1", true)]
    #[case::one_character_is_needed("GET/users/?", "GET/users/", false)]
    #[case::everything("*", "DELETE/x", true)]
    fn wildcards_match_as_in_iam(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(matches(pattern, text), expected);
    }

    #[test]
    fn a_principal_is_read_with_what_it_may_call() {
        let all: Principal = "test:test".parse().unwrap();
        assert!(all.may_call("DELETE", "/anything"));
        let reader: Principal = "reader:secret=GET/users*,POST/users".parse().unwrap();
        assert!(reader.may_call("GET", "/users/1"));
        assert!(reader.may_call("POST", "/users"));
        assert!(!reader.may_call("POST", "/users/1/roles"));
        let nothing: Principal = "nobody:secret=NONE/".parse().unwrap();
        assert!(!nothing.may_call("GET", "/users"));
        assert_eq!(nothing.arn("123456789012"), "arn:aws:iam::123456789012:user/nobody");
    }

    #[rstest]
    #[case::padding("ci:abc==", "abc==", None)]
    #[case::padding_and_a_list("ci:abc===GET/users*", "abc==", Some(1))]
    #[case::an_end_like_a_list_that_is_none("ci:a=b/c", "a=b/c", None)]
    #[case::base64("ci:wJalr/K7+bPx=RfiCY=", "wJalr/K7+bPx=RfiCY=", None)]
    #[case::nothing_behind_it("ci:abc=", "abc=", None)]
    #[case::colons("ci:a:b=GET/x,*/y?", "a:b", Some(2))]
    #[case::an_end_like_a_list("ci:a=GET/x=*", "a=GET/x", Some(1))]
    fn a_secret_may_hold_an_equals_sign(
        #[case] text: &str,
        #[case] secret: &str,
        #[case] patterns: Option<usize>,
    ) {
        let principal: Principal = text.parse().unwrap();
        assert_eq!(principal.secret, secret);
        assert_eq!(principal.allowed.map(|patterns| patterns.len()), patterns);
    }

    #[test]
    fn an_id_is_given_once() {
        let two = ["dup:a=GET/users", "dup:a"].map(|text| text.parse::<Principal>().unwrap());
        let error = Principals::new(two).unwrap_err();
        assert!(error.contains("\"dup\""), "{error}");
    }

    #[rstest]
    #[case("test")]
    #[case(":secret")]
    #[case("id:")]
    #[case("i/d:secret")]
    #[case("id:=GET/users")]
    fn a_broken_principal_is_refused_with_the_form(#[case] text: &str) {
        let error = text.parse::<Principal>().unwrap_err();
        assert!(error.contains("ID:SECRET"), "{error}");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Principal::new("id", "hidden"));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
