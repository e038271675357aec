//! Jobs that are taken off the list when something of them is encoded.

use reelpress::{
    control::{Client, Request},
    engine::Command,
    job::JobId,
    tools::cancel::CancelToken,
};

use super::*;

/// A queue with an interrupted job, whose half stream lies in the folder.
fn interrupted(user: &User) -> (JobId, PathBuf) {
    user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
    add(user, &[clips::LANDSCAPE.path().to_str().expect("text")]);
    let running =
        queue(user, &["run", "--json", "--jobs", "auto"]).stdout(Stdio::null()).spawn().expect("the program starts");
    let half = user.stream_of(&clips::LANDSCAPE.path()).folder;
    for rendition in ["720p", "360p", "audio"] {
        wait_for("a first segment", || half.join(rendition).join("segment_00000.m4s").exists().then_some(()));
    }
    kill_process(id_of(&running), Signal::INT).expect("it runs");
    wait_for("its end", || user.process_ids_running("reelpress").is_empty().then_some(()));
    running.wait_with_output().expect("it ends");
    let job = &listed(user)[0];
    assert_eq!(job["state"], "interrupted");
    (serde_json::from_value(job["id"].clone()).expect("an id"), half)
}

fn window(user: &User, display: &mut Display) -> Client {
    display.launch(user.reelpress());
    let folders = AppFolders::under(&user.path("home"));
    wait_for("a window that answers", || Client::connect(&folders, &CancelToken::default()).ok().flatten())
}

fn ask(client: &mut Client, command: Command) {
    client.ask(&Request::Do { command: Box::new(command) }).expect("it is done");
}

#[test]
fn undoing_the_removal_of_an_interrupted_job_brings_back_what_it_has_encoded() {
    let user = User::new();
    let (id, half) = interrupted(&user);
    let segment = half.join("720p/segment_00000.m4s");
    let encoded_at = std::fs::metadata(&segment).and_then(|file| file.modified()).expect("it is there");
    let mut display = Display::start();
    let mut client = window(&user, &mut display);
    ask(&mut client, Command::Remove { id });
    assert_eq!(states(&user), []);
    ask(&mut client, Command::UndoRemove);
    assert_eq!(states(&user), [state("landscape.mp4", "interrupted")]);
    let (kept_at, name) = (std::fs::metadata(&segment).and_then(|file| file.modified()), "landscape");
    assert_eq!(kept_at.expect("it is there"), encoded_at);

    // The program is killed before the removal is over.
    done(&user, &["remove", name]);
    for process in ["reelpress", "ffmpeg"].iter().flat_map(|program| user.process_ids_running(program)) {
        kill_process(process, Signal::KILL).expect("it runs");
    }
    wait_for("its end", || user.process_ids_running("reelpress").is_empty().then_some(()));
    assert!(segment.exists());
    let _client = window(&user, &mut display);
    wait_for("the end of what nobody goes on with", || (!half.exists()).then_some(()));
    assert_eq!(states(&user), []);
}

#[test]
fn clearing_the_list_leaves_interrupted_jobs_and_removing_one_says_what_goes() {
    let user = User::new();
    let (_, half) = interrupted(&user);
    add(&user, &[video(&user, "waiting.mp4").to_str().expect("text")]);
    done(&user, &["clear", "--all"]);
    assert_eq!(states(&user), [state("landscape.mp4", "interrupted")]);
    assert!(listed(&user)[0]["percent"].as_f64().is_some_and(|percent| percent > 0.0), "of what lies there");
    let removed = call(&user, &["remove", "landscape"]);
    let told = String::from_utf8_lossy(&removed.stderr);
    let words = "1 job taken off the list; finished files stay; what was encoded goes: 00:00:";
    assert!(told.contains(words) && told.contains(" of landscape.mp4, "), "{told}");
    assert!(!half.exists());
}
