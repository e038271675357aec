//! Sources of every kind become right streams: what comes out is measured against what went in.

mod awkward_video;
mod burned_in;
mod changing;
mod damaged;
mod extremes;
mod sound;
mod sound_alone;
mod still_pictures;
mod subtitles;
mod timing;
mod transparent;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use m3u8_rs::{AlternativeMedia, AlternativeMediaType};

use crate::support::{
    clips::Clip,
    ffmpeg::FfmpegVersion,
    output_of,
    stream::{Segment, Stream},
    user::{Ended, User},
};

/// A source that was encoded fast into small renditions, and what became of it.
struct Made {
    stream: Stream,
    user: User,
}

impl Made {
    /// The stream of this clip.
    fn of(clip: &Clip, version: FfmpegVersion, options: &[&str]) -> Self {
        let user = User::with(version);
        Self::from(user, &clip.path(), options)
    }

    /// The stream of this file.
    fn from(user: User, source: &Path, options: &[&str]) -> Self {
        encode(&user, source, options).assert_all_done();
        std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
        Self { stream: user.stream_of(source), user }
    }

    fn workplace(&self) -> PathBuf {
        self.user.path("workplace")
    }

    fn segments(&self, rendition: &str) -> Vec<Segment> {
        self.stream.segments(rendition, &self.workplace())
    }

    /// Alternate renditions of this kind in the multivariant playlist.
    fn alternatives(&self, kind: &AlternativeMediaType) -> Vec<AlternativeMedia> {
        let all = self.stream.multivariant().alternatives.into_iter();
        all.filter(|alternative| alternative.media_type == *kind).collect()
    }
}

/// Encodes a file as fast as can be.
fn encode(user: &User, source: &Path, options: &[&str]) -> Ended {
    let options: Vec<OsString> = ["--speed", "ultrafast"].iter().chain(options).map(OsString::from).collect();
    Ended::of(user.encode_command_to(user.output().as_os_str(), &options, &[source], "quick"))
}

/// Makes a file in the user's folder with ffmpeg, by these arguments.
fn make(user: &User, name: &str, arguments: &str) -> PathBuf {
    let path = user.path(name);
    let mut command = Command::new(FfmpegVersion::Nine.program());
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split_whitespace()).arg(&path);
    output_of(command);
    path
}
