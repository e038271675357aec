//! What ffprobe prints, as far as we read it. Every field may be missing.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

/// The whole output of `-show_format -show_streams -show_chapters`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Output {
    pub(super) format: Format,
    pub(super) streams: Vec<Stream>,
    pub(super) chapters: Vec<Chapter>,
}

/// `format`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    pub(super) format_name: String,
    pub(super) start_time: Option<String>,
    pub(super) duration: Option<String>,
    pub(super) bit_rate: Option<String>,
}

/// One of `streams`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: usize,
    pub(super) codec_type: String,
    pub(super) codec_name: Option<String>,
    pub(super) codec_tag_string: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) pix_fmt: Option<String>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) sample_aspect_ratio: Option<String>,
    pub(super) avg_frame_rate: Option<String>,
    pub(super) r_frame_rate: Option<String>,
    pub(super) field_order: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_space: Option<String>,
    pub(super) color_range: Option<String>,
    pub(super) duration: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) bit_rate: Option<String>,
    pub(super) nb_frames: Option<String>,
    pub(super) sample_rate: Option<String>,
    pub(super) channels: Option<u32>,
    pub(super) channel_layout: Option<String>,
    pub(super) bits_per_sample: Option<u32>,
    pub(super) bits_per_raw_sample: Option<String>,
    pub(super) disposition: Disposition,
    pub(super) tags: Tags,
    pub(super) side_data_list: Vec<SideData>,
}

/// `disposition`: flags written as 0 and 1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Disposition {
    pub(super) default: u8,
    pub(super) forced: u8,
    pub(super) comment: u8,
    pub(super) visual_impaired: u8,
    pub(super) hearing_impaired: u8,
    pub(super) attached_pic: u8,
    pub(super) timed_thumbnails: u8,
}

/// One of `chapters`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chapter {
    pub(super) start_time: Option<String>,
    pub(super) end_time: Option<String>,
    pub(super) tags: Tags,
}

/// One of `side_data_list`, of a stream or of a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SideData {
    pub(super) side_data_type: String,
    /// Counter-clockwise, in degrees.
    pub(super) rotation: Option<f64>,
    pub(super) red_x: Option<String>,
    pub(super) red_y: Option<String>,
    pub(super) green_x: Option<String>,
    pub(super) green_y: Option<String>,
    pub(super) blue_x: Option<String>,
    pub(super) blue_y: Option<String>,
    pub(super) white_point_x: Option<String>,
    pub(super) white_point_y: Option<String>,
    pub(super) max_luminance: Option<String>,
    pub(super) min_luminance: Option<String>,
    pub(super) max_content: Option<u32>,
    pub(super) max_average: Option<u32>,
}

/// The output of `-show_frames`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frames {
    pub(super) frames: Vec<Frame>,
}

/// One of `frames`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frame {
    pub(super) interlaced_frame: u8,
    pub(super) top_field_first: u8,
    pub(super) side_data_list: Vec<SideData>,
}

/// `tags`: any name, in any case.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The value of a tag, whatever the case of its name. Matroska writers add a language to some: `DURATION-eng`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let is_named = |key: &str| {
            key.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                && matches!(key.as_bytes().get(name.len()), None | Some(b'-'))
        };
        let value = self.0.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }
}

/// A number that ffprobe writes as text; `None` for `N/A` and other things that are no number.
pub(super) fn number<T: std::str::FromStr>(text: Option<&String>) -> Option<T> {
    text?.trim().parse().ok()
}

/// Two numbers with one of `/` and `:` between them.
pub(super) fn ratio(text: Option<&String>) -> Option<(u64, u64)> {
    let (numerator, denominator) = text?.split_once(['/', ':'])?;
    Some((numerator.trim().parse().ok()?, denominator.trim().parse().ok()?))
}

/// A time in seconds, or as `HH:MM:SS.fraction`; `None` for negative ones and for what is no time.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    for part in text.trim().split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_seconds_and_as_a_clock() {
        assert_eq!(duration("5.28"), Some(Duration::from_millis(5280)));
        assert_eq!(duration("00:01:02.500000000"), Some(Duration::from_millis(62_500)));
        assert_eq!(duration("N/A"), None);
        assert_eq!(duration("-1.0"), None);
        assert_eq!(duration("inf"), None);
    }

    #[test]
    fn tags_are_found_in_any_case_and_with_a_language() {
        let tags: Tags =
            serde_json::from_str(r#"{"DURATION-eng": "00:00:01.0", "Language": "deu", "title": ""}"#).unwrap();
        assert_eq!(tags.get("duration"), Some("00:00:01.0"));
        assert_eq!(tags.get("language"), Some("deu"));
        assert_eq!(tags.get("title"), None);
    }

    #[test]
    fn ratios_are_read_with_a_slash_or_a_colon() {
        assert_eq!(ratio(Some(&"30000/1001".to_owned())), Some((30000, 1001)));
        assert_eq!(ratio(Some(&"64:45".to_owned())), Some((64, 45)));
        assert_eq!(ratio(Some(&"N/A".to_owned())), None);
    }
}
