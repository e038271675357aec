//! Codecs, rate controls and encoders of a user's choice.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use m3u8_rs::QuotedOrUnquoted;

use crate::support::{
    browser,
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, decode, on_both_ffmpeg_versions, stream_facts},
    output_of, run,
    stream::{Segment, Stream},
    system_tool,
    user::{Ended, User},
};

/// What the preset "Source size" gives 320×180 pixels, in bits a second.
const RUNG_BPS: f64 = 340_000.0;

/// Encodes a clip at its own size with these flags, as fast as it goes.
fn encode(user: &User, clip: &Clip, flags: &[&str]) -> Ended {
    let speed: &[&str] = if flags.contains(&"--speed") { &[] } else { &["--speed", "ultrafast"] };
    let flags: Vec<_> = speed.iter().chain(flags).map(Into::into).collect();
    Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[&clip.path()], "source"))
}

fn encoded(user: &User, clip: &Clip, flags: &[&str]) -> Stream {
    encode(user, clip, flags).assert_all_done();
    user.stream_of(&clip.path())
}

fn workplace(user: &User) -> PathBuf {
    let workplace = user.path("workplace");
    std::fs::create_dir_all(&workplace).expect("the user's folder can be written");
    workplace
}

/// Average bit rate of a rendition in bits a second, by its segments.
fn average_bps(segments: &[Segment]) -> f64 {
    let seconds = segments.last().map_or(0.0, Segment::end);
    segments.iter().map(|segment| segment.bytes * 8).sum::<u64>() as f64 / seconds
}

/// What CODECS has to say of a picture, by what ffprobe sees in it.
fn codecs_of(file: &Path) -> String {
    let facts = stream_facts(file);
    let level = facts["level"].as_i64().expect("a level");
    match facts["codec_name"].as_str().expect("a codec") {
        "h264" => format!("avc1.42c0{level:02x}"),
        "hevc" => format!("hvc1.1.6.L{level}.90"),
        "av1" => format!("av01.0.{level:02}M.08"),
        "vp9" => "vp09.00.11.08".to_owned(),
        other => panic!("{other} was not asked for"),
    }
}

/// Kind of the first picture's slice in an HEVC file: 19 and 20 are IDR pictures.
fn first_hevc_slice(file: &Path) -> Option<u8> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-c", "copy", "-frames:v", "1", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", "-"]);
    let stream = output_of(command);
    let mut kinds = stream.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| (bytes[3] >> 1) & 0x3f);
    kinds.find(|kind| *kind < 32)
}

on_both_ffmpeg_versions! {
    fn ladders_of_all_codecs_stand_side_by_side_in_one_stream(version) {
        let user = User::with(version);
        let stream = encoded(&user, &clips::SMALL, &["--video-codec", "h264,hevc,av1,vp9"]);
        let names = ["180p", "180p-hevc", "180p-av1", "180p-vp9"];
        let workplace = workplace(&user);
        let mut borders = Vec::new();
        for (name, codec) in names.iter().zip(["h264", "hevc", "av1", "vp9"]) {
            let segments = stream.segments(name, &workplace);
            borders.push(segments.iter().map(Segment::start).collect::<Vec<_>>());
            let whole = stream.whole(name, &workplace);
            assert_eq!(stream_facts(&whole)["codec_name"], codec, "{name}");
            assert_eq!(decode(&whole), (clips::SMALL.frames, String::new()), "{name}");
            let keys: Vec<usize> = segments
                .iter()
                .flat_map(|segment| &segment.packets)
                .enumerate()
                .filter(|(_, packet)| packet.is_key)
                .map(|(index, _)| index)
                .collect();
            assert_eq!(keys, [0, 50, 100, 150], "{name}");
            for segment in &segments {
                let (pictures, complaints) = decode(&segment.playable);
                assert_eq!((pictures, complaints.as_str()), (segment.packets.len(), ""), "{name} refers over a border");
                if codec == "hevc" {
                    assert!(matches!(first_hevc_slice(&segment.playable), Some(19 | 20)), "{name} starts with no IDR");
                    assert_eq!(stream_facts(&segment.playable)["codec_tag_string"], "hvc1");
                }
            }
            let variants = stream.variants();
            let variant = variants.iter().find(|variant| variant.uri.starts_with(&format!("{name}/"))).expect(name);
            let told = variant.codecs.clone().expect("CODECS");
            // The source does not say its colours, so it is taken for SD's, which AV1 and VP9 name at the end.
            assert!(told.starts_with(&codecs_of(&whole)) && told.ends_with(",mp4a.40.2"), "{name}: {told}");
            assert!(stream.folder.join(name).join("iframes.m3u8").is_file(), "{name}");
        }
        assert!(borders.iter().all(|starts| *starts == borders[0] && starts.len() == 2), "{borders:?}");
        assert_eq!(stream.variants()[0].uri, "180p/playlist.m3u8", "players start with what all of them know");
    }

    fn hdr_is_kept_in_hevc_beside_h264_with_standard_range(version) {
        let user = User::with(version);
        let stream = encoded(&user, &clips::HDR10, &["--hdr", "keep", "--dash"]);
        let workplace = workplace(&user);
        let hdr = stream.whole("180p-hevc", &workplace);
        let facts = stream_facts(&hdr);
        assert_eq!((&facts["profile"], &facts["pix_fmt"]), (&"Main 10".into(), &"yuv420p10le".into()), "{facts:#}");
        assert_eq!(facts["color_transfer"], "smpte2084", "{facts:#}");
        assert_eq!((&facts["color_primaries"], &facts["color_space"]), (&"bt2020".into(), &"bt2020nc".into()));
        let mut command = Command::new(system_tool("ffprobe"));
        command.args(["-v", "error", "-read_intervals", "%+#1", "-show_frames", "-of", "json"]).arg(&hdr);
        let frame = String::from_utf8(output_of(command)).expect("JSON");
        for fact in ["13250/50000", "10000000/10000", "\"max_content\": 1000", "\"max_average\": 400"] {
            assert!(frame.contains(fact), "{fact} is not in {frame}");
        }
        assert_eq!(decode(&hdr), (clips::HDR10.frames, String::new()));
        let standard = stream_facts(&stream.whole("180p", &workplace));
        assert_eq!((&standard["codec_name"], &standard["pix_fmt"]), (&"h264".into(), &"yuv420p".into()));
        assert_eq!(standard["color_transfer"], "bt709", "{standard:#}");
        for variant in stream.multivariant().variants {
            let range = variant.other_attributes.as_ref().and_then(|attributes| attributes.get("VIDEO-RANGE").cloned());
            let expected = if variant.uri.starts_with("180p-hevc/") { "PQ" } else { "SDR" };
            assert_eq!(range, Some(QuotedOrUnquoted::Unquoted(expected.to_owned())), "{}", variant.uri);
        }
        let manifest = dash_mpd_core::parse(&stream.text("manifest.mpd")).expect("a manifest");
        let [standard, high] = manifest.periods[0].adaptations.as_slice() else { panic!("not two sets") };
        let essential: Vec<_> = high.essential_property.iter().filter_map(|property| property.value.as_deref()).collect();
        assert_eq!(essential, ["9", "16", "9"], "the numbers of BT.2020, PQ and its matrix");
        assert_eq!((standard.essential_property.len(), standard.supplemental_property.len()), (0, 3));
        assert_eq!(high.representations[0].id.as_deref(), Some("180p-hevc"));
        // Chromium without HEVC is a player that leaves the set with high dynamic range.
        browser::play_dash(&stream.folder).assert_flawless(1, 3.0);
    }

    fn two_passes_of_hevc_reach_its_bit_rate_beside_those_of_h264(version) {
        let user = User::with(version);
        // A path that x265's list of parameters would take apart.
        let output = user.path("it's 1:2, out");
        let flags = ["--speed", "ultrafast", "--rate-control", "two-pass", "--video-codec", "h264,hevc"].map(Into::into);
        let sources = [&*clips::NOISE.path()];
        let command = user.encode_command_to(output.as_os_str(), &flags, &sources, "source");
        Ended::of(command).assert_all_done();
        let name = clips::NOISE.path().file_stem().expect("a name").to_owned();
        let stream = Stream::at(output.join(name));
        let workplace = workplace(&user);
        let mut borders = Vec::new();
        for (name, factor) in [("180p", 1.0), ("180p-hevc", 0.65)] {
            let segments = stream.segments(name, &workplace);
            let average = average_bps(&segments);
            assert!((average / (RUNG_BPS * factor) - 1.0).abs() < 0.05, "{name}: {average} b/s in two passes");
            for segment in &segments {
                assert!(segment.packets[0].is_key, "{name}");
                assert_eq!(decode(&segment.playable), (segment.packets.len(), String::new()), "{name}");
            }
            borders.push(segments.iter().map(Segment::start).collect::<Vec<_>>());
        }
        assert_eq!(borders[0], borders[1]);
    }

    fn a_parameter_that_the_encoder_does_not_know_is_named_before_the_start(version) {
        let user = User::with(version);
        for (flags, named) in [
            (&["--x264-params", "aq-mode=3:colour=red"][..], "colour=red"),
            (&["--x264-params", "me=sideways:subme=1"], "me=sideways"),
            (&["--x264-params", "keyint=300"], "keyint=300"),
            (&["--x264-params", "stats=/tmp/x"], "stats=/tmp/x"),
            (&["--x264-params", "me=umh:aq-mode=9999"], "aq-mode=9999” is out of range: it takes 0 to 3"),
            (&["--x264-params", "rc-lookahead=-1"], "rc-lookahead=-1” is out of range"),
            (&["--x264-params", "no-annexb"], "no-annexb” is set by Reelpress itself"),
            (&["--x264-params", "sar=2"], "sar=2” is set by Reelpress itself"),
            (&["--x264-params", "threads=4000000000"], "threads=4000000000” is out of range"),
            (&["--video-codec", "hevc", "--x265-params", "psy-rd=77"], "psy-rd=77” is out of range: it takes 0 to 5"),
            (&["--video-codec", "hevc", "--x265-params", "frame-dup=1"], "frame-dup=1” is set by Reelpress itself"),
            (&["--video-codec", "hevc", "--x265-params", "aq-mode=77"], "aq-mode=77"),
            (&["--video-codec", "hevc", "--x265-params", "psy-rd=1:nonsense=1"], "nonsense=1"),
        ] {
            let ended = encode(&user, &clips::SMALL, flags);
            let failure = &ended.events_named("job_failed")[0]["failure"];
            assert_eq!(failure["kind"], "invalid_request", "{failure:#}");
            assert!(failure["headline"].as_str().is_some_and(|text| text.contains(named)), "{failure:#}");
            assert_eq!(user.output_files(), Vec::<String>::new());
        }
        encoded(&user, &clips::SMALL, &["--x264-params", "aq-mode=3:psy-rd=1.0,0.15"]);
    }
}

#[test]
fn a_browser_plays_the_ladders_of_all_codecs_that_it_knows() {
    let user = User::new();
    let stream = encoded(&user, &clips::SMALL, &["--video-codec", "h264,hevc,av1,vp9"]);
    let playback = browser::play_folder(&stream.folder).hls;
    assert_eq!(playback.errors, Vec::<String>::new());
    assert_eq!(playback.levels.len(), 3, "Chromium decodes H.264, AV1 and VP9: {:#?}", playback.levels);
    for level in &playback.levels {
        assert_eq!(level.problem, "", "{level:?}");
        assert!(level.holes.is_empty() && (level.played_to - 7.0).abs() < 0.1, "{level:?}");
    }
    assert_eq!(playback.switching, "", "between codecs");
}

#[test]
fn a_quality_is_kept_unless_it_would_pass_the_cap() {
    let bytes = |crf: &str, mode: &str| {
        let user = User::new();
        let stream = encoded(&user, &clips::NOISE, &["--crf", crf, "--rate-control", mode]);
        average_bps(&stream.segments("180p", &workplace(&user)))
    };
    let (fine, coarse) = (bytes("18", "crf"), bytes("40", "crf"));
    assert!(fine > 4.0 * coarse, "CRF 18 takes {fine} b/s, CRF 40 {coarse}");
    // At most the rung's bit rate for 8 s, and what the VBV holds: 1.5 s of it.
    let capped = bytes("18", "capped-crf");
    assert!(capped < RUNG_BPS * (1.0 + 1.5 / 8.0) * 1.03 && capped < fine, "{capped} b/s with a cap, {fine} without");
    let easy = bytes("45", "capped-crf");
    assert!(easy < capped * 0.8, "a coarse quality needs {easy} b/s, no more");
}

#[test]
fn bit_rates_are_held_on_average_in_two_passes_and_always_when_constant() {
    let user = User::new();
    let stream = encoded(&user, &clips::NOISE, &["--rate-control", "two-pass"]);
    let average = average_bps(&stream.segments("180p", &workplace(&user)));
    assert!((average / RUNG_BPS - 1.0).abs() < 0.05, "{average} b/s in two passes");

    // All codecs keep their notes apart.
    let user = User::new();
    let stream = encoded(&user, &clips::SMALL, &["--rate-control", "two-pass", "--video-codec", "h264,vp9"]);
    for (name, factor) in [("180p", 1.0), ("180p-vp9", 0.7)] {
        let average = average_bps(&stream.segments(name, &workplace(&user)));
        assert!((average / (RUNG_BPS * factor) - 1.0).abs() < 0.15, "{name}: {average} b/s in two passes");
    }

    let user = User::new();
    let stream = encoded(&user, &clips::NUMBERED, &["--rate-control", "cbr"]);
    let segments = stream.segments("180p", &workplace(&user));
    assert_eq!(segments.len(), 3);
    for segment in segments {
        // The buffer of a second may be full at one end of the 6 s and empty at the other.
        let bps = segment.bytes as f64 * 8.0 / (segment.end() - segment.start());
        assert!((bps / RUNG_BPS - 1.0).abs() < 1.0 / 6.0, "a segment of {bps} b/s");
    }
}

#[test]
fn two_passes_are_progress_from_0_to_100() {
    let user = User::new();
    let ended = encode(&user, &clips::NUMBERED, &["--rate-control", "two-pass", "--speed", "slow"]);
    ended.assert_all_done();
    let percents: Vec<f64> =
        ended.events_named("job_progressed").iter().map(|event| event["percent"].as_f64().expect("a number")).collect();
    assert!(percents.is_sorted(), "{percents:?}");
    assert!(percents.iter().any(|percent| (5.0..50.0).contains(percent)), "the first pass was not told: {percents:?}");
}

#[test]
fn flags_that_contradict_each_other_are_wrong_usage() {
    let user = User::new();
    for flags in [&["--crf", "20", "--rate-control", "cbr"][..], &["--crf", "60"], &["--video-codec", "mpeg2"]] {
        assert_eq!(encode(&user, &clips::SMALL, flags).exit_code, Some(2), "{flags:?}");
    }
    for flags in [
        &["--video-codec", "av1", "--rate-control", "two-pass"][..],
        &["--video-codec", "av1", "--rate-control", "cbr"],
    ] {
        let ended = encode(&user, &clips::SMALL, flags);
        assert_eq!(ended.events_named("job_failed")[0]["failure"]["kind"], "invalid_request", "{flags:?}");
    }
}

/// An ffmpeg that is the system's but for what this shell script does before it.
fn altered_ffmpeg(user: &User, script: &str) -> PathBuf {
    let real = FfmpegVersion::System.program();
    let path = user.file("altered-ffmpeg", format!("#!/bin/sh\nREAL='{}'\n{script}\n", real.display()).as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    path
}

fn encode_with(user: &User, ffmpeg: &Path, flags: &[&str]) -> Ended {
    let flags: Vec<_> = ["--speed", "ultrafast"].iter().chain(flags).map(Into::into).collect();
    let mut command = user.encode_command_to(user.output().as_os_str(), &flags, &[&clips::SMALL.path()], "source");
    command.env("REELPRESS_FFMPEG", ffmpeg);
    Ended::of(command)
}

#[test]
fn a_codec_whose_encoder_ffmpeg_lacks_is_refused_before_the_start() {
    let user = User::new();
    let script = r#"case "$*" in *-encoders*) "$REAL" "$@" | grep -v libx265;; *) exec "$REAL" "$@";; esac"#;
    let ffmpeg = altered_ffmpeg(&user, script);
    let ended = encode_with(&user, &ffmpeg, &["--video-codec", "h264,hevc"]);
    assert_eq!(ended.exit_code, Some(3));
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert!(failure["headline"].as_str().is_some_and(|text| text.contains("libx265")), "{failure:#}");
    assert_eq!(user.output_files(), Vec::<String>::new());
    assert_eq!(encode_with(&user, &ffmpeg, &[]).exit_code, Some(0), "H.264 alone needs no libx265");
}

#[test]
fn hardware_that_does_not_work_is_said_and_not_used() {
    let user = User::new();
    // As if a driver were there that answers nothing, on machines with and without a graphics card.
    let script =
        r#"case "$*" in *_nvenc*|*_qsv*|*_vaapi*|*_amf*) echo "no device" >&2; exit 1;; *) exec "$REAL" "$@";; esac"#;
    let ffmpeg = altered_ffmpeg(&user, script);
    let ended = encode_with(&user, &ffmpeg, &["--encoder", "nvenc"]);
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert_eq!(failure["kind"], "invalid_request");
    assert!(failure["headline"].as_str().is_some_and(|text| text.starts_with("NVENC can't encode")), "{failure:#}");
    let automatic = encode_with(&user, &ffmpeg, &["--encoder", "automatic"]);
    automatic.assert_all_done();
    let report = &automatic.events_named("job_finished")[0];
    assert!(report["notes"].to_string().contains("Encoded in software"), "{report:#}");
    assert_eq!(report["warnings"], serde_json::json!([]));
    let mut doctor = user.reelpress();
    doctor.args(["doctor", "--json"]).env("REELPRESS_FFMPEG", &ffmpeg);
    let findings: serde_json::Value = serde_json::from_slice(&run(doctor).stdout).expect("JSON");
    let hardware = findings.as_array().expect("a list").iter().find(|finding| finding["check"] == "hardware encoders");
    let message = hardware.expect("a finding on hardware")["message"].as_str().expect("text");
    assert!(message.starts_with("none works on this machine"), "{message}");
}

#[test]
fn hardware_that_fails_in_a_job_is_replaced_by_software_with_a_warning() {
    let user = User::new();
    // A card whose trials succeed (by software in its place), and that gives up in the job itself.
    let script = r#"case "$*" in
*pipe:1*h264_nvenc*|*h264_nvenc*pipe:1*) echo "[h264_nvenc] the device was lost" >&2; exit 1;;
*h264_nvenc*-f\ framecrc*) exec "$REAL" -v error -f lavfi -i testsrc2=size=64x64 -frames:v 10 -c:v libx264 -f framecrc -;;
*_nvenc*-f\ null*) exit 0;;
*_nvenc*|*_qsv*|*_vaapi*|*_amf*) exit 1;;
*-encoders*) "$REAL" "$@"; echo " V....D h264_nvenc  NVIDIA NVENC H.264 encoder";;
*) exec "$REAL" "$@";; esac"#;
    let ffmpeg = altered_ffmpeg(&user, script);
    for choice in ["automatic", "nvenc"] {
        let ended = encode_with(&user, &ffmpeg, &["--encoder", choice, "--rate-control", "abr"]);
        ended.assert_all_done();
        let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
        assert!(warnings.contains("NVENC failed"), "{choice}: {warnings}");
    }
    let stream = user.stream_of(&clips::SMALL.path());
    let whole = stream.whole("180p", &workplace(&user));
    assert_eq!(decode(&whole), (clips::SMALL.frames, String::new()));
}

#[test]
fn hardware_that_was_chosen_and_is_busy_when_it_is_looked_for_is_tried_again() {
    is_tried_again("framecrc");
}

#[test]
fn hardware_that_was_chosen_and_is_busy_when_the_job_begins_is_tried_again() {
    is_tried_again("null");
}

/// All sessions of a card are taken the first time that ffmpeg is asked to encode into this format.
fn is_tried_again(format: &str) {
    let user = User::new();
    let asked = user.path("asked");
    let script = format!(
        r#"# A FAKE for tests: no hardware is here.
case "$*" in *_nvenc*-f\ {format}*)
    if [ ! -e '{asked}' ]; then
        touch '{asked}'
        echo "[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: out of memory (10): (no details)" >&2
        exit 1
    fi;;
esac
case "$*" in
*pipe:1*h264_nvenc*|*h264_nvenc*pipe:1*) echo "[h264_nvenc] the device was lost" >&2; exit 1;;
*h264_nvenc*-f\ framecrc*) exec "$REAL" -v error -f lavfi -i testsrc2=size=64x64 -frames:v 10 -c:v libx264 -f framecrc -;;
*_nvenc*-f\ null*) exit 0;;
*_nvenc*|*_qsv*|*_vaapi*|*_amf*) exit 1;;
*-encoders*) "$REAL" "$@"; echo " V....D h264_nvenc  NVIDIA NVENC H.264 encoder";;
*) exec "$REAL" "$@";; esac"#,
        asked = asked.display()
    );
    let ffmpeg = altered_ffmpeg(&user, &script);
    let ended = encode_with(&user, &ffmpeg, &["--encoder", "nvenc", "--rate-control", "abr"]);
    ended.assert_all_done();
    let retries = ended.events_named("job_retry_planned");
    let kinds: Vec<&str> = retries.iter().filter_map(|retry| retry["failure"]["kind"].as_str()).collect();
    assert_eq!(kinds, ["encoder_busy"], "{retries:#?}");
    // The fake gives up in the job itself: until then, hardware was at work.
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    assert!(warnings.contains("NVENC failed"), "{warnings}");
}

/// A fake of a card: its NVENC is libx264 with this preset, and is lost in every job after so many bytes. `asked` gets the
/// command lines of all encodes.
fn fake_nvenc_that_is_lost(user: &User, preset: &str, bytes: u64) -> (PathBuf, PathBuf) {
    let asked = user.path("asked");
    let script = format!(
        r#"#!/bin/bash
# A FAKE for tests: no hardware is here.
REAL='{real}'
case "$*" in *pipe:1*) echo "$*" >>'{asked}';; esac
case "$*" in
*pipe:1*h264_nvenc*|*h264_nvenc*pipe:1*)
    list=()
    while [ $# -gt 0 ]; do
        case "$1" in
        h264_nvenc) list+=(libx264);;
        -preset:v:*) list+=("$1" {preset}); shift;;
        -rc:v:*|-no-scenecut:v:*|-forced-idr:v:*) shift;;
        *) list+=("$1");;
        esac
        shift
    done
    "$REAL" "${{list[@]}}" | head -c {bytes}
    echo "[h264_nvenc] the device was lost" >&2
    exit 1;;
*h264_nvenc*-f\ framecrc*) exec "$REAL" -v error -f lavfi -i testsrc2=size=64x64 -frames:v 10 -c:v libx264 -f framecrc -;;
*_nvenc*-f\ null*) exit 0;;
*_nvenc*|*_qsv*|*_vaapi*|*_amf*) exit 1;;
*-encoders*) "$REAL" "$@"; echo " V....D h264_nvenc  NVIDIA NVENC H.264 encoder";;
*) exec "$REAL" "$@";;
esac
"#,
        real = FfmpegVersion::System.program().display(),
        asked = asked.display(),
    );
    let path = user.file("fake-nvenc-ffmpeg", script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("the script can be made to run");
    (path, asked)
}

/// Hardware is lost after some segments. Software goes on from the last of them where its init segment is the same, and
/// begins again where players would need another one in the middle.
#[test]
fn hardware_that_is_lost_in_a_job_leaves_its_segments_to_software_if_they_fit() {
    // Software is asked for ultrafast: another preset writes other parameter sets.
    for (preset, goes_on) in [("ultrafast", true), ("superfast", false)] {
        let user = User::new();
        // Some 14 of 18 seconds: two segments are finished, and the third is begun.
        let (ffmpeg, asked) = fake_nvenc_that_is_lost(&user, preset, 820_000);
        let source = clips::NUMBERED.path();
        let flags: Vec<_> =
            ["--speed", "ultrafast", "--encoder", "nvenc", "--rate-control", "abr"].map(Into::into).into();
        let mut command = user.encode_command_to(user.output().as_os_str(), &flags, &[&source], "source");
        command.env("REELPRESS_FFMPEG", &ffmpeg);
        let ended = Ended::of(command);
        ended.assert_all_done();
        let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
        assert!(warnings.contains("NVENC failed"), "{warnings}");
        let asked = std::fs::read_to_string(&asked).expect("what was asked");
        let encodes: Vec<&str> = asked.lines().collect();
        let from_the_middle = |line: &str| line.contains(":v:0 libx264") && line.contains("trim=start_pts=");
        assert!(encodes[0].contains("h264_nvenc"), "{encodes:#?}");
        assert!(from_the_middle(encodes[1]), "software began again at once: {encodes:#?}");
        assert_eq!(encodes.len(), if goes_on { 2 } else { 3 }, "{preset}: {encodes:#?}");
        assert_eq!(from_the_middle(encodes[encodes.len() - 1]), goes_on, "{preset}: {encodes:#?}");
        let stream = user.stream_of(&source);
        let workplace = workplace(&user);
        let segments = stream.segments("180p", &workplace);
        let starts: Vec<f64> = segments.iter().map(Segment::start).collect();
        assert_eq!(starts, [0.0, 6.0, 12.0], "{preset}");
        assert_eq!(decode(&stream.whole("180p", &workplace)), (clips::NUMBERED.frames, String::new()), "{preset}");
    }
}
