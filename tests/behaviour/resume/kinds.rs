//! Jobs of other kinds than a film alone go on as well: encrypted ones, joined sources, two passes, still pictures, sound.

use std::{
    collections::BTreeMap,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Signal, kill_process};

use super::{Ended, FfmpegVersion, User, assert_same_stream, clips, files_under, on_both_ffmpeg_versions, wait_for};
use crate::{
    encryption::{decrypted, keys_of},
    support::{output_of, stream::Stream},
};

const QUICK: [&str; 6] = ["--speed", "ultrafast", "--rate-control", "crf", "--crf", "14"];
/// How often a job that was done before it could be killed is tried again.
const MOST_TRIES: usize = 5;

/// A job of a user.
struct Job<'a> {
    user: &'a User,
    version: FfmpegVersion,
    sources: &'a [&'a Path],
    flags: &'a [&'a str],
}

impl Job<'_> {
    fn command(&self, folder: &str) -> Command {
        let flags: Vec<_> = self.flags.iter().map(Into::into).collect();
        self.user.encode_command_to(self.user.path(folder).as_os_str(), &flags, self.sources, "quick")
    }

    fn stream(&self, folder: &str) -> PathBuf {
        self.user.path(folder).join(self.sources[0].file_stem().expect("a name"))
    }

    /// Encodes all of it, undisturbed.
    fn whole(&self) -> PathBuf {
        Ended::of(self.command("whole")).assert_all_done();
        self.stream("whole")
    }

    /// Kills program and ffmpeg as soon as this file is there: not before all renditions have their first segment.
    /// Gives what is finished then: each file's own number.
    fn kill_at(&self, file: &str) -> BTreeMap<String, u64> {
        let made = self.stream("output");
        for _ in 0..MOST_TRIES {
            let mut command = self.command("output");
            command.env("REELPRESS_FFMPEG", self.slow_ffmpeg()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().expect("reelpress starts");
            let mut is_done = false;
            wait_for(file, || {
                is_done = child.try_wait().expect("the child is ours").is_some();
                (is_done || made.join(file).exists()).then_some(())
            });
            for process in
                ["reelpress", "ffmpeg", "ffmpeg-9"].iter().flat_map(|name| self.user.process_ids_running(name))
            {
                // One may have ended with the other.
                let _ = kill_process(process, Signal::KILL);
            }
            child.wait().expect("the child is ours");
            if !is_done {
                return finished(&made);
            }
            std::fs::remove_dir_all(&made).expect("the stream can be removed");
        }
        panic!("it was always done before it could be killed");
    }

    /// Encodes the rest, after which all that was finished is the same file still.
    fn go_on(&self, before: &BTreeMap<String, u64>) -> PathBuf {
        let ended = Ended::of(self.command("output"));
        ended.assert_all_done();
        let goes_on_at = ended.events_named("job_planned")[0]["goes_on_at_seconds"].as_f64();
        assert!(goes_on_at >= Some(6.0), "{goes_on_at:?}");
        assert_eq!(ended.events_named("job_finished")[0]["warnings"].as_array().map(Vec::len), Some(0));
        let made = self.stream("output");
        let after = finished(&made);
        assert!(before.iter().all(|(file, number)| after.get(file) == Some(number)), "{before:?}\n{after:?}");
        assert_eq!(std::fs::read_dir(self.user.path("output")).expect("a folder").count(), 1);
        made
    }

    /// The same ffmpeg, which reads at most five seconds of each source in a second, and notes its arguments.
    fn slow_ffmpeg(&self) -> PathBuf {
        let calls = self.user.path("calls");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{}'\ncase \"$*\" in *pipe:1*) ;; *) exec '{1}' \"$@\";; esac\n\
             count=$#\nwhile [ $count -gt 0 ]; do argument=$1; shift; count=$((count - 1))\n\
             [ \"$argument\" = -i ] && set -- \"$@\" -readrate 5\nset -- \"$@\" \"$argument\"; done\nexec '{1}' \"$@\"\n",
            calls.display(),
            self.version.program().display()
        );
        let path = self.user.file("slow-ffmpeg", script.as_bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
        path
    }
}

/// Segments and init segments, with the file's own number.
fn finished(stream: &Path) -> BTreeMap<String, u64> {
    let files = files_under(stream).into_iter().filter(|file| file.ends_with(".m4s") || file.ends_with("init.mp4"));
    files.map(|file| (file.clone(), std::fs::metadata(stream.join(file)).expect("the file is there").ino())).collect()
}

/// A stream as it would be without encryption, in a folder beside it; `keys` holds its keys.
fn clear_copy(user: &User, stream: &Path, keys: &Path) -> PathBuf {
    let clear = user.path("clear copy");
    let encrypted = Stream::at(stream.to_owned());
    for file in files_under(stream) {
        let to = clear.join(&file);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("the user's folder can be written");
        if file.ends_with(".m3u8") {
            let text: Vec<String> = encrypted.text(&file).lines().map(str::to_owned).collect();
            let without: Vec<String> = text.into_iter().filter(|line| !line.starts_with("#EXT-X-KEY")).collect();
            std::fs::write(to, without.join("\n") + "\n").expect("the user's folder can be written");
        } else {
            std::fs::copy(stream.join(&file), to).expect("the user's folder can be written");
        }
    }
    for rendition in files_under(stream).iter().filter_map(|file| file.strip_suffix("/playlist.m3u8")) {
        let playlist = encrypted.media_playlist(rendition, "playlist.m3u8");
        for (segment, (uri, iv)) in playlist.segments.iter().zip(keys_of(&playlist)) {
            let key = std::fs::read(keys.join(uri.rsplit('/').next().expect("a name"))).expect("the key is there");
            let file = format!("{rendition}/{}", segment.uri);
            let content = decrypted(&stream.join(&file), &key, &iv, true);
            std::fs::write(clear.join(&file), content).expect("the user's folder can be written");
        }
    }
    clear
}

on_both_ffmpeg_versions! {
    fn joined_sources_go_on_in_each_part(version) {
        let user = User::with(version);
        let job = Job {
            user: &user,
            version,
            sources: &[&clips::SMALL.path(), &clips::NUMBERED.path()],
            flags: &[&QUICK[..], &["--join", "--storyboard"]].concat(),
        };
        let whole = job.whole();
        // The first part ends within the second segment.
        job.kill_at("180p/segment_00000.m4s");
        let before = job.kill_at("180p/segment_00002.m4s");
        let made = job.go_on(&before);
        assert_same_stream(&user, &whole, &made);
    }
}

#[test]
fn a_joined_source_that_has_changed_begins_again() {
    let user = User::new();
    let second = user.path("second.mp4");
    std::fs::copy(clips::SMALL.path(), &second).expect("the user's folder can be written");
    let flags = [&QUICK[..], &["--join"]].concat();
    let (sources, version) = ([&*clips::NUMBERED.path(), &second], FfmpegVersion::System);
    let job = Job { user: &user, version, sources: &sources, flags: &flags };
    job.kill_at("180p/segment_00000.m4s");
    std::fs::copy(clips::LANDSCAPE.path(), &second).expect("the user's folder can be written");
    let ended = Ended::of(job.command("output"));
    ended.assert_all_done();
    let warning = ended.events_named("job_finished")[0]["warnings"][0].as_str();
    assert_eq!(warning, Some("The interrupted encode began again: the source has changed"));
}

#[test]
fn an_encrypted_stream_goes_on_with_its_keys() {
    let user = User::new();
    let keys = user.path("keys");
    let version = FfmpegVersion::System;
    let key_flags = ["--encrypt", "--key-uri", "https://keys.example.org/{id}/{n}.key", "--rotate-key", "1segments"];
    let folder = ["--key-folder", keys.to_str().expect("a temporary folder")];
    let sources = [&*clips::NUMBERED.path()];
    let clear = Job { user: &user, version, sources: &sources, flags: &[&QUICK[..], &["--ts"]].concat() };
    let whole = clear.whole();
    let job = Job { flags: &[&QUICK[..], &["--ts"], &key_flags, &folder].concat(), ..clear };
    let before = job.kill_at("180p/segment_00001.m4s");
    let made = job.go_on(&before);
    let jobs: Vec<PathBuf> = std::fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(jobs.len(), 1, "one job's keys: {jobs:?}");
    assert_eq!(files_under(&jobs[0]), ["1.key", "2.key", "3.key"]);
    assert_same_stream(&user, &whole, &clear_copy(&user, &made, &jobs[0]));
    let mut check = user.reelpress();
    check.arg("check").arg(&made).arg("--key").arg(&jobs[0]);
    output_of(check);
}

#[test]
fn other_keys_than_before_begin_again() {
    let user = User::new();
    let sources = [&*clips::NUMBERED.path()];
    let flags = [&QUICK[..], &["--encrypt", "--key-beside-segments"]].concat();
    let job = Job { user: &user, version: FfmpegVersion::System, sources: &sources, flags: &flags };
    job.kill_at("180p/segment_00000.m4s");
    let flags = [&flags[..], &["--rotate-key", "1segments"]].concat();
    let job = Job { flags: &flags, ..job };
    let ended = Ended::of(job.command("output"));
    ended.assert_all_done();
    let warning = ended.events_named("job_finished")[0]["warnings"][0].as_str();
    assert_eq!(warning, Some("The interrupted encode began again: the settings are others"));
    assert_eq!(files_under(&job.stream("output").join("keys")), ["1.key", "2.key", "3.key"]);
}

#[test]
fn two_passes_keep_the_first_and_what_the_second_has_finished() {
    let user = User::new();
    let sources = [&*clips::NUMBERED.path()];
    // A codec without notes of its own in ffmpeg keeps them, too.
    let flags = ["--speed", "ultrafast", "--rate-control", "two-pass", "--video-codec", "h264,hevc"];
    let job = Job { user: &user, version: FfmpegVersion::System, sources: &sources, flags: &flags };
    let whole = job.whole();
    let before = job.kill_at("180p/segment_00000.m4s");
    // Noted from here on, too.
    let slow = job.slow_ffmpeg();
    let mut again = job.command("output");
    again.env("REELPRESS_FFMPEG", slow);
    Ended::of(again).assert_all_done();
    let calls = std::fs::read_to_string(user.path("calls")).expect("ffmpeg was called");
    let passes = |pass: &str| calls.lines().filter(|call| call.contains(pass)).count();
    assert_eq!((passes("-pass 1"), passes("-pass 2")), (1, 2), "{calls}");
    let made = job.stream("output");
    let after = finished(&made);
    assert!(before.iter().all(|(file, number)| after.get(file) == Some(number)), "{before:?}\n{after:?}");
    assert_same_stream(&user, &whole, &made);
}

#[test]
fn a_still_picture_goes_on() {
    let user = User::new();
    let picture = user.path("still.png");
    let mut draw = Command::new(FfmpegVersion::System.program());
    draw.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360", "-frames:v", "1"]).arg(&picture);
    output_of(draw);
    let sources = [&*picture];
    let flags = [&QUICK[..], &["--still-duration", "20"]].concat();
    let job = Job { user: &user, version: FfmpegVersion::System, sources: &sources, flags: &flags };
    let whole = job.whole();
    let before = job.kill_at("master.m3u8");
    assert_same_stream(&user, &whole, &job.go_on(&before));
}

#[test]
fn sound_alone_keeps_what_is_finished() {
    let user = User::new();
    let sound = user.path("song.wav");
    let mut make = Command::new(FfmpegVersion::System.program());
    make.args(["-v", "error", "-f", "lavfi", "-i", "aevalsrc=exprs='0.4*sin(500*2*PI*t)*gt(mod(t,4),2)':s=44100:d=20"]);
    make.arg(&sound);
    output_of(make);
    let sources = [&*sound];
    let job = Job { user: &user, version: FfmpegVersion::System, sources: &sources, flags: &[] };
    let whole = job.whole();
    let before = job.kill_at("audio/segment_00001.m4s");
    let made = job.go_on(&before);
    assert_eq!(files_under(&made), files_under(&whole));
    for file in files_under(&whole) {
        let [made, whole] = [&made, &whole].map(|stream| std::fs::read(stream.join(&file)).expect("a file"));
        assert!(made == whole, "{file} is another");
    }
}
