//! Streams that others have made, and streams on the web.

use std::{path::Path, process::Command};

use reelpress::{
    pipeline::check::{Level, Ruling, StreamPlace},
    preview::PreviewServer,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{broken, call, damage::Copy, findings, good_stream, judge, judge_folder};
use crate::support::{
    clips,
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    output_of,
    user::User,
};

/// A stream in MPEG-TS of twelve seconds by ffmpeg's own HLS muxer.
fn transport_stream(version: FfmpegVersion) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(version.program());
    command.args(["-v", "error", "-nostdin", "-i"]).arg(clips::LANDSCAPE.path());
    command.args(["-t", "12", "-vf", "scale=640:360", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "600k"]);
    command.args(["-maxrate", "600k", "-bufsize", "600k", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"]);
    command.args(["-flags", "+cgop", "-c:a", "aac", "-ac", "2", "-f", "hls", "-hls_time", "6"]);
    command.args(["-hls_playlist_type", "vod", "-hls_flags", "independent_segments", "-master_pl_name", "main.m3u8"]);
    command.args(["-hls_segment_filename"]).arg(folder.path().join("s%d.ts")).arg(folder.path().join("media.m3u8"));
    output_of(command);
    folder
}

/// Rules that a stream of the muxer keeps, whatever it makes of bit rates.
const KEPT_BY_THE_MUXER: [&str; 15] = [
    "playlist-text",
    "version",
    "target-duration",
    "segment-duration",
    "end-list",
    "playlist-type",
    "resolution",
    "segment-present",
    "starts-with-idr",
    "closed-gop",
    "continuous",
    "decode-order",
    "transport-tables",
    "transport-continuity",
    "profile",
];

on_both_ffmpeg_versions! {
    fn a_transport_stream_of_another_maker_is_measured(version) {
        let folder = transport_stream(version);
        let verdict = judge_folder(folder.path());
        for name in KEPT_BY_THE_MUXER {
            let judgement = verdict.rules.iter().find(|judgement| judgement.rule.name() == name).unwrap();
            assert_eq!(judgement.result, Ruling::Kept, "{name}: {:#?}", findings(&verdict));
        }
    }
}

fn rewrite(file: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    std::fs::write(file, change(std::fs::read(file).unwrap())).unwrap();
}

#[test]
fn a_damaged_transport_stream_is_noticed() {
    type Act = fn(&Path);
    let damages: [(&str, &str, Act); 6] = [
        ("a packet is missing", "transport-continuity", |folder| {
            rewrite(&folder.join("s0.ts"), |mut bytes| {
                bytes.drain(188 * 40..188 * 41);
                bytes
            });
        }),
        ("the checksum of the PAT is wrong", "transport-tables", |folder| {
            rewrite(&folder.join("s0.ts"), |mut bytes| {
                let at = (0..bytes.len()).step_by(188).find(|at| bytes[at + 1] & 0x1f == 0 && bytes[at + 2] == 0);
                // The section of one programme: four bytes of the packet, a pointer, twelve bytes, the checksum.
                bytes[at.unwrap() + 4 + 1 + 12] ^= 0xff;
                bytes
            });
        }),
        ("no tables", "transport-tables", |folder| rewrite(&folder.join("s1.ts"), |bytes| bytes[188 * 3..].to_vec())),
        ("two segments are swapped", "continuous", |folder| {
            std::fs::rename(folder.join("s0.ts"), folder.join("x.ts")).unwrap();
            std::fs::rename(folder.join("s1.ts"), folder.join("s0.ts")).unwrap();
            std::fs::rename(folder.join("x.ts"), folder.join("s1.ts")).unwrap();
        }),
        ("a segment is a playlist", "segment-present", |folder| {
            std::fs::write(folder.join("s1.ts"), "#EXTM3U\n#EXTINF:6,\nfile:///etc/passwd\n").unwrap();
        }),
        ("a wrong EXTINF", "segment-duration", |folder| {
            rewrite(&folder.join("media.m3u8"), |text| {
                String::from_utf8(text).unwrap().replacen("EXTINF:6.0", "EXTINF:5.0", 1).into_bytes()
            });
        }),
    ];
    let good = transport_stream(FfmpegVersion::System);
    for (what, rule, act) in damages {
        let folder = TempDir::new().unwrap();
        for entry in std::fs::read_dir(good.path()).unwrap().flatten() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        act(folder.path());
        let verdict = judge_folder(folder.path());
        let found = broken(&verdict, Level::Must);
        assert!(found.contains(&rule), "{what} was not noticed as {rule}: {:#?}", findings(&verdict));
    }
}

#[test]
fn a_stream_on_the_web_is_fetched_and_its_headers_are_judged() {
    let runtime = Runtime::new().unwrap();
    let server = PreviewServer::start(runtime.handle()).unwrap();
    let url = |folder: &Path, path: &str| format!("{}files/{path}", server.url_for(folder));
    let verdict = judge(&StreamPlace::Url(url(good_stream(), "master.m3u8")));
    assert!(verdict.correct, "{:#?}", findings(&verdict));
    let result = |name: &str| verdict.rules.iter().find(|judgement| judgement.rule.name() == name).unwrap().result;
    assert_eq!((result("playlist-type-header"), result("media-type-header")), (Ruling::Kept, Ruling::Kept));
    assert_eq!(result("i-frame-ranges"), Ruling::Kept);

    let copy = Copy::new();
    copy.remove("720p/segment_00001.m4s");
    let (code, table, _) = call(&User::new(), &[&url(copy.folder(), "master.m3u8")]);
    assert_eq!(code, Some(1), "{table}");
    assert!(table.lines().any(|line| line.contains("segment-present") && line.contains("is not there")), "{table}");
}
