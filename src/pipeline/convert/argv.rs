//! The command lines of a conversion. Pure.

use std::{ffi::OsString, path::Path, time::Duration};

use super::{
    beside::PlannedCover,
    container::{self, CoverPlace},
    plan::{ConvertPlan, PlannedChapters, PlannedPicture, PlannedSubtitles},
    sound::PlannedSound,
};
use crate::{
    job::{FileAudioCodec, FileFormat, FileVideoCodec, Trim},
    media::SubtitleStream,
    pipeline::{
        encode::{
            argv, cascade, following,
            format_change::{self, Opening},
            inputs::{self, MOST_PIXELS, PROGRESS_SECONDS, PROTOCOLS, file_url},
            operation_filters::{self, seconds},
            picture_headers, span,
            video_encoder::{self, Pass},
        },
        plan::{EncodePlan, PictureHeaders},
    },
    preset::{EncoderSpeed, RateControl},
};

/// Less than the time of a frame, and more than containers round by.
const SEEK_MARGIN: Duration = Duration::from_micros(500);
/// Samples by which MP3 comes late out of a decoder that nobody tells of it: that of the encoder, and of the decoder.
const MP3_DELAY_SAMPLES: u32 = 1105;
/// The bit rates of MP3 in kilobits (ISO/IEC 11172-3); others are averages.
const MP3_KILOBITS: [u64; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// The colours of a GIF.
const PALETTE: &str = "palette.png";

/// The list of the sources whose pictures are copied one after the other.
pub(super) const PARTS: &str = "parts.ffconcat";

/// Where a conversion writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// Passing files.
    pub(super) work_folder: &'a Path,
    /// The file in the making.
    pub(super) file: &'a Path,
    /// Where ffmpeg notes how far it is.
    pub(super) notes: &'a Path,
}

/// All arguments: what is copied and what is encoded, into one file.
pub(super) fn arguments(plan: &ConvertPlan, places: Places<'_>) -> Vec<OsString> {
    let mut list = ArgumentList(inputs(plan));
    let is_gif = plan.format == FileFormat::Gif && plan.encoded_picture().is_some();
    if is_gif {
        list.0.push("-i".into());
        list.0.push(file_url(&places.work_folder.join(PALETTE)));
    }
    if !plan.copied_parts.is_empty() {
        // Names of any kind are in it, which were looked at before as the sources of the job.
        list.push(&["-f", "concat", "-safe", "0", "-protocol_whitelist", PROTOCOLS, "-i"]);
        list.0.push(file_url(&places.work_folder.join(PARTS)));
    }
    let cover = plan.cover.as_ref().map(|cover| (open_cover(&mut list, plan, cover), cover));
    let chapters = open_chapters(&mut list, &plan.chapters);
    let passed: Vec<Option<usize>> = plan.subtitles.iter().map(|planned| open_passed(&mut list, planned)).collect();
    let graph = graph(plan, is_gif);
    if !graph.is_empty() {
        list.push(&["-filter_complex", &graph]);
    }
    map_streams(&mut list, plan);
    for (planned, file) in plan.subtitles.iter().zip(passed) {
        list.push(&["-map", &file.map_or_else(|| format!("0:{}", planned.track.index), |input| format!("{input}:0"))]);
    }
    map_beside(&mut list, plan, cover);
    if plan.trim.start.is_some() && plan.encode.is_none() {
        list.push(&["-copypriorss", "0"]);
    }
    list.0.extend(dropped_pictures(plan).into_iter().flatten());
    if let Some((encode, codec)) = plan.encoded_picture() {
        let second = encode.has_first_pass().then_some(Pass { number: 2, work_folder: places.work_folder });
        list.0.extend(picture_options(encode, codec, second));
        if container::is_iso_media(plan.format) {
            list.push(&["-video_track_timescale", &encode.timing.timescale.to_string()]);
        }
    }
    if let Some(PlannedPicture::Copied(video)) = &plan.picture {
        list.push(&["-c:v:0", "copy"]);
        if video.codec == "hevc" && container::is_iso_media(plan.format) {
            list.push(&["-tag:v:0", "hvc1"]);
        }
    }
    for (place, track) in plan.sound.iter().enumerate() {
        sound_options(&mut list, plan, (place, track));
    }
    subtitle_options(&mut list, plan);
    for (track, language) in &plan.languages {
        list.push(&[&format!("-metadata:s:{track}"), &format!("language={language}")]);
    }
    list.push(&["-map_metadata", "0", "-map_chapters", &chapters]);
    if plan.trim != Trim::default() {
        // That of the start of the whole film.
        list.push(&["-metadata", "timecode=", "-metadata:s:v", "timecode="]);
    }
    muxer_options(&mut list, plan.format);
    list.push(&["-progress"]);
    list.0.push(file_url(places.notes));
    list.0.push(file_url(places.file));
    list.0.extend(plan.encode.iter().flat_map(following::unused_sound));
    list.0.extend(plan.encoded_picture().into_iter().flat_map(|(encode, _)| picture_headers::output(encode)));
    list.0
}

/// All arguments of the run before: the first of two passes, or the choice of a GIF's colours.
pub(super) fn first_pass_arguments(plan: &ConvertPlan, places: Places<'_>) -> Option<Vec<OsString>> {
    let (encode, codec) = plan.encoded_picture().filter(|_| plan.has_first_pass())?;
    let mut list = ArgumentList(inputs(plan));
    let chains = cascade::chains(encode).join(";");
    if codec == FileVideoCodec::Gif {
        // All pictures count: what changed is told by the picture before the change, so that the last scene would be missed.
        list.push(&["-filter_complex", &format!("{chains};[v0]palettegen=stats_mode=full[palette]")]);
        list.push(&["-map", "[palette]", "-frames:v", "1", "-update", "1", "-f", "image2"]);
        list.0.push(file_url(&places.work_folder.join(PALETTE)));
    } else {
        list.push(&["-filter_complex", &chains, "-map", "[v0]"]);
        list.0.extend(picture_options(encode, codec, Some(Pass { number: 1, work_folder: places.work_folder })));
        list.push(&["-f", "null", "-"]);
        list.0.extend(picture_headers::output(encode));
    }
    Some(list.0)
}

/// All arguments that find out whether what is copied changes its format: a picture does that at a keyframe.
/// `headers` are those that tell more of it than its pictures do.
pub(super) fn scan_arguments(plan: &ConvertPlan, headers: Option<PictureHeaders>) -> Vec<OsString> {
    let mut list = ArgumentList(Vec::new());
    list.push(&["-skip_frame:v", "nokey"]);
    list.0.extend(copied_input(plan));
    let opening = opening(plan);
    let picture = match &plan.picture {
        Some(PlannedPicture::Copied(video)) => {
            Some((video.index, format_change::watched_picture(0, video.index, opening)))
        }
        _ => None,
    };
    let sound = plan.sound.iter().filter_map(|track| match track {
        PlannedSound::Copied(track) => Some((track.index, format_change::watched_sound(0, track.index, opening))),
        PlannedSound::Encoded { .. } => None,
    });
    for (stream, watch) in picture.into_iter().chain(sound) {
        // A graph for each: where one changes, the others go on.
        list.push(&["-filter_complex", &format!("[0:{stream}]{watch}[w{stream}]"), "-map", &format!("[w{stream}]")]);
    }
    list.push(&["-fps_mode", "passthrough", "-f", "null", "-"]);
    if let (Some(PlannedPicture::Copied(video)), Some(headers)) = (&plan.picture, headers) {
        list.0.extend(picture_headers::output_of((0, video.index), headers));
    }
    list.0
}

/// All arguments that decode a finished file and write nothing but notes of how many pictures there are.
pub(super) fn decode_arguments(plan: &ConvertPlan, places: Places<'_>) -> Vec<OsString> {
    let mut list = ArgumentList(Vec::new());
    list.push(&["-hide_banner", "-y", "-stats_period", PROGRESS_SECONDS, "-protocol_whitelist", PROTOCOLS, "-i"]);
    list.0.push(file_url(places.file));
    list.push(&["-map", "0:v?", "-map", "0:a?", "-fps_mode", "passthrough"]);
    if let Some(PlannedPicture::Copied(_)) = plan.picture {
        list.push(&["-filter:v:0", &format_change::watched_picture(0, 0, Opening::default())]);
    }
    for (place, _) in plan.sound.iter().enumerate().filter(|(_, track)| track.is_copied()) {
        let watch = format_change::watched_sound(0, place, Opening::default());
        list.push(&[&format!("-filter:a:{place}"), &watch]);
    }
    list.push(&["-f", "null", "-progress"]);
    list.0.push(file_url(places.notes));
    list.push(&["-"]);
    list.0
}

struct ArgumentList(Vec<OsString>);

impl ArgumentList {
    fn push(&mut self, arguments: &[&str]) {
        self.0.extend(arguments.iter().map(OsString::from));
    }

    /// Opens the source once more, in its whole length, and gives the number of this input: where a part of it is read,
    /// what belongs to all of it is not.
    fn input(&mut self, plan: &ConvertPlan) -> usize {
        let number = self.0.iter().filter(|argument| *argument == "-i").count();
        self.push(&["-protocol_whitelist", PROTOCOLS, "-max_pixels", MOST_PIXELS, "-i"]);
        self.0.push(file_url(&plan.source));
        number
    }

    /// Opens a passing file of this format and gives its number.
    fn passing_input(&mut self, format: &str, file: &Path) -> usize {
        let number = self.0.iter().filter(|argument| *argument == "-i").count();
        self.push(&["-f", format, "-protocol_whitelist", PROTOCOLS, "-i"]);
        self.0.push(file_url(file));
        number
    }
}

fn inputs(plan: &ConvertPlan) -> Vec<OsString> {
    plan.encode.as_ref().map_or_else(|| copied_input(plan), inputs::inputs)
}

/// The source as it is opened to be copied.
fn copied_input(plan: &ConvertPlan) -> Vec<OsString> {
    let mut list = ArgumentList(Vec::new());
    list.push(&["-hide_banner", "-y", "-stats_period", PROGRESS_SECONDS]);
    list.0.extend(inputs::clock_options(plan.clock_goes_back));
    for _ in 0..if plan.is_cut_off { 2 } else { 1 } {
        if let Some(start) = plan.trim.start {
            // A little before the keyframe, so that no rounding loses it; what comes before that is not copied.
            let sought = start.saturating_sub(SEEK_MARGIN);
            let lead = plan.lead.min(sought);
            if !lead.is_zero() {
                list.push(&["-itsoffset", &format!("-{}", seconds(lead))]);
            }
            list.push(&["-ss", &seconds(sought - lead)]);
        }
        if let Some(end) = plan.trim.end {
            list.push(&["-t", &seconds(end.saturating_sub(plan.trim.start.unwrap_or_default()))]);
        }
        list.push(&["-protocol_whitelist", PROTOCOLS, "-max_pixels", MOST_PIXELS, "-i"]);
        list.0.push(file_url(&plan.source));
    }
    list.0
}

/// Where the part of the source begins that is copied.
pub(super) fn opening(plan: &ConvertPlan) -> Opening {
    Opening { seek: plan.trim.start.unwrap_or_default(), ..Opening::default() }
}

/// What leaves out pictures that are copied: those after the end, and before the start those that are stored behind the
/// keyframe and can't be decoded without what comes before it.
fn dropped_pictures(plan: &ConvertPlan) -> Option<[OsString; 2]> {
    let is_early = "not(eq(pts,nopts))*lt(pts,0)".to_owned();
    let is_early = plan.trim.start.filter(|_| plan.encode.is_none() && plan.picture.is_some()).map(|_| is_early);
    // Not `-frames`, which older versions take for the end of the sound too: in MPEG-TS that comes after its picture.
    let is_late = plan.frames.map(|frames| format!("gte(n,{frames})"));
    let parts: Vec<String> = is_early.into_iter().chain(is_late).collect();
    (!parts.is_empty()).then(|| ["-bsf:v:0".into(), format!("noise=drop='{}'", parts.join("+")).into()])
}

/// What is done to what is encoded.
fn graph(plan: &ConvertPlan, is_gif: bool) -> String {
    let Some(encode) = &plan.encode else { return String::new() };
    let mut chains = if plan.encoded_picture().is_some() { cascade::chains(encode) } else { Vec::new() };
    if is_gif {
        let palette = inputs::input_count(encode);
        chains.push(format!("[v0][{palette}:v]paletteuse=dither=sierra2_4a:diff_mode=rectangle[gif]"));
    }
    if plan.sound.iter().any(|track| !track.is_copied()) {
        chains.extend(argv::joined_sound(encode));
    }
    for track in &plan.sound {
        if let PlannedSound::Encoded { index, codec, .. } = track {
            // AVI has no place for the delay of an encoder.
            let is_late = plan.format == FileFormat::Avi && *codec == FileAudioCodec::Mp3;
            chains.push(sound_chain(encode, *index, if is_late { MP3_DELAY_SAMPLES } else { 0 }));
        }
    }
    chains.join(";")
}

/// The sound that will be heard, to its exact end where one was asked for.
fn sound_chain(encode: &EncodePlan, index: usize, delay_samples: u32) -> String {
    let audio = &encode.audio[index];
    let mut chain = argv::heard_sound(encode, audio);
    if encode.operations.trim.is_some_and(|trim| trim.frames.is_some())
        && let Some(length) = encode.duration
    {
        chain.push_str(&format!(",atrim=end={}", seconds(length)));
    }
    for filter in operation_filters::on_sound(encode, index, audio.sample_rate_hz) {
        chain.push_str(&format!(",{filter}"));
    }
    if delay_samples > 0 {
        chain.push_str(&format!(",atrim=start_sample={delay_samples},asetpts=PTS-STARTPTS"));
    }
    chain + &format!("[a{index}]")
}

fn map_streams(list: &mut ArgumentList, plan: &ConvertPlan) {
    match &plan.picture {
        Some(PlannedPicture::Copied(video)) => {
            // The list of joined sources comes after the sources themselves, from which the sound is made.
            let sources = plan.encode.as_ref().map_or(1, inputs::input_count);
            let (input, stream) = match &plan.encode {
                _ if !plan.copied_parts.is_empty() => (sources, 0),
                Some(encode) => (span::video_input(encode), video.index),
                None => (0, video.index),
            };
            list.push(&["-map", &format!("{input}:{stream}")]);
        }
        Some(PlannedPicture::Encoded(FileVideoCodec::Gif)) => list.push(&["-map", "[gif]"]),
        Some(PlannedPicture::Encoded(_)) => list.push(&["-map", "[v0]"]),
        None => {}
    }
    for track in &plan.sound {
        match track {
            PlannedSound::Copied(audio) => {
                let input = usize::from(plan.is_cut_off && plan.encode.is_none());
                list.push(&["-map", &format!("{input}:{}", audio.index)]);
            }
            PlannedSound::Encoded { index, .. } => list.push(&["-map", &format!("[a{index}]")]),
        }
    }
}

/// Opens what holds the cover art, where that is an input, and gives its number.
fn open_cover(list: &mut ArgumentList, plan: &ConvertPlan, cover: &PlannedCover) -> Option<usize> {
    match (container::cover_place(plan.format), &cover.file) {
        (CoverPlace::Stream, _) => Some(list.input(plan)),
        (CoverPlace::Comment, Some(file)) => Some(list.passing_input("ffmetadata", file)),
        _ => None,
    }
}

/// Opens the file by which chapters pass, if there is one, and gives the number of the input that has them.
fn open_chapters(list: &mut ArgumentList, chapters: &PlannedChapters) -> String {
    match chapters {
        PlannedChapters::AsTheyAre => "0".to_owned(),
        PlannedChapters::OfPart(Some(file)) => list.passing_input("ffmetadata", file).to_string(),
        PlannedChapters::OfPart(None) | PlannedChapters::None => "-1".to_owned(),
    }
}

/// Opens the file by which subtitles pass, if there is one, and gives its number.
fn open_passed(list: &mut ArgumentList, planned: &PlannedSubtitles) -> Option<usize> {
    let file = planned.file.as_ref()?;
    // Its times are those of the film, also if the first words come late.
    list.push(&["-seek_timestamp", "1"]);
    Some(list.passing_input("ass", file))
}

/// Cover art, with the input that holds it, and attached files.
fn map_beside(list: &mut ArgumentList, plan: &ConvertPlan, cover: Option<(Option<usize>, &PlannedCover)>) {
    if plan.keeps_attachments {
        list.push(&["-map", "0:t?", "-c:t", "copy"]);
    }
    let Some((input, cover)) = cover else { return };
    match (container::cover_place(plan.format), input, &cover.file) {
        (CoverPlace::Stream, Some(input), _) => {
            let place = usize::from(plan.picture.is_some());
            list.push(&["-map", &format!("{input}:{}", cover.stream), &format!("-c:v:{place}"), "copy"]);
            list.push(&[&format!("-disposition:v:{place}"), "attached_pic"]);
        }
        (CoverPlace::Attachment, _, Some(file)) => {
            let place = if plan.keeps_attachments { plan.attachments } else { 0 };
            list.push(&["-attach"]);
            list.0.push(file_url(file));
            list.push(&[&format!("-metadata:s:t:{place}"), &format!("mimetype={}", cover.media_type())]);
        }
        (CoverPlace::Comment, Some(input), _) => list.push(&["-map_metadata", &input.to_string()]),
        _ => {}
    }
}

fn subtitle_options(list: &mut ArgumentList, plan: &ConvertPlan) {
    for (place, planned) in plan.subtitles.iter().enumerate() {
        let encoder = container::subtitle_encoder(plan.format).filter(|_| !planned.is_copied);
        list.push(&[&format!("-c:s:{place}"), encoder.unwrap_or("copy")]);
        list.push(&[&format!("-disposition:s:{place}"), &disposition(&planned.track)]);
        if let (Some(title), Some(_)) = (&planned.track.title, &planned.file) {
            list.push(&[&format!("-metadata:s:s:{place}"), &format!("title={title}")]);
        }
    }
}

/// What a track of subtitles is for, in ffmpeg's words, which would take the first track for the one to show.
fn disposition(track: &SubtitleStream) -> String {
    let marks = [
        (track.is_default, "default"),
        (track.is_forced, "forced"),
        (track.is_for_hearing_impaired, "hearing_impaired"),
    ];
    let marks: Vec<&str> = marks.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect();
    if marks.is_empty() { "0".to_owned() } else { marks.join("+") }
}

/// The options of the picture's encoder.
fn picture_options(encode: &EncodePlan, codec: FileVideoCodec, pass: Option<Pass<'_>>) -> Vec<OsString> {
    let Some(rendition) = encode.renditions.first() else { return Vec::new() };
    let mut options: Vec<OsString> = match codec {
        FileVideoCodec::Gif => ["-c:v:0", "gif"].map(OsString::from).to_vec(),
        FileVideoCodec::Mpeg4 => mpeg4_options(encode).into_iter().map(OsString::from).collect(),
        _ => video_encoder::rendition_options(encode, rendition, (0, pass)),
    };
    options.extend(pass.into_iter().flat_map(Pass::options));
    options
}

/// MPEG-4 part 2 as old players know it: Advanced Simple Profile without packed frames.
fn mpeg4_options(encode: &EncodePlan) -> Vec<String> {
    let Some(rendition) = encode.renditions.first() else { return Vec::new() };
    let mut options =
        ["-c:v:0", "mpeg4", "-tag:v:0", "xvid", "-pix_fmt:v:0", "yuv420p", "-g:v:0", "250"].map(str::to_owned).to_vec();
    if matches!(encode.encoder_speed, EncoderSpeed::Medium | EncoderSpeed::Slow) {
        options.extend(["-mbd:v:0", "rd", "-trellis:v:0", "1"].map(str::to_owned));
    }
    match encode.rate_control {
        RateControl::Crf { crf } | RateControl::CappedCrf { crf } => {
            // Its quantiser doubles where x264's grows by six, and is about 4 where x264's CRF is 20.
            let quantiser = ((f64::from(crf.factor()) - 8.0) / 6.0).exp2().round().clamp(2.0, 31.0);
            options.extend(["-q:v:0".to_owned(), format!("{quantiser}")]);
        }
        _ => options.extend(["-b:v:0".to_owned(), rendition.bitrate.bits_per_second().to_string()]),
    }
    options
}

fn sound_options(list: &mut ArgumentList, plan: &ConvertPlan, (place, track): (usize, &PlannedSound)) {
    let option = |name: &str| format!("-{name}:a:{place}");
    let PlannedSound::Encoded { index, codec, is_deep } = track else {
        list.push(&[&option("c"), "copy"]);
        return;
    };
    let encoder = match (codec, is_deep) {
        (FileAudioCodec::Pcm, true) => "pcm_s24le",
        (codec, _) => container::sound_names(*codec).1,
    };
    list.push(&[&option("c"), encoder]);
    let Some(planned) = plan.encode.as_ref().and_then(|encode| encode.audio.get(*index)) else { return };
    match codec {
        FileAudioCodec::Pcm => {}
        FileAudioCodec::Flac if *is_deep => {
            list.push(&[&option("sample_fmt"), "s32", &option("bits_per_raw_sample"), "24"]);
        }
        FileAudioCodec::Flac => list.push(&[&option("sample_fmt"), "s16"]),
        _ => {
            list.push(&[&option("b"), &planned.bitrate.bits_per_second().to_string()]);
            let is_average = !MP3_KILOBITS.iter().any(|rate| rate * 1000 == planned.bitrate.bits_per_second());
            if *codec == FileAudioCodec::Mp3 && is_average {
                list.push(&[&option("abr"), "1"]);
            }
        }
    }
    list.push(&[&format!("-disposition:a:{place}"), if planned.is_default { "default" } else { "0" }]);
}

fn muxer_options(list: &mut ArgumentList, format: FileFormat) {
    list.push(&["-f", container::muxer(format)]);
    if container::is_iso_media(format) {
        // Playable while it is loaded. Opus in MP4 counts as experimental in older versions.
        list.push(&["-movflags", "+faststart", "-strict", "experimental"]);
    }
    match format {
        FileFormat::Gif => list.push(&["-loop", "0"]),
        // The sound begins before 0 by its delay, which must not move the picture.
        FileFormat::Avi => list.push(&["-avoid_negative_ts", "disabled"]),
        // Version 4 of its tags is not known to all.
        FileFormat::Mp3 => list.push(&["-id3v2_version", "3"]),
        _ => {}
    }
}
