//! The items of the tables and their conversion from and to the domain types.
//!
//! | item | pk | sk | directoryPk | statusPk |
//! |---|---|---|---|---|
//! | user | `USER#<userId>` | `PROFILE` | `LIVE#<shard>` unless deleted | `STATUS#<status>#<shard>` |
//! | role of a user | `USER#<userId>` | `ROLE#<role>` | `ROLE#<role>#<shard>` | |
//! | audit entry | `USER#<userId>` | `AUDIT#<eventId>` | | |
//! | email guard | `EMAIL#<normalised email>` | `EMAIL` | | |

mod attribute;
mod audit;
mod keys;
mod record;
mod user;

pub(crate) use attribute::{Item, read_item, write_item};
pub(crate) use audit::AuditItem;
pub use audit::entry_from_image;
pub(crate) use keys::{
    DIRECTORY, EMAIL, Index, STATUS, audit_key_ids, audit_sk, email_guard_pk, is_live,
    live_partition, profile_key, projection, role_partition, role_sk, status_partition, user_pk,
};
pub(crate) use record::RecordItem;
pub(crate) use user::{GuardItem, NamedUser, RoleItem, read_user, user_attributes, user_item};
