//! CODECS values out of sample entries.

use mp4_atom::{Av1c, Avcc, Colr, Hvcc, VpcC};

/// Primaries, transfer and matrix of BT.709 in ITU-T H.273: what the short forms of AV1 and VP9 stand for.
const BT709: (u16, u16, u16) = (1, 1, 1);
/// 4:2:0 as VP9 numbers it.
const SUBSAMPLING_420: u8 = 1;

/// `avc1.PPCCLL` (RFC 6381, 3.3).
pub(super) fn avc(configuration: &Avcc) -> String {
    format!(
        "avc1.{:02x}{:02x}{:02x}",
        configuration.avc_profile_indication, configuration.profile_compatibility, configuration.avc_level_indication
    )
}

/// `hvc1.profile.compatibility.tier and level.constraints` (ISO/IEC 14496-15, annex E.3).
pub(super) fn hevc(configuration: &Hvcc) -> String {
    let space = match configuration.general_profile_space {
        1 => "A",
        2 => "B",
        3 => "C",
        _ => "",
    };
    let compatibility = u32::from_be_bytes(configuration.general_profile_compatibility_flags).reverse_bits();
    let tier = if configuration.general_tier_flag { 'H' } else { 'L' };
    let mut text = format!(
        "hvc1.{space}{}.{compatibility:X}.{tier}{}",
        configuration.general_profile_idc, configuration.general_level_idc
    );
    let constraints = &configuration.general_constraint_indicator_flags;
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}

/// `av01.profile.level and tier.depth`, with the colours where they are not BT.709's (AV1 Codec ISO Media File Format
/// Binding, 5).
pub(super) fn av1(configuration: &Av1c, colour: Option<&Colr>) -> String {
    let tier = if configuration.seq_tier_0 { 'H' } else { 'M' };
    let depth = match (configuration.high_bitdepth, configuration.twelve_bit) {
        (true, true) => 12,
        (true, false) => 10,
        (false, _) => 8,
    };
    let mut text = format!("av01.{}.{:02}{tier}.{depth:02}", configuration.seq_profile, configuration.seq_level_idx_0);
    if let Some(Colr::Nclx { colour_primaries, transfer_characteristics, matrix_coefficients, full_range_flag }) =
        colour
        && ((*colour_primaries, *transfer_characteristics, *matrix_coefficients) != BT709 || *full_range_flag)
    {
        let subsampling = [configuration.chroma_subsampling_x, configuration.chroma_subsampling_y].map(u8::from);
        let position = if subsampling == [1, 1] { configuration.chroma_sample_position } else { 0 };
        text.push_str(&format!(
            ".{}.{}{}{position}.{colour_primaries:02}.{transfer_characteristics:02}.{matrix_coefficients:02}.{}",
            u8::from(configuration.monochrome),
            subsampling[0],
            subsampling[1],
            u8::from(*full_range_flag)
        ));
    }
    text
}

/// `vp09.profile.level.depth`, with the colours where they are not BT.709's (VP Codec ISO Media File Format Binding).
pub(super) fn vp9(configuration: &VpcC) -> String {
    let VpcC { profile, level, bit_depth, chroma_subsampling, .. } = configuration;
    let mut text = format!("vp09.{profile:02}.{level:02}.{bit_depth:02}");
    let colours =
        [configuration.color_primaries, configuration.transfer_characteristics, configuration.matrix_coefficients];
    let is_ordinary = colours.map(u16::from) == [BT709.0, BT709.1, BT709.2] && *chroma_subsampling <= SUBSAMPLING_420;
    if !is_ordinary || configuration.video_full_range_flag {
        let [primaries, transfer, matrix] = colours;
        let range = u8::from(configuration.video_full_range_flag);
        text.push_str(&format!(".{chroma_subsampling:02}.{primaries:02}.{transfer:02}.{matrix:02}.{range:02}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hevc_names_profile_compatibility_tier_level_and_the_used_constraints() {
        let mut configuration = Hvcc {
            general_profile_idc: 1,
            general_profile_compatibility_flags: [0x60, 0, 0, 0],
            general_constraint_indicator_flags: [0x90, 0, 0, 0, 0, 0],
            general_level_idc: 93,
            ..Hvcc::new()
        };
        assert_eq!(hevc(&configuration), "hvc1.1.6.L93.90");
        configuration.general_tier_flag = true;
        configuration.general_profile_idc = 2;
        configuration.general_profile_compatibility_flags = [0x20, 0, 0, 0];
        configuration.general_constraint_indicator_flags = [0x90, 0, 1, 0, 0, 0];
        assert_eq!(hevc(&configuration), "hvc1.2.4.H93.90.0.1");
    }

    #[test]
    fn av1_and_vp9_name_the_colours_only_where_they_are_not_those_of_hd() {
        let configuration = Av1c {
            seq_level_idx_0: 4,
            chroma_subsampling_x: true,
            chroma_subsampling_y: true,
            chroma_sample_position: 1,
            ..Av1c::default()
        };
        assert_eq!(av1(&configuration, None), "av01.0.04M.08");
        assert_eq!(av1(&configuration, Colr::new(1, 1, 1, false).ok().as_ref()), "av01.0.04M.08");
        let sd = Colr::new(6, 6, 6, false).ok();
        assert_eq!(av1(&configuration, sd.as_ref()), "av01.0.04M.08.0.111.06.06.06.0");
        let hd = VpcC {
            level: 31,
            chroma_subsampling: 1,
            color_primaries: 1,
            transfer_characteristics: 1,
            matrix_coefficients: 1,
            ..VpcC::default()
        };
        assert_eq!(vp9(&hd), "vp09.00.31.08");
        let sd = VpcC { color_primaries: 6, transfer_characteristics: 6, matrix_coefficients: 6, ..hd };
        assert_eq!(vp9(&sd), "vp09.00.31.08.01.06.06.06.00");
    }
}
