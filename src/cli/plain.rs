//! `reelpress` without a command: the window where there is a display, else the terminal.

use std::path::PathBuf;

use super::{Context, Outcome, encode};
use crate::tools::cancel::CancelToken;

const WITHOUT_WINDOW: &str = "\
There is no display to open a window on. In the terminal:

  reelpress encode video.mp4 --out streams     make a stream in the folder streams
  reelpress encode video.mp4 --out s3://bucket/videos     and publish it
  reelpress preview streams/video     watch it in the browser
  reelpress doctor     check ffmpeg, the disk and a destination
  reelpress --help     all commands";

/// Opens the window with these files in its queue; without a display, encodes them here as the settings say.
pub(super) fn run(context: &Context, files: &[PathBuf], interrupt: &CancelToken) -> Outcome {
    if files.is_empty() {
        context.output.say_always(WITHOUT_WINDOW);
        return Outcome::BadUsage;
    }
    encode::run_as_set(context, files, interrupt)
}
