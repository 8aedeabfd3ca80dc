//! A ring of the latest items, numbered, with bounds on number and size.

use super::activity::Activity;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The latest items, oldest first.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    most: usize,
    heaviest: usize,
    activity: Activity,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// The number of the next item, from 1.
    next: u64,
    weight: usize,
    kept: VecDeque<(usize, Kept<T>)>,
}

/// An item with its number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Kept<T> {
    pub(crate) seq: u64,
    #[serde(flatten)]
    pub(crate) item: T,
}

/// A page of items.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Page {
    /// The oldest items after a number, up to a maximum.
    After(u64, usize),
    /// The newest items, up to a maximum.
    Last(usize),
}

impl<T: Clone> Ring<T> {
    /// An empty ring with limits on the number of items and on their total weight.
    pub(crate) fn new(most: usize, heaviest: usize, activity: &Activity) -> Self {
        let state = State { next: 1, weight: 0, kept: VecDeque::new() };
        Self { most, heaviest, activity: activity.clone(), state: Mutex::new(state) }
    }

    /// Adds an item with its weight.
    pub(crate) fn push(&self, item: T, weight: usize) {
        {
            let mut state = self.lock();
            let seq = state.next;
            state.next += 1;
            state.weight += weight;
            state.kept.push_back((weight, Kept { seq, item }));
            while state.kept.len() > self.most || state.weight > self.heaviest {
                let Some((weight, _)) = state.kept.pop_front() else { break };
                state.weight -= weight;
            }
        }
        self.activity.note();
    }

    /// All items that fit, oldest first.
    pub(crate) fn all(&self, fits: impl Fn(&T) -> bool) -> Vec<Kept<T>> {
        self.page(Page::After(0, usize::MAX), fits)
    }

    /// A page of the items that fit, oldest first.
    pub(crate) fn page(&self, page: Page, fits: impl Fn(&T) -> bool) -> Vec<Kept<T>> {
        let state = self.lock();
        let fitting = state.kept.iter().map(|(_, kept)| kept).filter(|kept| fits(&kept.item));
        match page {
            Page::After(after, limit) => {
                fitting.filter(|kept| kept.seq > after).take(limit).cloned().collect()
            }
            Page::Last(limit) => {
                let mut newest: Vec<_> = fitting.rev().take(limit).cloned().collect();
                newest.reverse();
                newest
            }
        }
    }

    /// The number of the newest item, 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.lock().next - 1
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, Page, Ring};

    fn numbers(ring: &Ring<u64>, page: Page) -> Vec<u64> {
        ring.page(page, |item| item % 2 == 0).into_iter().map(|kept| kept.seq).collect()
    }

    #[test]
    fn the_oldest_are_dropped_by_count_and_by_weight() {
        let activity = Activity::default();
        let ring = Ring::new(3, 100, &activity);
        for item in 1..=5_u64 {
            ring.push(item, 10);
        }
        let kept = |ring: &Ring<u64>| -> Vec<u64> {
            ring.all(|_| true).into_iter().map(|kept| kept.seq).collect()
        };
        assert_eq!(kept(&ring), [3, 4, 5]);
        ring.push(6, 85);
        assert_eq!(kept(&ring), [5, 6]);
        ring.push(7, 101);
        assert_eq!(kept(&ring), Vec::<u64>::new(), "too heavy by itself");
        assert_eq!((ring.newest(), activity.revision()), (7, 7));
    }

    #[test]
    fn pages_continue_after_a_number_or_begin_at_the_end() {
        let ring = Ring::new(100, usize::MAX, &Activity::default());
        for item in 1..=9_u64 {
            ring.push(item, 0);
        }
        assert_eq!(numbers(&ring, Page::After(0, 2)), [2, 4]);
        assert_eq!(numbers(&ring, Page::After(4, 9)), [6, 8]);
        assert_eq!(numbers(&ring, Page::Last(2)), [6, 8]);
        assert_eq!(numbers(&ring, Page::After(9, 9)), Vec::<u64>::new());
    }
}
