//! Damage inside of frames, which only a decoder notices.

use std::path::Path;

use reelpress::{
    pipeline::check::{CheckOptions, Level, Ruling, StreamPlace, Verdict, check},
    preview::PreviewServer,
    tools::cancel::CancelToken,
};
use tokio::runtime::Runtime;

use super::{broken, call, damage::Copy, findings, judge_folder, toolbox};
use crate::support::{
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    user::User,
};

fn judge_decoded(place: &StreamPlace, version: FfmpegVersion) -> Verdict {
    let options = CheckOptions { decodes: true, ..CheckOptions::default() };
    check(place, Some(&toolbox(version)), options, &CancelToken::default()).expect("there is a stream")
}

fn judge_folder_decoded(folder: &Path, version: FfmpegVersion) -> Verdict {
    judge_decoded(&StreamPlace::Folder(folder.to_owned()), version)
}

/// What was found by the rule: where, and what.
fn found(verdict: &Verdict) -> Vec<(&str, &str)> {
    let judgement = verdict.rules.iter().find(|judgement| judgement.rule.name() == "decodes").unwrap();
    judgement.findings.iter().map(|finding| (finding.place.as_str(), finding.message.as_str())).collect()
}

/// Turns the bits over in four places around this part of the file's length.
///
/// One place would not do: what an encoder writes differs from machine to machine, and about one damaged frame in
/// twenty still decodes, to a wrong picture or sound.
fn spoil(copy: &Copy, path: &str, part: f64) {
    const PLACES: [f64; 4] = [0.0, 0.01, 0.02, 0.03];
    const BYTES_EACH: usize = 100;
    let mut bytes = copy.read(path);
    for place in PLACES {
        let at = (bytes.len() as f64 * (part + place)) as usize;
        bytes[at..at + BYTES_EACH].iter_mut().for_each(|byte| *byte ^= 0xff);
    }
    copy.write(path, &bytes);
}

/// The time in a finding such as “the picture at 7.240 s of …”.
fn seconds(message: &str) -> f64 {
    message
        .split(" at ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{message}"))
}

on_both_ffmpeg_versions! {
    fn damage_in_frames_is_told_with_rendition_segment_and_time(version) {
        let copy = Copy::new();
        spoil(&copy, "720p/segment_00001.m4s", 0.5);
        spoil(&copy, "audio/segment_00002.m4s", 0.6);
        let verdict = judge_folder(copy.folder());
        assert!(verdict.correct, "only a decoder can notice it: {:#?}", findings(&verdict));
        let verdict = judge_folder_decoded(copy.folder(), version);
        assert_eq!(broken(&verdict, Level::Must), ["decodes"], "{:#?}", findings(&verdict));
        let [(picture, of_picture), (sound, of_sound)] = found(&verdict)[..] else { panic!("{:#?}", findings(&verdict)) };
        assert_eq!((picture, sound), ("720p/segment_00001.m4s", "audio/segment_00002.m4s"));
        assert!(of_picture.starts_with("the picture at ") && of_picture.contains("of 720p/playlist.m3u8"), "{of_picture}");
        assert!((6.5..11.5).contains(&seconds(of_picture)), "{of_picture}");
        assert!(of_sound.starts_with("the sound at ") && (12.2..14.0).contains(&seconds(of_sound)), "{of_sound}");

        let transport = judge_folder_decoded(&copy.folder().join("ts"), version);
        let decodes = transport.rules.iter().find(|judgement| judgement.rule.name() == "decodes").unwrap();
        assert_eq!((decodes.result, decodes.judged >= 6), (Ruling::Kept, true), "{:#?}", findings(&transport));
        // Packets that are lost as a whole leave a picture that many decoders take.
        let segment = "ts/720p/segment_00001.ts";
        let mut bytes = copy.read(segment);
        let at = (bytes.len() as f64 * 0.413) as usize;
        bytes[at..at + 200].iter_mut().for_each(|byte| *byte ^= 0xff);
        copy.write(segment, &bytes);
        let transport = judge_folder_decoded(&copy.folder().join("ts"), version);
        assert!(broken(&transport, Level::Must).contains(&"transport-continuity"), "{:#?}", findings(&transport));
        assert!(found(&transport).iter().any(|(place, what)| segment.ends_with(place) && (6.5..10.5).contains(&seconds(what))),
            "{:#?}", findings(&transport));
        let segment = "ts/360p/segment_00000.ts";
        spoil(&copy, segment, 0.5);
        let transport = judge_folder_decoded(&copy.folder().join("ts"), version);
        assert!(found(&transport).iter().any(|(place, what)| segment.ends_with(place) && seconds(what) < 5.5),
            "{:#?}", findings(&transport));
    }
}

#[test]
fn damage_in_frames_is_noticed_over_the_web() {
    let copy = Copy::new();
    spoil(&copy, "360p/segment_00001.m4s", 0.5);
    let runtime = Runtime::new().unwrap();
    let server = PreviewServer::start(runtime.handle()).unwrap();
    let url = format!("{}files/master.m3u8", server.url_for(copy.folder()));
    let (code, table, _) = call(&User::new(), &[&url, "--decode"]);
    assert_eq!(code, Some(1), "{table}");
    let is_told = |line: &str| line.contains("decodes") && line.contains("360p/segment_00001.m4s: the picture at ");
    assert!(table.lines().any(is_told), "{table}");
}
