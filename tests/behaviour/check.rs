//! `reelpress check` judges a stream by measuring it, and no job is done before its own stream was judged.

mod buckets;
mod damage;
mod decoding;
mod others;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use reelpress::{
    pipeline::check::{CheckOptions, Level, Ruling, StreamPlace, Verdict, check},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};
use serde_json::Value;

use crate::support::{
    clips,
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    run, system_tool,
    user::{Ended, User},
};

/// Names of the rules of this level that are broken.
fn broken(verdict: &Verdict, level: Level) -> Vec<&'static str> {
    verdict.broken(level).map(|judgement| judgement.rule.name()).collect()
}

/// Every finding, for the message of a test that fails.
fn findings(verdict: &Verdict) -> Vec<String> {
    let broken = verdict.rules.iter().filter(|judgement| judgement.result == Ruling::Broken);
    broken.map(|judgement| format!("{}: {}", judgement.rule, judgement.detail())).collect()
}

fn toolbox(version: FfmpegVersion) -> Toolbox {
    Toolbox {
        ffmpeg: version.program(),
        ffprobe: system_tool("ffprobe"),
        version: String::new(),
        can_tone_map: true,
        encoders: BTreeSet::new(),
    }
}

fn judge(place: &StreamPlace) -> Verdict {
    check(place, Some(&toolbox(FfmpegVersion::System)), CheckOptions::default(), &CancelToken::default())
        .expect("there is a stream")
}

fn judge_folder(folder: &Path) -> Verdict {
    judge(&StreamPlace::Folder(folder.to_owned()))
}

/// A stream of three segments in two rungs with sound, made once in a run of the tests.
fn good_stream() -> &'static Path {
    static STREAM: OnceLock<(User, PathBuf)> = OnceLock::new();
    let (_, folder) = STREAM.get_or_init(|| {
        let user = User::new();
        let arguments = ["--speed", "ultrafast", "--ts"].map(Into::into);
        let source = clips::LANDSCAPE.path();
        Ended::of(user.encode_command_to(user.output().as_os_str(), &arguments, &[&source], "quick")).assert_all_done();
        let folder = user.stream_of(&clips::LANDSCAPE.path()).folder;
        (user, folder)
    });
    folder
}

fn encode_quickly(user: &User, source: &Path) -> Ended {
    let speed = ["--speed", "ultrafast"].map(Into::into);
    Ended::of(user.encode_command_to(user.output().as_os_str(), &speed, &[source], "quick"))
}

/// `reelpress check` with these arguments: exit code, standard output, standard error.
fn call(user: &User, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = user.reelpress();
    let output = run({
        command.arg("check").args(arguments);
        command
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_mpeg_ts_form_keeps_every_rule() {
    let verdict = judge_folder(&good_stream().join("ts"));
    assert!(verdict.correct && broken(&verdict, Level::Should).is_empty(), "{:#?}", findings(&verdict));
}

on_both_ffmpeg_versions! {
    fn what_reelpress_makes_keeps_every_rule(version) {
        let user = User::with(version);
        for clip in [&clips::PORTRAIT_SILENT, &clips::FILM] {
            let source = clip.path();
            encode_quickly(&user, &source).assert_all_done();
            let verdict = judge_folder(&user.stream_of(&source).folder);
            assert!(verdict.correct && broken(&verdict, Level::Should).is_empty(), "{:#?}", findings(&verdict));
            let judged = verdict.rules.iter().filter(|judgement| judgement.result == Ruling::Kept).count();
            assert!(judged >= 45, "only {judged} rules were judged");
        }
    }
}

#[test]
fn the_table_and_the_exit_code_tell_whether_a_stream_is_correct() {
    let user = User::new();
    let good = good_stream().to_str().unwrap();
    let (code, table, said) = call(&user, &[good]);
    assert_eq!(code, Some(0), "{table}{said}");
    assert!(table.lines().count() > 45 && table.contains("starts-with-idr") && !table.contains("BROKEN"), "{table}");
    assert!(table.lines().last().is_some_and(|line| line.starts_with("Correct")) && said.is_empty(), "{table}{said}");
    assert!(table.contains("Judged from the playlist master.m3u8"), "{table}");
    let playlist = format!("{good}/master.m3u8");
    assert_eq!(call(&user, &[&playlist]).0, Some(0));

    let copy = damage::Copy::new();
    copy.remove("720p/segment_00001.m4s");
    let (code, json, _) = call(&user, &[copy.folder().to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(1));
    let verdict: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(verdict["correct"], false);
    let rules = verdict["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["rule"] == "segment-present").unwrap();
    assert_eq!((&rule["number"], &rule["level"], &rule["result"]), (&10.into(), &"must".into(), &"broken".into()));
    assert_eq!(rule["findings"][0]["place"], "720p/segment_00001.m4s", "{rule:#}");
    assert!(rule["source"].as_str().unwrap().contains("RFC"));
}

#[test]
fn what_is_no_stream_is_refused_with_a_remedy() {
    let user = User::new();
    std::fs::create_dir(user.path("empty")).unwrap();
    for (place, code, words) in [
        ("nowhere", 2, "neither a folder nor a playlist"),
        ("empty", 2, "no HLS playlist"),
        ("http://127.0.0.1:9/master.m3u8", 1, "can't be read"),
    ] {
        let path = if place.contains(':') { place.to_owned() } else { user.path(place).display().to_string() };
        let (exit_code, _, said) = call(&user, &[&path]);
        assert_eq!(exit_code, Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let (exit_code, ..) = call(&user, &[good_stream().to_str().unwrap(), "--ffprobe", "/nonexistent/ffprobe"]);
    assert_eq!(exit_code, Some(3));
}

/// An encoder that is not what it says: every stream of it has pixels that are not square.
fn lying_ffmpeg(user: &User) -> PathBuf {
    let script = format!(
        "#!/bin/bash\nexec {:?} \"${{@//setsar=1/setsar=4/3}}\"\n",
        FfmpegVersion::System.program().display().to_string()
    );
    let path = user.file("ffmpeg", script.as_bytes());
    let mut command = Command::new(system_tool("chmod"));
    command.arg("755").arg(&path);
    crate::support::output_of(command);
    path
}

#[test]
fn a_job_whose_stream_breaks_a_rule_fails_and_leaves_nothing() {
    let user = User::new();
    let mut command = user.encode_command_to(
        user.output().as_os_str(),
        &["--speed", "ultrafast"].map(Into::into),
        &[&clips::sample()],
        "quick",
    );
    command.env("REELPRESS_FFMPEG", lying_ffmpeg(&user));
    let ended = Ended::of(command);
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failed = ended.events_named("job_failed");
    let failure = &failed[0]["failure"];
    assert_eq!(failure["kind"], "stream_incorrect", "{failure:#}");
    assert!(failure["headline"].as_str().unwrap().contains("square-pixels"), "{failure:#}");
    assert!(failure["detail"].as_str().unwrap().contains("pixels are 4:3"), "{failure:#}");
    assert_eq!(user.output_files(), Vec::<String>::new());
}
