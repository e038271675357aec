//! ffmpeg is missing.

use super::{Window, states};
use crate::{
    engine::{Command, Event, Snapshot, ToolStatus},
    failure::{Failure, FailureKind},
};

fn without_ffmpeg() -> Snapshot {
    let mut story = states::Story::begin();
    let failure = Failure::new(FailureKind::ToolMissing, "ffmpeg was not found", "Download it or choose the program");
    story.tell(&Event::ToolsChecked { status: ToolStatus::Unusable { failure } });
    story.snapshot
}

#[test]
fn a_missing_ffmpeg_is_said_at_once_with_what_to_do() {
    let mut window = Window::open(without_ffmpeg());
    assert!(window.shows("Download it or choose the program"));
    window.press("Check again");
    assert_eq!(window.asked(), [Command::CheckTools]);
    window.press("Not now");
    assert!(!window.shows("Download it or choose the program"));
    window.press("Set up ffmpeg…");
    assert!(window.shows("Download it or choose the program"));
}

#[test]
fn a_download_is_confirmed_shown_and_done() {
    let mut window = Window::open(without_ffmpeg());
    window.press("Download ffmpeg…");
    assert!(window.asked().is_empty(), "nothing is fetched before the person agrees");
    window.press("Download");
    assert_eq!(window.asked(), [Command::DownloadTools]);
    window.happens(Event::ToolsChecked { status: ToolStatus::Downloading { fraction: Some(0.42) } });
    assert!(window.shows("Download of ffmpeg"));
    assert!(window.shows("Downloading ffmpeg, 42 %"));
    let status = ToolStatus::Ready {
        ffmpeg_version: "9.0.2".to_owned(),
        ffmpeg: "/data/tools/ffmpeg".into(),
        ffprobe: "/data/tools/ffprobe".into(),
    };
    window.happens(Event::ToolsChecked { status });
    assert!(window.shows("ffmpeg 9.0.2 is ready"));
    window.press("Close");
    assert!(!window.shows("ffmpeg 9.0.2 is ready"));
}
