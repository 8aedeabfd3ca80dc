//! The commands of the README and of the walkthrough, run as printed.
//!
//! Every fenced block with the info string `console test` is run. A line that begins with `$ ` is a
//! command, which continues on the next line after a `\` at its end. The other lines are the
//! expected output, in which `…` stands for any text. All commands of a document run in one shell,
//! in order, against a stack of the test's own, whose address replaces the documented one. A command
//! without output must succeed.

pub(crate) mod transcript;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use transcript::Step;
use users_tests::stack::{Launch, required};

/// The documents, in the order in which their commands run at the same stack.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/walkthrough.md"];
/// The stack's address in the documents.
const DOCUMENTED_ADDRESS: &str = "127.0.0.1:4510";
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn the_commands_of_the_readme_and_the_walkthrough_print_what_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let ready_file = directory.path().join("ready.json");
    let stack = Launch::new().ready_file(&ready_file).start().await;
    let address = stack.url().split('/').nth(2).unwrap().to_owned();
    let can_sign = curl_can_sign().await;
    for document in DOCUMENTS {
        let steps: Vec<Step> = documented(document)
            .into_iter()
            .filter(|step| {
                let left_out = step.command.contains("curl ") && !can_sign;
                if left_out {
                    println!("left out, curl is missing or cannot sign: {}", step.command);
                }
                !left_out
            })
            .map(|step| Step {
                command: step.command.replace(DOCUMENTED_ADDRESS, &address),
                expected: step.expected.replace(DOCUMENTED_ADDRESS, &address),
                ..step
            })
            .collect();
        let outcomes = run(&steps, directory.path(), &ready_file).await;
        assert_eq!(outcomes.len(), steps.len(), "the shell ended early; it printed {outcomes:#?}");
        for (step, outcome) in steps.iter().zip(&outcomes) {
            if let Err(problem) = step.judge(outcome) {
                panic!("{document}:{}: $ {}\n{problem}", step.line, step.command);
            }
        }
        println!("{} commands of {document} printed what is written", steps.len());
    }
}

/// The commands of a document, of which there must be some.
fn documented(document: &str) -> Vec<Step> {
    let path = root().join(document);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("cannot read {}: {error}", path.display()),
    };
    let steps = match transcript::steps(&text) {
        Ok(steps) => steps,
        Err(problem) => panic!("{document}: {problem}"),
    };
    assert!(!steps.is_empty(), "{document} has no block ```{}", transcript::INFO_STRING);
    steps
}

pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap().to_path_buf()
}

/// Whether there is a curl that signs for AWS.
async fn curl_can_sign() -> bool {
    let help = Command::new("curl").args(["--help", "all"]).stdin(Stdio::null()).output().await;
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--aws-sigv4"))
}

/// Runs all commands in one shell, and gives what each printed and its exit status.
pub(crate) async fn run(
    steps: &[Step],
    directory: &Path,
    ready_file: &Path,
) -> Vec<transcript::Outcome> {
    let script = directory.join("walk.sh");
    let marker = users_tests::sample::unique();
    std::fs::write(&script, transcript::script(steps, &marker)).unwrap();
    let shell = Command::new("bash")
        .arg(&script)
        .current_dir(root())
        .env("USERS_XTASK", required("USERS_XTASK"))
        .env("USERS_LOCAL_READY_FILE", ready_file)
        .env("CARGO_MANIFEST_DIR", root().join("xtask"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, shell).await.unwrap().unwrap();
    transcript::outcomes(&String::from_utf8_lossy(&output.stdout), &marker)
}
