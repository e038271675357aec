//! Jobs that the user holds.

use super::*;

#[test]
fn a_job_that_is_held_when_its_program_is_killed_stays_held_until_it_is_resumed() {
    let user = User::new();
    done(&user, &["add", "--preset", "quick", "--out", "output", clips::LANDSCAPE.path().to_str().unwrap()]);
    let mut running = queue(&user, &["run", "--json"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let segment = user.stream_of(&clips::LANDSCAPE.path()).folder.join("720p/segment_00000.m4s");
    wait_for("a first segment", || segment.is_file().then_some(()));
    done(&user, &["pause", "landscape"]);
    let held = [state("landscape.mp4", "paused")];
    assert_eq!(states(&user), held);
    for program in ["reelpress", "ffmpeg"] {
        user.process_ids_running(program).into_iter().for_each(|id| kill_process(id, Signal::KILL).expect("it runs"));
    }
    running.wait().expect("it ends");
    assert_eq!(states(&user), held);

    let run = call(&user, &["run"]);
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && told.contains("1 job is held"), "{told}");
    assert_eq!(states(&user), held, "a run of the queue leaves it as it is");
    assert_refused(&call(&user, &["start", "landscape"]), 1, &["is held: resume it"]);
    let begun_at = std::fs::metadata(&segment).and_then(|file| file.modified()).expect("it is kept");
    done(&user, &["resume", "landscape"]);
    Ended::of(queue(&user, &["run", "--json"])).assert_all_done();
    let stream = user.stream_of(&clips::LANDSCAPE.path());
    let (frames, complaints) = ffmpeg::decode(&stream.whole("720p", &user.path("")));
    assert_eq!((frames, complaints.as_str()), (clips::LANDSCAPE.frames, ""));
    assert_eq!(std::fs::metadata(&segment).unwrap().modified().unwrap(), begun_at, "it goes on where it was");
}
