//! `reelpress encode` makes other forms of a stream beside HLS with fMP4, out of the one encode.

mod dash;
mod mp4;
mod pictures;
mod published;
mod report;
mod transport_stream;

use std::{
    collections::HashMap,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::support::{
    clips::{self, Clip},
    ffmpeg::FfmpegVersion,
    fragments,
    stream::Stream,
    user::{Ended, User},
};

/// Every output at once. "veryfast" has B-frames, whose times are what can go wrong.
const EVERYTHING: [&str; 7] = ["--dash", "--mp4", "--ts", "--storyboard", "--report", "--speed", "veryfast"];

/// A stream with all its outputs that many tests look at.
struct Made {
    stream: Stream,
    user: User,
}

impl Made {
    /// The stream of this clip with the preset "Quick" and every output; encoded once in a run of the tests.
    fn of(clip: &'static Clip, version: FfmpegVersion) -> Arc<Self> {
        type Slot = Arc<OnceLock<Arc<Made>>>;
        static STREAMS: OnceLock<Mutex<HashMap<(&'static str, FfmpegVersion), Slot>>> = OnceLock::new();
        let slot = {
            let mut streams = STREAMS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(streams.entry((clip.name, version)).or_default())
        };
        // Tests of other streams are not held up meanwhile.
        Arc::clone(slot.get_or_init(|| {
            let user = User::with(version);
            let source = clip.path();
            encode(&user, &[&source], &EVERYTHING).assert_all_done();
            std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
            Arc::new(Self { stream: user.stream_of(&source), user })
        }))
    }

    /// A file of the stream.
    fn path(&self, name: &str) -> PathBuf {
        self.stream.folder.join(name)
    }

    fn workplace(&self) -> PathBuf {
        self.user.path("workplace")
    }
}

/// Encodes files with "Quick" and these flags into the user's output folder.
fn encode(user: &User, files: &[&std::path::Path], flags: &[&str]) -> Ended {
    let flags: Vec<OsString> = flags.iter().map(OsString::from).collect();
    Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, files, "quick"))
}

/// Length of a clip's picture in seconds.
fn seconds_of(clip: &Clip) -> f64 {
    clip.frames as f64 * f64::from(clip.frame_rate.1) / f64::from(clip.frame_rate.0)
}

#[test]
fn keyframes_each_second_make_dense_i_frame_playlists() {
    let user = User::new();
    let source = clips::sample();
    encode(&user, &[&source], &["--dense-iframes", "--ts", "--speed", "ultrafast"]).assert_all_done();
    let stream = user.stream_of(&source);
    for name in stream.video_renditions() {
        let transport = Stream::at(stream.folder.join("ts"));
        for playlist in [stream.media_playlist(&name, "iframes.m3u8"), transport.media_playlist(&name, "iframes.m3u8")]
        {
            let lengths: Vec<f32> = playlist.segments.iter().map(|entry| entry.duration).collect();
            assert!(lengths.len() > 5 && lengths[..5].iter().all(|length| (length - 1.0).abs() < 0.001), "{lengths:?}");
        }
        let init = stream.init_segment(&name);
        for (number, segment) in stream.media_playlist(&name, "playlist.m3u8").segments.iter().enumerate() {
            let content = stream.read(&name, &segment.uri);
            let keyframes = fragments::packets(&content).into_iter().filter(|packet| packet.is_key);
            let seconds = keyframes.map(|packet| packet.presentation_ticks as f64 / fragments::ticks_per_second(&init));
            let expected = (0..).map(|second| 6.0 * number as f64 + f64::from(second));
            assert!(seconds.zip(expected).all(|(found, expected)| (found - expected).abs() < 0.001), "{name}");
        }
    }
}
