//! `reelpress encode` turns a video into a stream that is right to the frame and plays in a browser.

mod media;
mod playlists;
mod sources;
mod while_it_runs;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::support::{
    browser,
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    stream::{Segment, Stream},
    user::User,
};

/// A finished stream that many tests look at, with its measured segments.
struct Encoded {
    stream: Stream,
    /// Each rendition's segments, by the rendition's name.
    segments: HashMap<String, Vec<Segment>>,
    user: User,
}

impl Encoded {
    /// The stream of this clip with the preset "Web HLS"; encoded once in a run of the tests.
    fn of(clip: &'static Clip, version: FfmpegVersion) -> Arc<Self> {
        type Slot = Arc<OnceLock<Arc<Encoded>>>;
        static STREAMS: OnceLock<Mutex<HashMap<(&'static str, FfmpegVersion), Slot>>> = OnceLock::new();
        let slot = {
            let mut streams = STREAMS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(streams.entry((clip.name, version)).or_default())
        };
        // Tests of other streams are not held up meanwhile.
        Arc::clone(slot.get_or_init(|| Arc::new(Self::make(clip, version))))
    }

    fn make(clip: &Clip, version: FfmpegVersion) -> Self {
        let user = User::with(version);
        let source = clip.path();
        user.encode(&[&source], "web-hls").assert_all_done();
        let stream = user.stream_of(&source);
        let workplace = user.path("workplace");
        std::fs::create_dir(&workplace).expect("the user's folder can be written");
        let renditions = stream.video_renditions().into_iter().chain(stream.audio_rendition());
        let segments = renditions.map(|name| (name.clone(), stream.segments(&name, &workplace))).collect();
        Self { stream, segments, user }
    }

    fn workplace(&self) -> PathBuf {
        self.user.path("workplace")
    }

    /// Video renditions with their segments, the largest picture first.
    fn video(&self) -> Vec<(String, &[Segment])> {
        let names = self.stream.video_renditions();
        names
            .into_iter()
            .map(|name| {
                let segments = self.segments[&name].as_slice();
                (name, segments)
            })
            .collect()
    }

    /// The segments of the sound.
    fn audio(&self) -> Option<&[Segment]> {
        self.stream.audio_rendition().map(|name| self.segments[&name].as_slice())
    }
}

/// Length of a clip's picture in seconds.
fn seconds_of(clip: &Clip) -> f64 {
    clip.frames as f64 * f64::from(clip.frame_rate.1) / f64::from(clip.frame_rate.0)
}

on_both_ffmpeg_versions! {
    fn every_rung_plays_to_the_end_in_a_browser(version) {
        let encoded = Encoded::of(&clips::LANDSCAPE, version);
        let playback = browser::play_folder(&encoded.stream.folder);
        playback.assert_flawless(3, seconds_of(&clips::LANDSCAPE));
        assert!(playback.hls.audio_bytes > 0, "no sound was decoded");
    }

    fn a_silent_portrait_film_plays_to_the_end_in_a_browser(version) {
        let encoded = Encoded::of(&clips::PORTRAIT_SILENT, version);
        browser::play_folder(&encoded.stream.folder).assert_flawless(3, seconds_of(&clips::PORTRAIT_SILENT));
    }
}

#[test]
fn the_sample_that_ships_becomes_a_stream_with_poster_and_thumbnails() {
    let user = User::new();
    let source = clips::sample();
    let ended = user.encode(&[&source], "web-hls");
    ended.assert_all_done();
    assert_eq!(ended.events_named("job_finished").len(), 1, "{:#?}", ended.events);
    let files = user.output_files();
    for name in [
        "master.m3u8",
        "720p/init.mp4",
        "720p/segment_00000.m4s",
        "720p/playlist.m3u8",
        "720p/iframes.m3u8",
        "360p/playlist.m3u8",
        "audio/playlist.m3u8",
        "images/poster.jpg",
        "images/thumbnail_1.jpg",
        "images/thumbnail_5.jpg",
    ] {
        assert!(files.contains(&format!("sample/{name}")), "{name} is not among {files:#?}");
    }
    assert!(!files.iter().any(|file| file.contains(".reelpress-")), "temporary files are left: {files:#?}");
    assert_eq!(user.processes(), Vec::<String>::new());
}

#[test]
fn the_same_name_again_does_not_overwrite_a_finished_stream() {
    let user = User::new();
    let source = clips::sample();
    user.encode(&[&source], "quick").assert_all_done();
    let first = user.stream_of(&source).text("master.m3u8");
    user.encode(&[&source], "source").assert_all_done();
    assert_eq!(user.stream_of(&source).text("master.m3u8"), first, "the first stream was changed");
    let playlists = user.output_files().into_iter().filter(|file| file.ends_with("master.m3u8")).count();
    assert_eq!(playlists, 2, "{:#?}", user.output_files());
}
