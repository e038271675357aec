//! A source is read: what is known of it, and why it can't be used.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use reelpress::{
    failure::{Failure, FailureKind},
    job::Stage,
    media::{DynamicRange, PictureSize, ScanType, SourceMedia},
    pipeline::probe::{ProbeError, probe, thumbnail},
    settings::{AppFolders, Settings},
    tools::{cancel::CancelToken, ffmpeg::Toolbox},
};

fn toolbox() -> Toolbox {
    Toolbox::find(&Settings::default(), &AppFolders::under(Path::new("/nonexistent"))).unwrap()
}

/// Makes a file with the ffmpeg under test; `turn=DEGREES` before the arguments writes a rotation into the file.
fn make(folder: &Path, name: impl AsRef<OsStr>, arguments: &str) -> PathBuf {
    let path = folder.join(name.as_ref());
    // -display_rotation came with 6.0; later versions do not know the tag that was used before.
    let is_5 = toolbox().version.starts_with("5.");
    let arguments = match arguments.strip_prefix("turn=").and_then(|rest| rest.split_once(' ')) {
        Some((turn, rest)) if is_5 => format!("{rest} -metadata:s:v rotate={turn}"),
        Some((turn, rest)) => format!("-display_rotation {turn} {rest}"),
        None => arguments.to_owned(),
    };
    let mut target = std::ffi::OsString::from("file:");
    target.push(&path);
    let mut command = Command::new(toolbox().ffmpeg);
    command.current_dir(folder).args(["-v", "error", "-y"]).args(arguments.split_whitespace()).arg(target);
    assert!(command.status().unwrap().success(), "{arguments}");
    path
}

fn read(path: &Path) -> SourceMedia {
    probe(path, &toolbox(), &CancelToken::default()).unwrap()
}

fn refusal(path: &Path) -> (ProbeError, Failure) {
    let refused = || probe(path, &toolbox(), &CancelToken::default()).unwrap_err();
    let failure = refused().into_failure();
    assert!(failure.headline.contains(&*path.file_name().unwrap().to_string_lossy()), "{}", failure.headline);
    assert!(!failure.hint.is_empty());
    assert_eq!(failure.stage, Some(Stage::Probe));
    (refused(), failure)
}

const TWO_SECONDS: &str = "-f lavfi -i testsrc=s=320x180:r=25:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p";

#[test]
fn an_ordinary_file_is_known_completely() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(
        folder.path(),
        "plain.mp4",
        "-f lavfi -i testsrc=s=320x180:r=30000/1001:d=2 -f lavfi -i sine=d=2:r=48000 -c:v libx264 -pix_fmt yuv420p \
         -vf setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709 -c:a aac -ac 2 -metadata:s:a language=deu",
    );
    let media = read(&path);
    assert!(media.container.contains("mp4"));
    assert_eq!(media.size_bytes, fs::metadata(&path).unwrap().len());
    let video = media.main_video().unwrap();
    assert_eq!((video.codec.as_str(), video.coded_size), ("h264", PictureSize { width: 320, height: 180 }));
    assert_eq!(video.average_frame_rate.unwrap().to_string(), "30000/1001");
    assert_eq!((video.frame_count, video.scan), (Some(60), ScanType::Progressive));
    assert_eq!(video.colour.transfer.as_deref(), Some("bt709"));
    assert!(!video.is_variable_frame_rate());
    assert!((video.duration.unwrap().as_secs_f64() - 2.002).abs() < 0.001);
    let audio = media.main_audio().unwrap();
    assert_eq!((audio.codec.as_str(), audio.channels, audio.sample_rate_hz), ("aac", Some(2), Some(48_000)));
    assert_eq!(audio.language.as_deref(), Some("deu"));
}

#[test]
fn names_that_look_like_options_protocols_or_patterns_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    let plain = make(folder.path(), "plain.mp4", TWO_SECONDS);
    let names: [&[u8]; 7] = [
        b"-i.mp4",
        b"concat:plain.mp4|plain.mp4",
        b"http:--example.org-a.mp4",
        b"clip%03d.mp4",
        b"a 'quoted' \"name\";$(x).mp4",
        b"\xff\xfe not utf-8.mp4",
        "Übergröße – 動画.mp4".as_bytes(),
    ];
    for name in names {
        let path = folder.path().join(OsStr::from_bytes(name));
        fs::copy(&plain, &path).unwrap();
        assert_eq!(read(&path).main_video().unwrap().frame_count, Some(50), "{}", path.display());
    }
    // A relative name, as a user in the folder types it: no folder stands before the dash.
    let status = Command::new(toolbox().ffprobe)
        .current_dir(folder.path())
        .args(["-v", "error", "-protocol_whitelist", reelpress::pipeline::probe::PROTOCOL_WHITELIST, "-i"])
        .arg(reelpress::pipeline::probe::input_url(Path::new("-i.mp4")))
        .status();
    assert!(status.unwrap().success());
}

/// The colour of the middle of the upper left quarter, after ffmpeg has turned the picture upright by itself.
fn upright_corner(path: &Path) -> Vec<u8> {
    let mut command = Command::new(toolbox().ffmpeg);
    command.args(["-v", "error", "-i"]).arg(path);
    let output =
        command.args("-frames:v 1 -vf scale=2:2:flags=area -f rawvideo -pix_fmt gray pipe:1".split(' ')).output();
    output.unwrap().stdout
}

#[test]
fn a_rotated_recording_is_turned_the_way_that_ffmpeg_turns_it() {
    let folder = tempfile::tempdir().unwrap();
    // White in the upper left quarter, black elsewhere.
    let source = "-f lavfi -i color=black:s=320x180:d=0.2 -vf drawbox=w=160:h=90:c=white:t=fill -pix_fmt yuv420p";
    make(folder.path(), "upright.mp4", source);
    for asked in ["90", "180", "270"] {
        let path = make(folder.path(), format!("{asked}.mp4"), &format!("turn={asked} -i upright.mp4 -c copy"));
        let media = read(&path);
        let video = media.main_video().unwrap();
        // Where the white quarter (upper left, upper right, lower left, lower right) is after a clockwise turn.
        let white = match video.rotation_degrees {
            90 => 1,
            180 => 3,
            270 => 2,
            other => panic!("{asked} became {other}"),
        };
        let picture = upright_corner(&path);
        assert!(picture[white] > 200 && picture.iter().map(|grey| u32::from(*grey)).sum::<u32>() < 400, "{picture:?}");
        let turned = video.rotation_degrees != 180;
        assert_eq!(video.display_size().is_portrait(), turned);
    }
}

#[test]
fn unusual_sources_keep_their_particulars() {
    let folder = tempfile::tempdir().unwrap();
    let interlaced = make(
        folder.path(),
        "interlaced.mpg",
        "-f lavfi -i testsrc=s=720x576:r=25:d=1 -vf setsar=64/45,setfield=tff -c:v mpeg2video -flags +ildct+ilme",
    );
    let media = read(&interlaced);
    let video = media.main_video().unwrap();
    assert_eq!(video.scan, ScanType::InterlacedTopFirst);
    assert_eq!(video.display_size(), PictureSize { width: 1024, height: 576 });

    let matroska = make(folder.path(), "tags.mkv", &format!("{TWO_SECONDS} -metadata:s:v language=fra"));
    let media = read(&matroska);
    assert_eq!(media.main_video().unwrap().duration, Some(Duration::from_secs(2)));
    assert_eq!(media.main_video().unwrap().language.as_deref(), Some("fra"));

    let late = make(folder.path(), "late.ts", &format!("{TWO_SECONDS} -output_ts_offset 3700 -f mpegts"));
    assert!(read(&late).start_time_seconds.unwrap() > 3700.0);

    let uneven = make(
        folder.path(),
        "uneven.mp4",
        "-f lavfi -i testsrc=s=320x180:r=60:d=2 -vf select=not(mod(n\\,7))+lt(n\\,40) -fps_mode vfr -c:v libx264 -pix_fmt yuv420p",
    );
    assert!(read(&uneven).main_video().unwrap().is_variable_frame_rate());
}

#[test]
fn hdr_metadata_in_the_frames_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(
        folder.path(),
        "hdr.mp4",
        "-f lavfi -i testsrc=s=320x180:r=25:d=0.4 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params \
         log-level=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:max-cll=1000,400:\
         master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)",
    );
    let media = read(&path);
    let colour = &media.main_video().unwrap().colour;
    assert_eq!((colour.dynamic_range(), colour.primaries.as_deref()), (DynamicRange::Pq, Some("bt2020")));
    let hdr = colour.hdr.as_ref().unwrap();
    assert_eq!((hdr.mastering_max_luminance, hdr.max_content_light_level), (Some(1000.0), Some(1000)));
    let picture = folder.path().join("hdr.jpg");
    thumbnail(&path, &media, &toolbox(), &picture, &CancelToken::default()).unwrap();
    assert_eq!(image::image_dimensions(&picture).unwrap(), (768, 432));
}

#[test]
fn thumbnails_are_upright_in_the_display_shape_and_appear_whole() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "plain.mp4", TWO_SECONDS);
    let turned = make(folder.path(), "turned.mp4", "turn=90 -i plain.mp4 -c copy");
    let wide = make(folder.path(), "wide.mkv", &format!("{TWO_SECONDS} -vf scale=144:176,setsar=2/1"));
    for (path, size) in [(turned, (244, 432)), (wide, (706, 432))] {
        let picture = folder.path().join("thumbnails/a.jpg");
        thumbnail(&path, &read(&path), &toolbox(), &picture, &CancelToken::default()).unwrap();
        assert_eq!(image::image_dimensions(&picture).unwrap(), size);
        assert_eq!(fs::read_dir(picture.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn a_thumbnail_of_a_file_with_a_wrong_length_is_its_first_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(folder.path(), "plain.mkv", TWO_SECONDS);
    let mut media = read(&path);
    media.duration = Some(Duration::from_secs(3600));
    media.video[0].duration = None;
    let picture = folder.path().join("a.jpg");
    thumbnail(&path, &media, &toolbox(), &picture, &CancelToken::default()).unwrap();
    assert!(picture.is_file());
}

#[test]
fn what_is_no_readable_file_is_said_before_any_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (error, failure) = refusal(&folder.path().join("missing.mp4"));
    assert!(matches!(error, ProbeError::NoSuchFile { .. }), "{error}");
    assert_eq!(failure.kind, FailureKind::SourceUnreadable);
    assert!(matches!(refusal(folder.path()).0, ProbeError::IsFolder { .. }));
    let empty = folder.path().join("empty.mp4");
    fs::write(&empty, "").unwrap();
    assert!(matches!(refusal(&empty).0, ProbeError::Empty { .. }));
    let pipe = folder.path().join("pipe.mp4");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(refusal(&pipe).0, ProbeError::NotRegular { .. }));
    let secret = folder.path().join("secret.mp4");
    fs::write(&secret, "x").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&secret).is_err() {
        assert!(matches!(refusal(&secret).0, ProbeError::NotPermitted { .. }));
    }
}

#[test]
fn text_pictures_sound_and_cut_off_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.mp4");
    fs::write(&text, "hello, this is not a video\n".repeat(200)).unwrap();
    let (error, failure) = refusal(&text);
    assert!(matches!(error, ProbeError::NotMedia { .. }), "{error}");
    assert_eq!(failure.kind, FailureKind::SourceInvalid);

    let plain = fs::read(make(folder.path(), "plain.mp4", TWO_SECONDS)).unwrap();
    let cut = folder.path().join("cut.mp4");
    fs::write(&cut, &plain[..plain.len() / 2]).unwrap();
    let (error, failure) = refusal(&cut);
    assert!(matches!(error, ProbeError::Incomplete { .. }), "{error}");
    assert!(failure.detail.contains("moov"), "{}", failure.detail);

    let picture = make(folder.path(), "picture.png", "-i plain.mp4 -frames:v 1");
    let still = probe(&picture, &toolbox(), &CancelToken::default()).unwrap();
    assert!(still.is_still() && still.container == "png_pipe", "{still:?}");
    let words = folder.path().join("words.srt");
    fs::write(&words, "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n").unwrap();
    let (error, _) = refusal(&words);
    assert!(matches!(&error, ProbeError::NoVideo { contents, .. } if contents == "subtitles"), "{error}");
}

#[test]
fn lists_that_name_other_files_are_refused_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "plain.mp4", TWO_SECONDS);
    let lists = [
        ("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nplain.mp4\n#EXT-X-ENDLIST\n"),
        ("list.mkv", "ffconcat version 1.0\nfile plain.mp4\n"),
        ("list.txt", "file plain.mp4\n"),
    ];
    for (name, text) in lists {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let (error, failure) = refusal(&path);
        assert!(matches!(error, ProbeError::RefersToOthers { .. }), "{error}");
        assert_eq!(failure.kind, FailureKind::SourceInvalid);
    }
}

#[test]
fn a_film_under_the_name_of_a_text_is_a_film() {
    let folder = tempfile::tempdir().unwrap();
    let film = make(folder.path(), "plain.mp4", TWO_SECONDS);
    for name in ["film.txt", "film.sdp", "film.avs", "film.ffconcat"] {
        let path = folder.path().join(name);
        fs::copy(&film, &path).unwrap();
        let media = read(&path);
        assert!(media.container.contains("mp4") && media.video.len() == 1, "{name}: {media:?}");
    }
}

#[test]
fn a_file_that_goes_while_it_is_read_is_said_to_have_vanished() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(folder.path(), "plain.mp4", TWO_SECONDS);
    let ffprobe = folder.path().join("ffprobe");
    // An ffprobe before which the file is taken away, as when a disk is unplugged.
    let real = toolbox().ffprobe;
    fs::write(&ffprobe, format!("#!/bin/sh\nrm '{}'\nexec '{}' \"$@\"\n", path.display(), real.display())).unwrap();
    fs::set_permissions(&ffprobe, fs::Permissions::from_mode(0o755)).unwrap();
    let error = probe(&path, &Toolbox { ffprobe, ..toolbox() }, &CancelToken::default()).unwrap_err();
    assert!(matches!(error, ProbeError::Vanished { .. }), "{error}");
    assert_eq!(error.into_failure().kind, FailureKind::SourceVanished);
}

#[test]
fn reading_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = make(folder.path(), "plain.mp4", TWO_SECONDS);
    let cancel = CancelToken::default();
    cancel.cancel();
    assert!(matches!(probe(&path, &toolbox(), &cancel), Err(ProbeError::Cancelled)));
}
