//! The presets that come with the program.

use super::{
    BitRate, Crf, EncoderSpeed, HdrTreatment, InterlacedOutput, KeyframeInterval, LadderChoice, OnDamage, Preset,
    RateControl, Rung, StereoCodecs, VideoCodec, VideoSettings,
};

const RUNG_1080P: (u32, u64) = (1080, 5000);
const RUNG_720P: (u32, u64) = (720, 3000);
const RUNG_480P: (u32, u64) = (480, 1500);
const RUNG_360P: (u32, u64) = (360, 800);
const RUNG_240P: (u32, u64) = (240, 400);

/// All presets that come with the program, the default first.
pub fn built_in_presets() -> Vec<Preset> {
    let web_rungs = || rungs(&[RUNG_1080P, RUNG_720P, RUNG_480P, RUNG_360P]);
    let all_rungs = rungs(&[RUNG_1080P, RUNG_720P, RUNG_480P, RUNG_360P, RUNG_240P]);
    let codecs = |codecs: &[VideoCodec]| VideoSettings { codecs: codecs.to_vec(), ..constant_quality() };
    vec![
        preset("web-hls", "Web HLS", web_rungs(), VideoSettings::default()),
        preset("web-hls-240", "Web HLS + 240p", all_rungs, VideoSettings::default()),
        preset("quick", "Quick", rungs(&[RUNG_720P, RUNG_360P]), constant_quality()),
        preset("source", "Source size", LadderChoice::SourceSize, constant_quality()),
        preset("web-hls-crf", "Web HLS, constant quality", web_rungs(), constant_quality()),
        preset(
            "web-hls-hdr",
            "Web HLS with HDR",
            web_rungs(),
            VideoSettings { hdr: HdrTreatment::Keep, ..codecs(&[VideoCodec::H264, VideoCodec::Hevc]) },
        ),
        preset("web-hls-av1", "Web HLS with AV1", web_rungs(), codecs(&[VideoCodec::H264, VideoCodec::Av1])),
    ]
}

/// The built-in preset of this id.
pub fn find_preset(id: &str) -> Option<Preset> {
    built_in_presets().into_iter().find(|preset| preset.id == id)
}

/// What a job that makes one file is encoded with; its codec and quality are those of its conversion.
pub fn one_file_preset() -> Preset {
    preset("convert", "Convert", LadderChoice::SourceSize, constant_quality())
}

/// The preset of a job that makes pictures alone; nothing is encoded with it.
pub fn pictures_preset() -> Preset {
    preset("thumbnails", "Thumbnails", LadderChoice::SourceSize, constant_quality())
}

/// Capped CRF: easy scenes take fewer bits than the rung allows.
fn constant_quality() -> VideoSettings {
    VideoSettings { rate_control: RateControl::CappedCrf { crf: Crf::default() }, ..VideoSettings::default() }
}

fn preset(id: &str, name: &str, ladder: LadderChoice, video: VideoSettings) -> Preset {
    Preset {
        id: id.to_owned(),
        name: name.to_owned(),
        ladder,
        encoder_speed: EncoderSpeed::Medium,
        video,
        audio_bitrate: BitRate::from_kilobits(128),
        stereo: StereoCodecs::Aac,
        surround: None,
        keyframes: KeyframeInterval::TwoSeconds,
        on_damage: OnDamage::Warn,
        interlaced: InterlacedOutput::Frames,
    }
}

fn rungs(list: &[(u32, u64)]) -> LadderChoice {
    LadderChoice::Rungs(
        list.iter()
            .map(|&(short_side, kilobits)| Rung { short_side, bitrate: BitRate::from_kilobits(kilobits) })
            .collect(),
    )
}
