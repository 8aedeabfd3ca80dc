//! The changes of a change set: counted, with losses of state and wider access listed.

mod access;
mod partitions;

use crate::ui::{DANGER, FAINT, GOOD, STRONG, WARNING, styled};
use aws_sdk_cloudformation::types::{ChangeAction, Replacement, ResourceChange};
use serde::Serialize;
use serde_json::Value;

/// Types whose instances cannot be recreated: they hold data, or others know their ids.
const STATEFUL: &[&str] = &[
    "AWS::ApiGateway::RestApi",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::Events::Archive",
    "AWS::Events::EventBus",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
];

/// Whether instances of a type cannot be recreated.
pub(crate) fn is_stateful(kind: &str) -> bool {
    STATEFUL.contains(&kind)
}

/// The changes to a stack.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Item>,
    /// Grants that are new, in words.
    pub(crate) broadened: Vec<String>,
    /// Reasons why lists may omit users after the change, in words.
    pub(crate) hidden: Vec<String>,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) action: Action,
    pub(crate) logical_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Whether a new resource replaces the old one.
    pub(crate) replacement: Replaced,
    /// Whether its removal or possible replacement loses state.
    pub(crate) stateful: bool,
    /// The properties that differ.
    pub(crate) properties: Vec<String>,
}

/// The action on a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Action {
    /// It is created.
    Add,
    /// It is changed, or replaced.
    Modify,
    /// It is deleted.
    Remove,
    /// It is imported into the stack.
    Import,
}

/// Whether a resource is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Replaced {
    No,
    /// It depends on a value that is known only during the deployment.
    Maybe,
    Yes,
}

impl Plan {
    /// The plan of a change set, with the templates before, if there is one, and after.
    pub(crate) fn new(changes: &[ResourceChange], before: Option<&Value>, after: &Value) -> Self {
        let mut changes: Vec<_> = changes.iter().filter_map(Item::of).collect();
        changes.sort_by(|left, right| left.logical_id.cmp(&right.logical_id));
        // A new stack widens no access.
        let broadened = before.map(|before| access::broadened(before, after)).unwrap_or_default();
        let hidden = before.map(|before| partitions::hidden(before, after)).unwrap_or_default();
        Self { changes, broadened, hidden }
    }

    /// The plan of a new stack.
    pub(crate) fn of_new(template: &Value) -> Self {
        let resources = template["Resources"].as_object().into_iter().flatten();
        let changes = resources.map(|(id, resource)| Item {
            action: Action::Add,
            logical_id: id.clone(),
            kind: resource["Type"].as_str().unwrap_or_default().to_owned(),
            replacement: Replaced::No,
            stateful: false,
            properties: Vec::new(),
        });
        Self { changes: changes.collect(), ..Self::default() }
    }

    /// The changes that lose state.
    pub(crate) fn losses(&self) -> impl Iterator<Item = &Item> {
        self.changes.iter().filter(|item| item.stateful)
    }

    /// Whether a deployment needs a flag of its own.
    pub(crate) fn needs_flag(&self) -> bool {
        self.losses().next().is_some() || !self.broadened.is_empty() || !self.hidden.is_empty()
    }

    fn count(&self, wanted: impl Fn(&Item) -> bool) -> usize {
        self.changes.iter().filter(|item| wanted(item)).count()
    }

    /// `3 to add, 12 to change (2 perhaps by replacement), 1 to replace, 0 to remove`
    pub(crate) fn summary(&self) -> String {
        let add = self.count(|it| matches!(it.action, Action::Add | Action::Import));
        let replace = self.count(|it| it.replacement == Replaced::Yes);
        let perhaps = self.count(|it| it.replacement == Replaced::Maybe);
        let change = self.count(|it| it.action == Action::Modify) - replace;
        let remove = self.count(|it| it.action == Action::Remove);
        let perhaps = match perhaps {
            0 => String::new(),
            count => format!(" ({count} perhaps by replacement)"),
        };
        format!(
            "{add} to add, {change} to change{perhaps}, {replace} to replace, {remove} to remove"
        )
    }

    /// The plan as text. A new stack's resources are only counted by type.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let is_new = self.changes.iter().all(|item| item.action == Action::Add);
        if is_new && self.changes.len() > 20 {
            let mut kinds = std::collections::BTreeMap::<_, usize>::new();
            for item in &self.changes {
                *kinds.entry(item.kind.as_str()).or_default() += 1;
            }
            for (kind, count) in kinds {
                text += &format!("  {} {count:>3} {kind}\n", styled(GOOD, "+"));
            }
        } else {
            for item in &self.changes {
                text += &item.line();
                text.push('\n');
            }
        }
        for line in &self.broadened {
            text += &format!("  {} {line}\n", styled(DANGER, "wider access:"));
        }
        for line in &self.hidden {
            text += &format!("  {} {line}\n", styled(DANGER, "hidden users:"));
        }
        text + &styled(STRONG, self.summary()) + "."
    }
}

impl Item {
    fn of(change: &ResourceChange) -> Option<Self> {
        let action = match change.action()? {
            ChangeAction::Add => Action::Add,
            ChangeAction::Remove => Action::Remove,
            ChangeAction::Import => Action::Import,
            // `Dynamic` means that CloudFormation decides during the deployment.
            _ => Action::Modify,
        };
        let kind = change.resource_type().unwrap_or_default().to_owned();
        let replacement = match change.replacement() {
            Some(Replacement::True) if action == Action::Modify => Replaced::Yes,
            Some(Replacement::Conditional) if action == Action::Modify => Replaced::Maybe,
            _ => Replaced::No,
        };
        let loses = replacement != Replaced::No || action == Action::Remove;
        let mut properties: Vec<_> = change
            .details()
            .iter()
            .filter_map(|detail| detail.target()?.name().map(str::to_owned))
            .collect();
        properties.sort();
        properties.dedup();
        Some(Self {
            action,
            logical_id: change.logical_resource_id().unwrap_or_default().to_owned(),
            stateful: loses && is_stateful(&kind),
            kind,
            replacement,
            properties,
        })
    }

    fn line(&self) -> String {
        let (sign, style) = match (self.action, self.replacement) {
            (Action::Add | Action::Import, _) => ("+", GOOD),
            (Action::Modify, Replaced::Yes) => ("±", WARNING),
            (Action::Modify, Replaced::Maybe | Replaced::No) => ("~", WARNING),
            (Action::Remove, _) => ("-", WARNING),
        };
        let style = if self.stateful { DANGER } else { style };
        let mut line =
            format!("  {} {}  {}", styled(style, sign), self.logical_id, styled(FAINT, &self.kind));
        if !self.properties.is_empty() {
            line += &format!("  ({})", self.properties.join(", "));
        }
        match (self.stateful, self.replacement) {
            (true, Replaced::No) => line += &styled(DANGER, "  REMOVED: it holds state"),
            (true, Replaced::Maybe) => {
                line += &styled(DANGER, "  PERHAPS REPLACED: its state would be left behind");
            }
            (true, Replaced::Yes) => {
                line += &styled(DANGER, "  REPLACED: its state is left behind");
            }
            (false, Replaced::Yes) => line += "  replaced",
            (false, Replaced::Maybe) => line += "  perhaps replaced",
            (false, Replaced::No) => {}
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Plan};
    use aws_sdk_cloudformation::types::{
        ChangeAction, Replacement, ResourceChange, ResourceChangeDetail, ResourceTargetDefinition,
    };
    use serde_json::json;

    fn change(action: ChangeAction, id: &str, kind: &str) -> ResourceChange {
        ResourceChange::builder().action(action).logical_resource_id(id).resource_type(kind).build()
    }

    fn replaced(id: &str, kind: &str, replacement: Replacement) -> ResourceChange {
        let target = ResourceTargetDefinition::builder().name("KeySchema").build();
        let mut change = change(ChangeAction::Modify, id, kind);
        change.replacement = Some(replacement);
        change.details = Some(vec![ResourceChangeDetail::builder().target(target).build()]);
        change
    }

    #[test]
    fn additions_changes_replacements_and_removals_are_counted_separately() {
        let changes = [
            change(ChangeAction::Add, "A", "AWS::IAM::Role"),
            change(ChangeAction::Modify, "B", "AWS::Lambda::Function"),
            replaced("C", "AWS::Lambda::Version", Replacement::True),
            change(ChangeAction::Remove, "D", "AWS::Lambda::Permission"),
            change(ChangeAction::Remove, "E", "AWS::Lambda::Permission"),
        ];
        let plan = Plan::new(&changes, None, &json!({}));
        assert_eq!(plan.summary(), "1 to add, 1 to change, 1 to replace, 2 to remove");
        assert_eq!(plan.losses().count(), 0);
    }

    #[test]
    fn losses_of_state_are_listed() {
        for (replacement, lost) in [
            (Replacement::True, true),
            (Replacement::Conditional, true),
            (Replacement::False, false),
        ] {
            let changes = [replaced("UsersTable", "AWS::DynamoDB::Table", replacement)];
            let plan = Plan::new(&changes, None, &json!({}));
            assert_eq!(plan.losses().count() == 1, lost, "{plan:?}");
            assert_eq!(plan.text().contains("REPLACED"), lost);
            assert_eq!(plan.changes[0].properties, ["KeySchema"]);
        }
        let changes = [change(ChangeAction::Remove, "Queue", "AWS::SQS::Queue")];
        assert!(Plan::new(&changes, None, &json!({})).text().contains("REMOVED"));
    }

    #[test]
    fn a_new_stack_has_only_additions() {
        let template = json!({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}});
        let plan = Plan::of_new(&template);
        assert_eq!(plan.changes.len(), 1);
        assert_eq!(plan.changes[0].action, Action::Add);
        assert!(plan.text().contains("1 to add, 0 to change"));
    }
}
