//! Subtitles that are pictures, drawn into the picture.

use super::{
    PictureConversion, PlanError,
    language::{UNDETERMINED, language_name, language_tag},
    subtitles::{PICTURE_CODECS, TEXT_CODECS},
};
use crate::{
    job::{JobSpec, SubtitleChoice},
    media::{DynamicRange, PictureSize, SourceMedia, SubtitleStream, VideoStream},
};

/// What is drawn into the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedBurnIn {
    /// Index of the subtitles' stream in the source.
    pub stream: usize,
    /// Size of the decoded picture, upright. What the subtitles were made for is brought to it, whatever its shape, so
    /// that nothing falls off the edges of a cropped film.
    pub size: PictureSize,
    /// The colours that it is drawn in.
    pub colours: DrawnColours,
}

/// The colours of the picture that subtitles are drawn into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawnColours {
    /// Luma and chroma of standard range.
    Standard,
    /// Red, green and blue.
    Rgb,
    /// High dynamic range, in which white has this part of the signal (ITU-R BT.2408, table 1).
    High {
        /// In percent.
        white_percent: u8,
    },
}

/// The subtitles that were asked for.
pub fn burn_in(
    spec: &JobSpec,
    source: &SourceMedia,
    (video, conversion): (&VideoStream, &PictureConversion),
) -> Result<Option<PlannedBurnIn>, PlanError> {
    let Some(choice) = &spec.operations.burn_in else { return Ok(None) };
    if !spec.joined.is_empty() {
        return Err(PlanError::NotPossible {
            what: "The subtitles of joined sources can't be drawn into the picture".to_owned(),
            hint: "Convert each source with --burn-in first, then join the results".to_owned(),
        });
    }
    let stream = chosen(choice, &source.subtitles)?;
    let PictureSize { width, height } = video.coded_size;
    let size = if video.rotation_degrees % 180 == 90 {
        PictureSize { width: height, height: width }
    } else {
        video.coded_size
    };
    let colours = match video.colour.dynamic_range() {
        DynamicRange::Pq => DrawnColours::High { white_percent: 58 },
        DynamicRange::Hlg => DrawnColours::High { white_percent: 75 },
        DynamicRange::Sdr if conversion.is_rgb || conversion.alpha.is_some() => DrawnColours::Rgb,
        DynamicRange::Sdr => DrawnColours::Standard,
    };
    Ok(Some(PlannedBurnIn { stream: stream.index, size, colours }))
}

/// Whether a choice means this track of a source's.
pub fn is_chosen(choice: Option<&SubtitleChoice>, stream: &SubtitleStream, all: &[SubtitleStream]) -> bool {
    choice.and_then(|choice| chosen(choice, all).ok()).is_some_and(|chosen| chosen.index == stream.index)
}

fn chosen<'a>(choice: &SubtitleChoice, all: &'a [SubtitleStream]) -> Result<&'a SubtitleStream, PlanError> {
    let is_picture = |stream: &SubtitleStream| PICTURE_CODECS.contains(&stream.codec.as_str());
    let refused = |what: String| PlanError::NotPossible { what, hint: which(all) };
    match choice {
        SubtitleChoice::Number(number) => {
            let track = usize::try_from(*number).ok().and_then(|number| all.get(number.checked_sub(1)?));
            let has = crate::format::count(all.len() as u64, "track", "tracks");
            let track =
                track.ok_or_else(|| refused(format!("There are no subtitles {number}: the source has {has}")))?;
            if TEXT_CODECS.contains(&track.codec.as_str()) {
                return Err(refused(format!("Subtitles {number} are text: players show them without being drawn")));
            }
            Some(track)
                .filter(|track| is_picture(track))
                .ok_or_else(|| refused(format!("Subtitles {number} ({}) can't be drawn into the picture", track.codec)))
        }
        SubtitleChoice::Language(language) => {
            let wanted = language_tag(language);
            let speaks = |stream: &&SubtitleStream| {
                let tag = stream.language.as_deref().map_or_else(|| UNDETERMINED.to_owned(), language_tag);
                is_picture(stream) && (tag == wanted || tag.split('-').next() == Some(wanted.as_str()))
            };
            let name = language_name(&wanted).unwrap_or_else(|| language.clone());
            all.iter().find(speaks).ok_or_else(|| refused(format!("There are no subtitles as pictures in {name}")))
        }
    }
}

/// What could have been chosen.
fn which(all: &[SubtitleStream]) -> String {
    let pictures = all.iter().enumerate().filter(|(_, stream)| PICTURE_CODECS.contains(&stream.codec.as_str()));
    let named = pictures.map(|(index, stream)| {
        let language = stream.language.as_deref().and_then(|told| language_name(&language_tag(told)));
        format!("{}{}", index + 1, language.map(|name| format!(" ({name})")).unwrap_or_default())
    });
    let named: Vec<String> = named.collect();
    match named.as_slice() {
        [] => "Leave --burn-in out: the source has no subtitles as pictures".to_owned(),
        [one] => format!("Choose {one}, or leave --burn-in out"),
        several => format!("Choose one of {}, or leave --burn-in out", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(index: usize, codec: &str, language: &str) -> SubtitleStream {
        SubtitleStream {
            index,
            codec: codec.to_owned(),
            language: Some(language.to_owned()),
            title: None,
            is_forced: false,
            is_default: false,
            is_for_hearing_impaired: false,
        }
    }

    #[test]
    fn tracks_are_chosen_by_number_or_language_among_those_that_are_pictures() {
        let all = [
            track(2, "subrip", "eng"),
            track(3, "hdmv_pgs_subtitle", "eng"),
            track(4, "dvd_subtitle", "ger"),
            track(5, "dvb_teletext", "fre"),
        ];
        let index =
            |choice: &SubtitleChoice| chosen(choice, &all).map(|stream| stream.index).map_err(|e| e.to_string());
        let language = |tag: &str| SubtitleChoice::Language(tag.to_owned());
        assert_eq!(index(&SubtitleChoice::Number(3)), Ok(4));
        assert_eq!((index(&language("en")), index(&language("deu"))), (Ok(3), Ok(4)));
        for (wrong, said) in [
            (SubtitleChoice::Number(1), "are text"),
            (SubtitleChoice::Number(4), "can't be drawn"),
            (SubtitleChoice::Number(9), "the source has 4 tracks"),
            (language("fr"), "in French"),
        ] {
            assert!(index(&wrong).unwrap_err().contains(said), "{wrong:?}: {:?}", index(&wrong));
        }
        assert_eq!(which(&all), "Choose one of 2 (English), 3 (German), or leave --burn-in out");
    }
}
