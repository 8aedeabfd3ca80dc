//! From bytes to a request.

use crate::problem::in_order;
use crate::{Document, Violation};

/// A request that has a JSON body.
pub trait Decode: Sized {
    /// Reads the request from its body.
    ///
    /// # Errors
    ///
    /// Every rule that the body breaks, in the order of the pointers.
    fn decode(document: &Document) -> Result<Self, Vec<Violation>>;
}

/// Reads a body as a request of type `T`.
///
/// # Errors
///
/// Every violation of the body, those of JSON and those of the request together, in the order of
/// their pointers.
pub fn decode_body<T: Decode>(body: &[u8]) -> Result<(T, Document), Vec<Violation>> {
    let (document, mut violations) = Document::read(body);
    let Some(document) = document else {
        return Err(in_order(violations));
    };
    match T::decode(&document) {
        Ok(request) if violations.is_empty() => Ok((request, document)),
        Ok(_) => Err(in_order(violations)),
        Err(more) => {
            violations.extend(more);
            Err(in_order(violations))
        }
    }
}
