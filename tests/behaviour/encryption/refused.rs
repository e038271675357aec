//! What is refused before anything is made.

use super::encode;
use crate::support::{clips, user::User};

/// Headline of the failure of a job that can't begin.
fn refusal(user: &User, flags: &[&str]) -> String {
    let ended = encode(user, &clips::sample(), "output", &[&["--encrypt"], flags].concat());
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failed = ended.events_named("job_failed");
    let failure = &failed.first().expect("a failed job")["failure"];
    assert_eq!(failure["kind"], "invalid_request", "{failure:#}");
    assert!(!failure["hint"].as_str().unwrap().is_empty());
    assert!(ended.events_named("job_planned").is_empty(), "it has begun");
    assert_eq!(user.output_files(), Vec::<String>::new());
    failure["headline"].as_str().unwrap().to_owned()
}

#[test]
fn keys_in_the_output_folder_and_clear_copies_are_refused_before_the_start() {
    let user = User::new();
    let path = |name: &str| user.path(name).display().to_string();
    let uri = ["--key-uri", "https://keys.example.org/{id}/{n}.key", "--key-folder"];
    for inside in [path("output"), path("output/keys"), path("keys/../output/sample")] {
        let headline = refusal(&user, &[&uri[..], &[inside.as_str()]].concat());
        assert!(headline.contains("lies in the output folder"), "{headline}");
    }
    let outside = path("keys");
    for (flag, words) in [("--dash", "DASH"), ("--mp4", "clear")] {
        let headline = refusal(&user, &[&uri[..], &[outside.as_str(), flag]].concat());
        assert!(headline.contains(words), "{headline}");
    }
    assert!(!user.path("keys").exists(), "a job that is refused makes no keys");
}

#[test]
fn a_key_file_has_exactly_sixteen_bytes() {
    let user = User::new();
    for (name, length) in [("short", 15), ("long", 17), ("digits", 32), ("empty", 0)] {
        let file = user.file(name, &vec![b'a'; length]).display().to_string();
        let headline = refusal(&user, &["--key-uri", "https://keys.example.org/one", "--key", &file]);
        assert!(headline.contains(&format!("has {length} bytes")), "{headline}");
    }
    let gone = user.path("gone").display().to_string();
    let headline = refusal(&user, &["--key-uri", "https://keys.example.org/one", "--key", &gone]);
    assert!(headline.contains("can't be read"), "{headline}");
}

#[test]
fn flags_that_make_no_sense_are_bad_usage() {
    let user = User::new();
    for flags in [
        &["--encrypt"][..],
        &["--encrypt", "--key-uri", "https://keys.example.org/one", "--key-folder", "keys"],
        &["--key-folder", "keys", "--key-uri", "https://keys.example.org/{id}"],
        &["--encrypt", "--key-uri", "keys/{id}", "--key-folder", "keys"],
        &["--encrypt", "--key-beside-segments", "--rotate-key", "often"],
    ] {
        let ended = encode(&user, &clips::sample(), "output", flags);
        assert_eq!(ended.exit_code, Some(2), "{flags:?}: {}", ended.stderr);
    }
}
