//! The index partitions that lists query, before and after. Partitions are part of stored keys, so lists
//! that query fewer of them omit users without an error.

use serde_json::Value;

/// The number in templates without the setting.
const DEFAULT_SHARDS: u64 = 4;

/// The index partitions that the lists of a template query.
#[derive(Debug)]
struct Places {
    /// The number of partitions of a list.
    shards: u64,
    /// Also those of users from before the index by status.
    old_form: bool,
}

/// Reasons why lists of `after` may omit users that those of `before` show, in words.
pub(super) fn hidden(before: &Value, after: &Value) -> Vec<String> {
    let Some(before) = Places::of(before) else { return Vec::new() };
    let Some(after) = Places::of(after) else { return Vec::new() };
    let mut words = Vec::new();
    if after.shards < before.shards {
        words.push(format!(
            "lists would query {} partitions, but users were written to {}: set \
             `directory_shards_read = {1}` for the stage in stages.toml until all of them are \
             rewritten",
            after.shards, before.shards
        ));
    }
    if before.old_form && !after.old_form {
        words.push(
            "lists would no longer query the partitions of users from before the index `status`: \
             set `directory_old_form = true` for the stage in stages.toml until all of \
             them are rewritten"
                .to_owned(),
        );
    }
    words
}

impl Places {
    /// `None` for a template without an index.
    fn of(template: &Value) -> Option<Self> {
        let resources = || template["Resources"].as_object().into_iter().flatten();
        let mut indexes = resources()
            .filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table")
            .filter_map(|(_, table)| table["Properties"]["GlobalSecondaryIndexes"].as_array())
            .flatten()
            .filter_map(|index| index["IndexName"].as_str())
            .peekable();
        indexes.peek()?;
        let has_status = indexes.any(|name| name == "status");
        let variables = |name: &str| {
            resources()
                .filter_map(|(_, it)| it["Properties"]["Environment"]["Variables"][name].as_str())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        // Lists query at least as many partitions as are written.
        let shards = ["DIRECTORY_SHARDS", "DIRECTORY_SHARDS_READ"].map(variables).concat();
        Some(Self {
            shards: shards
                .iter()
                .filter_map(|number| number.parse().ok())
                .max()
                .unwrap_or(DEFAULT_SHARDS),
            old_form: !has_status || variables("DIRECTORY_OLD_FORM").iter().any(|it| it == "true"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::hidden;
    use serde_json::{Value, json};

    fn template(indexes: &[&str], variables: &Value) -> Value {
        let indexes: Vec<_> = indexes.iter().map(|name| json!({"IndexName": name})).collect();
        json!({"Resources": {
            "UsersTable": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {"GlobalSecondaryIndexes": indexes}
            },
            "IdempotencyTable": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
            "List": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Environment": {"Variables": variables}}
            },
            "Write": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Environment": {"Variables": {
                    "DIRECTORY_SHARDS": variables["DIRECTORY_SHARDS"]
                }}}
            }
        }})
    }

    fn shards(written: u8, read: Option<u8>) -> Value {
        let mut variables = json!({"DIRECTORY_SHARDS": written.to_string()});
        if let Some(read) = read {
            variables["DIRECTORY_SHARDS_READ"] = json!(read.to_string());
        }
        template(&["directory", "status"], &variables)
    }

    #[test]
    fn lists_that_query_fewer_partitions_hide_users() {
        for ((written, read), (then_written, then_read), expected) in [
            ((4, None), (2, None), Some("query 2 partitions, but users were written to 4")),
            ((2, None), (1, None), Some("directory_shards_read = 2")),
            ((32, None), (2, Some(31)), Some("query 31 partitions, but users were written to 32")),
            // The number was changed, and users of the former 8 may remain.
            ((2, Some(8)), (2, None), Some("query 2 partitions, but users were written to 8")),
            ((2, Some(8)), (4, Some(7)), Some("query 7 partitions, but users were written to 8")),
            ((4, None), (2, Some(4)), None),
            ((2, Some(4)), (2, Some(4)), None),
            ((2, None), (4, None), None),
            ((2, None), (2, None), None),
            ((2, Some(4)), (4, None), None),
        ] {
            let found = hidden(&shards(written, read), &shards(then_written, then_read));
            let case = format!("{written} {read:?} to {then_written} {then_read:?}: {found:?}");
            assert_eq!(found.len(), usize::from(expected.is_some()), "{case}");
            assert!(expected.is_none_or(|text| found[0].contains(text)), "{case}");
        }
    }

    #[test]
    fn a_template_without_the_setting_has_four_partitions() {
        let silent = template(&["directory", "status"], &json!({}));
        assert_eq!(hidden(&silent, &shards(2, None)).len(), 1);
        assert_eq!(hidden(&silent, &shards(4, None)), Vec::<String>::new());
    }

    #[test]
    fn lists_that_no_longer_query_the_former_partitions_hide_users() {
        let old = |names: &[&str], old_form: bool| {
            let mut variables = json!({"DIRECTORY_SHARDS": "2"});
            if old_form {
                variables["DIRECTORY_OLD_FORM"] = json!("true");
            }
            template(names, &variables)
        };
        let (former, present) = (&["directory"][..], &["directory", "status"][..]);
        for (before, after, hides) in [
            (old(former, false), old(present, false), true),
            (old(former, false), old(present, true), false),
            (old(present, true), old(present, false), true),
            (old(present, true), old(present, true), false),
            (old(present, false), old(present, false), false),
            (old(present, false), old(present, true), false),
            (json!({"Resources": {}}), old(present, false), false),
            (old(former, false), json!({"Resources": {}}), false),
        ] {
            let found = hidden(&before, &after);
            assert_eq!(!found.is_empty(), hides, "{before} {after} {found:?}");
            assert!(found.iter().all(|text| text.contains("directory_old_form = true")));
        }
    }
}
