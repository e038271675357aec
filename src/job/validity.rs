//! What can't be asked of any source: numbers outside of their ranges, times in the wrong order. Pure.
//!
//! Flags, files of exported queues and jobs at their start are held to the same limits.

use std::{fmt::Display, ops::RangeInclusive, path::Path, time::Duration};

use super::{
    Conversion, Crop, Destination, JobKind, JobSpec, LoudnessTarget, Operations, SubtitleChoice, ThumbnailTimes,
    VideoRate, Watermark, s3::LONGEST_PRESIGNED,
};
use crate::{
    failure::{Failure, FailureKind},
    preset::{BitRate, LadderChoice, Preset},
};

/// Widths of thumbnails in pixels: from the width of a macroblock to that of 8K.
pub const THUMBNAIL_WIDTHS: RangeInclusive<u32> = 16..=7680;
/// Short sides of pictures in pixels: from that of a macroblock to twice that of 8K.
pub const SHORT_SIDES: RangeInclusive<u32> = 16..=8640;
/// More thumbnails than these are a storyboard.
const MOST_THUMBNAILS: usize = 1000;
/// No ladder has more rungs.
const MOST_RUNGS: usize = 30;
/// Bytes of a path: what Windows takes ("Maximum Path Length Limitation"), more than other systems.
const LONGEST_PATH: usize = 32_767;
/// Characters of what a preset is called.
const LONGEST_NAME: usize = 200;
/// Ten thousand hours: no source is longer, and no sum of such times overflows.
const LONGEST: Duration = Duration::from_secs(10_000 * 3600);

/// What is wrong with a job, whatever its source is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct SpecProblem {
    /// The field as serialised jobs name it, such as `operations.trim`.
    pub field: &'static str,
    /// What is wrong, and what can be given.
    pub what: String,
}

impl SpecProblem {
    /// The failure of a job that was asked for so.
    pub fn into_failure(self) -> Failure {
        let hint = "Change the job's settings, or add it again with others";
        Failure::new(FailureKind::InvalidRequest, format!("This can't be asked for: {self}"), hint)
    }
}

fn demand(is_kept: bool, field: &'static str, what: impl Into<String>) -> Result<(), SpecProblem> {
    if is_kept { Ok(()) } else { Err(SpecProblem { field, what: what.into() }) }
}

fn within<T: PartialOrd + Display + Copy>(
    value: T,
    range: &RangeInclusive<T>,
    field: &'static str,
    unit: &str,
) -> Result<(), SpecProblem> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SpecProblem { field, what: format!("{value} is not from {} to {}{unit}", range.start(), range.end()) })
}

impl JobSpec {
    /// Looks for what can't be asked of any source.
    ///
    /// # Errors
    /// The first such field.
    pub fn check(&self) -> Result<(), SpecProblem> {
        for source in std::iter::once(&self.source).chain(&self.joined) {
            demand(!source.as_os_str().is_empty(), "source", "a file has no name")?;
            path(source, "source")?;
        }
        preset(&self.preset)?;
        operations(&self.operations)?;
        thumbnails(&self.thumbnails)?;
        if let Some(width) = self.outputs.thumbnails.width {
            within(width, &THUMBNAIL_WIDTHS, "outputs.thumbnails.width", " pixels")?;
        }
        if let JobKind::File(file) = &self.kind {
            conversion(file)?;
        }
        destination(&self.destination)
    }
}

fn path(path: &Path, field: &'static str) -> Result<(), SpecProblem> {
    let bytes = path.as_os_str().len();
    let what = format!("a path of {bytes} bytes is longer than the {LONGEST_PATH} bytes that a system takes");
    demand(bytes <= LONGEST_PATH, field, what)
}

fn preset(preset: &Preset) -> Result<(), SpecProblem> {
    for (name, field) in [(&preset.id, "preset.id"), (&preset.name, "preset.name")] {
        let count = name.chars().count();
        let what = format!("{count} characters are more than the {LONGEST_NAME} that it may have");
        demand(count <= LONGEST_NAME, field, what)?;
    }
    if let LadderChoice::Rungs(rungs) = &preset.ladder {
        let count = format!("a ladder has from 1 to {MOST_RUNGS} rungs, not {}", rungs.len());
        demand((1..=MOST_RUNGS).contains(&rungs.len()), "preset.ladder", count)?;
        for rung in rungs {
            within(rung.short_side, &SHORT_SIDES, "preset.ladder.short_side", " pixels")?;
            let odd = format!("{} pixels are an odd number, which no codec of streams takes", rung.short_side);
            demand(rung.short_side.is_multiple_of(2), "preset.ladder.short_side", odd)?;
            bit_rate(rung.bitrate, "preset.ladder.bitrate")?;
        }
    }
    bit_rate(preset.audio_bitrate, "preset.audio_bitrate")?;
    demand(!preset.video.codecs.is_empty(), "preset.video.codecs", "at least one codec is needed")
}

fn bit_rate(rate: BitRate, field: &'static str) -> Result<(), SpecProblem> {
    within(rate.bits_per_second(), &BitRate::USABLE_BITS, field, " bits a second")
}

impl Operations {
    /// Looks for what can't be asked of any source.
    ///
    /// # Errors
    /// The first such field, as [`JobSpec::check`] names it.
    pub fn check(&self) -> Result<(), SpecProblem> {
        operations(self)
    }
}

fn operations(asked: &Operations) -> Result<(), SpecProblem> {
    for (time, field) in [
        (asked.trim.start, "operations.trim.start"),
        (asked.trim.end, "operations.trim.end"),
        (Some(asked.fade_in), "operations.fade_in"),
        (Some(asked.fade_out), "operations.fade_out"),
        (asked.still_duration, "operations.still_duration"),
    ] {
        length(time.unwrap_or_default(), field)?;
    }
    let ends_after_start = asked.trim.end.is_none_or(|end| end > asked.trim.start.unwrap_or_default());
    demand(ends_after_start, "operations.trim", "the end must come after the start")?;
    if let Some(side) = asked.short_side {
        within(side, &SHORT_SIDES, "operations.short_side", " pixels")?;
    }
    demand(
        asked.still_duration.is_none_or(|time| !time.is_zero()),
        "operations.still_duration",
        "must be longer than 0",
    )?;
    if let Some(Crop::Area(area)) = asked.crop {
        let has_size = area.width > 0 && area.height > 0;
        let is_somewhere = area.left.checked_add(area.width).is_some() && area.top.checked_add(area.height).is_some();
        demand(has_size && is_somewhere, "operations.crop", "it leaves nothing of the picture")?;
    }
    if let Some(watermark) = &asked.watermark {
        within(watermark.width_percent, &Watermark::WIDTHS_PERCENT, "operations.watermark.width_percent", " %")?;
        within(watermark.margin_percent, &Watermark::MARGINS_PERCENT, "operations.watermark.margin_percent", " %")?;
        within(watermark.opacity_percent, &Watermark::OPACITIES_PERCENT, "operations.watermark.opacity_percent", " %")?;
        for time in watermark.from.into_iter().chain(watermark.until) {
            length(time, "operations.watermark")?;
        }
        let goes_after = watermark.until.is_none_or(|until| until > watermark.from.unwrap_or_default());
        demand(goes_after, "operations.watermark.until", "it goes after it appears")?;
    }
    if let Some(target) = asked.loudness {
        within(target.lufs(), &LoudnessTarget::USABLE_LUFS, "operations.loudness", " LUFS")?;
    }
    demand(asked.target_size_bytes != Some(0), "operations.target_size_bytes", "0 bytes hold nothing")?;
    let is_track = asked.burn_in != Some(SubtitleChoice::Number(0));
    demand(is_track, "operations.burn_in", "tracks are counted from 1")
}

fn length(time: Duration, field: &'static str) -> Result<(), SpecProblem> {
    demand(time <= LONGEST, field, format!("{} s are more than 10000 hours", time.as_secs()))
}

fn thumbnails(times: &ThumbnailTimes) -> Result<(), SpecProblem> {
    const FIELD: &str = "thumbnails";
    let count = match times {
        ThumbnailTimes::Percents(percents) => {
            percents.iter().try_for_each(|percent| within(*percent, &(0.0..=100.0), FIELD, " %"))?;
            percents.len()
        }
        ThumbnailTimes::Times(times) => {
            times.iter().try_for_each(|time| length(*time, FIELD))?;
            times.len()
        }
    };
    demand((1..=MOST_THUMBNAILS).contains(&count), FIELD, format!("give from 1 to {MOST_THUMBNAILS} times"))
}

fn conversion(conversion: &Conversion) -> Result<(), SpecProblem> {
    if let Some(side) = conversion.short_side {
        within(side, &SHORT_SIDES, "kind.file.short_side", " pixels")?;
    }
    if let Some(VideoRate::Bitrate(rate)) = conversion.video_rate {
        bit_rate(rate, "kind.file.video_rate")?;
    }
    conversion.audio_bitrate.map_or(Ok(()), |rate| bit_rate(rate, "kind.file.audio_bitrate"))
}

fn destination(destination: &Destination) -> Result<(), SpecProblem> {
    const FIELD: &str = "destination";
    demand(!destination.local_folder().as_os_str().is_empty(), FIELD, "a folder has no name")?;
    path(destination.local_folder(), FIELD)?;
    if let Destination::S3 { drop_published, keep_local, .. } = destination {
        let both = "segments can't be dropped once they are published (--drop-published) and kept (--keep)";
        demand(!(*drop_published && *keep_local), "destination.drop_published", both)?;
    }
    for place in destination.buckets() {
        demand(!place.bucket.trim().is_empty(), FIELD, "a bucket has no name")?;
        let holds = place.presign.is_none_or(|span| !span.is_zero() && span <= LONGEST_PRESIGNED);
        demand(holds, FIELD, "a presigned address holds from 1 second to 7 days (AWS Signature Version 4)")?;
        place.check_addresses().map_err(|what| SpecProblem { field: FIELD, what })?;
        demand(place.most_bytes_per_second != Some(0), FIELD, "uploads at 0 bytes a second never end")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::{FileFormat, S3Location, Trim, WatermarkPosition},
        preset::{Rung, built_in_presets, find_preset, one_file_preset, pictures_preset},
    };

    fn spec() -> JobSpec {
        JobSpec::stream("/a.mp4", find_preset("quick").unwrap(), Destination::Folder("/out".into()))
    }

    fn field(change: impl FnOnce(&mut JobSpec)) -> Option<&'static str> {
        let mut spec = spec();
        change(&mut spec);
        spec.check().err().map(|problem| problem.field)
    }

    #[test]
    fn what_the_program_offers_is_possible() {
        for preset in built_in_presets().into_iter().chain([one_file_preset(), pictures_preset()]) {
            assert_eq!(JobSpec { preset, ..spec() }.check(), Ok(()));
        }
        let kinds = FileFormat::ALL.map(|format| JobKind::File(Box::new(Conversion::to(format))));
        assert!(kinds.into_iter().all(|kind| JobSpec { kind, ..spec() }.check().is_ok()));
    }

    #[test]
    fn the_field_that_makes_no_sense_is_named() {
        let seconds = Duration::from_secs;
        let rungs = |short_side, kilobits| {
            LadderChoice::Rungs(vec![Rung { short_side, bitrate: BitRate::from_kilobits(kilobits) }])
        };
        assert_eq!(field(|spec| spec.preset.ladder = rungs(719, 1000)), Some("preset.ladder.short_side"));
        assert_eq!(field(|spec| spec.preset.ladder = rungs(0, 1000)), Some("preset.ladder.short_side"));
        assert_eq!(field(|spec| spec.preset.ladder = rungs(720, 0)), Some("preset.ladder.bitrate"));
        assert_eq!(field(|spec| spec.preset.ladder = LadderChoice::Rungs(Vec::new())), Some("preset.ladder"));
        assert_eq!(field(|spec| spec.preset.video.codecs.clear()), Some("preset.video.codecs"));
        assert_eq!(field(|spec| spec.preset.id = "p".repeat(70_000)), Some("preset.id"));
        assert_eq!(field(|spec| spec.preset.name = "ü".repeat(201)), Some("preset.name"));
        assert_eq!(field(|spec| spec.preset.name = "ü".repeat(200)), None);
        assert_eq!(field(|spec| spec.source = "/n".repeat(35_000).into()), Some("source"));
        let trim = Trim { start: Some(seconds(5)), end: Some(seconds(5)) };
        assert_eq!(field(|spec| spec.operations.trim = trim), Some("operations.trim"));
        assert_eq!(field(|spec| spec.operations.fade_in = seconds(u64::MAX)), Some("operations.fade_in"));
        assert_eq!(field(|spec| spec.outputs.thumbnails.width = Some(8)), Some("outputs.thumbnails.width"));
        let percents = |percent| ThumbnailTimes::Percents(vec![percent]);
        for percent in [-1.0, 100.5, f64::NAN] {
            assert_eq!(field(|spec| spec.thumbnails = percents(percent)), Some("thumbnails"));
        }
        let watermark = |width_percent| Watermark {
            image: "/logo.png".into(),
            position: WatermarkPosition::Centre,
            width_percent,
            margin_percent: 3.0,
            opacity_percent: 100.0,
            from: None,
            until: None,
        };
        let width = Some("operations.watermark.width_percent");
        assert_eq!(field(|spec| spec.operations.watermark = Some(watermark(0.0))), width);
        assert_eq!(field(|spec| spec.operations.watermark = Some(watermark(15.0))), None);
        let small = Conversion { short_side: Some(2), ..Conversion::to(FileFormat::Mp4) };
        assert_eq!(field(|spec| spec.kind = JobKind::File(Box::new(small))), Some("kind.file.short_side"));
        let place = || S3Location { bucket: "a".to_owned(), ..S3Location::default() };
        let bucket = |location: S3Location, also_to: Vec<S3Location>| Destination::S3 {
            location: Box::new(location),
            local_folder: "/out".into(),
            keep_local: false,
            also_to,
            drop_published: false,
        };
        let too_long = S3Location { presign: Some(seconds(8 * 86_400)), ..place() };
        assert_eq!(field(|spec| spec.destination = bucket(too_long, Vec::new())), Some("destination"));
        let endpoint = Some("http://key:SECRET@host".to_owned());
        let with_password =
            JobSpec { destination: bucket(place(), vec![S3Location { endpoint, ..place() }]), ..spec() };
        let words = with_password.check().unwrap_err().to_string();
        assert!(words.contains("endpoint") && !words.contains("SECRET"), "{words}");
        assert_eq!(field(|spec| spec.destination = bucket(place(), vec![place()])), None);
        let dropping = |keep_local, drop_published| {
            let (location, local_folder) = (Box::new(place()), "/out".into());
            Destination::S3 { location, local_folder, keep_local, also_to: Vec::new(), drop_published }
        };
        assert_eq!(field(|spec| spec.destination = dropping(true, true)), Some("destination.drop_published"));
        assert_eq!(field(|spec| spec.destination = dropping(false, true)), None);
    }
}
