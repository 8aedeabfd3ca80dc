//! The bodies of the four writes that have one.

use super::{Verdict, details, texts};
use serde_json::Value;
use std::fmt::Debug;
use users_contract::limits;
use users_domain::request::{
    AssignRole, AttributesPatch, Decode, RegisterUser, SetStatus, UserPatch,
};
use users_domain::{Place, Violation, decode_body};

/// The body of a registration.
pub fn register_body(data: &[u8]) -> Verdict {
    body(data, |register: &RegisterUser| {
        texts::check_email(&register.email);
        register.texts.iter().for_each(|(field, text)| texts::check_text(*field, text));
        assert!(register.attributes.len() <= limits::ATTRIBUTES_MAX, "the number of attributes");
        for (key, value) in &register.attributes {
            texts::check_attribute(key, value);
        }
        texts::check_roles(&register.roles);
    })
}

/// A JSON merge patch of a user.
pub fn patch_body(data: &[u8]) -> Verdict {
    body(data, |patch: &UserPatch| {
        assert_ne!(*patch, UserPatch::default(), "a patch that touches nothing");
        patch.email.iter().for_each(texts::check_email);
        let set = patch.texts.iter().filter_map(|(field, text)| Some((*field, text.as_ref()?)));
        set.for_each(|(field, text)| texts::check_text(field, text));
        if let Some(AttributesPatch::Merge(entries)) = &patch.attributes {
            let set = entries.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
            set.for_each(|(key, value)| texts::check_attribute(key, value));
        }
    })
}

/// The body that sets a status.
pub fn status_body(data: &[u8]) -> Verdict {
    body(data, |status: &SetStatus| status.reason.iter().for_each(texts::check_reason))
}

/// The body that assigns a role.
pub fn role_body(data: &[u8]) -> Verdict {
    body(data, |assign: &AssignRole| texts::check_role(&assign.role))
}

fn body<T: Decode + Debug + PartialEq>(data: &[u8], check: impl Fn(&T)) -> Verdict {
    let decoded = decode_body::<T>(data);
    match &decoded {
        Ok((request, document)) => {
            check(request);
            let canonical = document.canonical();
            let (same, rewritten) =
                decode_body::<T>(canonical.as_bytes()).expect("the canonical form is accepted");
            assert_eq!(*request, same, "the canonical form means something else");
            assert_eq!(rewritten.canonical(), canonical, "the canonical form has another one");
            // The detail holds no address, and therefore no name from one.
            assert!(!format!("{request:?}").contains('@'), "Debug shows an address");
        }
        Err(violations) => {
            check_violations(data, violations);
            // One problem has one order only.
            if violations.len() > 1 {
                let same = decode_body::<T>(data).err();
                assert_eq!(same.as_ref(), Some(violations), "other problems the second time");
            }
        }
    }
    Verdict::accepted(decoded.is_ok())
}

fn check_violations(data: &[u8], violations: &[Violation]) {
    details::check(violations);
    let json: Option<Value> = serde_json::from_slice(data).ok();
    for violation in violations {
        let Place::Pointer(pointer) = &violation.place else {
            panic!("a problem of a body that is elsewhere: {:?}", violation.place);
        };
        assert!(pointer.is_empty() || pointer.starts_with('/'), "a JSON Pointer");
        let Some(json) = &json else { continue };
        // A member reported as missing is absent and every other one is present, unless a later
        // member of the same name replaced its parent.
        let missing = violation.detail == "is required";
        let mut found = json.pointer(pointer);
        assert!(!missing || found.is_none(), "what is missing is there");
        let mut parent = pointer.as_str();
        while found.is_none() {
            let (before, _) = parent.rsplit_once('/').expect("the body as a whole is always there");
            parent = before;
            found = json.pointer(parent);
        }
        let repeated = violations.iter().any(|it| it.detail == "must be given only once");
        assert!(missing || repeated || parent.len() == pointer.len(), "a pointer to nothing");
    }
}
