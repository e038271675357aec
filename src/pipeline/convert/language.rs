//! The languages of tracks in the words that a container has for them. Pure.

use isolang::Language;

use super::{
    plan::{ConvertPlan, PlannedPicture},
    sound::PlannedSound,
};
use crate::{
    job::FileFormat,
    pipeline::plan::{UNDETERMINED, language_name, language_tag},
};

/// MOV has numbers for languages (QuickTime File Format, “Language Code Values”). ffmpeg gives them by these words, some of
/// which are neither of the codes of ISO 639-2; the others, `deu` among them, it leaves out.
const MOV_WORDS: [(&str, &str); 98] = [
    ("am", "amh"),
    ("ar", "ara"),
    ("as", "asm"),
    ("ay", "aym"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("bo", "tib"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "wel"),
    ("da", "dan"),
    ("de", "ger"),
    ("dz", "dzo"),
    ("el", "gre"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("eu", "baq"),
    ("fi", "fin"),
    ("fo", "fo "),
    ("fr", "fra"),
    ("ga", "iri"),
    ("gn", "grn"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hr "),
    ("hu", "hun"),
    ("hy", "arm"),
    ("id", "ind"),
    ("is", "ice"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "geo"),
    ("kk", "kaz"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("ks", "kas"),
    ("ku", "kur"),
    ("ky", "kir"),
    ("la", "lat"),
    ("lo", "lao"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mg", "mlg"),
    ("mk", "mac"),
    ("ml", "mal"),
    ("mn", "mon"),
    ("mr", "mar"),
    ("ms", "may"),
    ("mt", "mlt"),
    ("my", "bur"),
    ("nb", "nor"),
    ("ne", "nep"),
    ("nl", "dut"),
    ("nn", "nor"),
    ("no", "nor"),
    ("om", "orm"),
    ("or", "ori"),
    ("pa", "pa "),
    ("pl", "pol"),
    ("ps", "pus"),
    ("pt", "por"),
    ("qu", "que"),
    ("rn", "run"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("sa", "san"),
    ("sd", "snd"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("so", "som"),
    ("sq", "alb"),
    ("sr", "sr "),
    ("sv", "sve"),
    ("sw", "swa"),
    ("ta", "tam"),
    ("te", "tel"),
    ("tg", "tgk"),
    ("th", "tha"),
    ("ti", "tir"),
    ("tk", "tuk"),
    ("tl", "tgl"),
    ("tr", "tur"),
    ("tt", "tat"),
    ("ug", "uig"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("uz", "uzb"),
    ("vi", "vie"),
    ("yi", "yid"),
    ("zh", "chi"),
    ("cmn", "chi"),
];

/// The codes of ISO 639-2 for catalogues, where these are others than those of ISO 639-3: Matroska wants them.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("bod", "tib"),
    ("ces", "cze"),
    ("cym", "wel"),
    ("deu", "ger"),
    ("ell", "gre"),
    ("eus", "baq"),
    ("fas", "per"),
    ("fra", "fre"),
    ("hye", "arm"),
    ("isl", "ice"),
    ("kat", "geo"),
    ("mkd", "mac"),
    ("mri", "mao"),
    ("msa", "may"),
    ("mya", "bur"),
    ("nld", "dut"),
    ("ron", "rum"),
    ("slk", "slo"),
    ("sqi", "alb"),
    ("zho", "chi"),
];

/// What is to be written for a language, in the words of a container; `None` where ffmpeg does by itself what is right.
/// `is_copied` says that ffmpeg passes on what it was told.
///
/// # Errors
/// In words, when the container has no word for it.
pub(super) fn word(format: FileFormat, told: &str, is_copied: bool) -> Result<Option<String>, String> {
    let tag = language_tag(told);
    if tag == UNDETERMINED {
        return Ok(None);
    }
    let primary = tag.split('-').next().unwrap_or_default();
    match format {
        FileFormat::Mov => match MOV_WORDS.iter().find(|(known, _)| *known == primary) {
            Some((_, word)) => Ok(Some((*word).to_owned())),
            None => {
                let name = language_name(&tag).unwrap_or(tag);
                Err(format!("A MOV file can't tell that a track is in {name}"))
            }
        },
        FileFormat::Mp4 | FileFormat::M4a => {
            let three = Language::from_639_1(primary).map_or(primary, |language| language.to_639_3());
            // Both codes of ISO 639-2 with three letters are taken as they are.
            Ok((three.len() == 3 && !(is_copied && told.len() == 3)).then(|| three.to_owned()))
        }
        _ if is_copied => Ok(None),
        // Matroska and ID3 have the three letters of ISO 639-2 (RFC 9559, 5.1.4.1.19; ID3v2.4, TLAN).
        _ => {
            let three = Language::from_639_1(primary).map_or(primary, |language| language.to_639_3());
            let older = BIBLIOGRAPHIC.iter().find(|(terminology, _)| *terminology == three);
            Ok(Some(older.map_or(three, |(_, bibliographic)| bibliographic).to_owned()))
        }
    }
}

/// What is known of the language of each track: ffmpeg's specifier of the track, the language, and whether ffmpeg passes it
/// on.
pub(super) fn told(plan: &ConvertPlan) -> Vec<(String, String, bool)> {
    let mut told = Vec::new();
    if let Some(PlannedPicture::Copied(video)) = &plan.picture {
        told.extend(video.language.clone().map(|language| ("v:0".to_owned(), language, true)));
    }
    for (place, track) in plan.sound.iter().enumerate() {
        let (language, is_copied) = match track {
            PlannedSound::Copied(track) => (track.language.clone(), true),
            PlannedSound::Encoded { index, .. } => {
                let planned = plan.encode.as_ref().and_then(|encode| encode.audio.get(*index));
                (planned.map(|planned| planned.language.clone()), false)
            }
        };
        told.extend(language.map(|language| (format!("a:{place}"), language, is_copied)));
    }
    for (place, planned) in plan.subtitles.iter().enumerate() {
        let language = planned.track.language.clone();
        told.extend(language.map(|language| (format!("s:{place}"), language, !planned.passes())));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_container_gets_the_words_that_it_knows() {
        let written = |word: &str| Ok(Some(word.to_owned()));
        for (told, word) in [("deu", "ger"), ("ger", "ger"), ("de-AT", "ger"), ("fre", "fra"), ("swe", "sve")] {
            for is_copied in [false, true] {
                assert_eq!(super::word(FileFormat::Mov, told, is_copied), written(word), "{told}");
            }
        }
        assert!(word(FileFormat::Mov, "gsw", true).unwrap_err().ends_with("Swiss German"));
        assert_eq!(word(FileFormat::Mov, "und", true), Ok(None));
        assert_eq!(word(FileFormat::Mp4, "de", true), written("deu"));
        assert_eq!(word(FileFormat::Mp4, "ger", true), Ok(None));
        assert_eq!(word(FileFormat::Mkv, "deu", true), Ok(None));
        for (told, word_of_catalogues) in [("de", "ger"), ("sv", "swe"), ("pt-BR", "por"), ("gsw", "gsw")] {
            assert_eq!(word(FileFormat::Mkv, told, false), written(word_of_catalogues));
        }
    }
}
