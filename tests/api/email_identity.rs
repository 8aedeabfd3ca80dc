//! Which addresses are the same, and to whom an address belongs.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::{Api, id_of, sample};

/// Pairs of spellings of one address.
fn same() -> Vec<(&'static str, String, String)> {
    let unique = sample::unique();
    vec![
        ("case", format!("ada{unique}@example.com"), format!("ADA{unique}@Example.COM")),
        (
            "composed and decomposed",
            format!("j\u{f6}rg{unique}@example.com"),
            format!("jo\u{308}rg{unique}@example.com"),
        ),
        (
            "full case folding",
            format!("stra\u{df}e{unique}@example.com"),
            format!("STRASSE{unique}@example.com"),
        ),
        (
            "a final sigma",
            format!("\u{3c3}\u{3c2}{unique}@example.com"),
            format!("\u{3a3}\u{3a3}{unique}@example.com"),
        ),
        ("a domain in its ASCII form", format!("m{unique}@münchen.de"), {
            format!("m{unique}@xn--mnchen-3ya.de")
        }),
        ("case of an international domain", format!("n{unique}@münchen.de"), {
            format!("n{unique}@MÜNCHEN.de")
        }),
        ("wide letters in the domain", format!("o{unique}@example.com"), {
            format!("o{unique}@\u{ff45}xample.com")
        }),
        ("an ideographic full stop", format!("p{unique}@example.com"), {
            format!("p{unique}@example\u{3002}com")
        }),
    ]
}

#[tokio::test]
async fn two_spellings_of_one_address_belong_to_one_user() {
    let api = Api::connect();
    for (what, first, second) in same() {
        let user = api.new_user_with(&json!({"email": first})).await;
        let answer = api.register(&json!({"email": second})).send().await;
        assert_eq!(answer.status(), 409, "{what}: {}", answer.describe());
        answer.expect_problem(ErrorCode::EmailAlreadyRegistered);

        // Each spelling finds the user, who is shown with the address that was given.
        for email in [&first, &second] {
            let items = api.get("/users").query("email", email).send().await.items();
            assert_eq!(items, std::slice::from_ref(&user), "{what}: {email}");
        }
    }
}

#[tokio::test]
async fn addresses_that_differ_in_more_than_spelling_belong_to_several_users() {
    let api = Api::connect();
    let unique = sample::unique();
    let rows = [
        // Non-transitional processing keeps the sharp s of a domain.
        ("a sharp s in the domain", format!("a{unique}@fa\u{df}.de"), format!("a{unique}@fass.de")),
        ("a dot", format!("a.b{unique}@example.com"), format!("ab{unique}@example.com")),
        ("a tag", format!("c{unique}@example.com"), format!("c{unique}+x@example.com")),
        ("a dotless i", format!("di{unique}@example.com"), format!("d\u{131}{unique}@example.com")),
        ("compatibility only", format!("ef{unique}@example.com"), {
            format!("e\u{ff46}{unique}@example.com")
        }),
    ];
    for (what, first, second) in rows {
        let one = api.new_user_with(&json!({"email": first})).await;
        let two = api.register(&json!({"email": second})).send().await;
        assert_eq!(two.status(), 201, "{what}: {}", two.describe());
        let found = api.get("/users").query("email", &first).send().await.user_ids();
        assert_eq!(found, [id_of(&one)], "{what}");
    }
}

#[tokio::test]
async fn a_users_own_address_can_be_respelt() {
    let api = Api::connect();
    let unique = sample::unique();
    let user = api.new_user_with(&json!({"email": format!("ada{unique}@example.com")})).await;
    let respelt = format!("Ada{unique}@EXAMPLE.com");
    let changed = api.update(id_of(&user), &json!({"email": respelt})).send().await;
    let changed = changed.expect_status(200).user();
    assert_eq!((&changed["email"], &changed["version"]), (&json!(respelt), &json!(2)));
    let again = api.register(&json!({"email": user["email"]})).send().await;
    again.expect_problem(ErrorCode::EmailAlreadyRegistered);
}

#[tokio::test]
async fn an_address_that_was_given_up_is_free_again() {
    let api = Api::connect();
    let user = api.new_user().await;
    let patch = json!({"email": sample::email()});
    let moved = api.update(id_of(&user), &patch).send().await.expect_status(200).user();
    let old = json!({"email": user["email"]});
    let successor = api.register(&old).send().await.expect_status(201).user();
    // And it cannot be taken back.
    let back = api.update(id_of(&moved), &old).send().await;
    back.expect_problem(ErrorCode::EmailAlreadyRegistered);
    let found = api.get("/users").query("email", user["email"].as_str().unwrap()).send().await;
    assert_eq!(found.items(), [successor]);
}

#[tokio::test]
async fn deleting_a_user_frees_the_address_and_disabling_does_not() {
    let api = Api::connect();
    let user = api.new_user_in_status("disabled").await;
    let same = json!({"email": user["email"]});
    let taken = api.register(&same).send().await;
    taken.expect_problem(ErrorCode::EmailAlreadyRegistered);

    let _ = api.set_status(id_of(&user), "deleted").send().await.expect_status(200);
    let successor = api.register(&same).send().await.expect_status(201).user();
    assert_ne!(id_of(&successor), id_of(&user));

    // The deleted user keeps its data, the address included, and is found by id only.
    let deleted = api.profile(id_of(&user)).send().await.expect_status(200).user();
    assert_eq!((&deleted["email"], &deleted["status"]), (&user["email"], &json!("deleted")));
    let found = api.get("/users").query("email", user["email"].as_str().unwrap()).send().await;
    assert_eq!(found.items(), [successor]);
}
