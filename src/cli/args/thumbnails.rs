//! What can be typed after `thumbnails`.

use std::path::PathBuf;

use clap::Args;

use super::{QueueingArguments, S3Arguments, outputs::ThumbnailFormatName, thumbnail_times};
use crate::job::{ThumbnailTimes, typed::pixels, validity::THUMBNAIL_WIDTHS};

const EXAMPLES: &str = "\
Only the parts of a video around the chosen times are decoded, where it can be sought; a storyboard needs all of it.

  reelpress thumbnails film.mp4                             film/images/poster.jpg and thumbnail_1.jpg …
  reelpress thumbnails film.mp4 --thumbnail-times 5,00:01:30 --thumbnail-format webp
  reelpress thumbnails *.mov --storyboard --out pictures/
  reelpress thumbnails film.mp4 --out s3://bucket/films     films/film/images/poster.jpg …
A time after the end is left out with a warning; when there is no other, that is an error.

The poster is the sharpest frame around the chosen times, and always JPEG. The folder of each video is printed on standard
output. --json
prints the events of “reelpress encode --json”.";

/// Make poster and thumbnails of each video, without encoding it
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ThumbnailsArguments {
    /// Videos; of sound alone, the waveform
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// When: parts of the length such as 10%,50%, or times such as 5,00:01:30 [default: 10%,30%,50%,70%,90%]
    #[arg(long, visible_alias = "times", value_name = "LIST", value_parser = thumbnail_times)]
    pub thumbnail_times: Option<ThumbnailTimes>,
    /// Width of the thumbnails in pixels [default: 640 on the longer side]
    #[arg(long, visible_alias = "width", value_name = "PIXELS", value_parser = pixels(&THUMBNAIL_WIDTHS))]
    pub thumbnail_width: Option<u32>,
    /// Format of the thumbnails; the poster is always JPEG
    #[arg(long, visible_alias = "format", value_name = "FORMAT")]
    pub thumbnail_format: Option<ThumbnailFormatName>,
    /// Also sheets of small pictures for a player's seek bar: storyboard/storyboard.vtt
    #[arg(long)]
    pub storyboard: bool,
    /// Where the folder of each video goes: a folder, or s3://bucket/prefix; as often as “reelpress encode” takes it
    /// [default: beside the video]
    #[arg(short, long, alias = "output", value_name = "DIR|s3://…")]
    pub out: Vec<PathBuf>,
    /// How to reach an S3 destination.
    #[command(flatten)]
    pub s3: S3Arguments,
    /// Keep the local pictures of an S3 destination in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Whether they go into the queue.
    #[command(flatten)]
    pub queueing: QueueingArguments,
    /// Tell what happens as one JSON event a line on standard output
    #[arg(long)]
    pub json: bool,
}
