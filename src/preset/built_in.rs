//! The presets that come with the program.

use super::{BitRate, Deinterlace, EncoderSpeed, LadderChoice, OnDamage, Preset, Rung};

const RUNG_1080P: (u32, u64) = (1080, 5000);
const RUNG_720P: (u32, u64) = (720, 3000);
const RUNG_480P: (u32, u64) = (480, 1500);
const RUNG_360P: (u32, u64) = (360, 800);
const RUNG_240P: (u32, u64) = (240, 400);

/// All presets that come with the program, the default first.
pub fn built_in_presets() -> Vec<Preset> {
    vec![
        preset("web-hls", "Web HLS", rungs(&[RUNG_1080P, RUNG_720P, RUNG_480P, RUNG_360P])),
        preset("web-hls-240", "Web HLS + 240p", rungs(&[RUNG_1080P, RUNG_720P, RUNG_480P, RUNG_360P, RUNG_240P])),
        preset("quick", "Quick", rungs(&[RUNG_720P, RUNG_360P])),
        preset("source", "Source size", LadderChoice::SourceSize),
    ]
}

/// The built-in preset of this id.
pub fn find_preset(id: &str) -> Option<Preset> {
    built_in_presets().into_iter().find(|preset| preset.id == id)
}

fn preset(id: &str, name: &str, ladder: LadderChoice) -> Preset {
    Preset {
        id: id.to_owned(),
        name: name.to_owned(),
        ladder,
        encoder_speed: EncoderSpeed::Medium,
        audio_bitrate: BitRate::from_kilobits(128),
        surround: None,
        on_damage: OnDamage::Warn,
        deinterlace: Deinterlace::Frames,
    }
}

fn rungs(list: &[(u32, u64)]) -> LadderChoice {
    LadderChoice::Rungs(
        list.iter()
            .map(|&(short_side, kilobits)| Rung { short_side, bitrate: BitRate::from_kilobits(kilobits) })
            .collect(),
    )
}
