//! HLS with MPEG-TS segments, for old devices.

use std::{collections::HashMap, path::PathBuf, process::Command};

use m3u8_rs::MediaPlaylistType;

use super::{Made, seconds_of};
use crate::support::{
    browser,
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, begins_with_an_idr_picture, decode, on_both_ffmpeg_versions},
    output_of,
    stream::Stream,
    system_tool,
};

const PACKET_BYTES: usize = 188;
/// Ticks of the programme clock in a second.
const CLOCK_TICKS: u64 = 27_000_000;

impl Made {
    fn transport_stream(&self) -> Stream {
        Stream::at(self.path("ts"))
    }

    /// Paths of the segments of a rendition.
    fn transport_segments(&self, rendition: &str) -> Vec<PathBuf> {
        let playlist = self.transport_stream().media_playlist(rendition, "playlist.m3u8");
        playlist.segments.iter().map(|segment| self.path(&format!("ts/{rendition}/{}", segment.uri))).collect()
    }
}

/// Presentation times in seconds of the packets of a kind of stream (`v` or `a`), rising.
fn times(file: &std::path::Path, kind: &str) -> Vec<f64> {
    let mut command = Command::new(system_tool("ffprobe"));
    command.args(["-v", "error", "-select_streams", kind, "-show_entries", "packet=pts_time", "-of", "csv=p=0"]);
    let text = String::from_utf8(output_of({
        command.arg(file);
        command
    }));
    let text = text.expect("text");
    let mut times: Vec<f64> = text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn assert_cut_at_the_same_frames(clip: &'static Clip, version: FfmpegVersion) {
    let made = Made::of(clip, version);
    let frame = f64::from(clip.frame_rate.1) / f64::from(clip.frame_rate.0);
    let mut starts: Vec<f64> = Vec::new();
    for name in made.stream.video_renditions() {
        let segments = made.stream.segments(&name, &made.workplace());
        let files = made.transport_segments(&name);
        assert_eq!(files.len(), segments.len(), "{name}");
        let playlist = made.transport_stream().media_playlist(&name, "playlist.m3u8");
        assert!(playlist.end_list && playlist.playlist_type == Some(MediaPlaylistType::Vod), "{name}");
        let start = times(&files[0], "v")[0];
        starts.push(start);
        for (number, (file, segment)) in files.iter().zip(&segments).enumerate() {
            assert!(begins_with_an_idr_picture(file), "{name}: segment {number}");
            let (pictures, complaints) = decode(file);
            assert_eq!((pictures, complaints.as_str()), (segment.packets.len(), ""), "{name}: segment {number}");
            let shown = times(file, "v");
            for (index, time) in shown.iter().enumerate() {
                let expected = start + segment.start() + index as f64 * frame;
                assert!((time - expected).abs() < 0.001, "{name}: segment {number}, frame {index}: {time}");
            }
            let told = f64::from(playlist.segments[number].duration);
            assert!((told - segment.told_duration).abs() < 0.001, "{name}: segment {number}");
        }
        if made.stream.audio_rendition().is_some() {
            let sound: Vec<f64> = files.iter().flat_map(|file| times(file, "a")).collect();
            assert!((sound[0] - start).abs() < 0.001, "{name}: sound begins at {}, pictures at {start}", sound[0]);
            let end = start + seconds_of(clip);
            assert!((sound[sound.len() - 1] - end).abs() < 0.1, "{name}: the sound ends early or late");
        }
    }
    assert!(starts.iter().all(|start| (start - starts[0]).abs() < 0.001), "renditions start at {starts:?}");
}

on_both_ffmpeg_versions! {
    fn segments_hold_the_same_frames_as_those_of_fmp4_and_all_sound(version) {
        assert_cut_at_the_same_frames(&clips::FILM, version);
    }

    fn packets_are_as_old_decoders_want_them(version) {
        let made = Made::of(&clips::FILM, version);
        for name in made.stream.video_renditions().into_iter().chain(["audio".to_owned()]) {
            let mut counters: HashMap<u16, u8> = HashMap::new();
            let mut clock: Option<u64> = None;
            for file in made.transport_segments(&name) {
                let content = std::fs::read(&file).expect("the segment is there");
                assert!(content.len().is_multiple_of(PACKET_BYTES), "{}", file.display());
                let (mut has_pat, mut has_pmt, mut has_media) = (false, false, false);
                for packet in content.chunks_exact(PACKET_BYTES) {
                    assert_eq!(packet[0], 0x47);
                    let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
                    let (has_adaptation, has_payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
                    let counter = packet[3] & 0x0f;
                    if has_payload && let Some(before) = counters.insert(pid, counter) {
                        assert_eq!(counter, (before + 1) & 0x0f, "{}: packet {pid} is missing", file.display());
                    }
                    if has_adaptation && packet[4] > 6 && packet[5] & 0x10 != 0 {
                        let base = u64::from(u32::from_be_bytes([packet[6], packet[7], packet[8], packet[9]]));
                        let now = ((base << 1) | u64::from(packet[10] >> 7)) * 300;
                        let step = clock.replace(now).map_or(0, |before| now - before);
                        assert!(step <= CLOCK_TICKS / 10, "{}: {step} ticks without a clock", file.display());
                    }
                    let adaptation = if has_adaptation { usize::from(packet[4]) + 1 } else { 0 };
                    let payload = if has_payload { &packet[4 + adaptation..] } else { &[] };
                    has_media |= packet[1] & 0x40 != 0 && payload.starts_with(&[0, 0, 1]);
                    if !has_media {
                        has_pat |= pid == 0;
                        // A table begins with a pointer, here 0, and its number: 2 is that of a PMT.
                        has_pmt |= payload.starts_with(&[0, 2]);
                    }
                }
                assert!(has_pat && has_pmt && has_media, "{} does not begin with PAT and PMT", file.display());
            }
        }
    }
}

#[test]
fn the_sound_is_there_alone_on_the_clock_of_the_pictures() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let transport = made.transport_stream();
    let [alone] = transport.audio_only_variants().try_into().expect("one variant of sound alone");
    assert_eq!((alone.uri.as_str(), alone.codecs.as_deref()), ("audio/playlist.m3u8", Some("mp4a.40.2")));
    let picture = made.transport_segments("360p");
    let start = times(&picture[0], "v")[0];
    let segments = made.stream.segments("audio", &made.workplace());
    let files = made.transport_segments("audio");
    let told = transport.media_playlist("audio", "playlist.m3u8").segments;
    assert_eq!((files.len(), told.len()), (segments.len(), segments.len()));
    for ((file, segment), told) in files.iter().zip(&segments).zip(&told) {
        let packets = times(file, "a");
        assert_eq!(packets.len(), segment.packets.len(), "{}", file.display());
        assert!((packets[0] - start - segment.start()).abs() < 0.001, "{} begins at {}", file.display(), packets[0]);
        assert!((f64::from(told.duration) - segment.told_duration).abs() < 0.001, "{}", file.display());
    }
    // A player that wants no picture.
    let text =
        format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={},CODECS=\"mp4a.40.2\"\nplaylist.m3u8\n", alone.bandwidth);
    let folder = made.workplace().join("sound alone");
    std::fs::create_dir(&folder).expect("the workplace can be written");
    for name in std::fs::read_dir(made.path("ts/audio")).expect("the folder").flatten().map(|entry| entry.file_name()) {
        std::fs::copy(made.path("ts/audio").join(&name), folder.join(&name)).expect("a copy");
    }
    std::fs::write(folder.join("master.m3u8"), text).expect("the workplace can be written");
    let playback = browser::play_folder(&folder);
    assert_eq!(playback.hls.levels.len(), 1);
    assert!((playback.hls.levels[0].played_to - seconds_of(&clips::FILM)).abs() < 0.1, "{playback:?}");
    assert!(playback.hls.audio_bytes > 0 && playback.hls.levels[0].problem.is_empty(), "{playback:?}");
}

#[test]
fn a_silent_film_is_cut_at_the_same_frames() {
    assert_cut_at_the_same_frames(&clips::PORTRAIT_SILENT, FfmpegVersion::System);
}

#[test]
fn every_frame_begins_with_an_access_unit_delimiter() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    for file in made.transport_segments("360p") {
        let mut command = Command::new(system_tool("ffmpeg"));
        command.args(["-v", "error", "-nostdin", "-i"]).arg(&file);
        command.args(["-map", "0:v:0", "-c", "copy", "-f", "h264", "-"]);
        let stream = output_of(command);
        let delimiters = stream.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 9).count();
        assert_eq!(delimiters, decode(&file).0, "{}", file.display());
    }
}

#[test]
fn the_multivariant_playlist_tells_what_is_in_the_segments() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let transport = made.transport_stream();
    assert!(transport.multivariant().alternatives.is_empty());
    let variants = transport.variants();
    assert_eq!(variants.len(), made.stream.variants().len());
    for variant in variants {
        let name = variant.uri.split('/').next().expect("a folder");
        let in_fmp4 = made.stream.variants().into_iter().find(|other| other.uri == variant.uri).expect("the same name");
        assert_eq!((variant.codecs, variant.resolution), (in_fmp4.codecs, in_fmp4.resolution));
        let bytes: u64 = made.transport_segments(name).iter().map(|file| file.metadata().expect("a file").len()).sum();
        let average = bytes as f64 * 8.0 / seconds_of(&clips::FILM);
        let told = variant.average_bandwidth.expect("AVERAGE-BANDWIDTH") as f64;
        assert!((told / average - 1.0).abs() < 0.01, "{name}: {told}, measured {average}");
        assert!(variant.bandwidth as f64 >= told, "{name}");
    }
}

#[test]
fn each_entry_of_an_i_frame_playlist_is_one_picture() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    for name in made.stream.video_renditions() {
        let playlist = made.transport_stream().media_playlist(&name, "iframes.m3u8");
        let segments = made.stream.segments(&name, &made.workplace());
        let keyframes = segments.iter().flat_map(|segment| &segment.packets).filter(|packet| packet.is_key).count();
        assert_eq!(playlist.segments.len(), keyframes, "{name}");
        let part = |uri: &str, range: &m3u8_rs::ByteRange| {
            let content = made.transport_stream().read(&name, uri);
            let start = usize::try_from(range.offset.expect("an offset")).expect("fits");
            content[start..start + usize::try_from(range.length).expect("fits")].to_vec()
        };
        let map = playlist.segments[0].map.clone().expect("EXT-X-MAP");
        let tables = part(&map.uri, map.byte_range.as_ref().expect("BYTERANGE"));
        for (index, entry) in playlist.segments.iter().enumerate() {
            let content = part(&entry.uri, entry.byte_range.as_ref().expect("BYTERANGE"));
            let file = made.workplace().join(format!("{name}-keyframe-{index}.ts"));
            std::fs::write(&file, [tables.clone(), content].concat()).expect("the workplace can be written");
            assert_eq!(decode(&file).0, 1, "{name}: entry {index}");
        }
    }
}

#[test]
fn every_rung_plays_to_the_end_in_a_browser() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let playback = browser::play_folder(&made.path("ts"));
    assert!(playback.refused.is_empty(), "{:?}", playback.refused);
    // Where decoding begins before showing, as with B-frames, hls.js lets sound and picture begin by that time later
    // and fills the start with silence, whoever made the segments.
    let is_start = |error: &&String| !error.contains("Injecting") || !error.contains("@ 0.0");
    assert_eq!(playback.hls.errors.iter().filter(is_start).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(playback.hls.levels.len(), 2);
    for level in &playback.hls.levels {
        assert_eq!((level.problem.as_str(), level.shown), ("", level.declared), "{level:?}");
        assert!(level.holes.is_empty(), "{level:?}");
        assert!((level.played_to - seconds_of(&clips::FILM)).abs() < 0.2, "{level:?}");
    }
    assert!(playback.hls.audio_bytes > 0, "no sound was decoded");
    assert_eq!((playback.hls.switching.as_str(), playback.native.error.as_str()), ("", ""));
    assert!(playback.native.played_to >= 1.0 && playback.native.shown[0] > 0, "{:?}", playback.native);
}
