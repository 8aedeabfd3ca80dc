//! Requests that are the same request to the service.

use crate::checker::violation::Violation;
use crate::history::{Answer, Attempt, Exchange};
use serde_json::Value;
use std::collections::BTreeMap;

/// A change, from its audit entry.
#[derive(Clone, Copy)]
pub(super) struct Effect<'a> {
    pub(super) user: &'a str,
    pub(super) version: u64,
    pub(super) entry: &'a Value,
    pub(super) exchange: &'a Exchange,
}

/// The requests with one key, or one request without a key.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub(super) exchanges: Vec<&'a Exchange>,
    pub(super) effects: Vec<Effect<'a>>,
}

impl<'a> Group<'a> {
    /// Groups all writes.
    pub(super) fn all(exchanges: &'a [Exchange], effects: &[Effect<'a>]) -> Vec<Self> {
        let name = |it: &Exchange| it.request.scope().unwrap_or_else(|| it.id.clone());
        let mut groups: BTreeMap<String, Self> = BTreeMap::new();
        for exchange in exchanges.iter().filter(|it| it.request.operation.is_write()) {
            groups.entry(name(exchange)).or_default().exchanges.push(exchange);
        }
        for effect in effects {
            if let Some(group) = groups.get_mut(&name(effect.exchange)) {
                group.effects.push(*effect);
            }
        }
        groups.into_values().collect()
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.request.key.is_some())
    }

    pub(super) fn successes(
        &self,
    ) -> impl Iterator<Item = (&'a Exchange, &'a Attempt, &'a Answer)> + '_ {
        self.exchanges.iter().flat_map(|exchange| {
            exchange.successes().map(|(attempt, answer)| (*exchange, attempt, answer))
        })
    }

    /// A violation with all requests and effects.
    pub(super) fn violation(&self, rule: &'static str, text: impl Into<String>) -> Violation {
        let mut violation = Violation::new(rule, text);
        violation.requests.extend(self.exchanges.iter().map(|exchange| exchange.id.clone()));
        violation.with_all(self.effects.iter().map(|effect| &effect.entry))
    }
}
