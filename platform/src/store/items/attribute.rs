//! Items between serde and the SDK.

use crate::error::{Cause, Error};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use std::collections::HashMap;

/// The step that the causes of unreadable items name.
const READING: &str = "reading an item";

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn write_item<T: Serialize>(value: T) -> Result<Item, Error> {
    serde_dynamo::to_item(value).map_err(|error| damaged(&error))
}

pub(crate) fn read_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let attributes = item.into_iter().map(|(name, value)| (name, Attribute(value)));
    T::deserialize(MapDeserializer::new(attributes)).map_err(|error| damaged(&error))
}

/// An item of the stream comes in a form of its own.
pub(super) fn from_image<T: DeserializeOwned>(image: serde_dynamo::Item) -> Result<T, Error> {
    serde_dynamo::from_item(image).map_err(|error| damaged(&error))
}

/// An attribute, as serde reads it; of the types that [`write_item`] writes.
///
/// `serde_dynamo` reads from an item type of its own, into which each attribute of the SDK's item
/// would first have to be moved: with it a page of a list took 6.2 million instructions instead of
/// 5.5 million.
struct Attribute(AttributeValue);

impl IntoDeserializer<'_> for Attribute {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Attribute {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let wrong = || Self::Error::custom("wrong type");
        match self.0 {
            AttributeValue::S(text) => visitor.visit_string(text),
            AttributeValue::N(number) => match number.parse() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(number.parse().map_err(|_| wrong())?),
            },
            AttributeValue::L(list) => {
                SeqDeserializer::new(list.into_iter().map(Self)).deserialize_any(visitor)
            }
            AttributeValue::M(map) => {
                MapDeserializer::new(map.into_iter().map(|(name, value)| (name, Self(value))))
                    .deserialize_any(visitor)
            }
            _ => Err(wrong()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            AttributeValue::Null(_) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// Attributes of others are skipped, whatever their type.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The error for an attribute with a value that this service never writes.
pub(super) fn unreadable(attribute: &'static str) -> Error {
    Error::Internal(Cause::new(READING, format!("attribute {attribute} cannot be read")))
}

/// The error for an item that serde cannot read. serde's texts may quote a mistyped string, so only
/// those that name a missing attribute ("missing field `status`") are passed on.
fn damaged(error: &impl std::fmt::Display) -> Error {
    let text = error.to_string();
    if text.starts_with("missing field `") {
        return Error::Internal(Cause::new(READING, text));
    }
    wrong_type()
}

/// The error for an attribute of a type that this service never writes there.
pub(super) fn wrong_type() -> Error {
    Error::Internal(Cause::new(READING, "wrong type"))
}
