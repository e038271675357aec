//! The command line of the one ffmpeg process of a plan. Pure.

use std::{ffi::OsString, path::Path};

use super::{
    cascade, following,
    format_change::{self, Opening},
    inputs::{inputs, pattern_url},
    joining, operation_filters, picture_headers, span,
    video_encoder::{self, Pass},
};
use crate::{
    media::{FrameRate, PictureSize},
    pipeline::{
        package::{TILE_PATTERN, images::PICTURE_PATTERN},
        plan::{
            AlphaConversion, AssumedColours, AudioRendition, ColourLabel, EncodePlan, PictureConversion, PicturePlan,
            StoryboardPlan,
        },
        probe::upright_filters,
        standard_range,
    },
    preset::InterlacedOutput,
};

/// Silence after the end of the sound. The segmenter cuts it off, or repeats it to the end of the picture.
const SILENCE_SECONDS: u32 = 1;
/// The picture of a sound.
const WAVEFORM_SIZE: &str = "1280x720";
/// Steps in which ffmpeg hands over what it has encoded, in microseconds.
const FRAGMENT_MICROSECONDS: u32 = 100_000;

/// All arguments: one input, all renditions and the sound as tracks of one fragmented MP4 on standard output, the
/// pictures as JPEG files in `work_folder`.
pub fn arguments(plan: &EncodePlan, work_folder: &Path) -> Vec<OsString> {
    let mut arguments = inputs(plan);
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    push(&["-filter_complex", &filter_graph(plan)]);
    for index in 0..plan.renditions.len() {
        push(&["-map", &format!("[v{index}]")]);
    }
    for index in 0..plan.audio.len() {
        push(&["-map", &format!("[a{index}]")]);
    }
    if plan.video_stream.is_some() {
        let second = plan.has_first_pass().then_some(Pass { number: 2, work_folder });
        arguments.extend(video_encoder::options(plan, second));
    }
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    for (index, audio) in plan.audio.iter().enumerate() {
        push(&[&format!("-c:a:{index}"), audio.codec.encoder()]);
        push(&[&format!("-b:a:{index}"), &audio.bitrate.bits_per_second().to_string()]);
    }
    push(&["-map_metadata", "-1", "-map_chapters", "-1"]);
    if plan.span.is_some() {
        // Nothing stands in for what comes before.
        push(&["-fps_mode", "passthrough"]);
    }
    push(&["-f", "mp4", "-video_track_timescale", &plan.timing.timescale.to_string()]);
    push(&["-movflags", "+empty_moov+default_base_moof+negative_cts_offsets+delay_moov"]);
    push(&["-frag_duration", &FRAGMENT_MICROSECONDS.to_string(), "-flush_packets", "1", "pipe:1"]);
    arguments.extend(picture_outputs(plan, work_folder));
    arguments.extend(following::unused_sound(plan));
    arguments.extend(picture_headers::output(plan));
    arguments
}

/// All arguments for nothing but the pictures of a plan's span.
pub fn picture_arguments(plan: &EncodePlan, work_folder: &Path) -> Vec<OsString> {
    let mut arguments = inputs(plan);
    let unused = (0..plan.renditions.len()).map(|index| format!("[v{index}]nullsink"));
    let chains = if plan.video_stream.is_some() { picture_chains(plan) } else { waveform_chains(plan) };
    let chains: Vec<String> = chains.into_iter().chain(unused).collect();
    arguments.extend(["-nostdin".into(), "-filter_complex".into(), OsString::from(chains.join(";"))]);
    arguments.extend(picture_outputs(plan, work_folder));
    arguments
}

fn picture_outputs(plan: &EncodePlan, work_folder: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    if takes_pictures(plan) {
        let number = (plan.pictures.taken_before(plan.first_frame()) + 1).to_string();
        push(&["-map", "[pictures]", "-fps_mode", "passthrough", "-c:v", "mjpeg", "-threads:v", "1", "-q:v", "2"]);
        push(&["-f", "image2", "-start_number", &number, "-atomic_writing", "1"]);
        arguments.push(pattern_url(work_folder, PICTURE_PATTERN));
    }
    if let Some(storyboard) = &plan.storyboard {
        let number = (storyboard.tiles_in(plan.first_frame()) + 1).to_string();
        let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
        push(&["-map", "[storyboard]", "-fps_mode", "passthrough", "-c:v", "mjpeg", "-threads:v", "1", "-q:v", "2"]);
        push(&["-f", "image2", "-start_number", &number, "-atomic_writing", "1"]);
        arguments.push(pattern_url(work_folder, TILE_PATTERN));
    }
    arguments
}

/// Whether some are left to be taken.
pub(super) fn takes_pictures(plan: &EncodePlan) -> bool {
    plan.pictures.taken_before(plan.first_frame()) < plan.pictures.pictures.len()
}

/// All arguments of the first of two passes, which writes nothing but its notes into `work_folder`.
pub fn first_pass_arguments(plan: &EncodePlan, work_folder: &Path) -> Vec<OsString> {
    let mut arguments = inputs(plan);
    let mut push = |list: &[&str]| arguments.extend(list.iter().map(OsString::from));
    push(&["-filter_complex", &cascade::chains(&without_pictures(plan)).join(";")]);
    for index in 0..plan.renditions.len() {
        push(&["-map", &format!("[v{index}]")]);
    }
    arguments.extend(video_encoder::options(plan, Some(Pass { number: 1, work_folder })));
    arguments.extend(["-f", "null", "-"].map(OsString::from));
    arguments.extend(picture_headers::output(plan));
    arguments
}

fn without_pictures(plan: &EncodePlan) -> EncodePlan {
    EncodePlan { pictures: PicturePlan::default(), storyboard: None, ..plan.clone() }
}

/// The graph: one decode, cascades of scalers, the pictures from the largest rendition, the sound.
fn filter_graph(plan: &EncodePlan) -> String {
    let mut chains = if plan.video_stream.is_some() { picture_chains(plan) } else { waveform_chains(plan) };
    chains.extend(joined_sound(plan));
    chains.extend(plan.audio.iter().enumerate().map(|(index, audio)| sound_chain(plan, audio, index)));
    chains.join(";")
}

/// What makes one sound of several, if anything listens to it.
pub(in crate::pipeline) fn joined_sound(plan: &EncodePlan) -> Vec<String> {
    let join = plan.join.as_ref().filter(|_| !plan.audio.is_empty());
    join.map(joining::sound_chains).unwrap_or_default()
}

/// The pictures of all renditions, and those that are set aside.
fn picture_chains(plan: &EncodePlan) -> Vec<String> {
    let mut chains = cascade::chains(plan);
    if takes_pictures(plan) {
        chains.push(pictures_chain(plan));
    }
    chains.extend(plan.storyboard.as_ref().map(|storyboard| storyboard_chain(storyboard, plan.first_frame())));
    chains
}

/// The waveform of the default track over the whole length, as the one picture. Its envelope is drawn, at a low rate:
/// the filter keeps all samples in memory.
fn waveform_chains(plan: &EncodePlan) -> Vec<String> {
    let index = plan.audio.iter().position(|audio| audio.is_default).unwrap_or_default();
    let Some(audio) = plan.audio.get(index) else { return Vec::new() };
    let source = following::even_track(plan, index).unwrap_or_else(|| format!("0:{}", audio.stream));
    let envelope = "aformat=sample_fmts=flt:channel_layouts=mono,aeval=abs(val(0)):c=mono,aresample=1000";
    vec![
        format!(
            "[{source}]{envelope},aformat=channel_layouts=mono,showwavespic=s={WAVEFORM_SIZE}:scale=sqrt:colors=0x4C9AFF[w]"
        ),
        format!("color=c=0x15171A:s={WAVEFORM_SIZE}:d=0.04[b]"),
        "[b][w]overlay=eof_action=repeat:format=auto,trim=end_frame=1,format=yuvj420p[pictures]".to_owned(),
    ]
}

/// What happens to each picture before it is converted and scaled.
pub(super) fn source_filters(plan: &EncodePlan) -> Vec<String> {
    let watch = |stream| format_change::watched_picture(0, stream, Opening::of(plan));
    let mut filters: Vec<String> = following::fitted(plan).into_iter().collect();
    filters.extend(plan.video_stream.filter(|_| plan.join.is_none()).map(watch));
    filters.extend(upright(&plan.conversion));
    filters.extend(assumed_colours(&plan.conversion).filter(|_| plan.format.ranges().is_empty()));
    filters.extend(deinterlaced(&plan.conversion).filter(|_| plan.join.is_none()));
    if plan.join.is_some() {
        // The parts have this rate already; a rate filter would add a frame at their end.
        let rate = plan.timing.frame_rate;
        let first = joining::first_frame(plan);
        filters.push(format!("settb={}/{},setpts=N+{first}", rate.denominator(), rate.numerator()));
    } else {
        filters.push(span::frame_rate(plan));
        filters.extend(marked_deinterlaced(&plan.conversion, plan.timing.frame_rate));
        filters.extend(changing_range(plan));
        // After the rate filter, which has to see for how long the last picture is shown.
        filters.extend(plan.conversion.alpha.map(|alpha| alpha_filters(alpha, "")));
    }
    filters.extend(operation_filters::burned_in(plan));
    if let Some(time) = plan.hold_last_picture {
        filters.push(format!("tpad=stop_mode=clone:stop_duration={:.3}", time.as_secs_f64()));
    }
    filters.extend(operation_filters::on_source(plan));
    filters
}

/// What makes whole frames of fields.
pub(super) fn deinterlaced(conversion: &PictureConversion) -> Option<String> {
    let mode = match conversion.interlaced {
        InterlacedOutput::Frames => "send_frame",
        InterlacedOutput::Fields => "send_field",
    };
    conversion.deinterlace.then(|| format!("bwdif=mode={mode}"))
}

/// What does that with frames that are marked as fields, among others that it leaves as they are. After the rate filter, as
/// the length of the last frame does not come through.
pub(super) fn marked_deinterlaced(conversion: &PictureConversion, rate: FrameRate) -> Option<String> {
    let (ticks, seconds) = (rate.numerator(), rate.denominator());
    conversion.deinterlace_marked.then(|| format!("bwdif=mode=send_frame:deint=interlaced,settb={seconds}/{ticks}"))
}

/// What says of a picture that does not do so itself which colours it has.
pub(super) fn assumed_colours(conversion: &PictureConversion) -> Option<String> {
    let AssumedColours { primaries, transfer, matrix } = conversion.assumed;
    let told = [("colorspace", matrix), ("color_primaries", primaries), ("color_trc", transfer)];
    let told: Vec<String> = told.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?))).collect();
    (!told.is_empty()).then(|| format!("setparams={}", told.join(":")))
}

/// What brings a picture to standard range whose dynamic range is another one from some time on: all of it is tone-mapped, and
/// that is laid over it while it is needed. After the rate filter, as the length of the last frame does not come through.
fn changing_range(plan: &EncodePlan) -> Option<String> {
    let (ranges, size) = (plan.format.ranges(), plan.format.opening?.size);
    let number = |is_high| f64::from(u8::from(is_high));
    let ranges: Vec<_> = ranges.into_iter().map(|(at, is_high)| (at, number(is_high))).collect();
    // The rate filter moves a frame by up to half of its length.
    let frame = plan.timing.frame_rate.duration_of(1);
    let is_needed = following::steps(number(plan.conversion.tone_map), &ranges, frame / 2 - frame / 20);
    let assumed = assumed_colours(&plan.conversion).map(|filter| filter + ",").unwrap_or_default();
    let (of_low, of_high) = if plan.conversion.tone_map { ("", assumed.as_str()) } else { (assumed.as_str(), "") };
    let tone_mapped = PictureConversion { tone_map: true, ..plan.conversion.clone() };
    let tone_mapped = range_filters_of(&tone_mapped, size).join(",");
    let label = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv";
    (!ranges.is_empty()).then(|| {
        format!(
            "split=2[standard][high];[standard]{of_low}scale=out_range=tv:out_color_matrix=bt709,format=yuv420p[low];\
             [high]{of_high}{tone_mapped}[mapped];[low][mapped]overlay=format=yuv420:enable='{is_needed}',{label}"
        )
    })
}

/// What brings a still picture upright; of others ffmpeg does that by itself. What some versions note of the turn must not
/// go on to the encoder, or players would turn it once more.
pub(super) fn upright(conversion: &PictureConversion) -> Option<String> {
    let filters = upright_filters(conversion.exif_orientation?)?;
    Some(format!("sidedata=mode=delete:type=DISPLAYMATRIX,{filters}"))
}

/// What lays a transparent picture over its colour. It goes through RGB with 16 bits, so that neither the matrix of the
/// picture nor rounding touches what is opaque; `mark` tells the labels of several pictures apart.
pub(super) fn alpha_filters(alpha: AlphaConversion, mark: &str) -> String {
    // 255 in eight bits is 65535 in sixteen.
    let [red, green, blue] = [alpha.over.red, alpha.over.green, alpha.over.blue].map(|part| u32::from(part) * 257);
    format!(
        "format=gbrap16le,split=3[over{mark}][clear{mark}][alpha{mark}];\
         [over{mark}]lutrgb=r={red}:g={green}:b={blue},format=gbrp16le[ground{mark}];\
         [clear{mark}]format=gbrp16le[figure{mark}];[alpha{mark}]shuffleplanes=3:3:3:3,format=gbrp16le[mask{mark}];\
         [ground{mark}][figure{mark}][mask{mark}]maskedmerge"
    )
}

/// The way to standard range, scaled to `size`.
pub(super) fn range_filters(plan: &EncodePlan, size: PictureSize) -> Vec<String> {
    if !plan.format.ranges().is_empty() {
        return Vec::new();
    }
    range_filters_of(&plan.conversion, size)
}

/// The same for a picture that needs this.
pub(super) fn range_filters_of(conversion: &PictureConversion, size: PictureSize) -> Vec<String> {
    let PictureConversion { tone_map, convert_gamut, peak_luminance, .. } = conversion;
    if !*tone_map && !*convert_gamut {
        return Vec::new();
    }
    // Scaled first: linear light is worked in 32-bit floats, so every pixel less counts.
    let size = format!("w={}:h={}:", size.width, size.height);
    standard_range::filters(&size, tone_map.then_some(*peak_luminance), "yuv420p")
}

/// The name by which swscale knows a matrix; those of SD are one.
pub(super) fn swscale_matrix(label: &ColourLabel) -> &'static str {
    match label.matrix {
        "bt709" => "bt709",
        "bt2020nc" => "bt2020",
        _ => "bt601",
    }
}

pub(super) fn label_filter(label: &ColourLabel) -> String {
    let ColourLabel { primaries, transfer, matrix } = label;
    format!("setparams=color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range=tv")
}

/// The colours of JPEG: full range, the matrix of BT.601.
const JPEG_COLOURS: &str = "in_range=tv:out_range=pc:out_color_matrix=bt601,format=yuvj420p";

/// Small pictures, at even distances from the start of the stream.
fn storyboard_chain(storyboard: &StoryboardPlan, first_frame: u64) -> String {
    let StoryboardPlan { interval_frames, tile, .. } = storyboard;
    format!(
        "[board]select='not(mod(n+{first_frame},{interval_frames}))',scale={}:{}:flags=area:{JPEG_COLOURS}[storyboard]",
        tile.width, tile.height
    )
}

/// Chosen frames.
fn pictures_chain(plan: &EncodePlan) -> String {
    let first = plan.first_frame();
    let left = &plan.pictures.pictures[plan.pictures.taken_before(first)..];
    let frames: Vec<String> = left.iter().map(|picture| format!("eq(n,{})", picture.frame - first)).collect();
    format!("[p]select='{}',scale={JPEG_COLOURS}[pictures]", frames.join("+"))
}

/// The sound of a rendition as it will be heard but for its loudness: drawn to 0, mixed down, trimmed.
pub fn heard_sound(plan: &EncodePlan, audio: &AudioRendition) -> String {
    // Gaps are filled and the start is drawn to 0; a downmix (by the coefficients of ITU-R BS.775) is normalised so that
    // it can't clip.
    let index = plan.audio.iter().position(|planned| planned == audio).unwrap_or_default();
    let (source, most_off) = if plan.join.is_some() {
        (joining::SOUND.to_owned(), String::new())
    } else if let Some(track) = following::even_track(plan, index) {
        (format!("[{track}]"), format!(":min_hard_comp={}", following::MOST_OFF))
    } else {
        let watch = format_change::watched_sound(0, audio.stream, Opening::of(plan));
        // Where a clock begins anew, sound and picture of what comes before end at different times.
        let most_off = plan.format.clock_goes_back.map(|_| format!(":min_hard_comp={}", following::MOST_OFF));
        (format!("[0:{}]{watch},", audio.stream), most_off.unwrap_or_default())
    };
    let mut chain = format!(
        "{source}aresample=async=1{most_off}:first_pts=0:rematrix_maxval=1,aformat=sample_rates={}:channel_layouts={}",
        audio.sample_rate_hz,
        audio.layout.ffmpeg_name()
    );
    if let Some(trim) = operation_filters::sound_trim(plan) {
        chain.push_str(&format!(",{trim}"));
    }
    chain
}

fn sound_chain(plan: &EncodePlan, audio: &AudioRendition, index: usize) -> String {
    let mut chain = heard_sound(plan, audio);
    for filter in operation_filters::on_sound(plan, index, audio.sample_rate_hz) {
        chain.push_str(&format!(",{filter}"));
    }
    if audio.codec.delay_samples() > 0 {
        chain.push_str(&format!(",atrim=start_sample={},asetpts=PTS-STARTPTS", audio.codec.delay_samples()));
    }
    if plan.video_stream.is_some() {
        chain.push_str(&format!(",apad=pad_dur={SILENCE_SECONDS}"));
    } else if !plan.silence_after_sound().is_zero() {
        chain.push_str(&format!(",apad=pad_dur={}", operation_filters::seconds(plan.silence_after_sound())));
    }
    chain + &format!("[a{index}]")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        job::{Destination, JobSpec},
        media::{AudioStream, Colour, FrameRate, PictureSize, ScanType, SourceMedia, VideoStream},
        preset::find_preset,
    };

    fn plan(source_path: &str, change: impl FnOnce(&mut VideoStream)) -> EncodePlan {
        let rate = FrameRate::new(30000, 1001);
        let mut video = VideoStream {
            index: 2,
            codec: "h264".to_owned(),
            profile: None,
            pixel_format: Some("yuv420p".to_owned()),
            coded_size: PictureSize { width: 1280, height: 720 },
            sample_aspect_ratio: (1, 1),
            rotation_degrees: 0,
            exif_orientation: None,
            average_frame_rate: rate,
            real_frame_rate: rate,
            scan: ScanType::Progressive,
            colour: Colour::default(),
            duration: Some(Duration::from_secs(10)),
            start_time_seconds: None,
            frame_count: None,
            bitrate_bps: None,
            language: None,
            is_default: true,
        };
        change(&mut video);
        let audio = AudioStream {
            index: 5,
            codec: "ac3".to_owned(),
            profile: None,
            channels: Some(6),
            channel_layout: None,
            sample_rate_hz: Some(48_000),
            bits_per_sample: None,
            duration: None,
            start_time_seconds: None,
            bitrate_bps: None,
            language: None,
            title: None,
            is_default: true,
            is_commentary: false,
            describes_video: false,
        };
        let spec = JobSpec::stream(
            source_path,
            find_preset("quick").expect("a built-in preset"),
            Destination::Folder("out".into()),
        );
        let source = SourceMedia { video: vec![video], audio: vec![audio], ..SourceMedia::default() };
        EncodePlan::resolve(&spec, &source, true).expect("a plan")
    }

    fn graph_of(plan: &EncodePlan) -> String {
        let arguments = arguments(plan, Path::new("/work"));
        let position = arguments.iter().position(|argument| argument == "-filter_complex").expect("a graph");
        arguments[position + 1].to_string_lossy().into_owned()
    }

    #[test]
    fn each_rung_is_scaled_from_the_next_larger_one_after_one_decode() {
        let graph = graph_of(&plan("a.mp4", |_| {}));
        assert!(
            graph.starts_with("[0:2]setpts=")
                && graph.contains(",setparams=colorspace=bt709,fps=30000/1001:start_time=0,bwdif=mode=send_frame:deint=interlaced,settb=1001/30000,scale=1280:720"),
            "{graph}"
        );
        assert!(graph.contains("split=3[v0][s1][p];[s1]scale=640:360"), "{graph}");
        assert!(graph.contains(";[0:5]asetpts=") && graph.contains(",aresample=async=1:first_pts=0"), "{graph}");
        assert!(graph.contains("channel_layouts=stereo,apad=pad_dur=1[a0]"), "{graph}");
        assert!(graph.contains("select='eq(n,0)+eq(n,12)+eq(n,30)+eq(n,48)"), "{graph}");
    }

    #[test]
    fn a_file_name_is_never_an_option_a_protocol_or_a_pattern() {
        for name in ["-i", "http://example.org/a.mp4", "concat:a|b", "a%03d.mp4"] {
            let arguments = arguments(&plan(name, |_| {}), Path::new("/work"));
            let position = arguments.iter().position(|argument| argument == "-i").expect("an input");
            assert_eq!(arguments[position + 1], OsString::from(format!("file:{name}")));
            assert!(!arguments.iter().any(|argument| argument == name && argument != "-i"), "{name}");
        }
    }

    #[test]
    fn interlaced_and_hdr_sources_are_converted_before_they_are_scaled() {
        let interlaced = graph_of(&plan("a.ts", |video| video.scan = ScanType::InterlacedTopFirst));
        assert!(interlaced.contains("bwdif=mode=send_frame,fps="), "{interlaced}");
        let hdr = graph_of(&plan("a.mov", |video| video.colour.transfer = Some("smpte2084".to_owned())));
        assert!(hdr.contains("tonemap=tonemap=hable:desat=0:peak=10,zscale=t=bt709"), "{hdr}");
        assert!(hdr.contains("color_primaries=bt709"), "{hdr}");
    }

    #[test]
    fn keyframes_are_asked_for_by_frame_number() {
        let arguments = arguments(&plan("a.mp4", |_| {}), Path::new("/work"));
        let text: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        assert!(text.windows(2).any(|pair| pair[0] == "-force_key_frames" && pair[1] == "expr:not(mod(n,60))"));
        assert!(text.windows(2).any(|pair| pair[0] == "-maxrate:v:1" && pair[1] == "800000"));
    }
}
