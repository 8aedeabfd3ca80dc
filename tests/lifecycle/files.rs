//! The files of a stack: private, and at their size limit like those on a full disk.

use http::Method;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use users_tests::sample;
use users_tests::stack::Launch;

/// The permissions for others of everything in a folder, and of the folder itself.
fn open_to_others(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o077;
    entries
        .chain([folder.to_owned()])
        .filter(|path| mode(path) != 0)
        .map(|path| format!("{} {:o}", path.display(), mode(&path)))
        .collect()
}

#[tokio::test]
async fn data_and_ready_file_are_readable_by_their_user_only() {
    let home = tempfile::tempdir().unwrap();
    let (data, ready) = (home.path().join("a/data"), home.path().join("b/ready.json"));
    let stack = Launch::new().data(&data).ready_file(&ready).start().await;
    stack.json(stack.call(Method::POST, "/users").json(&sample::registration())).await;
    assert!(data.join("dynamodb.sqlite").exists());
    for folder in [&data, &home.path().join("a"), &home.path().join("b")] {
        assert_eq!(open_to_others(folder), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_file_at_its_size_limit_is_like_a_full_disk() {
    let stack = Launch::new().ulimit("-f 1500").start().await;
    let mut registered = 0;
    let refused = loop {
        let answer = stack.call(Method::POST, "/users").json(&sample::registration());
        let answer = answer.send().await.unwrap();
        if answer.status != 201 {
            break answer;
        }
        registered += 1;
        assert!(registered < 5_000, "the limit was never reached");
    };
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    let read = stack.call(Method::GET, "/users").send().await.unwrap();
    assert_eq!(read.status, 200, "{}", stack.said());
}
