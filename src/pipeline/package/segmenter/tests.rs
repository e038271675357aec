use bytes::Bytes;
use mp4_atom::{Decode, Header, Moof};

use super::{fragment_reader::Sample, *};
use crate::media::FrameRate;

/// Keeps what the segmenter gives.
#[derive(Default)]
struct Collected(Vec<Segment>);

impl SegmentSink for Collected {
    fn init_segment(&mut self, _: usize, _: InitSegment) -> Result<(), crate::pipeline::package::PackageError> {
        Ok(())
    }

    fn segment(&mut self, segment: Segment) -> Result<(), crate::pipeline::package::PackageError> {
        self.0.push(segment);
        Ok(())
    }

    fn advanced(&mut self, _: u64) {}
}

impl Collected {
    fn track(&self, track: usize) -> Vec<&Segment> {
        self.0.iter().filter(|segment| segment.track == track).collect()
    }
}

fn layout(audio: bool) -> TrackLayout {
    let timing = Timing::for_rate(FrameRate::new(25, 1).unwrap());
    let sound = AudioTrackLayout { sample_rate_hz: 48_000, packet_samples: 1024, priming_packets: 1 };
    let audio_tracks = audio.then_some(sound).into_iter().collect();
    TrackLayout {
        video_tracks: 2,
        audio_tracks,
        timing,
        expected_frames: None,
        first_segment: 0,
        silence_after: Duration::ZERO,
    }
}

/// Frames in decode order I P B, with presentation times that begin two frames late, as an encoder's do.
fn frames(count: u64, timing: Timing) -> Vec<Sample> {
    (0..count)
        .map(|decoded| {
            let in_gop = decoded % timing.gop_frames;
            let left = timing.gop_frames.min(count - (decoded - in_gop)) - in_gop;
            let shown = match in_gop % 2 {
                1 if left > 1 => decoded + 1,
                0 if in_gop > 0 => decoded - 1,
                _ => decoded,
            };
            Sample {
                flags: if in_gop == 0 { 0x0200_0000 } else { 0x0101_0000 },
                presentation_time: ((shown + 2) * u64::from(timing.frame_ticks)).cast_signed(),
                data: Bytes::from(vec![(decoded % 251) as u8; 10 + (decoded % 7) as usize]),
            }
        })
        .collect()
}

fn packets(count: u64) -> Vec<Sample> {
    (0..count).map(|_| Sample { flags: 0, presentation_time: 0, data: Bytes::from_static(b"packet") }).collect()
}

fn run(frame_count: u64, packet_count: Option<u64>) -> Collected {
    let layout = layout(packet_count.is_some());
    let mut cutters = Cutters::new(&layout);
    let mut collected = Collected::default();
    // Handed over in uneven parts, as a pipe does.
    for part in frames(frame_count, layout.timing).chunks(13) {
        for track in 0..layout.video_tracks {
            cutters.take(track, part.to_vec()).unwrap();
        }
        cutters.emit(&mut collected).unwrap();
    }
    if let Some(count) = packet_count {
        cutters.take(2, packets(count)).unwrap();
    }
    assert_eq!(cutters.finish(&mut collected).unwrap(), frame_count);
    collected
}

fn frames_in(segment: &Segment) -> u64 {
    segment.duration_ticks / u64::from(layout(false).timing.frame_ticks)
}

/// A fragment as it was written: its decode time, and composition offset and flags of each sample.
struct Fragment {
    decode_time: u64,
    samples: Vec<(i64, u32)>,
}

fn fragments(segment: &Segment) -> Vec<Fragment> {
    let mut rest = segment.data.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let mut body = rest;
        let header = Header::decode(&mut body).unwrap();
        let length = rest.len() - body.len() + header.size.unwrap();
        if header.kind == b"moof".into() {
            let moof = Moof::decode(&mut &rest[..length]).unwrap();
            let traf = &moof.traf[0];
            let samples = &traf.trun[0].samples;
            let samples = samples.iter().map(|entry| (entry.cts.unwrap(), entry.flags.unwrap())).collect();
            let decode_time = traf.tfdt.as_ref().unwrap().base_media_decode_time;
            found.push(Fragment { decode_time, samples });
        }
        rest = &rest[length..];
    }
    found
}

#[test]
fn segments_of_all_renditions_end_at_the_same_frames() {
    let collected = run(400, None);
    for track in 0..2 {
        let lengths: Vec<u64> = collected.track(track).iter().map(|segment| frames_in(segment)).collect();
        assert_eq!(lengths, [150, 150, 100]);
        let numbers: Vec<u64> = collected.track(track).iter().map(|segment| segment.number).collect();
        assert_eq!(numbers, [0, 1, 2]);
    }
}

#[test]
fn an_end_of_less_than_half_a_second_joins_the_segment_before() {
    let lengths = |frame_count| -> Vec<u64> {
        run(frame_count, None).track(0).iter().map(|segment| frames_in(segment)).collect()
    };
    assert_eq!(lengths(312), [150, 162]);
    assert_eq!(lengths(313), [150, 150, 13]);
    assert_eq!(lengths(1), [1]);
    assert_eq!(lengths(150), [150]);
}

#[test]
fn a_source_that_says_it_goes_on_is_playable_at_the_border_itself() {
    let cut_after = |expected_frames: Option<u64>| {
        let layout = TrackLayout { expected_frames, ..layout(false) };
        let mut cutters = Cutters::new(&layout);
        let mut collected = Collected::default();
        for track in 0..layout.video_tracks {
            cutters.take(track, frames(150, layout.timing)).unwrap();
        }
        cutters.emit(&mut collected).unwrap();
        collected.0.len()
    };
    assert_eq!(cut_after(Some(1500)), 2);
    assert_eq!(cut_after(Some(160)), 0);
    assert_eq!(cut_after(None), 0);
}

#[test]
fn decode_times_run_on_and_each_gop_is_a_fragment_that_begins_with_a_keyframe_in_its_place() {
    let collected = run(313, None);
    let ticks = i64::from(layout(false).timing.frame_ticks);
    let mut next: i64 = 0;
    for segment in collected.track(1) {
        for fragment in fragments(segment) {
            assert_eq!(fragment.decode_time.cast_signed(), next * ticks);
            assert_eq!(fragment.samples[0], (0, 0x0200_0000));
            let decoded_at: Vec<i64> = (0_i64..).zip(&fragment.samples).map(|(index, _)| index * ticks).collect();
            let mut shown_at: Vec<i64> =
                decoded_at.iter().zip(&fragment.samples).map(|(decoded, (offset, _))| decoded + offset).collect();
            shown_at.sort_unstable();
            assert_eq!(shown_at, decoded_at, "every frame of a GOP is shown within it, at its own time");
            next += i64::try_from(decoded_at.len()).unwrap();
        }
    }
    assert_eq!(next, 313);
}

#[test]
fn keyframe_ranges_hold_the_header_and_the_first_frame() {
    let collected = run(150, None);
    let segment = collected.track(0)[0];
    assert_eq!(segment.keyframes.len(), 3);
    for keyframe in &segment.keyframes {
        let range = &segment.data[keyframe.offset as usize..(keyframe.offset + keyframe.length) as usize];
        let moof = Moof::decode(&mut &*range).unwrap();
        let first = moof.traf[0].trun[0].samples.get(0).unwrap().size.unwrap();
        let offset = moof.traf[0].trun[0].data_offset.unwrap();
        assert_eq!(range.len(), usize::try_from(offset).unwrap() + first as usize);
    }
}

#[test]
fn sound_is_cut_at_the_nearest_packet_and_ends_with_the_picture() {
    // 400 frames are 16 s, 750 packets; the encoder gave 2 s more and one packet of priming.
    let collected = run(400, Some(1 + 844));
    let packets: Vec<u64> = collected.track(2).iter().map(|segment| segment.duration_ticks / 1024).collect();
    assert_eq!(packets, [281, 282, 187]);
    assert_eq!(packets.iter().sum::<u64>(), 750);
}

#[test]
fn sound_that_ends_early_goes_on_as_the_silence_at_its_end() {
    let collected = run(400, Some(1 + 500));
    let packets: u64 = collected.track(2).iter().map(|segment| segment.duration_ticks / 1024).sum();
    assert_eq!(packets, 750);
}

#[test]
fn sound_alone_in_several_languages_ends_with_the_longest() {
    let sound = layout(true).audio_tracks[0];
    let silence_after = Duration::from_secs(1);
    let layout = TrackLayout { video_tracks: 0, audio_tracks: vec![sound; 3], silence_after, ..layout(true) };
    let mut cutters = Cutters::new(&layout);
    let mut collected = Collected::default();
    // 18.3 s, 4 s and 12 s with a packet of priming before and a second of silence behind.
    for part in 0..10_u64 {
        for (track, packet_count) in [858_u64, 188, 563].into_iter().enumerate() {
            cutters.take(track, packets(if part == 0 { 1 } else { 0 } + packet_count / 10)).unwrap();
            cutters.take(track, packets(if part == 0 { 46 + packet_count % 10 } else { 0 })).unwrap();
        }
        cutters.emit(&mut collected).unwrap();
    }
    assert_eq!(cutters.finish(&mut collected).unwrap(), 457);
    for track in 0..3 {
        let packets: Vec<u64> = collected.track(track).iter().map(|segment| segment.duration_ticks / 1024).collect();
        assert_eq!(packets, [281, 282, 295], "track {track}");
    }
}

#[test]
fn a_missing_keyframe_and_uneven_renditions_are_noticed() {
    let layout = layout(false);
    let mut cutters = Cutters::new(&layout);
    let mut wrong = frames(60, layout.timing);
    wrong[50].flags = 0x0101_0000;
    assert!(cutters.take(0, wrong).unwrap_err().to_string().contains("frame 50 of rendition 1 is no keyframe"));

    let mut cutters = Cutters::new(&layout);
    cutters.take(0, frames(60, layout.timing)).unwrap();
    cutters.take(1, frames(59, layout.timing)).unwrap();
    assert!(cutters.finish(&mut Collected::default()).is_err());
}

#[test]
fn a_pipe_without_a_stream_is_an_error() {
    assert!(cut(std::io::empty(), &layout(false), &mut Collected::default()).is_err());
    assert!(cut(b"not a movie at all, just text".as_slice(), &layout(false), &mut Collected::default()).is_err());
}

#[test]
fn pictures_that_go_on_have_the_numbers_and_times_of_an_uninterrupted_run() {
    let whole = run(400, None);
    let layout = TrackLayout { first_segment: 1, ..layout(false) };
    let mut cutters = Cutters::new(&layout);
    let mut rest = Collected::default();
    let skipped = layout.timing.segment_frames;
    for track in 0..layout.video_tracks {
        cutters.take(track, frames(400 - skipped, layout.timing)).unwrap();
    }
    assert_eq!(cutters.finish(&mut rest).unwrap(), 400);
    for track in 0..2 {
        let [whole, rest] = [whole.track(track), rest.track(track)];
        assert_eq!(rest.iter().map(|segment| segment.number).collect::<Vec<_>>(), [1, 2]);
        for (expected, made) in whole[1..].iter().zip(rest) {
            let [expected, made] = [expected, made].map(fragments);
            let times = |fragments: &[Fragment]| fragments.iter().map(|part| part.decode_time).collect::<Vec<_>>();
            assert_eq!(times(&made), times(&expected));
        }
    }
}

#[test]
fn pictures_that_go_on_in_another_place_are_refused() {
    let layout = TrackLayout { first_segment: 2, ..layout(false) };
    let init = |seconds: f64| InitSegment {
        data: Vec::new(),
        format: TrackFormat::Audio { codecs: String::new() },
        starts_at: Duration::from_secs_f64(seconds),
    };
    assert!(layout.check_start(&[init(12.0), init(12.001)]).is_ok());
    let misplaced = layout.check_start(&[init(12.0), init(12.04)]);
    assert!(matches!(misplaced, Err(SegmenterError::Misplaced { .. })), "{misplaced:?}");
}
