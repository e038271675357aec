//! The format of a track: what its sample entry says, or what ffprobe says of a transport stream.

use mp4_atom::{Avcc, Codec, Colr, FourCC, Hvcc, Pasp, esds::DecoderSpecific};

use crate::media::PictureSize;

/// How the pictures or the sound are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum Bitstream {
    /// H.264 with NAL units behind lengths of so many bytes.
    H264(usize),
    /// HEVC with NAL units behind lengths of so many bytes.
    Hevc(usize),
    Av1,
    Vp9,
    Aac,
    /// Anything else, or encrypted.
    #[default]
    Other,
}

/// The format of a track. What is not known is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Format {
    /// The type of the sample entry, such as `avc1`; empty for transport streams.
    pub(in super::super) sample_entry: String,
    pub(in super::super) bitstream: Bitstream,
    /// The value for CODECS (RFC 6381).
    pub(in super::super) codecs: Option<String>,
    pub(in super::super) size: Option<PictureSize>,
    pub(in super::super) channels: Option<u32>,
    pub(in super::super) sample_rate_hz: Option<u32>,
    /// Width to height of a pixel.
    pub(in super::super) pixel_aspect: Option<(u32, u32)>,
    pub(in super::super) bit_depth: Option<u8>,
    /// 4:2:0, 4:2:2, 4:4:4 or 4:0:0.
    pub(in super::super) chroma: Option<&'static str>,
    pub(in super::super) colour: Option<ColourTags>,
    pub(in super::super) profile: Option<u8>,
    /// The level as the format counts it: 40 is 4.0 in H.264, 120 is 4.0 in HEVC.
    pub(in super::super) level: Option<u8>,
    pub(in super::super) is_interlaced: Option<bool>,
}

/// Numbers of ISO/IEC 23091-2; 2 means "not written".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct ColourTags {
    pub(in super::super) primaries: u16,
    pub(in super::super) transfer: u16,
    pub(in super::super) matrix: u16,
    pub(in super::super) is_full_range: bool,
}

/// What a sample entry says.
pub(super) fn of_sample_entry(entry: &Codec) -> Format {
    let mut format = match entry {
        Codec::Avc1(entry) => h264("avc1", &entry.avcc, entry.colr.as_ref(), entry.pasp.as_ref()),
        Codec::Avc3(entry) => h264("avc3", &entry.avcc, entry.colr.as_ref(), entry.pasp.as_ref()),
        Codec::Hvc1(entry) => hevc("hvc1", &entry.hvcc, entry.colr.as_ref(), entry.pasp.as_ref()),
        Codec::Hev1(entry) => hevc("hev1", &entry.hvcc, entry.colr.as_ref(), entry.pasp.as_ref()),
        Codec::Av01(entry) => av1(entry),
        Codec::Vp09(entry) => vp9(entry),
        Codec::Mp4a(entry) => {
            let decoder = &entry.esds.es_desc.dec_config;
            let specific = decoder.dec_specific.as_ref();
            let object_type = specific.map(|specific| format!(".{}", specific.profile)).unwrap_or_default();
            let is_aac = decoder.object_type_indication == 0x40;
            Format {
                bitstream: if is_aac { Bitstream::Aac } else { Bitstream::Other },
                profile: specific.map(|specific| specific.profile),
                ..sound("mp4a", &format!("mp4a.{:x}{object_type}", decoder.object_type_indication))
            }
        }
        Codec::Opus(_) => sound("Opus", "Opus"),
        Codec::Flac(_) => sound("fLaC", "fLaC"),
        Codec::Ac3(_) => sound("ac-3", "ac-3"),
        Codec::Eac3(_) => sound("ec-3", "ec-3"),
        Codec::Wvtt(_) => sound("wvtt", "wvtt"),
        Codec::Unknown(kind, _) => Format { sample_entry: kind.to_string(), ..unknown(*kind) },
        _ => Format::default(),
    };
    if let Some(visual) = entry.visual() {
        format.size = Some(PictureSize { width: u32::from(visual.width), height: u32::from(visual.height) });
    }
    if let Some(audio) = entry.audio() {
        format.channels = match entry {
            Codec::Mp4a(entry) => entry.esds.es_desc.dec_config.dec_specific.as_ref().and_then(aac_channels),
            _ => Some(u32::from(audio.channel_count)),
        };
        format.sample_rate_hz = Some(u32::from(audio.sample_rate.integer()));
    }
    format
}

/// AAC tells its channels in its own configuration; the sample entry says 2 whatever they are (ISO/IEC 14496-3, 1.6.3.5).
fn aac_channels(configuration: &DecoderSpecific) -> Option<u32> {
    match configuration.chan_conf {
        channels @ 1..=6 => Some(u32::from(channels)),
        7 => Some(8),
        _ => None,
    }
}

fn unknown(kind: FourCC) -> Format {
    let name = kind.to_string();
    // Subtitles in XML say their profile in CODECS, which is not in the sample entry.
    Format { codecs: (name == "stpp").then(|| "stpp.ttml.im1t".to_owned()), ..Format::default() }
}

fn sound(sample_entry: &str, codecs: &str) -> Format {
    Format { sample_entry: sample_entry.to_owned(), codecs: Some(codecs.to_owned()), ..Format::default() }
}

fn h264(sample_entry: &str, config: &Avcc, colour: Option<&Colr>, pixel: Option<&Pasp>) -> Format {
    let (profile, level) = (config.avc_profile_indication, config.avc_level_indication);
    let extended = config.ext.as_ref();
    Format {
        sample_entry: sample_entry.to_owned(),
        bitstream: Bitstream::H264(usize::from(config.length_size)),
        codecs: Some(format!("{sample_entry}.{profile:02x}{:02x}{level:02x}", config.profile_compatibility)),
        // Profiles below High have 8 bits and 4:2:0 alone (ISO/IEC 14496-10, A.2).
        bit_depth: extended.map(|extended| extended.bit_depth_luma).or_else(|| (profile < 100).then_some(8)),
        chroma: extended.map(|extended| chroma(extended.chroma_format)).or_else(|| (profile < 100).then_some("4:2:0")),
        profile: Some(profile),
        level: Some(level),
        ..visual(colour, pixel)
    }
}

fn hevc(sample_entry: &str, config: &Hvcc, colour: Option<&Colr>, pixel: Option<&Pasp>) -> Format {
    let space = ["", "A", "B", "C"][usize::from(config.general_profile_space & 3)];
    let compatibility = u32::from_be_bytes(config.general_profile_compatibility_flags).reverse_bits();
    let tier = if config.general_tier_flag { 'H' } else { 'L' };
    let mut constraints = config.general_constraint_indicator_flags.to_vec();
    while constraints.last() == Some(&0) {
        constraints.pop();
    }
    let constraints: String = constraints.iter().map(|byte| format!(".{byte:X}")).collect();
    let (profile, level) = (config.general_profile_idc, config.general_level_idc);
    Format {
        sample_entry: sample_entry.to_owned(),
        bitstream: Bitstream::Hevc(usize::from(config.length_size_minus_one) + 1),
        // ISO/IEC 14496-15, E.3.
        codecs: Some(format!("{sample_entry}.{space}{profile}.{compatibility:X}.{tier}{level}{constraints}")),
        bit_depth: Some(config.bit_depth_luma_minus8 + 8),
        chroma: Some(chroma(config.chroma_format_idc)),
        profile: Some(profile),
        level: Some(level),
        ..visual(colour, pixel)
    }
}

fn av1(entry: &mp4_atom::Av01) -> Format {
    let config = &entry.av1c;
    let bit_depth = match (config.high_bitdepth, config.twelve_bit) {
        (true, true) => 12,
        (true, false) => 10,
        _ => 8,
    };
    let tier = if config.seq_tier_0 { 'H' } else { 'M' };
    let chroma = match (config.monochrome, config.chroma_subsampling_x, config.chroma_subsampling_y) {
        (true, ..) => "4:0:0",
        (_, true, true) => "4:2:0",
        (_, true, false) => "4:2:2",
        _ => "4:4:4",
    };
    Format {
        sample_entry: "av01".to_owned(),
        bitstream: Bitstream::Av1,
        // AV1 in ISOBMFF, 5.
        codecs: Some(format!("av01.{}.{:02}{tier}.{bit_depth:02}", config.seq_profile, config.seq_level_idx_0)),
        bit_depth: Some(bit_depth),
        chroma: Some(chroma),
        profile: Some(config.seq_profile),
        level: Some(config.seq_level_idx_0),
        ..visual(entry.colr.as_ref(), entry.pasp.as_ref())
    }
}

fn vp9(entry: &mp4_atom::Vp09) -> Format {
    let config = &entry.vpcc;
    let colour = ColourTags {
        primaries: u16::from(config.color_primaries),
        transfer: u16::from(config.transfer_characteristics),
        matrix: u16::from(config.matrix_coefficients),
        is_full_range: config.video_full_range_flag,
    };
    Format {
        sample_entry: "vp09".to_owned(),
        bitstream: Bitstream::Vp9,
        // VP codec ISO media file format binding.
        codecs: Some(format!("vp09.{:02}.{:02}.{:02}", config.profile, config.level, config.bit_depth)),
        bit_depth: Some(config.bit_depth),
        chroma: Some(match config.chroma_subsampling {
            0 | 1 => "4:2:0",
            2 => "4:2:2",
            _ => "4:4:4",
        }),
        colour: Some(colour),
        profile: Some(config.profile),
        level: Some(config.level),
        ..visual(None, entry.pasp.as_ref())
    }
}

fn visual(colour: Option<&Colr>, pixel: Option<&Pasp>) -> Format {
    let colour = match colour {
        Some(&Colr::Nclx { colour_primaries, transfer_characteristics, matrix_coefficients, full_range_flag }) => {
            Some(ColourTags {
                primaries: colour_primaries,
                transfer: transfer_characteristics,
                matrix: matrix_coefficients,
                is_full_range: full_range_flag,
            })
        }
        Some(&Colr::Nclc { colour_primaries, transfer_characteristics, matrix_coefficients }) => Some(ColourTags {
            primaries: colour_primaries,
            transfer: transfer_characteristics,
            matrix: matrix_coefficients,
            is_full_range: false,
        }),
        _ => None,
    };
    Format { colour, pixel_aspect: pixel.map(|pixel| (pixel.h_spacing, pixel.v_spacing)), ..Format::default() }
}

fn chroma(format: u8) -> &'static str {
    match format {
        0 => "4:0:0",
        1 => "4:2:0",
        2 => "4:2:2",
        _ => "4:4:4",
    }
}

/// Whether CODECS names this format. The parts that say more than profile, level and bit depth may be left out.
pub(in super::super) fn names_same_format(told: &str, measured: &str) -> bool {
    let told = told.trim().to_ascii_lowercase();
    let measured = measured.to_ascii_lowercase();
    if told == measured {
        return true;
    }
    let parts = |text: &str, count: usize| text.split('.').take(count).map(str::to_owned).collect::<Vec<_>>();
    let entry = measured.split('.').next().unwrap_or_default();
    match entry {
        // The constraint byte of H.264 is often written as 00.
        "avc1" | "avc3" => {
            let plain = |text: &str| text.get(..7).zip(text.get(9..11)).map(|(a, b)| format!("{a}{b}"));
            told.len() == 11 && plain(&told).is_some() && plain(&told) == plain(&measured)
        }
        "hvc1" | "hev1" => {
            let (told, measured) = (parts(&told, 4), parts(&measured, 4));
            told.len() == 4 && told[..2] == measured[..2] && told[3] == measured[3]
        }
        "av01" | "vp09" => parts(&told, 4) == parts(&measured, 4),
        "mp4a" => parts(&told, 2) == parts(&measured, 2) && is_aac_kind(&told) && is_aac_kind(&measured),
        "stpp" => told.starts_with("stpp"),
        _ => false,
    }
}

/// HE-AAC is often signalled as AAC-LC in the sample entry and truly in CODECS.
fn is_aac_kind(codecs: &str) -> bool {
    matches!(codecs, "mp4a.40.2" | "mp4a.40.5" | "mp4a.40.29" | "mp4a.40.02" | "mp4a.40.05")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_compared_by_what_a_player_needs() {
        assert!(names_same_format("avc1.640028", "avc1.640028"));
        assert!(names_same_format("AVC1.640028", "avc1.640c28"));
        assert!(!names_same_format("avc1.64001f", "avc1.640028"));
        assert!(!names_same_format("avc1.4d0028", "avc1.640028"));
        assert!(names_same_format("hvc1.1.6.L93.B0", "hvc1.1.6.L93.90"));
        assert!(!names_same_format("hev1.1.6.L93.B0", "hvc1.1.6.L93.B0"));
        assert!(names_same_format("av01.0.08M.08.0.110.01.01.01.0", "av01.0.08M.08"));
        assert!(!names_same_format("av01.0.08M.10", "av01.0.08M.08"));
        assert!(names_same_format("mp4a.40.5", "mp4a.40.2"));
        assert!(!names_same_format("mp4a.40.2", "ec-3"));
        assert!(!names_same_format("avc1", "avc1.640028"));
    }
}
