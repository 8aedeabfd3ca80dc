//! Grants before and after: every policy of a template is split into single grants, so that a new one is
//! found even when policies were rearranged.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One allowed or denied action, normalised for comparison.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Grant {
    denies: bool,
    action: String,
    resource: String,
    principal: String,
    condition: String,
}

/// The grants of `after` that `before` has not, in words, by logical id.
pub(super) fn broadened(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (grants_of(before), grants_of(after));
    let nothing = BTreeSet::new();
    let mut words = Vec::new();
    for (id, grants) in &after {
        let earlier = before.get(id).unwrap_or(&nothing);
        for grant in grants.difference(earlier).filter(|grant| !grant.denies) {
            words.push(format!("{id} now allows {}", grant.words()));
        }
    }
    for (id, grants) in &before {
        // Without its resource a denial is not needed.
        let Some(later) = after.get(id) else { continue };
        for grant in grants.difference(later).filter(|grant| grant.denies) {
            words.push(format!("{id} no longer denies {}", grant.words()));
        }
    }
    words
}

impl Grant {
    fn words(&self) -> String {
        let mut words = format!("{} on {}", self.action, self.resource);
        if !self.principal.is_empty() {
            words += &format!(" to {}", self.principal);
        }
        if !self.condition.is_empty() {
            words += &format!(" if {}", self.condition);
        }
        words
    }
}

fn grants_of(template: &Value) -> BTreeMap<String, BTreeSet<Grant>> {
    let mut all = BTreeMap::new();
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        let mut grants = BTreeSet::new();
        let properties = &resource["Properties"];
        match resource["Type"].as_str() {
            Some("AWS::Lambda::Permission") => {
                let _ = grants.insert(permission(properties));
            }
            _ => collect(properties, &mut grants),
        }
        if let Some(attached) = properties["ManagedPolicyArns"].as_array() {
            grants.extend(attached.iter().map(|arn| Grant {
                denies: false,
                action: "all that a managed policy allows".to_owned(),
                resource: text(arn),
                principal: String::new(),
                condition: String::new(),
            }));
        }
        if !grants.is_empty() {
            all.insert(id.clone(), grants);
        }
    }
    all
}

fn permission(properties: &Value) -> Grant {
    let mut condition = Map::new();
    for key in
        ["EventSourceToken", "FunctionUrlAuthType", "PrincipalOrgID", "SourceAccount", "SourceArn"]
    {
        if let Some(value) = properties.get(key) {
            condition.insert(key.to_owned(), value.clone());
        }
    }
    Grant {
        denies: false,
        action: text(&properties["Action"]),
        resource: text(&properties["FunctionName"]),
        principal: text(&properties["Principal"]),
        condition: if condition.is_empty() { String::new() } else { text(&condition.into()) },
    }
}

/// Finds the statements of policies at any depth: roles hold several policies, other resources one.
fn collect(value: &Value, grants: &mut BTreeSet<Grant>) {
    match value {
        Value::Object(members) => {
            if let Some(statements) = members.get("Statement") {
                list(statements).into_iter().for_each(|it| add_statement(it, grants));
            } else {
                members.values().for_each(|member| collect(member, grants));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, grants)),
        _ => {}
    }
}

fn add_statement(statement: &Value, grants: &mut BTreeSet<Grant>) {
    let Some(effect) = statement["Effect"].as_str() else { return };
    // `NotAction` and its like are compared as a whole.
    let either = |name: &str, inverse: &str| match (statement.get(name), statement.get(inverse)) {
        (Some(value), _) => list(value).into_iter().map(text).collect(),
        (None, Some(value)) => vec![format!("all but {}", text(value))],
        (None, None) => vec![String::new()],
    };
    let actions: Vec<String> = either("Action", "NotAction");
    let resources = either("Resource", "NotResource");
    let principals = principals(statement);
    let condition = statement.get("Condition").map(text).unwrap_or_default();
    for action in &actions {
        for resource in &resources {
            for principal in &principals {
                grants.insert(Grant {
                    denies: effect == "Deny",
                    action: action.clone(),
                    resource: resource.clone(),
                    principal: principal.clone(),
                    condition: condition.clone(),
                });
            }
        }
    }
}

fn principals(statement: &Value) -> Vec<String> {
    if let Some(value) = statement.get("NotPrincipal") {
        return vec![format!("all but {}", text(value))];
    }
    match statement.get("Principal") {
        None => vec![String::new()],
        Some(Value::Object(kinds)) => kinds
            .iter()
            .flat_map(|(kind, value)| {
                list(value).into_iter().map(move |one| format!("{kind} {}", text(one)))
            })
            .collect(),
        Some(value) => vec![text(value)],
    }
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// Text unchanged; other values as JSON with sorted members.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> =
                members.iter().map(|(name, member)| (name, text(member))).collect();
            let members: Vec<_> =
                sorted.into_iter().map(|(name, member)| format!("{name}: {member}")).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::broadened;
    use serde_json::{Value, json};

    fn role(statements: &Value) -> Value {
        json!({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": statements}}],
        }}}})
    }

    fn allow(actions: &Value, resource: &str) -> Value {
        json!({"Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": [resource, "Arn"]}})
    }

    #[test]
    fn rearranged_policies_are_no_widening() {
        let before = role(&json!([allow(&json!(["a:One", "a:Two"]), "Table")]));
        let after =
            role(&json!([allow(&json!("a:Two"), "Table"), allow(&json!(["a:One"]), "Table")]));
        assert_eq!(broadened(&before, &after), [""; 0]);
    }

    #[test]
    fn a_new_action_resource_or_wildcard_is_reported() {
        let before = role(&json!([allow(&json!(["a:One"]), "Table")]));
        for (after, words) in [
            (allow(&json!(["a:One", "a:Two"]), "Table"), "Role now allows a:Two on"),
            (allow(&json!(["a:One"]), "Other"), "Other"),
            (allow(&json!("a:*"), "Table"), "Role now allows a:* on"),
        ] {
            let reported = broadened(&before, &role(&json!([after])));
            assert_eq!(reported.len(), 1, "{reported:?}");
            assert!(reported[0].contains(words), "{reported:?}");
        }
    }

    #[test]
    fn fewer_grants_are_no_widening() {
        let before = role(&json!([allow(&json!(["a:One", "a:Two"]), "Table")]));
        let after = role(&json!([allow(&json!(["a:One"]), "Table")]));
        assert_eq!(broadened(&before, &after), [""; 0]);
        assert_eq!(broadened(&before, &json!({"Resources": {}})), [""; 0]);
    }

    #[test]
    fn a_removed_condition_or_denial_is_reported() {
        let mut statement = allow(&json!("a:One"), "Table");
        statement["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}});
        let before = role(&json!([statement]));
        let after = role(&json!([allow(&json!("a:One"), "Table")]));
        assert_eq!(broadened(&before, &after).len(), 1);

        let denial = json!({"Effect": "Deny", "Action": "a:*", "Resource": "*"});
        let reported = broadened(&role(&json!([denial])), &role(&json!([allow(&json!("b"), "T")])));
        assert!(reported.iter().any(|it| it.contains("no longer denies a:* on *")), "{reported:?}");
    }

    #[test]
    fn permissions_trust_and_managed_policies_count() {
        let permission = |arn: &str| {
            json!({"Resources": {"P": {"Type": "AWS::Lambda::Permission", "Properties": {
                "Action": "lambda:InvokeFunction", "FunctionName": "f",
                "Principal": "apigateway.amazonaws.com", "SourceArn": arn,
            }}}})
        };
        let reported = broadened(&permission("arn:a"), &permission("arn:*"));
        assert!(
            reported[0].contains("to apigateway.amazonaws.com if {SourceArn: arn:*}"),
            "{reported:?}"
        );

        let trust = |service: &str| {
            json!({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {
                "AssumeRolePolicyDocument": {"Statement": {
                    "Effect": "Allow", "Action": "sts:AssumeRole",
                    "Principal": {"Service": service},
                }},
                "ManagedPolicyArns": if service == "b" { json!(["arn:admin"]) } else { json!([]) },
            }}}})
        };
        let reported = broadened(&trust("a"), &trust("b"));
        assert_eq!(reported.len(), 2, "{reported:?}");
    }
}
