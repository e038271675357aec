//! A planted secret is found nowhere but in the keychain: not in settings, journal, logs, command lines, exports, reports,
//! events, nor in what is published.

use std::process::Command;

use tokio::runtime::Runtime;

use super::keychain::in_session_command;
use crate::support::{
    clips,
    object_store::{ACCESS_KEY, SECRET_KEY, client, new_bucket, shared_endpoint},
    user::{Shown, User, files_under},
};

/// Everything that can be done with a job, to two buckets, with presigned addresses; then the desktop session ends.
const SCRIPT: &str = r#"
printf '%s\n%s\n' "$KEY" "$SECRET" | "$0" credentials set films
unset SECRET
set -- --preset quick --speed ultrafast --out "s3://$FIRST/a?credentials=films&endpoint=$STORE&region=us-east-1&presign=2h" \
    --out "s3://$SECOND/b?credentials=films&endpoint=$STORE&region=us-east-1" --keep "$OUTPUT" "$CLIP"
"$0" -vv encode --json "$@"
"$0" -vv queue add "$@"
"$0" queue export "$HOME/export.json" --all
"$0" queue list --json
"$0" -vv queue run --json
"$0" queue report small "$HOME/report.json"
"$0" queue history --json
"$0" doctor --destination "s3://$FIRST/a" --credentials films --endpoint "$STORE" --region us-east-1 --json
# Away from the desktop the keys are missing, and what fails tells nothing of them either.
"$0" credentials remove films
cp "$CLIP" "$HOME/failing.mp4"
"$0" queue add --preset quick --out "s3://$FIRST?credentials=films&endpoint=$STORE" "$HOME/failing.mp4"
"$0" -vv queue run --json || true
"$0" queue report failing "$HOME/failed.json"
"#;

fn holds_secret(content: &[u8]) -> bool {
    content.windows(SECRET_KEY.len()).any(|window| window == SECRET_KEY.as_bytes())
}

#[test]
fn a_planted_secret_is_found_nowhere() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let [first, second] = [(); 2].map(|()| new_bucket(&runtime, &endpoint).bucket);
    let user = User::new();
    user.save_settings(&serde_json::json!({ "s3": {
        "bucket": first, "credentials": "films", "endpoint": endpoint, "presign": { "secs": 60, "nanos": 0 } } }));
    let mut command: Command = in_session_command(&user, SCRIPT, &[]);
    command.env("KEY", ACCESS_KEY).env("SECRET", SECRET_KEY).env("STORE", &endpoint);
    command.env("FIRST", &first).env("SECOND", &second).env("OUTPUT", user.output()).env("CLIP", clips::SMALL.path());
    command.env("REELPRESS_LOG", "trace");
    let Shown { is_success, told, command_lines: lines } = user.watch(command);
    let words = String::from_utf8_lossy(&told).into_owned();
    assert!(is_success, "{words}");
    // What is looked through is there at all.
    assert_eq!(words.matches("\"event\":\"job_finished\"").count(), 2, "{words}");
    assert!(words.contains("X-Amz-Signature=") && words.contains("\"event\":\"job_waits_for_keys\""), "{words}");
    assert!(lines.iter().any(|line| line.contains("ffmpeg")) && lines.iter().any(|line| line.contains("encode")));
    let home = user.path("");
    let files = files_under(&home);
    for part in ["queue.sqlite", "settings.json", "desktop/export.json", "desktop/report.json", "data/logs/"] {
        assert!(files.iter().any(|file| file.contains(part)), "{part}: {files:?}");
    }
    assert!(!holds_secret(&told), "the terminal shows it: {words}");
    let line = lines.iter().find(|line| holds_secret(line.as_bytes()));
    assert_eq!(line, None, "a command line shows it");
    let found: Vec<&String> =
        files.iter().filter(|file| holds_secret(&std::fs::read(home.join(file)).unwrap_or_default())).collect();
    assert_eq!(found, Vec::<&String>::new(), "a file holds it");
    for bucket in [&first, &second] {
        let listed = runtime.block_on(client(&endpoint).list_objects_v2().bucket(bucket).send()).unwrap();
        assert!(listed.contents().len() > 10, "{bucket}");
        for key in listed.contents().iter().filter_map(|object| object.key()) {
            let body = runtime.block_on(async {
                let object = client(&endpoint).get_object().bucket(bucket).key(key).send().await.unwrap();
                object.body.collect().await.unwrap().to_vec()
            });
            assert!(!holds_secret(&body), "{key} holds it");
        }
    }
}
