//! A small picture of a source, for lists.

use std::{path::Path, process::Command, time::Duration};

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};

use super::{PROTOCOL_WHITELIST, ProbeError, input_url, run, tail};
use crate::{
    media::{DynamicRange, PictureSize, SourceMedia, VideoStream},
    pipeline::standard_range,
    tools::{atomic_file, cancel::CancelToken, ffmpeg::Toolbox},
};

/// The box that a thumbnail fits into.
const BOX: PictureSize = PictureSize { width: 768, height: 432 };
const JPEG_QUALITY: u8 = 85;
/// Part of the source's length at which the thumbnail is taken: past most title cards and fades.
const PLACE: f64 = 0.1;
const BYTES_PER_PIXEL: u64 = 3;

/// Writes a small JPEG of the source to `into`: in the shape that is seen, upright, tone-mapped where ffmpeg can.
/// The file appears whole or not at all.
///
/// # Errors
/// When no frame can be decoded, the file can't be written, or `cancel` says so.
pub fn thumbnail(
    source: &Path,
    media: &SourceMedia,
    toolbox: &Toolbox,
    into: &Path,
    cancel: &CancelToken,
) -> Result<(), ProbeError> {
    let source_file = source.to_owned();
    let Some(video) = media.main_video() else {
        return Err(ProbeError::NoVideo { source_file, contents: "sound".to_owned() });
    };
    let size = fitted(video.display_size());
    let wanted_bytes = size.pixels() * BYTES_PER_PIXEL;
    let place = media.picture_duration().filter(|_| !media.is_still()).unwrap_or_default().mul_f64(PLACE);
    let mut detail = String::new();
    // Files whose length or index is wrong may have nothing at that place, but most have a first frame.
    for at in [place, Duration::ZERO] {
        let mut output = run(frame_command((source, media.demuxer()), video, toolbox, (at, size)), source, cancel)?;
        // Some files give more than one frame for a time; the first is the one.
        output.stdout.truncate(usize::try_from(wanted_bytes).unwrap_or(usize::MAX));
        if output.stdout.len() as u64 == wanted_bytes {
            return write_jpeg(&output.stdout, size, into);
        }
        detail = tail(&output.stderr);
        if at.is_zero() {
            break;
        }
    }
    Err(ProbeError::ToolFailed { source_file, program: "ffmpeg", detail })
}

/// ffmpeg writing one frame at `at` as raw RGB of this size to its standard output.
fn frame_command(
    (source, demuxer): (&Path, Option<&str>),
    video: &VideoStream,
    toolbox: &Toolbox,
    frame: (Duration, PictureSize),
) -> Command {
    let (at, size) = frame;
    let mut command = Command::new(&toolbox.ffmpeg);
    command.args(["-v", "error", "-nostdin", "-protocol_whitelist", PROTOCOL_WHITELIST]);
    if !at.is_zero() {
        command.args(["-ss", &format!("{:.3}", at.as_secs_f64())]);
    }
    command.args(demuxer.iter().flat_map(|demuxer| ["-noautorotate", "-f", demuxer]));
    command.arg("-i").arg(input_url(source));
    command.args(["-map", &format!("0:{}", video.index), "-frames:v", "1", "-an", "-sn", "-dn"]);
    command.args(["-vf", &filters(video, size, toolbox.can_tone_map)]);
    command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
    command
}

/// ffmpeg has turned the picture upright before its first filter, but for a still one.
fn filters(video: &VideoStream, size: PictureSize, can_tone_map: bool) -> String {
    let PictureSize { width, height } = size;
    // What is transparent has colours that nobody is meant to see: over black, they are gone.
    let over_black = if video.has_alpha() { "format=gbrap,premultiply=inplace=1,format=gbrp," } else { "" };
    let upright = video.exif_orientation.and_then(super::upright_filters).map(|filters| format!("{filters},"));
    let upright = upright.unwrap_or_default();
    let scale = format!("{upright}{over_black}scale={width}:{height}:flags=area,setsar=1");
    let transfer = match video.colour.dynamic_range() {
        DynamicRange::Pq => "smpte2084",
        DynamicRange::Hlg => "arib-std-b67",
        DynamicRange::Sdr => return scale,
    };
    if !can_tone_map {
        return scale;
    }
    let input = format!("tin={transfer}:pin=bt2020:min=bt2020nc:rin=tv:");
    let filters = standard_range::filters(&input, Some(video.colour.peak_luminance()), "yuv444p");
    format!("{scale},format=yuv420p10le,{}", filters.join(","))
}

/// The largest even size of the same shape in the box.
fn fitted(shown: PictureSize) -> PictureSize {
    let ratio = f64::from(shown.width) / f64::from(shown.height.max(1));
    let even = |length: f64| ((length / 2.0).round() as u32 * 2).max(2);
    let (width, height) = (f64::from(BOX.width), f64::from(BOX.height));
    if ratio > width / height {
        PictureSize { width: BOX.width, height: even(width / ratio) }
    } else {
        PictureSize { width: even(height * ratio), height: BOX.height }
    }
}

fn write_jpeg(rgb: &[u8], size: PictureSize, into: &Path) -> Result<(), ProbeError> {
    let not_written = |source| ProbeError::ThumbnailNotWritten { file: into.to_owned(), source };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
        .encode(rgb, size.width, size.height, ExtendedColorType::Rgb8)
        .map_err(|error| not_written(std::io::Error::other(error)))?;
    atomic_file::write(into, &jpeg).map_err(not_written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_have_the_shape_of_the_picture() {
        let fit = |width, height| fitted(PictureSize { width, height });
        assert_eq!(fit(1920, 1080), BOX);
        assert_eq!(fit(1080, 1920), PictureSize { width: 244, height: 432 });
        assert_eq!(fit(640, 272), PictureSize { width: 768, height: 326 });
        assert_eq!(fit(10_000, 10), PictureSize { width: 768, height: 2 });
        assert_eq!(fit(4, 3), PictureSize { width: 576, height: 432 });
    }
}
