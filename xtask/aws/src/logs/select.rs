//! The log groups to search, and the patterns for their lines.

use anyhow::{Result, bail};

/// A log group of a stage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Group {
    /// Its name in CloudWatch.
    pub(super) name: String,
    /// The label of its lines.
    pub(super) label: &'static str,
    pub(super) kind: Kind,
}

/// The writer of a log group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A function, and Lambda about it: JSON.
    Function,
    /// API Gateway, one line for each call: JSON.
    Access,
    /// API Gateway about its own errors: text.
    Execution,
}

/// The selected lines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Selection {
    /// All of them.
    All,
    /// Errors and warnings.
    Errors,
    /// Lines that match a pattern of CloudWatch Logs.
    Filter(String),
    /// Lines of calls with this correlation id.
    Correlation(String),
}

/// A search.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Source {
    /// Index of the group.
    pub(super) group: usize,
    /// A pattern of CloudWatch Logs; `None` for all lines.
    pub(super) pattern: Option<String>,
}

/// The named functions; all of them without names.
///
/// # Errors
/// When a function does not exist.
pub(super) fn functions(wanted: &[String]) -> Result<Vec<&'static str>> {
    let known = || users_template::functions();
    for name in wanted {
        if !known().any(|function| function == name) {
            let all = known().collect::<Vec<_>>().join(", ");
            bail!("there is no function `{name}`; there are: {all}");
        }
    }
    Ok(known().filter(|name| wanted.is_empty() || wanted.iter().any(|w| w == name)).collect())
}

/// The log groups of functions.
pub(super) fn function_groups(stack: &str, functions: &[&'static str]) -> Vec<Group> {
    let group = |label: &&'static str| Group {
        name: format!("/aws/lambda/{stack}-{label}"),
        label,
        kind: Kind::Function,
    };
    functions.iter().map(group).collect()
}

/// The log groups of the API; that of its execution only when its id is known.
pub(super) fn api_groups(stack: &str, api_stage: &str, api_id: Option<&str>) -> Vec<Group> {
    let access =
        Group { name: format!("/aws/apigateway/{stack}-access"), label: "api", kind: Kind::Access };
    let execution = api_id.map(|id| Group {
        name: format!("API-Gateway-Execution-Logs_{id}/{api_stage}"),
        label: "api-execution",
        kind: Kind::Execution,
    });
    std::iter::once(access).chain(execution).collect()
}

/// The searches for a selection, except a correlation id, which is traced.
pub(super) fn sources(groups: &[Group], selection: &Selection) -> Vec<Source> {
    let pattern = |kind: Kind| match (selection, kind) {
        (Selection::All | Selection::Correlation(_), _) => None,
        (Selection::Filter(pattern), _) => Some(pattern.clone()),
        // Lambda's own line about the end of an invocation has a status.
        (Selection::Errors, Kind::Function) => Some(any(&[
            ("level", "ERROR"),
            ("level", "WARN"),
            ("record.status", "error"),
            ("record.status", "failure"),
            ("record.status", "timeout"),
        ])),
        (Selection::Errors, Kind::Access) => Some(any(&[("status", "5*")])),
        // The gateway logs only errors there.
        (Selection::Errors, Kind::Execution) => None,
    };
    let source =
        |(index, group): (usize, &Group)| Source { group: index, pattern: pattern(group.kind) };
    groups.iter().enumerate().map(source).collect()
}

/// The pattern of JSON lines with any of these values, in which `*` matches anything.
pub(super) fn any(members: &[(&str, &str)]) -> String {
    let terms: Vec<_> = members
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("($.{name} = \"{value}\")")
        })
        .collect();
    format!("{{ {} }}", terms.join(" || "))
}

/// The pattern of text lines with any of these words.
pub(super) fn any_word(words: &[&str]) -> String {
    match words {
        [word] => format!("\"{word}\""),
        words => {
            let terms: Vec<_> = words.iter().map(|word| format!("?\"{word}\"")).collect();
            terms.join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Selection, any, any_word, functions, sources};

    #[test]
    fn functions_are_found_by_name_in_the_order_of_the_contract() {
        let all = functions(&[]).unwrap();
        assert_eq!((all.len(), all[0]), (9, "users-register-create"));
        let wanted = ["users-audit-publish".to_owned(), "users-profile-get".to_owned()];
        assert_eq!(functions(&wanted).unwrap(), ["users-profile-get", "users-audit-publish"]);
        let error = functions(&["profile-get".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no function `profile-get`"), "{error}");
        assert!(error.contains("users-profile-get, users-profile-update"), "{error}");
    }

    #[test]
    fn groups_are_named_as_the_template_names_them() {
        let stage = users_template::Stage { name: "dev".to_owned(), ..Default::default() };
        let template = users_template::render_template(&stage);
        let mut groups = super::function_groups("${AWS::StackName}", &functions(&[]).unwrap());
        groups.extend(super::api_groups("${AWS::StackName}", "prod", Some("${Api}")));
        assert_eq!(groups.len(), template.matches("\"AWS::Logs::LogGroup\"").count());
        for group in groups {
            assert!(template.contains(&format!("\"{}\"", group.name)), "{}", group.name);
        }
    }

    #[test]
    fn without_the_id_of_the_api_its_execution_log_is_left_out() {
        let groups = super::api_groups("users-dev", "prod", None);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].kind, Kind::Access);
    }

    #[test]
    fn values_are_quoted() {
        assert_eq!(any(&[("a", "x")]), r#"{ ($.a = "x") }"#);
        assert_eq!(
            any(&[("a", "x\"y\\"), ("b.c", "5*")]),
            r#"{ ($.a = "x\"y\\") || ($.b.c = "5*") }"#
        );
        assert_eq!(any_word(&["a-b", "c"]), r#"?"a-b" ?"c""#);
        assert_eq!(any_word(&["a-b"]), r#""a-b""#);
    }

    #[test]
    fn errors_have_a_pattern_in_groups_with_other_lines() {
        let mut groups = super::function_groups("s", &["users-profile-get"]);
        groups.extend(super::api_groups("s", "prod", Some("id")));
        let patterns: Vec<_> =
            sources(&groups, &Selection::Errors).into_iter().map(|source| source.pattern).collect();
        assert!(patterns[0].as_ref().unwrap().contains(r#"($.level = "ERROR")"#));
        assert_eq!(patterns[1].as_deref(), Some(r#"{ ($.status = "5*") }"#));
        assert_eq!(patterns[2], None);
        let given = sources(&groups, &Selection::Filter("x y".to_owned()));
        assert!(given.iter().all(|source| source.pattern.as_deref() == Some("x y")));
    }
}
