//! The mix: which operation comes next.

use fastrand::Rng;
use users_contract::OperationName;

/// How often each operation comes, in percent: mostly reads, as callers of such a service do, and
/// enough writes that every kind meets every other on the same user.
pub(crate) const SHARES: &[(OperationName, u32)] = &[
    (OperationName::RegisterUser, 10),
    (OperationName::GetUser, 34),
    (OperationName::UpdateUser, 16),
    (OperationName::SetStatus, 5),
    (OperationName::AssignRole, 8),
    (OperationName::RemoveRole, 5),
    (OperationName::ListUsers, 12),
    (OperationName::QueryAudit, 10),
];

/// The next operation.
pub(crate) fn next(random: &mut Rng) -> OperationName {
    let mut drawn = random.u32(0..100);
    for (name, share) in SHARES {
        if drawn < *share {
            return *name;
        }
        drawn -= share;
    }
    OperationName::GetUser
}

#[cfg(test)]
mod tests {
    use super::{SHARES, next};
    use fastrand::Rng;
    use std::collections::HashMap;
    use users_contract::OPERATIONS;

    #[test]
    fn every_operation_has_a_share_and_the_shares_are_the_whole() {
        let names: Vec<_> = SHARES.iter().map(|(name, _)| *name).collect();
        let operations: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(names, operations);
        assert_eq!(SHARES.iter().map(|(_, share)| share).sum::<u32>(), 100);
    }

    #[test]
    fn operations_come_as_often_as_their_shares_say() {
        let mut random = Rng::with_seed(7);
        let mut counts = HashMap::new();
        for _ in 0..100_000 {
            *counts.entry(next(&mut random)).or_insert(0u32) += 1;
        }
        for (name, share) in SHARES {
            let found = counts[name] / 1000;
            assert!(found.abs_diff(*share) <= 1, "{name:?}: {found} percent, not {share}");
        }
    }
}
