use super::*;
use crate::{
    job::Destination,
    media::{AudioStream, Colour, PictureSize, ScanType},
    preset::{SurroundCodec, find_preset},
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
        exif_orientation: None,
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
        is_commentary: false,
        describes_video: false,
    }
}

fn spec() -> JobSpec {
    JobSpec::stream("clip.mp4", find_preset("web-hls").expect("a built-in preset"), Destination::Folder("out".into()))
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
fn frames_that_are_left_out_of_a_standard_rate_do_not_change_it() {
    assert_eq!(rate_of((4700, 199), (25, 1)), "25");
    assert_eq!(rate_of((720, 41), (60, 1)), "60");
    // A film with pulldown shows frames for two fields and for three.
    assert_eq!(rate_of((24000, 1001), (30000, 1001)), "24000/1001");
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
    assert!(plan(hd.clone()).conversion.tone_map);
    hd.colour.matrix = None;
    let assumed = plan(hd.clone()).conversion.assumed;
    assert_eq!([assumed.primaries, assumed.transfer, assumed.matrix], [Some("bt2020"), None, Some("bt2020nc")]);
    hd.colour = Colour { primaries: Some("smpte432".to_owned()), ..Colour::default() };
    let assumed = plan(hd).conversion.assumed;
    assert_eq!([assumed.primaries, assumed.transfer, assumed.matrix], [None, Some("bt709"), Some("bt709")]);
    let sd = plan(video(720, 576, (25, 1))).conversion;
    assert_eq!((sd.label.primaries, sd.assumed.matrix), ("bt470bg", Some("bt470bg")));
}

#[test]
fn an_ffmpeg_without_zscale_can_not_take_hdr() {
    let mut hdr = video(3840, 2160, (24, 1));
    hdr.colour.transfer = Some("arib-std-b67".to_owned());
    let source = SourceMedia { video: vec![hdr], ..SourceMedia::default() };
    let error = EncodePlan::resolve(&spec(), &source, false).unwrap_err();
    assert_eq!(error, PlanError::CannotToneMap("clip.mp4".to_owned()));
}

/// Renditions of these tracks as (folder, language, name, default, autoselect).
fn sound_of(tracks: Vec<AudioStream>, surround: Option<SurroundCodec>) -> Vec<(String, String, String, bool, bool)> {
    let source = SourceMedia { video: vec![video(1280, 720, (25, 1))], audio: tracks, ..SourceMedia::default() };
    let mut spec = spec();
    spec.preset.surround = surround;
    let plan = EncodePlan::resolve(&spec, &source, true).expect("a plan");
    let facts = plan.audio.into_iter();
    facts.map(|audio| (audio.name, audio.language, audio.label, audio.is_default, audio.is_autoselect)).collect()
}

fn track(
    name: &str,
    language: &str,
    label: &str,
    is_default: bool,
    is_autoselect: bool,
) -> (String, String, String, bool, bool) {
    (name.to_owned(), language.to_owned(), label.to_owned(), is_default, is_autoselect)
}

#[test]
fn every_language_is_a_rendition_and_the_sources_default_is_the_default() {
    assert_eq!(sound_of(Vec::new(), None), []);
    let mut tracks = vec![audio(Some("ger"), 48_000), audio(Some("eng"), 48_000), audio(Some("eng"), 96_000)];
    (tracks[0].is_default, tracks[2].is_default) = (false, false);
    tracks[2].title = Some("Commentary".to_owned());
    tracks[2].is_commentary = true;
    for (index, audio) in tracks.iter_mut().enumerate() {
        audio.index = index + 1;
    }
    let expected = [
        track("audio-de", "de", "German", false, true),
        track("audio", "en", "English", true, true),
        track("audio-en", "en", "Commentary", false, false),
    ];
    assert_eq!(sound_of(tracks.clone(), None), expected);
    tracks[0].channels = Some(2);
    tracks[2].channels = Some(1);
    let with_surround = sound_of(tracks, Some(SurroundCodec::Eac3));
    assert_eq!(with_surround[3..], [track("audio-surround", "en", "English", true, true)]);
}

#[test]
fn tracks_that_say_nothing_get_names_of_their_own() {
    let tracks = (1..=3).map(|index| AudioStream { index, ..audio(None, 48_000) }).collect();
    let expected = [
        track("audio", "und", "Sound", true, true),
        track("audio-und", "und", "Sound 2", false, false),
        track("audio-und-2", "und", "Sound 3", false, false),
    ];
    assert_eq!(sound_of(tracks, None), expected);
}

#[test]
fn a_track_that_can_not_be_read_is_left_out_with_a_warning() {
    let unreadable = AudioStream { channels: None, ..audio(None, 48_000) };
    let readable = AudioStream { index: 2, is_default: false, ..audio(Some("fra"), 44_100) };
    let tracks = vec![unreadable, readable];
    let source = SourceMedia { video: vec![video(1280, 720, (25, 1))], audio: tracks, ..SourceMedia::default() };
    let plan = EncodePlan::resolve(&spec(), &source, true).expect("a plan");
    assert_eq!((plan.audio.len(), plan.audio[0].is_default, plan.audio[0].sample_rate_hz), (1, true, 44_100));
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
}

#[test]
fn a_source_of_sound_alone_gets_its_sound_and_its_waveform() {
    let mut source = SourceMedia { audio: vec![audio(None, 48_000)], ..SourceMedia::default() };
    let plan = EncodePlan::resolve(&spec(), &source, true).unwrap();
    assert_eq!((plan.video_stream, plan.renditions.len(), plan.audio.len()), (None, 0, 1));
    assert_eq!(plan.pictures.pictures.len(), 1);
    source.audio.clear();
    let failure = EncodePlan::resolve(&spec(), &source, true).unwrap_err().into_failure();
    assert_eq!(failure.kind, FailureKind::SourceInvalid);
    assert!(failure.headline.contains("clip.mp4"));
}

#[test]
fn the_last_picture_is_held_for_sound_that_goes_on() {
    let mut sound = audio(None, 48_000);
    sound.duration = Some(Duration::from_secs(75));
    let mut source =
        SourceMedia { video: vec![video(1280, 720, (25, 1))], audio: vec![sound], ..SourceMedia::default() };
    let plan = EncodePlan::resolve(&spec(), &source, true).unwrap();
    assert_eq!((plan.hold_last_picture, plan.duration), (Some(Duration::from_secs(15)), Some(Duration::from_secs(75))));
    source.audio[0].duration = Some(Duration::from_millis(60_400));
    assert_eq!(EncodePlan::resolve(&spec(), &source, true).unwrap().hold_last_picture, None);
}
