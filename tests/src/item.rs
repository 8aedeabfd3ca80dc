//! Items as plain JSON.

use serde_json::Value;

/// An item in DynamoDB's JSON as plain JSON; one that is plain already stays as it is.
pub(crate) fn plain_item(item: &Value) -> Value {
    let Some(attributes) = item.as_object() else { return item.clone() };
    let plain = attributes.iter().map(|(name, value)| (name.clone(), plain_value(value)));
    Value::Object(plain.collect())
}

fn plain_value(value: &Value) -> Value {
    let typed = value.as_object().filter(|members| members.len() == 1);
    let Some((kind, inner)) = typed.and_then(|members| members.iter().next()) else {
        return value.clone();
    };
    match kind.as_str() {
        "S" | "BOOL" | "SS" => inner.clone(),
        "N" => inner.as_str().and_then(|number| number.parse().ok()).unwrap_or(Value::Null),
        "NULL" => Value::Null,
        "M" => plain_item(inner),
        "L" => Value::Array(inner.as_array().into_iter().flatten().map(plain_value).collect()),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain_item;
    use serde_json::json;

    #[test]
    fn dynamodb_json_becomes_plain_json() {
        let item = json!({
            "pk": {"S": "USER#1"}, "version": {"N": "3"}, "gone": {"NULL": true},
            "roles": {"L": [{"S": "admin"}]}, "attributes": {"M": {"S": {"S": "a"}}}
        });
        let plain = json!({
            "pk": "USER#1", "version": 3, "gone": null, "roles": ["admin"],
            "attributes": {"S": "a"}
        });
        assert_eq!(plain_item(&item), plain);
    }

    #[test]
    fn plain_json_stays() {
        let item = json!({"pk": "USER#1", "version": 3, "roles": ["admin"]});
        assert_eq!(plain_item(&item), item);
    }
}
