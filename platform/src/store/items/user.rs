//! Users as they are stored: the profile, its roles and the guard of its address.

use super::attribute::{Item, read_item, unreadable, write_item, wrong_type};
use super::keys::{
    EMAIL, PROFILE, email_guard_pk, is_live, live_partition, role_partition, role_sk, shard,
    status_partition, user_pk,
};
use crate::error::Error;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU8;
use users_contract::{FIELDS, Field};
use users_domain::{
    AttributeKey, AttributeValue as UserAttribute, Email, EmailKey, ProfileText, ProfileTexts,
    Role, Status, Timestamp, User, UserId, Version,
};

/// A user's profile as it is stored, but for the optional texts.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserItem {
    #[serde(skip_deserializing)]
    pk: String,
    #[serde(skip_deserializing)]
    sk: String,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    directory_pk: Option<String>,
    #[serde(skip_deserializing)]
    status_pk: String,
    user_id: String,
    email: String,
    email_key: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    status: String,
    roles: Vec<String>,
    version: u64,
    created_at: String,
    updated_at: String,
}

/// The item of a user's profile.
pub(crate) fn user_item(user: &User, shards: NonZeroU8) -> Result<Item, Error> {
    let shard = shard(user.user_id, shards);
    let mut item = write_item(UserItem {
        pk: user_pk(user.user_id),
        sk: PROFILE.to_owned(),
        directory_pk: is_live(user.status).then(|| live_partition(shard)),
        status_pk: status_partition(user.status, shard),
        user_id: user.user_id.to_string(),
        email: user.email.as_str().to_owned(),
        email_key: user.email.key().as_str().to_owned(),
        attributes: user
            .attributes
            .iter()
            .map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned()))
            .collect(),
        status: user.status.as_str().to_owned(),
        roles: user.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        version: user.version.get(),
        created_at: user.created_at.to_string(),
        updated_at: user.updated_at.to_string(),
    })?;
    item.extend(user.texts.iter().map(|(field, text)| {
        (Field::of(*field).json.to_owned(), AttributeValue::S(text.as_str().to_owned()))
    }));
    Ok(item)
}

/// The user in the item of a profile.
///
/// # Errors
///
/// [`Error::Internal`] with the name of the attribute that is missing or cannot be read.
pub(crate) fn read_user(mut item: Item) -> Result<User, Error> {
    let mut texts = ProfileTexts::new();
    for (field, _) in Field::texts() {
        match item.remove(field.json) {
            Some(AttributeValue::S(text)) => {
                texts.insert(field.name, ProfileText::from_stored(text));
            }
            Some(AttributeValue::Null(_)) | None => {}
            Some(_) => return Err(wrong_type()),
        }
    }
    let item: UserItem = read_item(item)?;
    Ok(User {
        user_id: UserId::parse(&item.user_id).ok_or_else(|| unreadable("userId"))?,
        email: Email::from_stored(item.email, item.email_key),
        texts,
        attributes: item
            .attributes
            .into_iter()
            .map(|(key, value)| (AttributeKey::from_stored(key), UserAttribute::from_stored(value)))
            .collect(),
        status: Status::parse(&item.status).ok_or_else(|| unreadable("status"))?,
        roles: item.roles.into_iter().map(Role::from_stored).collect(),
        version: Version::from_stored(item.version),
        created_at: Timestamp::parse(&item.created_at).ok_or_else(|| unreadable("createdAt"))?,
        updated_at: Timestamp::parse(&item.updated_at).ok_or_else(|| unreadable("updatedAt"))?,
    })
}

/// The attributes that [`read_user`] reads.
pub(crate) fn user_attributes() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.json).chain(["emailKey"])
}

/// A role of a user, for the index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleItem {
    pk: String,
    sk: String,
    directory_pk: String,
    user_id: String,
}

impl RoleItem {
    pub(crate) fn new(user_id: UserId, role: &Role, shards: NonZeroU8) -> Self {
        Self {
            pk: user_pk(user_id),
            sk: role_sk(role),
            directory_pk: role_partition(role, shard(user_id, shards)),
            user_id: user_id.to_string(),
        }
    }
}

/// The user that an item of any kind belongs to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedUser {
    user_id: String,
}

impl NamedUser {
    pub(crate) fn user_id(&self) -> Result<UserId, Error> {
        UserId::parse(&self.user_id).ok_or_else(|| unreadable("userId"))
    }
}

/// The guard that keeps an address to one live user.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuardItem {
    #[serde(skip_deserializing)]
    pk: String,
    #[serde(skip_deserializing)]
    sk: String,
    user_id: String,
}

impl GuardItem {
    pub(crate) fn new(email: &EmailKey, user_id: UserId) -> Self {
        Self { pk: email_guard_pk(email), sk: EMAIL.to_owned(), user_id: user_id.to_string() }
    }

    pub(crate) fn user_id(&self) -> Result<UserId, Error> {
        UserId::parse(&self.user_id).ok_or_else(|| unreadable("userId"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, read_user, user_attributes, user_item};
    use crate::config::Shards;
    use crate::error::Error;
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    use std::collections::BTreeSet;
    use users_contract::FieldName;
    use users_domain::{Status, User};

    /// A user with every field set.
    fn user() -> User {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut item: Item = user_attributes().map(|name| (name.to_owned(), text(name))).collect();
        item.extend(
            [
                ("userId", text("01ARZ3NDEKTSV4RRFFQ69G5FAV")),
                ("attributes", AttributeValue::M([("key".to_owned(), text("value"))].into())),
                ("status", text("active")),
                ("roles", AttributeValue::L(vec![text("role")])),
                ("version", AttributeValue::N("1".to_owned())),
                ("createdAt", text("2026-01-01T00:00:00.000Z")),
                ("updatedAt", text("2026-01-01T00:00:00.000Z")),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        read_user(item).unwrap()
    }

    fn item() -> Item {
        item_of(&user())
    }

    fn item_of(user: &User) -> Item {
        user_item(user, Shards::DEFAULT).unwrap()
    }

    fn read_with(name: &str, value: AttributeValue) -> Result<User, Error> {
        let mut item = item();
        item.insert(name.to_owned(), value);
        read_user(item)
    }

    #[test]
    fn lists_read_all_of_a_user_but_the_keys() {
        let item = item();
        let stored: BTreeSet<_> = item.keys().map(String::as_str).collect();
        let keys = ["pk", "sk", "directoryPk", "statusPk"];
        assert_eq!(stored, keys.into_iter().chain(user_attributes()).collect());
    }

    #[test]
    fn a_change_of_status_moves_nobody_out_of_the_live_users_but_a_deletion_does() {
        let keys = |status| {
            let mut item = item_of(&User { status, ..user() });
            ["directoryPk", "statusPk"].map(|name| item.remove(name))
        };
        let text = |text: &str| Some(AttributeValue::S(text.to_owned()));
        assert_eq!(keys(Status::Active), [text("LIVE#1"), text("STATUS#active#1")]);
        assert_eq!(keys(Status::Disabled), [text("LIVE#1"), text("STATUS#disabled#1")]);
        assert_eq!(keys(Status::Deleted), [None, text("STATUS#deleted#1")], "a sparse index");
    }

    #[test]
    fn items_of_the_old_form_are_read() {
        for status in ["active", "disabled", "deleted"] {
            let mut item = item();
            item.remove("statusPk");
            let partition = AttributeValue::S(format!("STATUS#{status}#3"));
            item.insert("directoryPk".to_owned(), partition);
            item.insert("status".to_owned(), AttributeValue::S(status.to_owned()));
            let read = read_user(item).unwrap();
            assert_eq!(read, User { status: Status::parse(status).unwrap(), ..user() });
        }
    }

    #[test]
    fn attributes_of_others_are_skipped_whatever_their_type() {
        for value in [
            AttributeValue::Bool(true),
            AttributeValue::Null(true),
            AttributeValue::B(Blob::new([0])),
            AttributeValue::Ss(vec!["text".to_owned()]),
            AttributeValue::N("1.5".to_owned()),
            AttributeValue::M(Item::from([("no".to_owned(), AttributeValue::Bool(false))])),
        ] {
            assert_eq!(read_with("aws:rep:deleting", value.clone()).unwrap(), user(), "{value:?}");
        }
    }

    #[test]
    fn null_means_absent_for_an_optional_attribute() {
        let read = read_with("locale", AttributeValue::Null(true)).unwrap();
        let mut expected = user();
        expected.texts.remove(&FieldName::Locale);
        assert_eq!(read, expected);
    }

    #[test]
    fn an_attribute_of_another_type_is_refused_without_its_value() {
        for (name, value) in [
            ("email", AttributeValue::N("7".to_owned())),
            ("locale", AttributeValue::N("7".to_owned())),
            ("version", AttributeValue::S("secret".to_owned())),
            ("version", AttributeValue::N("1.5".to_owned())),
            ("roles", AttributeValue::Bool(true)),
            ("attributes", AttributeValue::S("secret".to_owned())),
            ("status", AttributeValue::Null(true)),
        ] {
            let error = read_with(name, value).unwrap_err();
            let Error::Internal(cause) = error else { panic!("{name}: {error:?}") };
            assert_eq!(cause.what, "wrong type", "{name}");
        }
    }
}
