//! Batches of which each record has some fate.

use super::{change, failed, huge, stream, taking, user_of, versions};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The fate of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Sound,
    Unreadable,
    TooLarge,
    Refused,
    /// The bus does not take it the first time.
    Later,
}

#[tokio::test]
async fn with_any_undeliverable_records_nothing_is_lost_and_users_stay_in_order() {
    let sound = stream(5).await;
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let fates = [Fate::Sound, Fate::Unreadable, Fate::TooLarge, Fate::Refused, Fate::Later];
        let fates: Vec<_> = sound.records.iter().map(|_| fates[random.usize(..5)]).collect();
        let mut event = sound.clone();
        let mut refusals = HashMap::new();
        for (index, fate) in fates.iter().enumerate() {
            match fate {
                Fate::Unreadable => change(&mut event, index, |image| drop(image.remove("at"))),
                Fate::TooLarge => {
                    change(&mut event, index, |image| drop(image.insert("reason".into(), huge())));
                }
                _ => {}
            }
            let of = (user_of(&sound, index), index as u64 / 2 + 1);
            refusals.insert(of, (*fate, AtomicUsize::new(0)));
        }
        let harness = taking(move |detail| {
            let user = detail["userId"].as_str().expect("a user").to_owned();
            let (fate, tries) = &refusals[&(user, detail["version"].as_u64().expect("a version"))];
            match fate {
                Fate::Refused => Some("MalformedDetail"),
                Fate::Later if tries.fetch_add(1, Ordering::SeqCst) == 0 => Some("Busy"),
                _ => None,
            }
        });
        // As Lambda does it: again from the record that failed.
        let mut rest = event.clone();
        for _ in 0..50 {
            let response = harness.publish(rest.clone()).await;
            let Some(failed) = failed(&response) else { break };
            rest.records = event.records[failed..].to_vec();
        }

        let given_up = |fate: &Fate| !matches!(fate, Fate::Sound | Fate::Later);
        let expected = fates.iter().enumerate().filter(|(_, fate)| given_up(fate));
        let expected: Vec<_> = expected.map(|(index, _)| format!("{index:021}")).collect();
        let letters = harness.letters();
        let letters: Vec<_> =
            letters.iter().filter_map(|letter| letter["sequenceNumber"].as_str()).collect();
        assert_eq!(letters, expected, "each letter once and in order, seed {seed}");
        let arrived = versions(&harness.calls);
        for (first, user) in [user_of(&sound, 0), user_of(&sound, 1)].iter().enumerate() {
            let of_user = (0..5).filter(|version| !given_up(&fates[version * 2 + first]));
            let of_user: Vec<_> = of_user.map(|version| version as u64 + 1).collect();
            let mut firsts = arrived.get(user).cloned().unwrap_or_default();
            let mut known = HashSet::new();
            firsts.retain(|version| known.insert(*version));
            assert_eq!(firsts, of_user, "{user}, seed {seed}");
        }
    }
}
