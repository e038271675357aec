//! What can be typed, and what it means.

mod convert;
mod encryption;
mod layout;
mod outputs;
mod queueing;
mod s3;
mod side_by_side;
mod thumbnails;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use convert::ConvertArguments;
pub use encryption::EncryptionArguments;
pub use layout::LayoutArguments;
pub use outputs::OutputArguments;
pub use queueing::QueueingArguments;
pub use s3::{S3Arguments, StoreArguments};
pub use side_by_side::{SideBySide, side_by_side};
pub use thumbnails::ThumbnailsArguments;

use jiff::Timestamp;

use super::{
    operation_args::OperationArguments, output::Verbosity, queue_args::QueueArguments, video_args::VideoArguments, wire,
};
use crate::{
    job::{
        ThumbnailTimes, schedule,
        typed::{self, pixels},
        validity::SHORT_SIDES,
    },
    preset::{InterlacedOutput, OnDamage, StereoCodecs, SurroundCodec},
};

const EXIT_CODES: &str = "\
Exit codes: 0 all done, 1 some job failed, 2 bad usage or settings, 3 a tool is missing, 130 interrupted.
Environment: REELPRESS_FFMPEG and REELPRESS_FFPROBE name the programs to use, REELPRESS_HOME a folder for all that
Reelpress keeps, REELPRESS_LOG what is logged (such as debug).";

/// Drop a video, get an adaptive stream: in a folder, or in an S3 bucket
///
/// Without a command, opens the window; with files or folders, puts them into its queue.
#[derive(Debug, Parser)]
#[command(name = "reelpress", version, after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// Flags of all commands.
    #[command(flatten)]
    pub general: GeneralArguments,
    /// What to do; nothing opens the window.
    #[command(subcommand)]
    pub command: Option<CommandArguments>,
    /// Files or folders to open in the window
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Flags of all commands.
#[derive(Debug, Clone, Args)]
pub struct GeneralArguments {
    /// The ffmpeg to use
    #[arg(long, global = true, value_name = "PATH", help_heading = "General")]
    pub ffmpeg: Option<PathBuf>,
    /// The ffprobe to use
    #[arg(long, global = true, value_name = "PATH", help_heading = "General")]
    pub ffprobe: Option<PathBuf>,
    /// Tell more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "General")]
    pub verbose: u8,
    /// Tell only failures
    #[arg(short, long, global = true, help_heading = "General")]
    pub quiet: bool,
}

impl GeneralArguments {
    /// How much is said on standard error.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CommandArguments {
    /// Encode videos into adaptive streams
    Encode(Box<EncodeCallArguments>),
    /// Work with the queue that the window shows, also while it is open
    Queue(QueueArguments),
    /// Make one file of each video: another container or codec, a smaller one, a part, several joined
    Convert(Box<ConvertArguments>),
    /// As convert, to a size, a quality or a bit rate that must be named
    Compress(Box<ConvertArguments>),
    /// Make poster and thumbnails of each video, without encoding it
    Thumbnails(Box<ThumbnailsArguments>),
    /// Upload a finished stream, or any folder, to an S3 bucket: playlists last
    Publish(PublishArguments),
    /// Tell what a file is
    Probe(ProbeArguments),
    /// List the presets
    Presets(PresetsArguments),
    /// Serve a stream on this machine and open a player in the browser
    Preview(PreviewArguments),
    /// Judge a finished HLS stream, of any maker: its playlists, and every segment
    Check(CheckArguments),
    /// Check ffmpeg, the disk and a destination, and tell what to do about each finding
    Doctor(DoctorArguments),
    /// Put access keys of stores into the keychain of this system, or take them out
    Credentials(CredentialsArguments),
    /// Download ffmpeg into the app's own data folder
    Setup(SetupArguments),
}

/// Encode videos into adaptive streams
#[derive(Debug, Args)]
#[command(after_long_help = wire::DOCUMENTATION)]
pub struct EncodeCallArguments {
    /// What is encoded, and how.
    #[command(flatten)]
    pub encode: EncodeArguments,
    /// Number of videos that are encoded side by side; auto: by their size and the machine's cores
    #[arg(long, value_name = "N|auto", value_parser = side_by_side)]
    pub jobs: Option<SideBySide>,
    /// Start over, also where an interrupted encode could go on
    #[arg(long)]
    pub fresh: bool,
    /// Remove what an interrupted encode of the same files to the same places has left, and encode nothing
    #[arg(long, conflicts_with = "fresh")]
    pub discard: bool,
}

/// What is encoded, and how
#[derive(Debug, Args)]
pub struct EncodeArguments {
    /// Videos, or folders that are searched for videos
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Id of the preset; `reelpress presets` lists them [default: as set in the window, with what is
    /// changed of it there; at first web-hls]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Where the streams go: a folder, or s3://bucket/prefix [default: as set in the window]. May be given several times:
    /// one folder and any number of buckets; one that needs other S3 options has its own, as in
    /// 's3://bucket/prefix?profile=backup&region=eu-west-1'. Of the local disk 500 MB stay free, or a twentieth of one below
    /// 10 GB: a stream that needs more waits for room
    #[arg(short, long, alias = "output", value_name = "DIR|s3://…")]
    pub out: Vec<PathBuf>,
    /// How to reach an S3 destination.
    #[command(flatten)]
    pub s3: S3Arguments,
    /// Keep the local stream of an S3 destination in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Give the room of each segment on the local disk back as soon as all S3 destinations have it, so that a film may be
    /// larger than the disk
    #[arg(long, conflicts_with = "keep")]
    pub drop_published: bool,
    /// When to take thumbnails: parts of the length (10%,30%) or times (00:00:05,90) [default: 10%,30%,50%,70%,90%]
    #[arg(long, alias = "thumbnails", value_name = "LIST", value_parser = thumbnail_times)]
    pub thumbnail_times: Option<ThumbnailTimes>,
    /// What is made of each video, and how thumbnails look.
    #[command(flatten)]
    pub outputs: OutputArguments,
    /// Join all files to one stream, in the shape of the first: size, frame rate, sound
    #[arg(long)]
    pub join: bool,
    /// How the segments are encrypted.
    #[command(flatten)]
    pub encryption: EncryptionArguments,
    /// Where its files lie.
    #[command(flatten)]
    pub layout: LayoutArguments,
    /// Codecs of the stereo sound: aac, opus, or aac,opus for a group of each [default: as set in the window, at
    /// first aac]
    #[arg(long, value_name = "LIST", value_parser = stereo_codecs)]
    pub audio_codec: Option<StereoChoice>,
    /// Make 5.1 renditions too, in this codec, of sound that has 5.1 or more
    #[arg(long, value_name = "CODEC")]
    pub surround: Option<Surround>,
    /// What becomes of the fields of interlaced video: joined to frames, or each a frame [default: frames]
    #[arg(long, value_name = "WHAT")]
    pub interlaced: Option<InterlacedChoice>,
    /// What happens when parts of a source can't be decoded [default: warn]
    #[arg(long, value_name = "WHAT")]
    pub on_damage: Option<DamageChoice>,
    /// What changes the preset's video.
    #[command(flatten)]
    pub video: VideoArguments,
    /// What is done to the source.
    #[command(flatten)]
    pub operations: OperationArguments,
    /// Make the picture smaller before the ladder, to this many pixels on its short side: no rung is larger
    #[arg(long, value_name = "PIXELS", value_parser = pixels(&SHORT_SIDES), help_heading = "Operations")]
    pub size: Option<u32>,
    /// Start at this time: HH:MM, or with the date as 2026-11-21T22:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = start_time)]
    pub start_at: Option<Timestamp>,
    /// Tell what happens as one JSON event a line on standard output; --help documents them
    #[arg(long)]
    pub json: bool,
}

/// What becomes of the fields of interlaced video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InterlacedChoice {
    /// Joined: 25 or 29.97 frames a second
    Frames,
    /// Each a frame: 50 or 59.94 frames a second
    Fields,
}

impl From<InterlacedChoice> for InterlacedOutput {
    fn from(choice: InterlacedChoice) -> Self {
        match choice {
            InterlacedChoice::Frames => Self::Frames,
            InterlacedChoice::Fields => Self::Fields,
        }
    }
}

/// What happens to a job whose source is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DamageChoice {
    /// It is done, with a warning that says how much is lost
    Warn,
    /// It fails
    Fail,
}

impl From<DamageChoice> for OnDamage {
    fn from(choice: DamageChoice) -> Self {
        match choice {
            DamageChoice::Warn => Self::Warn,
            DamageChoice::Fail => Self::Fail,
        }
    }
}

/// The codecs of stereo renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StereoChoice(pub StereoCodecs);

fn stereo_codecs(text: &str) -> Result<StereoChoice, String> {
    let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
    names.sort_unstable();
    match names.as_slice() {
        ["aac"] => Ok(StereoChoice(StereoCodecs::Aac)),
        ["opus"] => Ok(StereoChoice(StereoCodecs::Opus)),
        ["aac", "opus"] => Ok(StereoChoice(StereoCodecs::AacAndOpus)),
        _ => Err("give aac, opus, or aac,opus".to_owned()),
    }
}

/// The codec of 5.1 renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Surround {
    /// AAC, which every player knows
    Aac,
    /// E-AC-3 (Dolby Digital Plus), for television sets and Apple's players
    Eac3,
}

impl From<Surround> for SurroundCodec {
    fn from(surround: Surround) -> Self {
        match surround {
            Surround::Aac => Self::Aac,
            Surround::Eac3 => Self::Eac3,
        }
    }
}

/// Put access keys of stores into the keychain, or take them out
#[derive(Debug, Args)]
pub struct CredentialsArguments {
    /// What is done.
    #[command(subcommand)]
    pub action: CredentialsAction,
}

/// What is done with keys in the keychain.
#[derive(Debug, Subcommand)]
pub enum CredentialsAction {
    /// Ask for an access key and its secret, and put them into the keychain; they may also be piped in, a line each
    Set {
        /// A name for them, which --credentials takes
        name: String,
    },
    /// Take them out of the keychain
    Remove {
        /// Their name
        name: String,
    },
}

/// Upload a folder
#[derive(Debug, Args)]
pub struct PublishArguments {
    /// The folder
    #[arg(value_name = "DIR", required_unless_present = "clean")]
    pub folder: Option<PathBuf>,
    /// Bucket and prefix, as s3://bucket/prefix; the folder's name is added
    #[arg(value_name = "s3://…", required_unless_present = "clean")]
    pub destination: Option<String>,
    /// Instead of uploading, remove what is due of streams that were replaced from here; with s3://bucket/prefix, of all
    /// streams there, and what a Reelpress has left unfinished a day ago: uploads, and new versions with --replace
    #[arg(long, value_name = "s3://…", num_args = 0..=1, conflicts_with = "folder")]
    pub clean: Option<Option<String>>,
    /// How to reach it.
    #[command(flatten)]
    pub s3: S3Arguments,
}

/// Tell what a file is
#[derive(Debug, Args)]
pub struct ProbeArguments {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// List the presets
#[derive(Debug, Args)]
pub struct PresetsArguments {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Serve a stream
#[derive(Debug, Args)]
pub struct PreviewArguments {
    /// The stream's folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Only print the address of the player
    #[arg(long)]
    pub no_open: bool,
    /// The key of an encrypted stream, or the folder with its keys: 1.key, 2.key …
    #[arg(long, value_name = "FILE|DIR")]
    pub key: Option<PathBuf>,
}

/// Judge a stream
#[derive(Debug, Args)]
#[command(after_long_help = super::check::DOCUMENTATION)]
pub struct CheckArguments {
    /// A folder with a stream in it, a playlist, the URL of a playlist, or s3://bucket/prefix of a stream or playlist
    #[arg(value_name = "DIR|FILE|URL|s3://…")]
    pub stream: PathBuf,
    /// How its bucket is reached.
    #[command(flatten)]
    pub s3: StoreArguments,
    /// The key of an encrypted stream, or the folder with its keys (1.key, 2.key …), or that which was given as
    /// --key-folder [default: from its key URIs]
    #[arg(long, value_name = "FILE|DIR")]
    pub key: Option<PathBuf>,
    /// Also decode every segment, of all renditions, to find damage inside of frames
    #[arg(long)]
    pub decode: bool,
    /// As JSON; --help documents it
    #[arg(long)]
    pub json: bool,
}

/// Check what encoding needs
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Also try this destination, and tell every missing permission: s3://bucket/prefix, or a folder
    #[arg(long, alias = "out", value_name = "DIR|s3://…")]
    pub destination: Option<PathBuf>,
    /// How to reach it.
    #[command(flatten)]
    pub s3: S3Arguments,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Download ffmpeg
#[derive(Debug, Args)]
pub struct SetupArguments {
    /// Download without asking, also when a usable ffmpeg is there
    #[arg(long)]
    pub yes: bool,
}

/// Reads a time from now on.
pub(super) fn start_time(text: &str) -> Result<Timestamp, &'static str> {
    schedule::start_time(text, &jiff::Zoned::now())
}

/// Reads `10%,30%` or `00:00:05,90`.
pub(super) fn thumbnail_times(text: &str) -> Result<ThumbnailTimes, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.iter().all(|part| part.ends_with('%')) {
        let percent = |part: &str| {
            let number: f64 = part.trim_end_matches('%').trim().parse().ok()?;
            (0.0..=100.0).contains(&number).then_some(number)
        };
        let percents: Option<Vec<f64>> = parts.iter().map(|part| percent(part)).collect();
        return percents.map(ThumbnailTimes::Percents).ok_or_else(|| "a part is from 0% to 100%".to_owned());
    }
    let times: Option<Vec<Duration>> = parts.iter().map(|part| typed::time(part).ok()).collect();
    times
        .map(ThumbnailTimes::Times)
        .ok_or_else(|| "give parts (10%,30%) or times (5, 01:30, 00:00:05.5), not both".to_owned())
}

#[cfg(test)]
mod tests;
