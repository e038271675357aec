//! The planner over generated sources: whatever a file claims to be, the plan keeps the rules.

use proptest::prelude::*;

use super::*;
use crate::{
    job::Destination,
    media::{AudioStream, Colour, PictureSize, ScanType},
    pipeline::encode::argv,
    preset::built_in_presets,
};

fn sources() -> impl Strategy<Value = SourceMedia> {
    let size = (16_u32..8200, 16_u32..8200);
    let aspect = prop_oneof![Just((1, 1)), Just((64, 45)), Just((8, 9)), Just((4, 3)), Just((32, 27))];
    let rate = prop_oneof![
        (1_u32..241).prop_map(|rate| (rate, 1)),
        Just((24000, 1001)),
        Just((30000, 1001)),
        Just((60000, 1001)),
        Just((120_000, 1001)),
        (1_u32..1_000_000, 1_u32..100_000),
    ];
    let scan = prop_oneof![
        Just(ScanType::Progressive),
        Just(ScanType::Unknown),
        Just(ScanType::InterlacedTopFirst),
        Just(ScanType::InterlacedBottomFirst)
    ];
    let turn = prop_oneof![Just(0_u16), Just(90), Just(180), Just(270)];
    let length = prop::option::of((0_u64..36_000_000).prop_map(Duration::from_millis));
    let sound = prop::collection::vec((1_u32..9, 8000_u32..192_001, prop::option::of("[a-zA-Z-]{0,12}")), 0..5);
    (size, aspect, rate, scan, turn, length, sound).prop_map(
        |((width, height), aspect, rate, scan, turn, duration, sound)| {
            let rate = FrameRate::new(rate.0, rate.1);
            let video = VideoStream {
                index: 0,
                codec: "h264".to_owned(),
                profile: None,
                pixel_format: None,
                coded_size: PictureSize { width, height },
                sample_aspect_ratio: aspect,
                rotation_degrees: turn,
                exif_orientation: None,
                average_frame_rate: rate,
                real_frame_rate: rate,
                scan,
                colour: Colour::default(),
                duration,
                start_time_seconds: None,
                frame_count: None,
                bitrate_bps: None,
                language: None,
                is_default: false,
            };
            let audio = sound.into_iter().enumerate().map(track);
            SourceMedia { video: vec![video], audio: audio.collect(), duration, ..SourceMedia::default() }
        },
    )
}

fn track((index, (channels, sample_rate_hz, language)): (usize, (u32, u32, Option<String>))) -> AudioStream {
    AudioStream {
        index: index + 1,
        codec: "aac".to_owned(),
        profile: None,
        channels: Some(channels),
        channel_layout: None,
        sample_rate_hz: Some(sample_rate_hz),
        bits_per_sample: None,
        duration: None,
        start_time_seconds: None,
        bitrate_bps: None,
        language,
        title: None,
        is_default: false,
        is_commentary: false,
        describes_video: false,
    }
}

/// Names that try to be something else.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("-y".to_owned()),
        Just("-i".to_owned()),
        Just("concat:a|b".to_owned()),
        Just("http://example.org/a.mp4".to_owned()),
        Just("pipe:0".to_owned()),
        Just("[0:0]".to_owned()),
        Just("a%04d.mp4".to_owned()),
        "[^/\0]{1,40}",
    ]
}

proptest! {
    #[test]
    fn every_plan_keeps_the_rules(source in sources(), index in 0_usize..4, name in names()) {
        let preset = built_in_presets().remove(index);
        let spec = JobSpec::stream(&name, preset, Destination::Folder("out".into()));
        let shown = source.video[0].display_size();
        let plan = EncodePlan::resolve(&spec, &source, true).expect("a plan");
        prop_assert!(!plan.renditions.is_empty());
        for rendition in &plan.renditions {
            let PictureSize { width, height } = rendition.size;
            prop_assert!(width % 2 == 0 && height % 2 == 0 && width > 0 && height > 0, "{rendition:?}");
            prop_assert!(width <= shown.width && height <= shown.height, "{rendition:?} enlarges {shown}");
            let exact_height = f64::from(width) * f64::from(shown.height) / f64::from(shown.width);
            let exact_width = f64::from(height) * f64::from(shown.width) / f64::from(shown.height);
            let bend = (f64::from(height) / exact_height - 1.0).abs();
            // Even sides of the source's own size may lack one pixel each; of smaller ones, one is rounded to even.
            let pixels_off = (f64::from(height) - exact_height).abs().min((f64::from(width) - exact_width).abs());
            prop_assert!(bend <= 0.01 || pixels_off <= 2.0, "{rendition:?} bends {shown} by {bend}");
            prop_assert!(rendition.max_bitrate >= rendition.bitrate && rendition.buffer_size_bits > 0);
        }
        // "Quick" leaves out the rung in between on purpose.
        let widest = if spec.preset.id == "quick" { 3.8 } else { 2.5 };
        for pair in plan.renditions.windows(2) {
            let step = pair[0].bitrate.bits_per_second() as f64 / pair[1].bitrate.bits_per_second() as f64;
            prop_assert!((1.3..=widest).contains(&step), "{} to {} is {step}", pair[0].name, pair[1].name);
        }
        let timing = plan.timing;
        prop_assert!(timing.frame_rate.per_second() <= 60.1);
        prop_assert!(timing.gop_frames >= 1 && timing.segment_frames.is_multiple_of(timing.gop_frames));
        let (ticks, rate) = (u64::from(timing.timescale), timing.frame_rate);
        prop_assert_eq!(
            ticks * u64::from(rate.denominator()),
            u64::from(timing.frame_ticks) * u64::from(rate.numerator()),
            "a frame is a whole number of ticks"
        );
        let mut folders: Vec<&str> = plan.audio.iter().map(|audio| audio.name.as_str()).collect();
        folders.extend(plan.renditions.iter().map(|rendition| rendition.name.as_str()));
        let count = folders.len();
        folders.sort_unstable();
        folders.dedup();
        prop_assert_eq!(folders.len(), count, "each rendition has a folder of its own");
        prop_assert_eq!(plan.audio.iter().filter(|audio| audio.is_default).count(), usize::from(!plan.audio.is_empty()));

        let arguments = argv::arguments(&plan, std::path::Path::new("/work"));
        let inputs: Vec<_> = arguments.windows(2).filter(|pair| pair[0] == "-i").map(|pair| pair[1].clone()).collect();
        prop_assert_eq!(inputs, [std::ffi::OsString::from(format!("file:{name}"))]);
    }
}
