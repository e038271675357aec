//! The options of each video encoder. Pure.

use std::{ffi::OsString, path::Path};

use super::{
    inputs,
    parameters::{self, Parameter},
};
use crate::{
    media::{DynamicRange, HdrMetadata},
    pipeline::plan::{EncodePlan, Timing, VideoRendition},
    preset::{EncoderSpeed, HardwareFamily, RateControl, VideoCodec},
};

/// Blocks of 16×16 pixels that the levels of H.264 from 2.1 to 6 allow in a frame, and in the decoder's buffer (ITU-T
/// H.264, table A-1).
const H264_LEVELS: [(u64, u64); 8] = [
    (792, 4752),
    (1620, 8100),
    (3600, 18_000),
    (5120, 20_480),
    (8192, 32_768),
    (22_080, 110_400),
    (36_864, 184_320),
    (139_264, 696_320),
];

/// Begin of the names of the files that the first of two passes leaves for the second.
pub(in crate::pipeline) const PASS_LOG: &str = "pass";

/// One of two passes.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Pass<'a> {
    /// 1 or 2.
    pub(in crate::pipeline) number: u8,
    /// Where the first one leaves its notes.
    pub(in crate::pipeline) work_folder: &'a Path,
}

impl Pass<'_> {
    /// Options of the output, by which ffmpeg has notes made and read for all encoders but x265.
    pub(in crate::pipeline) fn options(self) -> [OsString; 4] {
        let notes = self.work_folder.join(PASS_LOG).into_os_string();
        ["-pass".into(), self.number.to_string().into(), "-passlogfile".into(), notes]
    }

    /// Parameters by which x265 makes and reads notes of its own for one stream of the output.
    fn x265_parameters(self, index: usize) -> OsString {
        let mut parameters = OsString::from(format!(":pass={}:stats=", self.number));
        parameters.push(inputs::escaped(&self.work_folder.join(format!("{PASS_LOG}-x265-{index}.log"))));
        parameters
    }
}

/// Options of all renditions of a plan, which are the first video streams of the output, in the plan's order.
pub(super) fn options(plan: &EncodePlan, pass: Option<Pass<'_>>) -> Vec<OsString> {
    let mut options: Vec<OsString> = keyframe_options(&plan.timing).into_iter().map(OsString::from).collect();
    for (index, rendition) in plan.renditions.iter().enumerate() {
        options.extend(rendition_options(plan, rendition, (index, pass)));
    }
    options.extend(pass.into_iter().flat_map(Pass::options));
    options
}

/// An IDR every GOP and nowhere else, by frame number, so that all renditions of all codecs agree to the frame.
fn keyframe_options(timing: &Timing) -> Vec<String> {
    let gop = timing.gop_frames.to_string();
    let mut options: Vec<String> =
        ["-g", &gop, "-keyint_min", &gop, "-sc_threshold", "0", "-flags", "+cgop"].map(str::to_owned).to_vec();
    options.extend(["-force_key_frames".to_owned(), format!("expr:not(mod(n,{gop}))")]);
    options
}

/// Options of one rendition as video stream `index` of the output.
pub(in crate::pipeline) fn rendition_options(
    plan: &EncodePlan,
    rendition: &VideoRendition,
    (index, pass): (usize, Option<Pass<'_>>),
) -> Vec<OsString> {
    let mut options = StreamOptions { index, list: Vec::new() };
    options.set("c", rendition.encoder());
    match (rendition.hardware, rendition.codec) {
        (Some(family), _) => hardware(&mut options, (plan, rendition), family),
        (None, VideoCodec::H264) => x264(&mut options, plan, rendition),
        (None, VideoCodec::Hevc) => x265(&mut options, (plan, rendition), pass),
        (None, VideoCodec::Av1) => svt_av1(&mut options, plan, rendition),
        (None, VideoCodec::Vp9) => vp9(&mut options, plan, rendition),
    }
    if rendition.codec == VideoCodec::Hevc {
        // Parameter sets in the init segment alone (Apple HLS Authoring Specification 1.10).
        options.set("tag", "hvc1");
    }
    options.list
}

/// The value of an option, as text.
struct OptionValue(OsString);

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for OptionValue {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<OsString> for OptionValue {
    fn from(text: OsString) -> Self {
        Self(text)
    }
}

impl From<u64> for OptionValue {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl From<u8> for OptionValue {
    fn from(number: u8) -> Self {
        Self(number.to_string().into())
    }
}

/// Options of one stream of the output.
struct StreamOptions {
    index: usize,
    list: Vec<OsString>,
}

impl StreamOptions {
    fn set(&mut self, name: &str, value: impl Into<OptionValue>) {
        self.list.extend([format!("-{name}:v:{}", self.index).into(), value.into().0]);
    }

    fn bitrate(&mut self, rendition: &VideoRendition) {
        self.set("b", rendition.bitrate.bits_per_second());
        self.cap(rendition);
    }

    /// The VBV.
    fn cap(&mut self, rendition: &VideoRendition) {
        self.set("maxrate", rendition.max_bitrate.bits_per_second());
        self.set("bufsize", rendition.buffer_size_bits);
    }

    /// The rate control of x264, x265 and SVT-AV1, which know the same options.
    fn rate(&mut self, rendition: &VideoRendition, rate_control: RateControl) {
        match rate_control {
            RateControl::AverageBitrate | RateControl::ConstantBitrate | RateControl::TwoPass => {
                self.bitrate(rendition);
            }
            RateControl::CappedCrf { crf } => {
                self.set("crf", rendition.codec.crf_like(crf));
                self.cap(rendition);
            }
            RateControl::Crf { crf } => self.set("crf", rendition.codec.crf_like(crf)),
        }
    }
}

fn x264(options: &mut StreamOptions, plan: &EncodePlan, rendition: &VideoRendition) {
    options.set("preset", plan.encoder_speed.as_str());
    options.set("profile", "high");
    options.set("pix_fmt", "yuv420p");
    if let Some(frames) = fewer_reference_frames(plan.encoder_speed, rendition) {
        options.set("refs", frames);
    }
    options.rate(rendition, plan.rate_control);
    let mut parameters = Vec::new();
    if plan.rate_control == RateControl::ConstantBitrate {
        // Filled up where a scene needs less.
        parameters.push("nal-hrd=cbr".to_owned());
    }
    parameters.extend(parameters::given(&plan.x264_parameters).map(|parameter| parameter.to_string()));
    if !parameters.is_empty() {
        options.set("x264-params", parameters.join(":"));
    }
}

/// The number of reference frames, where a speed's own would need a higher level than the size does.
fn fewer_reference_frames(speed: EncoderSpeed, rendition: &VideoRendition) -> Option<u64> {
    let speed_asks = match speed {
        EncoderSpeed::Ultrafast | EncoderSpeed::Superfast | EncoderSpeed::Veryfast => 1,
        EncoderSpeed::Faster | EncoderSpeed::Fast => 2,
        EncoderSpeed::Medium => 3,
        EncoderSpeed::Slow => 5,
    };
    most_reference_frames(rendition).filter(|fitting| *fitting < speed_asks)
}

/// The most reference frames that the level has room for that the size of an H.264 rendition needs.
fn most_reference_frames(rendition: &VideoRendition) -> Option<u64> {
    let size = rendition.size;
    let blocks = u64::from(size.width.div_ceil(16)) * u64::from(size.height.div_ceil(16));
    let (_, held) = H264_LEVELS.iter().find(|(in_frame, _)| blocks <= *in_frame)?;
    Some((held / blocks).max(1))
}

/// Why a parameter of x264 would take a higher level than the sizes do, if it would.
pub(super) fn needs_a_higher_level(plan: &EncodePlan, parameter: &Parameter<'_>) -> Option<String> {
    let asked: u64 = parameter.value.filter(|_| matches!(parameter.name, "ref" | "frameref"))?.parse().ok()?;
    let renditions = plan.renditions.iter().filter(|rendition| rendition.codec == VideoCodec::H264);
    let room = renditions.filter_map(|rendition| Some((most_reference_frames(rendition)?, rendition.size)));
    let (most, size) = room.min_by_key(|(most, _)| *most)?;
    (asked > most).then(|| format!("needs a higher level of H.264 than {size} does: give {most} at most"))
}

fn x265(options: &mut StreamOptions, (plan, rendition): (&EncodePlan, &VideoRendition), pass: Option<Pass<'_>>) {
    options.set("preset", plan.encoder_speed.as_str());
    let is_hdr = rendition.range != DynamicRange::Sdr;
    options.set("profile", if is_hdr { "main10" } else { "main" });
    options.set("pix_fmt", if is_hdr { "yuv420p10le" } else { "yuv420p" });
    options.set("forced-idr", "1");
    options.rate(rendition, plan.rate_control);
    let mut parameters: Vec<String> = ["open-gop=0", "scenecut=0", "log-level=warning"].map(str::to_owned).to_vec();
    if plan.rate_control == RateControl::ConstantBitrate {
        parameters.push("strict-cbr=1".to_owned());
    }
    if is_hdr {
        parameters.push("repeat-headers=0".to_owned());
        if let Some(hdr) = plan.hdr.as_ref().filter(|_| rendition.range == DynamicRange::Pq) {
            parameters.extend(mastering_parameters(hdr));
        }
    }
    parameters.extend(parameters::given(&plan.x265_parameters).map(|parameter| parameter.to_string()));
    let mut parameters = OsString::from(parameters.join(":"));
    parameters.extend(pass.map(|pass| pass.x265_parameters(options.index)));
    options.set("x265-params", parameters);
}

/// Static HDR metadata (SMPTE ST 2086, CTA-861.3) in x265's units: 0.00002 of a coordinate, 0.0001 cd/m².
fn mastering_parameters(hdr: &HdrMetadata) -> Vec<String> {
    let mut parameters = vec!["hdr10=1".to_owned()];
    if let (Some([red, green, blue, white]), Some(max), Some(min)) =
        (hdr.mastering_chromaticities, hdr.mastering_max_luminance, hdr.mastering_min_luminance)
    {
        let point = |(x, y): (f64, f64)| format!("({:.0},{:.0})", x * 50_000.0, y * 50_000.0);
        parameters.push(format!(
            "master-display=G{}B{}R{}WP{}L({:.0},{:.0})",
            point(green),
            point(blue),
            point(red),
            point(white),
            max * 10_000.0,
            min * 10_000.0
        ));
    }
    if let Some(content) = hdr.max_content_light_level {
        parameters.push(format!("max-cll={content},{}", hdr.max_frame_average_light_level.unwrap_or(0)));
    }
    parameters
}

fn svt_av1(options: &mut StreamOptions, plan: &EncodePlan, rendition: &VideoRendition) {
    let speed = match plan.encoder_speed {
        EncoderSpeed::Ultrafast => 12_u8,
        EncoderSpeed::Superfast => 11,
        EncoderSpeed::Veryfast => 10,
        EncoderSpeed::Faster => 9,
        EncoderSpeed::Fast => 8,
        EncoderSpeed::Medium => 7,
        EncoderSpeed::Slow => 5,
    };
    options.set("preset", speed);
    options.set("pix_fmt", "yuv420p");
    match plan.rate_control {
        // Its VBR takes no cap: only its CRF does.
        RateControl::AverageBitrate | RateControl::ConstantBitrate | RateControl::TwoPass => {
            options.set("b", rendition.bitrate.bits_per_second());
        }
        rate_control => options.rate(rendition, rate_control),
    }
}

fn vp9(options: &mut StreamOptions, plan: &EncodePlan, rendition: &VideoRendition) {
    let (deadline, speed) = match plan.encoder_speed {
        EncoderSpeed::Ultrafast => ("realtime", 8_u8),
        EncoderSpeed::Superfast => ("realtime", 7),
        EncoderSpeed::Veryfast => ("good", 5),
        EncoderSpeed::Faster => ("good", 4),
        EncoderSpeed::Fast => ("good", 3),
        EncoderSpeed::Medium => ("good", 2),
        EncoderSpeed::Slow => ("good", 1),
    };
    // Its real-time modes know no first pass.
    let (deadline, speed) = if plan.has_first_pass() { ("good", speed.min(5)) } else { (deadline, speed) };
    options.set("deadline", deadline);
    options.set("cpu-used", speed);
    options.set("row-mt", "1");
    options.set("pix_fmt", "yuv420p");
    match plan.rate_control {
        RateControl::AverageBitrate | RateControl::TwoPass => options.bitrate(rendition),
        RateControl::ConstantBitrate => {
            options.bitrate(rendition);
            options.set("minrate", rendition.bitrate.bits_per_second());
        }
        RateControl::CappedCrf { crf } => {
            // Its constrained quality: the bit rate is the bound.
            options.set("crf", rendition.codec.crf_like(crf));
            options.bitrate(rendition);
        }
        RateControl::Crf { crf } => {
            options.set("crf", rendition.codec.crf_like(crf));
            options.set("b", "0");
        }
    }
}

/// Hardware encoders work by bit rates; NVENC alone also has a quality with a cap.
fn hardware(options: &mut StreamOptions, (plan, rendition): (&EncodePlan, &VideoRendition), family: HardwareFamily) {
    let is_constant = plan.rate_control == RateControl::ConstantBitrate;
    let step = EncoderSpeed::ALL.iter().position(|speed| *speed == plan.encoder_speed).unwrap_or(0);
    match family {
        HardwareFamily::Nvenc => {
            options.set("preset", format!("p{}", step + 1));
            options.set("rc", if is_constant { "cbr" } else { "vbr" });
            options.set("forced-idr", "1");
            options.set("no-scenecut", "1");
            options.set("pix_fmt", "yuv420p");
            if let Some(crf) = plan.rate_control.crf() {
                options.set("cq", rendition.codec.crf_like(crf));
            }
        }
        HardwareFamily::QuickSync => {
            let names = ["veryfast", "veryfast", "veryfast", "faster", "fast", "medium", "slow"];
            options.set("preset", names[step]);
            options.set("forced_idr", "1");
            options.set("pix_fmt", "nv12");
        }
        HardwareFamily::VaApi => {
            options.set("rc_mode", if is_constant { "CBR" } else { "VBR" });
        }
        HardwareFamily::VideoToolbox => {
            options.set("allow_sw", "0");
            options.set("pix_fmt", "yuv420p");
            if is_constant {
                options.set("constant_bit_rate", "1");
            }
        }
        HardwareFamily::Amf => {
            let names = ["speed", "speed", "speed", "speed", "balanced", "balanced", "quality"];
            options.set("quality", names[step]);
            options.set("rc", if is_constant { "cbr" } else { "vbr_peak" });
            options.set("forced_idr", "1");
            options.set("pix_fmt", "nv12");
        }
    }
    if rendition.codec == VideoCodec::H264 {
        options.set("profile", "high");
    }
    options.bitrate(rendition);
}
