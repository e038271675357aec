//! The program is killed, or its queue can't be saved, just when a job has finished its stream.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::*;
use crate::support::user::files_under;

fn journal(user: &User) -> Connection {
    Connection::open(AppFolders::under(&user.path("home")).journal_file()).expect("a journal")
}

/// All files of a stream, with their content.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let content = |path: String| (path.clone(), std::fs::read(folder.join(path)).expect("it can be read"));
    files_under(folder).into_iter().map(content).collect()
}

#[test]
fn a_finished_stream_stays_although_its_queue_has_lost_the_end_of_its_job() {
    let user = User::new();
    add(&user, &[video(&user, "talk.mp4").to_str().expect("text")]);
    done(&user, &["run"]);
    let folder = user.output().join("talk");
    let finished = contents(&folder);
    let forget = "DELETE FROM events WHERE event LIKE '%JobFinished%' OR event LIKE '%job_finished%'";
    assert_eq!(journal(&user).execute(forget, []).expect("it can be changed"), 1);
    assert_eq!(states(&user), [state("talk.mp4", "interrupted")]);
    assert_eq!(contents(&folder), finished);
    done(&user, &["run"]);
    assert_eq!(states(&user), [state("talk.mp4", "done")]);
    assert_eq!(contents(&folder), finished, "another one was made beside it");
}

#[test]
fn a_job_whose_end_could_not_be_saved_says_so_and_ends_again_with_the_same_stream() {
    let user = User::new();
    add(&user, &[video(&user, "talk.mp4").to_str().expect("text")]);
    let folder = user.output().join("talk");
    let running = queue(&user, &["run"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    wait_for("the first segment", || folder.join("360p/segment_00000.m4s").exists().then_some(()));
    // As a full disk, which would not let it write either.
    let held = journal(&user);
    held.execute_batch("BEGIN IMMEDIATE").expect("it can be held");
    let ended = running.wait_with_output().expect("it ends");
    drop(held);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("The queue can't be saved"), "{told}");

    let job = &listed(&user)[0];
    assert_eq!((&job["state"], job["percent"].as_f64()), (&"interrupted".into(), Some(100.0)), "{job}");
    let segment = folder.join("360p/segment_00000.m4s");
    let made_at = std::fs::metadata(&segment).and_then(|file| file.modified()).expect("it is there");
    done(&user, &["run"]);
    assert_eq!(states(&user), [state("talk.mp4", "done")]);
    assert_eq!(std::fs::metadata(&segment).and_then(|file| file.modified()).expect("it is there"), made_at);
    let files = files_under(&folder);
    assert!(files.iter().any(|file| file == "master.m3u8"), "{files:?}");
    assert!(!files.iter().any(|file| file.contains(".reelpress-")), "{files:?}");
}
