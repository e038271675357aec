//! What ffmpeg reads for a plan, and how it opens it. Pure.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{operation_filters, span};
use crate::{
    pipeline::{
        hardware::VAAPI_DEVICE,
        plan::{AlphaConversion, EncodePlan},
    },
    preset::HardwareFamily,
};

/// More than the largest photos of phones (200 megapixels), which is about what ffmpeg can count; what is beyond is no picture
/// but an attempt to fill the memory.
pub(in crate::pipeline) const MOST_PIXELS: &str = "268435456";
/// Time between two progress lines of ffmpeg, in seconds.
pub(in crate::pipeline) const PROGRESS_SECONDS: &str = "0.1";
/// What a source may be read through.
pub(in crate::pipeline) const PROTOCOLS: &str = "file,pipe,crypto,data";
/// What is not read of a trimmed source ends this much after what is needed of it.
const READ_MARGIN: Duration = Duration::from_secs(5);

/// What is read, and how.
pub(in crate::pipeline) fn inputs(plan: &EncodePlan) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    push(&["-hide_banner", "-y", "-stats_period", PROGRESS_SECONDS]);
    if plan.renditions.iter().any(|rendition| rendition.hardware == Some(HardwareFamily::VaApi)) {
        push(&["-vaapi_device", VAAPI_DEVICE]);
    }
    arguments.extend(source_inputs(plan));
    if let Some(watermark) = &plan.operations.watermark {
        arguments.extend(["-protocol_whitelist", PROTOCOLS, "-i"].map(OsString::from));
        arguments.push(file_url(&watermark.image));
    }
    if let Some(sound) = &plan.format.even_sound {
        arguments.extend(["-protocol_whitelist", PROTOCOLS, "-i"].map(OsString::from));
        arguments.push(file_url(sound));
    }
    if span::has_own_input(plan) {
        let options = span::input_options(plan).into_iter().map(OsString::from).collect();
        arguments.extend(opened(plan, options, plan.first_part().0));
    }
    arguments
}

/// Sources are not trusted: nothing but files is opened, whatever they name.
pub(super) fn untrusted(source: &Path) -> impl Iterator<Item = OsString> {
    let options = ["-protocol_whitelist", PROTOCOLS, "-max_pixels", MOST_PIXELS, "-i"];
    options.map(OsString::from).into_iter().chain([file_url(source)])
}

/// The source, or the sources that are joined, as inputs.
pub(in crate::pipeline) fn source_inputs(plan: &EncodePlan) -> Vec<OsString> {
    let options = if span::has_own_input(plan) { trim_options(plan) } else { span::input_options(plan) };
    opened(plan, options.into_iter().map(OsString::from).collect(), 0)
}

/// The source with these options, or the joined sources from this one on.
fn opened(plan: &EncodePlan, mut arguments: Vec<OsString>, first_part: usize) -> Vec<OsString> {
    let Some(join) = &plan.join else {
        arguments.extend(clock_options(plan.format.clock_goes_back));
        arguments.extend(decoder_options(plan.video_stream, plan.conversion.alpha));
        if let Some(stream) = plan.video_stream.filter(|_| plan.format.follows_picture) {
            arguments.extend([format!("-reinit_filter:{stream}"), "0".to_owned()].map(OsString::from));
        }
        arguments.extend(source_input(plan.demuxer.as_deref(), &plan.source));
        return arguments;
    };
    for part in join.parts.iter().skip(first_part) {
        let picture = part.picture.as_ref();
        let alpha = picture.and_then(|picture| picture.conversion.alpha);
        arguments.extend(decoder_options(picture.map(|picture| picture.stream), alpha));
        arguments.extend(source_input(part.demuxer.as_deref(), &part.source));
    }
    arguments
}

/// A step of the clock by less than this is none: what is left of a recording when the next one begins is as far off as its
/// clock goes back there.
pub(in crate::pipeline) fn clock_options(goes_back: Option<Duration>) -> Vec<OsString> {
    let smallest = goes_back.map(|time| operation_filters::seconds(time / 2));
    smallest.map_or_else(Vec::new, |smallest| vec!["-dts_delta_threshold".into(), smallest.into()])
}

fn source_input(demuxer: Option<&str>, source: &Path) -> impl Iterator<Item = OsString> {
    let demuxer: Vec<OsString> =
        demuxer.into_iter().flat_map(|demuxer| ["-noautorotate", "-f", demuxer]).map(OsString::from).collect();
    demuxer.into_iter().chain(untrusted(source))
}

/// The decoder of a transparent picture, where ffmpeg's own choice would not see that it is one.
fn decoder_options(stream: Option<usize>, alpha: Option<AlphaConversion>) -> Vec<OsString> {
    let decoder = alpha.and_then(|alpha| alpha.decoder).zip(stream);
    decoder.map_or_else(Vec::new, |(decoder, stream)| vec![format!("-c:{stream}").into(), decoder.into()])
}

/// How many of the inputs are sources.
pub(super) fn source_count(plan: &EncodePlan) -> usize {
    plan.join.as_ref().map_or(1, |join| join.parts.len())
}

/// How many inputs there are.
pub(in crate::pipeline) fn input_count(plan: &EncodePlan) -> usize {
    even_sound_input(plan) + usize::from(plan.format.even_sound.is_some())
}

/// Number of the input with all sound in one format, if there is one.
pub(super) fn even_sound_input(plan: &EncodePlan) -> usize {
    source_count(plan) + usize::from(plan.operations.watermark.is_some())
}

/// Where the source is opened, and how much of it is read.
pub fn trim_options(plan: &EncodePlan) -> Vec<String> {
    let Some(trim) = plan.operations.trim.filter(|_| plan.join.is_none() && plan.demuxer.is_none()) else {
        return Vec::new();
    };
    let mut options = Vec::new();
    if !trim.seek.is_zero() {
        options.extend(["-ss".to_owned(), operation_filters::seconds(trim.seek)]);
    }
    if let Some(frames) = trim.frames {
        let length = plan.timing.frame_rate.duration_of(trim.lead_frames + frames).saturating_add(READ_MARGIN);
        options.extend(["-t".to_owned(), operation_filters::seconds(length)]);
    }
    options
}

/// A path as ffmpeg takes it without finding an option, a protocol or a device in it.
pub(in crate::pipeline) fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// Numbered files in a folder. A percent sign in the folder's own name is not the one of the number.
pub(super) fn pattern_url(folder: &Path, pattern: &str) -> OsString {
    let mut url = file_url(&without_numbers(folder));
    url.push(std::path::MAIN_SEPARATOR_STR);
    url.push(pattern);
    url
}

fn without_numbers(folder: &Path) -> PathBuf {
    PathBuf::from(with_before(folder, b"%", b'%'))
}

/// A path as a value in ffmpeg's lists of `name=value:name=value`.
pub(super) fn escaped(path: &Path) -> OsString {
    with_before(path, b":\\' \t\r\n", b'\\')
}

/// A path with a character before each of these.
#[cfg(unix)]
fn with_before(path: &Path, marked: &[u8], mark: u8) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = path.as_os_str().as_bytes().iter();
    OsString::from_vec(
        bytes.flat_map(|byte| marked.contains(byte).then_some(mark).into_iter().chain([*byte])).collect(),
    )
}

/// A path with a character before each of these.
#[cfg(not(unix))]
fn with_before(path: &Path, marked: &[u8], mark: u8) -> OsString {
    let text = path.to_string_lossy();
    let is_marked = |letter: char| marked.iter().any(|byte| char::from(*byte) == letter);
    let letters =
        text.chars().flat_map(|letter| is_marked(letter).then_some(char::from(mark)).into_iter().chain([letter]));
    OsString::from(letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_list_of_parameters_stays_one_value() {
        assert_eq!(escaped(Path::new("/out/it's 1:2/a\\b")), r"/out/it\'s\ 1\:2/a\\b");
    }

    #[test]
    fn percent_signs_of_a_folder_are_no_numbers() {
        assert_eq!(pattern_url(Path::new("/out/a%03d 50%"), "p_%04d.jpg"), "file:/out/a%%03d 50%%/p_%04d.jpg");
    }
}
