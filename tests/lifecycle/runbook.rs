//! The runbook's steps for dead letters, word by word, at a local stack with one that has a cause
//! which is removed before the last step. The blocks are marked as those of the README are.

use crate::poison::Poison;
use crate::readme::transcript::{self, Step};
use crate::readme::{root, run};
use serde_json::json;
use users_tests::stack::Launch;
use users_tests::wait;

#[tokio::test]
async fn the_steps_for_dead_letters_come_out_as_written() {
    let runbook = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let steps = transcript::steps(&runbook).unwrap();
    let steps: Vec<_> = steps
        .into_iter()
        .map(|step| Step { command: step.command.replace("--stage NAME", "--stage local"), ..step })
        .collect();
    let (last, first) = steps.split_last().unwrap();
    assert!(!first.is_empty(), "the runbook looks before it sends");

    let directory = tempfile::tempdir().unwrap();
    let ready_file = directory.path().join("ready.json");
    let stack = Launch::new().ready_file(&ready_file).start().await;
    let poison = Poison::plant(&stack, |item| item["action"] = json!({"S": "user.renamed"})).await;
    wait::until(format!("there is no dead letter of {}", poison.user_id), async || {
        (!stack.control.dead_letters().await.is_empty()).then_some(())
    })
    .await;
    let mut outcomes = run(first, directory.path(), &ready_file).await;
    poison.mend(&stack).await;
    outcomes.extend(run(std::slice::from_ref(last), directory.path(), &ready_file).await);
    assert_eq!(outcomes.len(), steps.len(), "the shell ended early; it printed {outcomes:#?}");
    for (step, outcome) in steps.iter().zip(&outcomes) {
        if let Err(problem) = step.judge(outcome) {
            panic!("docs/runbook.md:{}: $ {}\n{problem}", step.line, step.command);
        }
    }
    assert!(stack.control.dead_letters().await.is_empty());
}
