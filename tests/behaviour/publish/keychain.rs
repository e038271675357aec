//! Access keys come from the keychain of the desktop, and are found nowhere else.

use std::{path::Path, process::Command};

use tokio::runtime::Runtime;

use super::write_stream;
use crate::support::{
    clips,
    object_store::{ACCESS_KEY, SECRET_KEY, new_bucket, shared_endpoint},
    run, system_tool,
    user::{User, files_under},
};

/// Runs the script in a session of its own with an unlocked keychain of this user, without keys in its environment.
fn in_session(user: &User, script: &str, arguments: &[&str]) -> std::process::Output {
    run(in_session_command(user, script, arguments))
}

/// The command for that; the program is `$0` in the script.
pub fn in_session_command(user: &User, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(system_tool("dbus-run-session"));
    user.equip(&mut command);
    let unlocked = format!("printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n{script}");
    command.args(["--", "sh", "-ec", &unlocked, env!("CARGO_BIN_EXE_reelpress")]).args(arguments);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("REELPRESS_LOG", "debug");
    let home = user.path("desktop");
    std::fs::create_dir_all(home.join("run")).unwrap();
    command.env("HOME", &home).env("XDG_DATA_HOME", home.join("share")).env("XDG_RUNTIME_DIR", home.join("run"));
    command
}

fn holds_secret(file: &Path) -> bool {
    let text = std::fs::read(file).unwrap_or_default();
    text.windows(SECRET_KEY.len()).any(|window| window == SECRET_KEY.as_bytes())
}

#[test]
fn keys_of_the_keychain_publish_and_are_written_nowhere_else() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let folder = user.path("bunny");
    write_stream(&folder);
    let script = format!(
        "printf '{ACCESS_KEY}\\n{SECRET_KEY}\\n' | \"$0\" credentials set films\n\
         \"$0\" publish \"$1\" \"$2\" --endpoint \"$3\" --credentials films\n\
         \"$0\" credentials remove films\n\
         if \"$0\" publish \"$1\" \"$2\" --endpoint \"$3\" --credentials films; then exit 9; fi"
    );
    let place = format!("s3://{bucket}/films");
    let ended = in_session(&user, &script, &[folder.to_str().unwrap(), &place, &endpoint]);
    let told = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("/films/bunny/main.m3u8"), "{told}");
    assert!(told.contains("reelpress credentials set films"), "after the keys are gone: {told}");
    assert!(!told.contains(SECRET_KEY), "{told}");
    let home = user.path("");
    let found: Vec<String> = files_under(&home).into_iter().filter(|path| holds_secret(&home.join(path))).collect();
    assert_eq!(found, Vec::<String>::new());
}

/// Two jobs in a queue at work: the first lacks its keys, which come into the keychain while the second is encoded.
#[test]
fn keys_that_are_set_while_the_queue_works_let_the_job_go_on_that_waits_for_them() {
    let runtime = Runtime::new().unwrap();
    let endpoint = shared_endpoint();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let add = |source: &Path, flags: &[&str]| {
        let mut add = user.reelpress();
        add.args(["queue", "add", "--preset", "quick", "--speed", "ultrafast"]).args(flags).arg(source);
        crate::support::output_of(add);
    };
    add(&clips::SMALL.path(), &["--out", &format!("s3://{bucket}"), "--endpoint", &endpoint, "--credentials", "films"]);
    add(&clips::MINUTE.path(), &["--out", user.output().to_str().unwrap()]);
    let script = format!(
        "\"$0\" queue run --json >\"$1\" & queue=$!\n\
         while kill -0 $queue && ! grep -q job_waits_for_keys \"$1\"; do sleep 0.05; done\n\
         printf '{ACCESS_KEY}\\n{SECRET_KEY}\\n' | \"$0\" credentials set films\n\
         wait $queue || echo \"ended with $?\""
    );
    let events = user.path("events");
    let ended = in_session(&user, &script, &[events.to_str().unwrap()]);
    let told = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let events = std::fs::read_to_string(events).unwrap();
    assert_eq!(events.matches("\"event\":\"job_finished\"").count(), 2, "{told}\n{events}");
    assert!(events.contains(&format!("{bucket}/small/master.m3u8")), "{events}");
}

#[test]
fn without_a_keychain_it_is_said_what_to_do() {
    let user = User::new();
    let mut command = user.reelpress();
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").args(["credentials", "remove", "films"]);
    let ended = run(command);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(
        told.contains("keychain") && told.contains("asks for the keys at each start") && !told.contains("zbus"),
        "{told}"
    );
}
