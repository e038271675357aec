//! `reelpress convert`: one file of each source.

use std::path::{Path, PathBuf};

use super::{
    Context, ConvertArguments, Outcome, bad_usage,
    encode::{Call, absolute, checked},
    queue,
};
use crate::{
    engine::{QueueEntry, QueueLife},
    failure::Failure,
    job::{Conversion, Destination, FileFormat, JobKind, JobSpec, Operations, StreamTreatment, VideoRate},
    preset::{Crf, Preset, one_file_preset},
    tools::cancel::CancelToken,
};

const HELP: &str = "“reelpress convert --help” tells what can be asked";

/// Makes what was asked and waits until every job is at rest, or puts it into the queue.
pub(super) fn run(context: &Context, arguments: &ConvertArguments, interrupt: &CancelToken) -> Outcome {
    match plan(context, arguments) {
        Ok(call) if arguments.queueing.queue => queue::put((context, interrupt), call),
        Ok(call) => call.run(context, interrupt),
        Err(failure) => {
            context.output.failure(None, &failure);
            Outcome::BadUsage
        }
    }
}

/// As [`run`], but only where it was said what makes the files smaller: all else would be copied.
pub(super) fn run_smaller(context: &Context, arguments: &ConvertArguments, interrupt: &CancelToken) -> Outcome {
    if says_how_small(arguments) {
        return run(context, arguments, interrupt);
    }
    let hint = "Name a size of the file with --target-size 25M, a quality with --crf 26, a bit rate with --bitrate 2M or \
                --audio-bitrate 96k, or a smaller picture with --size 720";
    context.output.failure(None, &bad_usage("It is not said how small the files are to become", hint));
    Outcome::BadUsage
}

fn says_how_small(arguments: &ConvertArguments) -> bool {
    let has_rate = arguments.crf.is_some() || arguments.bitrate.is_some() || arguments.audio_bitrate.is_some();
    has_rate || arguments.size.is_some() || arguments.operations.target_size.is_some()
}

fn plan(context: &Context, arguments: &ConvertArguments) -> Result<Call, Failure> {
    let mut settings = context.settings.clone();
    if let Some(jobs) = arguments.jobs {
        jobs.apply(&mut settings);
    }
    let operations = arguments.operations.operations().map_err(|reason| bad_usage(reason, HELP))?;
    let preset = preset(arguments);
    let files: Vec<PathBuf> = arguments.files.iter().map(|file| absolute(file)).collect();
    if let Some(folder) = files.iter().find(|file| file.is_dir()) {
        let hint = "Name the files in it, such as FOLDER/*.mov";
        return Err(bad_usage(format!("{} is a folder", folder.display()), hint));
    }
    if arguments.join && files.len() < 2 {
        return Err(bad_usage("One file is nothing to join", "Name the files in their order, or leave --join out"));
    }
    let groups: Vec<&[PathBuf]> = if arguments.join { vec![files.as_slice()] } else { files.chunks(1).collect() };
    let target = Target::of(arguments, groups.len(), &operations)?;
    let mut specs = Vec::new();
    for group in groups {
        let [source, joined @ ..] = group else { continue };
        let format = target.format.unwrap_or_else(|| own_format(source));
        let conversion = Conversion { output: target.file.clone(), ..conversion(arguments, format) };
        let folder = target.folder.as_deref().or(source.parent()).unwrap_or(Path::new(".")).to_owned();
        specs.push(JobSpec {
            joined: joined.to_vec(),
            kind: JobKind::File(Box::new(conversion)),
            operations: operations.clone(),
            ..JobSpec::stream(source.clone(), preset.clone(), Destination::Folder(folder))
        });
    }
    let queue = QueueLife::ThisRun;
    let schedule = arguments.queueing.schedule();
    let jobs = specs.into_iter().map(|spec| QueueEntry { spec, schedule }).collect();
    checked(Call { jobs, without_job: Vec::new(), settings, queue, json: arguments.json }, HELP)
}

/// Where results go, and as what.
struct Target {
    /// The container; by the source if not given.
    format: Option<FileFormat>,
    /// The one file to make.
    file: Option<PathBuf>,
    /// The folder for files that are named after their sources.
    folder: Option<PathBuf>,
}

impl Target {
    fn of(arguments: &ConvertArguments, files: usize, operations: &Operations) -> Result<Self, Failure> {
        let format = arguments.to.map(|name| name.0);
        let Some(output) = arguments.out.as_deref() else {
            let changes = arguments.crf.is_some()
                || arguments.bitrate.is_some()
                || arguments.size.is_some()
                || arguments.video_codec.is_some()
                || arguments.audio_codec.is_some()
                || arguments.audio_bitrate.is_some()
                || arguments.interlaced.is_some()
                || arguments.join
                || arguments.reencode
                || *operations != Operations::default();
            if format.is_none() && !changes {
                let hint = "Give a format, such as --to mp4, or a file, such as -o film.mp4";
                return Err(bad_usage("Nothing is said of what the file is to become", hint));
            }
            return Ok(Self { format, file: None, folder: None });
        };
        let output = absolute(output);
        if output.to_str().is_some_and(|text| text.contains("s3:/")) {
            return Err(bad_usage("convert makes files on this machine", "Give a file or a folder after -o"));
        }
        let of_name = output.extension().and_then(|extension| FileFormat::of_extension(extension.to_str()?));
        let ends_as_folder =
            arguments.out.as_ref().is_some_and(|path| path.as_os_str().as_encoded_bytes().ends_with(b"/"));
        if output.is_dir() || ends_as_folder {
            return Ok(Self { format, file: None, folder: Some(output) });
        }
        if files > 1 {
            let hint = "Give a folder after -o, or --join to make one file of all";
            return Err(bad_usage(format!("{files} files can't become one, {}", output.display()), hint));
        }
        match format.or(of_name) {
            Some(format) if of_name.is_none_or(|of_name| of_name == format) => {
                Ok(Self { format: Some(format), file: Some(output), folder: None })
            }
            Some(format) => Err(bad_usage(
                format!("{} is no name of a file of {}", output.display(), format.label()),
                format!("Let it end in .{}", format.extension()),
            )),
            None => {
                let known: Vec<&str> = FileFormat::ALL.into_iter().map(FileFormat::extension).collect();
                let hint = format!("Let its name end in one of {}, or give --to", known.join(", "));
                Err(bad_usage(format!("{} has no extension that tells its format", output.display()), hint))
            }
        }
    }
}

/// The format that the source's name tells; MP4 where it is none that is written.
fn own_format(source: &Path) -> FileFormat {
    let extension = source.extension().and_then(|extension| extension.to_str());
    extension.and_then(FileFormat::of_extension).unwrap_or(FileFormat::Mp4)
}

fn conversion(arguments: &ConvertArguments, format: FileFormat) -> Conversion {
    let quality = arguments.crf.and_then(Crf::new).map(VideoRate::Quality);
    Conversion {
        overwrite: arguments.overwrite,
        streams: match (arguments.lossless, arguments.reencode) {
            (true, _) => StreamTreatment::Copy,
            (_, true) => StreamTreatment::Encode,
            _ => StreamTreatment::Automatic,
        },
        video_codec: arguments.video_codec.map(Into::into),
        video_rate: quality.or(arguments.bitrate.map(VideoRate::Bitrate)),
        short_side: arguments.size,
        audio_codec: arguments.audio_codec.map(Into::into),
        audio_bitrate: arguments.audio_bitrate,
        ..Conversion::to(format)
    }
}

fn preset(arguments: &ConvertArguments) -> Preset {
    let mut preset = one_file_preset();
    if let Some(speed) = arguments.speed {
        preset.encoder_speed = speed.0;
    }
    if let Some(encoder) = arguments.encoder {
        preset.video.encoder = encoder.0;
    }
    if let Some(interlaced) = arguments.interlaced {
        preset.interlaced = interlaced.into();
    }
    preset
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Arguments, CommandArguments};

    fn target(flags: &[&str]) -> Result<(Option<FileFormat>, Option<PathBuf>), Failure> {
        let line = ["reelpress", "convert"].into_iter().chain(flags.iter().copied());
        let Some(CommandArguments::Convert(arguments)) = Arguments::try_parse_from(line).unwrap().command else {
            panic!("not convert")
        };
        let operations = arguments.operations.operations().unwrap();
        let files = if arguments.join { 1 } else { arguments.files.len() };
        Target::of(&arguments, files, &operations).map(|target| (target.format, target.file))
    }

    #[test]
    fn the_format_is_told_by_a_flag_or_a_name_and_they_agree() {
        assert_eq!(target(&["a.mov", "--to", "mp4"]).unwrap(), (Some(FileFormat::Mp4), None));
        let file = std::path::absolute("b.webm").unwrap();
        assert_eq!(target(&["a.mov", "-o", "b.webm"]).unwrap(), (Some(FileFormat::Webm), Some(file)));
        assert_eq!(target(&["a.mov", "--target-size", "5M"]).unwrap(), (None, None));
        for wrong in [&["a.mov"][..], &["a.mov", "-o", "b.doc"], &["a.mov", "-o", "b.mp4", "--to", "mkv"]] {
            assert!(target(wrong).is_err(), "{wrong:?}");
        }
        assert!(target(&["a.mov", "b.mov", "-o", "c.mp4"]).is_err());
        assert!(target(&["a.mov", "b.mov", "-o", "c.mp4", "--join"]).is_ok());
        assert!(Arguments::try_parse_from(["reelpress", "convert", "a", "--lossless", "--reencode"]).is_err());
        let says_how_small = |flags: &[&str]| {
            let line = ["reelpress", "compress", "a.mp4"].iter().chain(flags);
            match Arguments::try_parse_from(line).unwrap().command {
                Some(CommandArguments::Compress(arguments)) => says_how_small(&arguments),
                _ => panic!("not compress"),
            }
        };
        assert!(says_how_small(&["--crf", "20"]) && says_how_small(&["--target-size", "5M"]));
        assert!(!says_how_small(&["-o", "small.mp4"]), "that would be a copy");
    }
}
