//! kill -9 at random moments of a job that encodes and publishes: after the restart it comes to the same stream, here and
//! in the bucket, as one that was let be.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Ended, FILM, FfmpegVersion, Moments, User, assert_same_stream, clips, files_under, slow_ffmpeg, wait_for};
use crate::support::object_store::{client, new_bucket, shared_endpoint};

/// So slow that there is something to publish after the last segment is encoded.
const UPLOAD_LIMIT: &str = "8M";
/// The last playlists are written and the stream is judged within about this time after its last frame.
const PACKAGE_TIME: Duration = Duration::from_millis(400);

/// Where a job is when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Encode,
    Package,
    Publish,
}

/// How it begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The same `reelpress encode` is typed again.
    SameCall,
    /// `reelpress queue run`, from the journal.
    Queue,
}

#[test]
fn four_random_kills_end_in_the_same_stream() {
    let plan =
        [(At::Encode, By::Queue), (At::Encode, By::SameCall), (At::Package, By::Queue), (At::Publish, By::Queue)];
    kill_and_compare(0x4b11, &plan);
}

/// The long run; takes about five minutes.
#[test]
#[ignore = "takes minutes: cargo test --test behaviour twenty_random_kills -- --ignored --nocapture"]
fn twenty_random_kills_end_in_the_same_stream() {
    let at = [At::Encode, At::Publish, At::Encode, At::Package, At::Encode];
    let plan: Vec<(At, By)> =
        (0..20).map(|number| (at[number % 5], if number % 2 == 0 { By::Queue } else { By::SameCall })).collect();
    kill_and_compare(0x2020, &plan);
}

fn kill_and_compare(seed: u64, plan: &[(At, By)]) {
    let runtime = Runtime::new().expect("a runtime");
    let bucket = new_bucket(&runtime, &shared_endpoint()).bucket;
    let whole = Job::new(&bucket, "whole");
    let durations = whole.run_undisturbed();
    println!("seed {seed:#x}; undisturbed: {durations:?}");
    let mut random = Moments(seed);
    let mut most_again = 0;
    for (number, (at, by)) in plan.iter().enumerate() {
        let mut job = Job::new(&bucket, &format!("kill-{number}"));
        let within = match at {
            At::Encode => durations.encode.mul_f64(0.9),
            At::Package => PACKAGE_TIME,
            At::Publish => durations.publish,
        };
        let (moment, stage) = job.kill(*at, *by, random.next(within));
        let kept = job.segments();
        job.go_on(*by);
        let again = encoded_again(&kept, &job.segments());
        println!(
            "kill {:>2}: {at:?} + {:>4} ms (told stage: {stage}), by {by:?}: {} segments were finished, {again} of a rendition made again",
            number + 1,
            moment.as_millis(),
            kept.len(),
        );
        // The one that was in the making is begun again as well.
        assert!(again <= 1, "{again} finished segments of a rendition were encoded again");
        most_again = most_again.max(again);
        assert_same_stream(&job.user, &whole.stream(), &job.stream());
        job.assert_published(&runtime);
        assert_eq!(job.user.processes(), Vec::<String>::new());
    }
    println!("{0} of {0} kills end in the same stream; at most {most_again} finished segments made again", plan.len());
}

#[test]
fn a_place_that_was_taken_in_the_moment_of_the_kill_is_known_again_on_any_machine() {
    let runtime = Runtime::new().expect("a runtime");
    let bucket = new_bucket(&runtime, &shared_endpoint()).bucket;
    let mut job = Job::new(&bucket, "taken");
    job.kill(At::Encode, By::SameCall, Duration::ZERO);
    // As if it had been killed after the bucket had its note and before it was noted here what place it has.
    let mut begun_by = String::new();
    job.change_state(|state| {
        begun_by.push_str(state["job"].as_str().expect("a job"));
        state["bucket_prefix"] = Value::Null;
    });
    let client = client(&shared_endpoint());
    let prefix = format!("{}/{}", job.prefix, job.stream().file_name().expect("a name").to_string_lossy());
    let note = format!("A Reelpress publishes here: {begun_by} another-machine 1\n");
    runtime.block_on(async {
        let listed = client.list_objects_v2().bucket(&bucket).prefix(format!("{prefix}/")).send().await;
        for object in listed.expect("the bucket can be listed").contents() {
            let key = object.key().expect("a key");
            client.delete_object().bucket(&bucket).key(key).send().await.expect("it can be removed");
        }
        let key = format!("{prefix}/.reelpress/claim.txt");
        let put = client.put_object().bucket(&bucket).key(key).body(note.into_bytes().into()).send().await;
        put.expect("the note can be written");
    });
    job.go_on(By::SameCall);
    job.assert_published(&runtime);
}

#[test]
fn of_a_job_that_is_killed_right_after_its_last_segment_none_is_made_again() {
    let runtime = Runtime::new().expect("a runtime");
    let bucket = new_bucket(&runtime, &shared_endpoint()).bucket;
    let mut job = Job::new(&bucket, "last");
    job.kill(At::Publish, By::SameCall, Duration::ZERO);
    let kept = job.segments();
    // As if it had been killed before it was noted that all is encoded.
    job.change_state(|state| {
        assert_eq!(state["is_encoded"], true);
        state["is_encoded"] = false.into();
        state["is_finished_here"] = false.into();
    });
    job.go_on(By::SameCall);
    assert_eq!(encoded_again(&kept, &job.segments()), 0);
    job.assert_published(&runtime);
}

/// How long the stages of a job take that is let be.
#[derive(Debug)]
struct Durations {
    encode: Duration,
    publish: Duration,
}

/// A job of a user of its own: the film, encoded into a bucket and kept here.
struct Job {
    user: User,
    bucket: String,
    prefix: String,
}

impl Job {
    fn new(bucket: &str, prefix: &str) -> Self {
        let user = User::new();
        // The queue goes on because “queue run” asks for it.
        user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
        Self { user, bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    /// What is encoded, and how, after `encode` or `queue add`.
    fn arguments(&self) -> Vec<OsString> {
        let words = ["--preset", "quick", "--speed", "ultrafast", "--rate-control", "crf", "--crf", "14", "--region"];
        let mut arguments: Vec<OsString> = words.iter().map(Into::into).collect();
        arguments.extend(["us-east-1", "--endpoint", &shared_endpoint(), "--max-upload", UPLOAD_LIMIT].map(Into::into));
        arguments.extend(["--out".into(), format!("s3://{}/{}", self.bucket, self.prefix).into()]);
        arguments.extend(["--keep".into(), self.user.output().into_os_string(), FILM.path().into_os_string()]);
        arguments
    }

    fn command(&self, by: By) -> Command {
        let mut command = self.user.reelpress();
        match by {
            By::SameCall => command.args(["encode", "--json"]).args(self.arguments()),
            By::Queue => command.args(["queue", "run", "--json"]),
        };
        command
    }

    /// Starts the job with an encoder that takes its time.
    fn start(&self, by: By) -> (Child, mpsc::Receiver<Value>) {
        if by == By::Queue && !self.user.path("home/data/queue.sqlite").exists() {
            let mut add = self.user.reelpress();
            add.args(["queue", "add"]).args(self.arguments());
            crate::support::output_of(add);
        }
        let mut command = self.command(by);
        command.env("REELPRESS_FFMPEG", slow_ffmpeg(&self.user, FfmpegVersion::System));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("reelpress starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The last line of a killed program may be cut off.
                let Ok(event) = serde_json::from_str(&line) else { return };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        (child, events)
    }

    fn run_undisturbed(&self) -> Durations {
        let (mut child, events) = self.start(By::SameCall);
        let begun = wait_for_stage(&events, At::Encode).expect("it encodes").0;
        let encoded = wait_for_stage(&events, At::Publish).expect("it publishes").0;
        assert!(child.wait().expect("the child is ours").success());
        Durations { encode: encoded - begun, publish: encoded.elapsed() }
    }

    /// Kills the job so long after it has come to a stage; gives the moment and the stage that it told last. A job that
    /// was done before is tried again in a place of its own, and killed earlier.
    fn kill(&mut self, at: At, by: By, mut moment: Duration) -> (Duration, String) {
        loop {
            let (mut child, events) = self.start(by);
            let reached = wait_for_stage(&events, at);
            std::thread::sleep(moment);
            let is_done = child.try_wait().expect("the child is ours").is_some();
            for process in ["reelpress", "ffmpeg"].iter().flat_map(|name| self.user.process_ids_running(name)) {
                // One may have ended with the other.
                let _ = kill_process(process, Signal::KILL);
            }
            child.wait().expect("the child is ours");
            wait_for("the end of its processes", || self.user.processes().is_empty().then_some(()));
            if let Some((_, told)) = reached.filter(|_| !is_done) {
                let last = events.try_iter().filter_map(|event| event["stage"].as_str().map(str::to_owned)).last();
                return (moment, last.unwrap_or(told));
            }
            moment /= 2;
            let _ = std::fs::remove_dir_all(self.user.output());
            let _ = std::fs::remove_dir_all(self.user.path("home/data"));
            self.prefix.push_str("-again");
        }
    }

    /// Changes what is noted of the stream in the making.
    fn change_state(&self, change: impl FnOnce(&mut Value)) {
        let file = self.stream().join(".reelpress-unfinished/state.json");
        let text = std::fs::read(&file).expect("the state is there");
        let mut state: Value = serde_json::from_slice(&text).expect("the state is JSON");
        change(&mut state);
        std::fs::write(&file, state.to_string()).expect("the state can be written");
    }

    fn go_on(&self, by: By) {
        Ended::of(self.command(by)).assert_all_done();
    }

    fn stream(&self) -> PathBuf {
        self.user.stream_of(&FILM.path()).folder
    }

    /// Finished segments of pictures with the file's own number.
    fn segments(&self) -> BTreeMap<String, u64> {
        let stream = self.stream();
        let files = files_under(&stream).into_iter().filter(|file| file.contains("p/segment_"));
        files.map(|file| (file.clone(), inode(&stream.join(file)))).collect()
    }

    /// Panics unless the bucket holds the very files of the stream here, in one place, and nothing else.
    fn assert_published(&self, runtime: &Runtime) {
        let stream = self.stream();
        let client = client(&shared_endpoint());
        let prefix = format!("{}/", self.prefix);
        let listed = runtime.block_on(client.list_objects_v2().bucket(&self.bucket).prefix(&prefix).send());
        let listed = listed.expect("the bucket can be listed");
        let mut keys: Vec<String> =
            listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        keys.retain(|key| !key.contains("/.reelpress/"));
        keys.sort();
        let folder = stream.file_name().expect("a name").to_string_lossy().into_owned();
        let mut expected: Vec<String> =
            files_under(&stream).iter().map(|file| format!("{prefix}{folder}/{file}")).collect();
        expected.sort();
        assert_eq!(keys, expected);
        for key in keys {
            let body = runtime.block_on(async {
                let object = client.get_object().bucket(&self.bucket).key(&key).send().await.expect("it is there");
                object.body.collect().await.expect("it can be read").to_vec()
            });
            let file = stream.join(key.strip_prefix(&format!("{prefix}{folder}/")).expect("a file of the stream"));
            assert!(body == std::fs::read(&file).expect("a file of the stream"), "{key} is another in the bucket");
        }
    }
}

fn inode(file: &Path) -> u64 {
    std::fs::metadata(file).expect("the file is there").ino()
}

/// The most segments of one rendition that were finished at the kill and are other files now.
fn encoded_again(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> usize {
    let mut again: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, _) in before.iter().filter(|(file, number)| after.get(*file) != Some(*number)) {
        *again.entry(file.split('/').next().unwrap_or_default()).or_default() += 1;
    }
    again.into_values().max().unwrap_or(0)
}

/// Waits until a job has come to a stage, and gives when, and the stage that it told; `None` when it ends before.
fn wait_for_stage(events: &mpsc::Receiver<Value>, at: At) -> Option<(Instant, String)> {
    for event in events {
        let stage = event["stage"].as_str().unwrap_or_default();
        let is_encoded = matches!(stage, "package" | "publish");
        let is_reached = match at {
            At::Encode => event["encoded_seconds"].as_f64() > Some(0.0) || is_encoded,
            At::Package => event["encoded_seconds"].as_f64() > Some(17.9) || is_encoded,
            At::Publish => stage == "publish",
        };
        if is_reached {
            return Some((Instant::now(), stage.to_owned()));
        }
    }
    None
}

#[test]
fn a_replacement_that_is_killed_goes_on_and_leaves_viewers_the_old_stream_until_then() {
    let runtime = Runtime::new().expect("a runtime");
    let bucket = new_bucket(&runtime, &shared_endpoint()).bucket;
    let user = User::new();
    let call = |flags: &[&str]| {
        let mut command = user.reelpress();
        command.args(["encode", "--json", "--preset", "quick", "--speed", "ultrafast", "--region", "us-east-1"]);
        command.args(["--endpoint", &shared_endpoint(), "--out", &format!("s3://{bucket}/films"), "--keep"]);
        command.arg(user.output()).args(flags).arg(clips::NUMBERED.path());
        command
    };
    let first = Ended::of(call(&[]));
    first.assert_all_done();
    let url = first.events_named("job_finished")[0]["urls"][0].as_str().expect("an address").to_owned();
    let check = || {
        let mut check = user.reelpress();
        check.arg("check").arg(&url);
        crate::support::output_of(check);
        let body = multivariant_playlist(&runtime, &bucket, &url);
        assert!(body.contains("#EXTM3U"), "{body}");
        body
    };
    let old = check();
    let flags = ["--replace", "--flip", "horizontal"];
    let mut slow = call(&flags);
    slow.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, FfmpegVersion::System)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = slow.spawn().expect("reelpress starts");
    let made = user.output().join(format!("{}-2", clips::NUMBERED.name.rsplit_once('.').expect("an extension").0));
    wait_for("a finished segment", || (super::fewest_segments(&made) >= 1).then_some(()));
    for process in ["reelpress", "ffmpeg"].iter().flat_map(|name| user.process_ids_running(name)) {
        let _ = kill_process(process, Signal::KILL);
    }
    child.wait().expect("the child is ours");
    assert_eq!(check(), old, "viewers have the old stream");
    let first = files_under(&made).into_iter().find(|file| file.ends_with("p/segment_00000.m4s"));
    let segment = made.join(first.expect("a segment of pictures"));
    let kept = inode(&segment);
    let ended = Ended::of(call(&flags));
    ended.assert_all_done();
    assert_eq!(ended.events_named("job_finished")[0]["urls"][0].as_str(), Some(url.as_str()), "the address stays");
    assert_eq!(inode(&segment), kept, "it goes on after its first segment");
    assert_ne!(check(), old, "and now leads to the new files");
}

/// The multivariant playlist at this address of the store.
fn multivariant_playlist(runtime: &Runtime, bucket: &str, url: &str) -> String {
    let key = url.split(&format!("/{bucket}/")).nth(1).expect("an address in the bucket").to_owned();
    let body = runtime.block_on(async {
        let object = client(&shared_endpoint()).get_object().bucket(bucket).key(key).send().await.expect("it is there");
        object.body.collect().await.expect("it can be read").to_vec()
    });
    String::from_utf8(body).expect("text")
}
