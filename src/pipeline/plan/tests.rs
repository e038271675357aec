use super::*;
use crate::{
    job::{Destination, Outputs, ThumbnailTimes},
    media::{Colour, ScanType},
    preset::find_preset,
};

fn video(width: u32, height: u32, rate: (u32, u32)) -> VideoStream {
    let rate = FrameRate::new(rate.0, rate.1);
    VideoStream {
        index: 0,
        codec: "h264".to_owned(),
        profile: None,
        pixel_format: Some("yuv420p".to_owned()),
        coded_size: PictureSize { width, height },
        sample_aspect_ratio: (1, 1),
        rotation_degrees: 0,
        average_frame_rate: rate,
        real_frame_rate: rate,
        scan: ScanType::Progressive,
        colour: Colour::default(),
        duration: Some(Duration::from_secs(60)),
        start_time_seconds: None,
        frame_count: None,
        bitrate_bps: None,
        language: None,
        is_default: true,
    }
}

fn audio(language: Option<&str>, sample_rate_hz: u32) -> AudioStream {
    AudioStream {
        index: 1,
        codec: "aac".to_owned(),
        profile: None,
        channels: Some(6),
        channel_layout: None,
        sample_rate_hz: Some(sample_rate_hz),
        bits_per_sample: None,
        duration: None,
        start_time_seconds: None,
        bitrate_bps: None,
        language: language.map(str::to_owned),
        title: None,
        is_default: true,
    }
}

fn spec() -> JobSpec {
    JobSpec {
        source: "clip.mp4".into(),
        preset: find_preset("web-hls").expect("a built-in preset"),
        destination: Destination::Folder("out".into()),
        thumbnails: ThumbnailTimes::default(),
        outputs: Outputs::default(),
    }
}

fn plan(video: VideoStream) -> EncodePlan {
    let source = SourceMedia { video: vec![video], ..SourceMedia::default() };
    EncodePlan::resolve(&spec(), &source, true).expect("a plan")
}

fn rate_of(average: (u32, u32), real: (u32, u32)) -> String {
    let mut stream = video(1280, 720, average);
    stream.real_frame_rate = FrameRate::new(real.0, real.1);
    plan(stream).timing.frame_rate.to_string()
}

#[test]
fn frame_rates_are_kept_as_exact_fractions_and_halved_above_sixty() {
    assert_eq!(rate_of((24000, 1001), (24000, 1001)), "24000/1001");
    assert_eq!(rate_of((2997, 100), (2997, 100)), "30000/1001");
    assert_eq!(rate_of((15, 1), (15, 1)), "15");
    assert_eq!(rate_of((120, 1), (120, 1)), "60");
    assert_eq!(rate_of((240000, 1001), (240000, 1001)), "60000/1001");
    assert_eq!(rate_of((90, 1), (90, 1)), "45");
}

#[test]
fn a_variable_rate_becomes_the_next_standard_rate() {
    assert_eq!(rate_of((2871, 100), (90000, 1)), "30000/1001");
    assert_eq!(rate_of((2988, 100), (30, 1)), "30");
    assert_eq!(rate_of((59, 1), (120, 1)), "60000/1001");
}

#[test]
fn rotated_and_anamorphic_sources_are_planned_as_they_are_seen() {
    let mut phone = video(1920, 1080, (30, 1));
    phone.rotation_degrees = 90;
    assert_eq!(plan(phone).renditions[0].size, PictureSize { width: 1080, height: 1920 });
    let mut pal = video(720, 576, (25, 1));
    pal.sample_aspect_ratio = (64, 45);
    assert_eq!(plan(pal).renditions[0].size, PictureSize { width: 1024, height: 576 });
}

#[test]
fn colours_are_labelled_by_what_they_are() {
    let mut hd = video(1920, 1080, (25, 1));
    assert_eq!(plan(hd.clone()).conversion.label.matrix, "bt709");
    hd.colour.matrix = Some("smpte170m".to_owned());
    assert_eq!(plan(hd.clone()).conversion.label.primaries, "smpte170m");
    hd.colour.transfer = Some("smpte2084".to_owned());
    assert!(plan(hd).conversion.tone_map);
    let sd = plan(video(720, 576, (25, 1))).conversion;
    assert_eq!((sd.label.primaries, sd.assumed_matrix), ("bt470bg", Some("bt470bg")));
}

#[test]
fn an_ffmpeg_without_zscale_can_not_take_hdr() {
    let mut hdr = video(3840, 2160, (24, 1));
    hdr.colour.transfer = Some("arib-std-b67".to_owned());
    let source = SourceMedia { video: vec![hdr], ..SourceMedia::default() };
    let error = EncodePlan::resolve(&spec(), &source, false).unwrap_err();
    assert_eq!(error, PlanError::CannotToneMap("clip.mp4".to_owned()));
}

#[test]
fn sound_is_stereo_aac_in_a_language_that_players_know() {
    let mut source = SourceMedia { video: vec![video(1280, 720, (25, 1))], ..SourceMedia::default() };
    assert_eq!(EncodePlan::resolve(&spec(), &source, true).unwrap().audio, None);
    for (tag, expected) in
        [(Some("ger"), "de"), (Some("eng"), "en"), (None, "und"), (Some("gsw"), "gsw"), (Some("a b"), "und")]
    {
        source.audio = vec![audio(tag, 96_000)];
        let planned = EncodePlan::resolve(&spec(), &source, true).unwrap().audio.unwrap();
        assert_eq!((planned.language.as_str(), planned.sample_rate_hz), (expected, 48_000));
    }
}

#[test]
fn a_source_without_picture_is_refused() {
    let source = SourceMedia { audio: vec![audio(None, 48_000)], ..SourceMedia::default() };
    let failure = EncodePlan::resolve(&spec(), &source, true).unwrap_err().into_failure();
    assert_eq!(failure.kind, FailureKind::SourceInvalid);
    assert!(failure.headline.contains("clip.mp4"));
}
