//! A film that is larger than the disk: segments give their room back as soon as all buckets have them, and what viewers
//! get is the same.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use reelpress::tools::disk::has_hole;
use rustix::process::{Signal, kill_process};
use sha2::Digest;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::stopping::AtWork;
use crate::{
    resume::{fewest_segments, slow_ffmpeg},
    support::{
        clips::{self, Clip},
        ffmpeg::{FfmpegVersion, decode},
        object_store::{ObjectStore, client, new_bucket, shared_endpoint},
        run,
        stream::Stream,
        system_tool,
        user::{Ended, User, files_under},
        wait_for,
    },
};

const FILM: &Clip = &clips::LANDSCAPE;
const NAME: &str = "landscape";

/// A user's film and the buckets that it goes to.
struct Film {
    user: User,
    runtime: Runtime,
    endpoint: String,
    buckets: Vec<String>,
}

impl Film {
    fn to(endpoint: &str, buckets: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let buckets = (0..buckets).map(|_| new_bucket(&runtime, endpoint).bucket).collect();
        Self { user: User::new(), runtime, endpoint: endpoint.to_owned(), buckets }
    }

    /// The call that encodes it, with an encoder that takes its time.
    fn encode(&self, flags: &[&str]) -> Command {
        let mut command = self.user.reelpress();
        command.args(["encode", "--json", "--preset", "quick", "--speed", "ultrafast", "--rate-control", "crf"]);
        command.args(["--crf", "14", "--endpoint", &self.endpoint]).args(flags).arg(FILM.path());
        for bucket in &self.buckets {
            command.args(["--out".into(), OsString::from(format!("s3://{bucket}/films"))]);
        }
        command.env("REELPRESS_FFMPEG", slow_ffmpeg(&self.user, FfmpegVersion::System));
        command
    }

    /// Where it is made on this machine.
    fn local(&self) -> PathBuf {
        self.user.path("home/cache/streams").join(NAME)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = files_under(&self.local()).into_iter().filter(|file| file.ends_with(".m4s"));
        files.map(|file| self.local().join(file)).collect()
    }

    fn dropped(&self) -> Vec<PathBuf> {
        self.segments().into_iter().filter(|file| has_hole(file).unwrap()).collect()
    }

    /// Holds the encoder as soon as each rendition has a segment.
    fn hold_encoder(&self) {
        wait_for("a segment of each rendition", || (fewest_segments(&self.local()) > 0).then_some(()));
        self.signal_encoder(Signal::STOP);
    }

    fn signal_encoder(&self, signal: Signal) {
        let encoders = self.user.process_ids_running("ffmpeg");
        assert!(!encoders.is_empty(), "the encode goes on");
        encoders.into_iter().for_each(|process| kill_process(process, signal).unwrap());
    }

    /// Waits until so many segments have given most of their room back.
    fn wait_until_dropped(&self, segments: usize) {
        wait_for("dropped segments", || {
            let files: Vec<_> = self.dropped().iter().filter_map(|file| std::fs::metadata(file).ok()).collect();
            let used: u64 = files.iter().map(|file| file.blocks() * 512).sum();
            let sizes: u64 = files.iter().map(std::fs::Metadata::len).sum();
            (files.len() >= segments && used * 5 < sizes).then_some(())
        });
    }

    /// Somebody removes an object from the first bucket.
    fn lose(&self, key: &str) {
        let delete = client(&self.endpoint).delete_object().bucket(&self.buckets[0]).key(key).send();
        self.runtime.block_on(delete).unwrap();
    }

    /// Goes on with a job of which the bucket has lost something, and gives what is there at its end.
    fn go_on_after_loss(&self) -> BTreeMap<String, Vec<u8>> {
        let ended = Ended::of(self.encode(&["--drop-published"]));
        ended.assert_all_done();
        let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
        assert!(warnings.contains("not in the bucket any more"), "{warnings}");
        self.assert_published()
    }

    /// What lies in a bucket.
    fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let client = client(&self.endpoint);
        self.runtime.block_on(async {
            let listed = client.list_objects_v2().bucket(bucket).prefix("films/").send().await.unwrap();
            let mut objects = BTreeMap::new();
            for key in listed.contents().iter().filter_map(|object| object.key()) {
                let object = client.get_object().bucket(bucket).key(key).send().await.unwrap();
                objects.insert(key.to_owned(), object.body.collect().await.unwrap().to_vec());
            }
            objects
        })
    }

    /// Fetches the stream from the buckets, which have the same: every frame of the film can be decoded. Nothing is left
    /// here.
    fn assert_published(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all: Vec<_> = self.buckets.iter().map(|bucket| self.objects(bucket)).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "all buckets have the same");
        let fetched = TempDir::new().unwrap();
        for (key, content) in &all[0] {
            super::write(fetched.path(), key, content);
        }
        let stream = Stream::at(fetched.path().join("films").join(NAME));
        let renditions = stream.video_renditions();
        assert!(renditions.len() > 1, "{renditions:?}");
        for rendition in renditions {
            let (frames, complaints) = decode(&stream.whole(&rendition, fetched.path()));
            assert_eq!((frames, complaints.as_str()), (FILM.frames, ""), "{rendition}");
        }
        let sound = decode_sound(&stream.whole("audio", fetched.path()));
        assert_eq!(sound, "", "the decoder complains of the sound");
        let mut check = self.user.reelpress();
        check.arg("check").arg(&stream.folder);
        crate::support::output_of(check);
        assert!(!self.local().exists());
        all.remove(0)
    }
}

/// Every complaint of the decoder.
fn decode_sound(file: &Path) -> String {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file).args(["-f", "null", "-"]);
    String::from_utf8_lossy(&run(command).stderr).into_owned()
}

fn media(objects: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    objects.into_iter().filter(|(key, _)| key.ends_with(".m4s")).collect()
}

#[test]
fn published_segments_give_their_room_back_while_the_encode_goes_on() {
    let film = Film::to(&shared_endpoint(), 2);
    let at_work = AtWork::start(film.encode(&["--drop-published", "--report", "--dash"]));
    film.hold_encoder();
    film.wait_until_dropped(2);
    film.signal_encoder(Signal::CONT);
    let finished = at_work.until(|event| event["event"] == "job_finished" || event["event"] == "job_failed");
    drop(finished);
    wait_for("the end of the program", || film.user.processes().is_empty().then_some(()));
    let objects = film.assert_published();
    // The report was written when the segments were gone from here.
    let report = objects.iter().find(|(key, _)| key.ends_with("report.json")).expect("a report").1;
    let report: serde_json::Value = serde_json::from_slice(report).unwrap();
    for file in report["files"].as_array().unwrap() {
        let content = &objects[&format!("films/{NAME}/{}", file["path"].as_str().unwrap())];
        let digits: String = sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file["sha256"].as_str(), Some(digits.as_str()), "{file}");
    }
    // The same film without the option has the same segments, and none is dropped on the way.
    let plain = Film::to(&shared_endpoint(), 1);
    let kept = AtWork::start(plain.encode(&[])).until(|event| event["event"] == "job_finished");
    drop(kept);
    assert_eq!(media(plain.assert_published()), media(objects));
}

#[test]
fn a_killed_job_goes_on_after_dropped_segments_and_makes_lost_ones_again() {
    let film = Film::to(&shared_endpoint(), 1);
    let at_work = AtWork::start(film.encode(&["--drop-published"]));
    film.hold_encoder();
    film.wait_until_dropped(2);
    at_work.kill(&film.user);
    let kept: BTreeMap<PathBuf, u64> = inodes(&film.dropped());
    let at_work = AtWork::start(film.encode(&["--drop-published"]));
    let at_work = at_work.until(|event| event["goes_on_at_seconds"].as_f64() > Some(0.0));
    film.wait_until_dropped(kept.len() + 1);
    at_work.kill(&film.user);
    let now = inodes(&film.dropped());
    assert!(kept.iter().all(|(file, inode)| now.get(file) == Some(inode)), "what was dropped stays as it is");

    // Somebody removes a segment from the bucket.
    let mut of_pictures = kept.keys().map(|file| file.strip_prefix(film.local()).unwrap().display().to_string());
    let lost = of_pictures.find(|file| !file.starts_with("audio")).expect("a dropped segment of pictures");
    let key = format!("films/{NAME}/{lost}");
    film.lose(&key);
    assert!(film.go_on_after_loss().contains_key(&key));
}

fn inodes(files: &[PathBuf]) -> BTreeMap<PathBuf, u64> {
    files.iter().map(|file| (file.clone(), std::fs::metadata(file).unwrap().ino())).collect()
}

#[test]
fn nothing_is_dropped_that_a_store_which_is_down_does_not_have() {
    let mut store = ObjectStore::start();
    let film = Film::to(&store.endpoint, 1);
    let at_work = AtWork::start(film.encode(&["--drop-published"]));
    film.hold_encoder();
    film.wait_until_dropped(1);
    store.kill();
    film.signal_encoder(Signal::CONT);
    let at_work = at_work.until(|event| event["stage"] == "publish");
    let (dropped, all) = (film.dropped(), film.segments());
    assert!(dropped.len() < all.len(), "{dropped:?}");
    at_work.kill(&film.user);
    store.revive();
    let objects = film.objects(&film.buckets[0]);
    for file in &dropped {
        let key = format!("films/{NAME}/{}", file.strip_prefix(film.local()).unwrap().display());
        assert_eq!(objects.get(&key).map(Vec::len), Some(std::fs::metadata(file).unwrap().len() as usize), "{key}");
    }
    // What is left here is not taken for a whole stream, neither in the making nor without the notes that say so.
    let refusal = || {
        let mut publish = film.user.reelpress();
        publish.args(["publish"]).arg(film.local()).arg(format!("s3://{}/again", film.buckets[0]));
        let refused = publish.args(["--endpoint", &film.endpoint]).output().unwrap();
        assert!(!refused.status.success());
        String::from_utf8_lossy(&refused.stderr).into_owned()
    };
    assert!(refusal().contains("is not finished"), "{}", refusal());
    let (notes, aside) = (film.local().join(".reelpress-unfinished"), film.user.path("notes"));
    std::fs::rename(&notes, &aside).unwrap();
    assert!(refusal().contains("were dropped here when they were published"), "{}", refusal());
    std::fs::rename(&aside, &notes).unwrap();
    // All was encoded: what is lost now is encoded again all the same.
    let lost = format!("films/{NAME}/{}", dropped[0].strip_prefix(film.local()).unwrap().display());
    film.lose(&lost);
    assert!(film.go_on_after_loss().contains_key(&lost));
}

#[test]
fn what_is_made_of_whole_segments_waits_and_what_can_not_be_is_refused() {
    let film = Film::to(&shared_endpoint(), 1);
    let mut encode = film.user.reelpress();
    encode.args(["encode", "--json", "--preset", "quick", "--speed", "ultrafast", "--drop-published", "--mp4"]);
    encode.args(["--endpoint", &film.endpoint, "--out", &format!("s3://{}/films", film.buckets[0])]);
    let ended = Ended::of({
        encode.arg(clips::SMALL.path());
        encode
    });
    ended.assert_all_done();
    let note = "Published segments stay on the disk until the end: MP4 files are made of them at the end";
    assert_eq!(ended.events_named("job_finished")[0]["notes"][0].as_str(), Some(note));

    let refused = |arguments: &[&str]| {
        let mut command = film.user.reelpress();
        command.args(["encode", "--drop-published"]).args(arguments).arg(clips::SMALL.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let keep = refused(&["--out", "s3://films/new", "--keep", "here"]);
    assert!(keep.contains("--drop-published") && keep.contains("--keep"), "{keep}");
    let folder_too = refused(&["--out", "s3://films/new", "--out", "here"]);
    assert!(folder_too.contains("--drop-published") && folder_too.contains("--out"), "{folder_too}");
    let folder = refused(&["--out", "here"]);
    assert!(folder.contains("--drop-published is for s3:// destinations"), "{folder}");
    assert!(!Path::new("here").exists());
}
