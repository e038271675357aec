//! In which encoding a file of text is. Old ones do not tell: it is guessed from the letters, and from the language where
//! that is known.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Of the bytes of UTF-16, this part at least is zero in one of the two places: times and line ends are ASCII.
const UTF_16_ZEROS: f64 = 0.15;

/// A text, and how it was read.
#[derive(Debug, PartialEq)]
pub(super) struct ReadText {
    pub(super) text: String,
    /// The name of the encoding where it had to be guessed.
    pub(super) guessed: Option<&'static str>,
}

/// Reads a text in any usual encoding. `language` is the BCP 47 tag of what is said in it, `und` if nobody knows.
pub(super) fn read(content: &[u8], language: &str) -> ReadText {
    let known = |encoding: &'static Encoding| ReadText {
        text: encoding.decode_with_bom_removal(content).0.into_owned(),
        guessed: None,
    };
    if let Some((encoding, _)) = Encoding::for_bom(content) {
        return known(encoding);
    }
    if let Some(encoding) = utf_16(content) {
        return known(encoding);
    }
    if std::str::from_utf8(content).is_ok() {
        return known(UTF_8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(content, true);
    let encoding = detector.guess(country(language).map(str::as_bytes), Utf8Detection::Allow);
    ReadText { text: encoding.decode_without_bom_handling(content).0.into_owned(), guessed: Some(encoding.name()) }
}

/// UTF-16 without a mark, by the zeros beside its ASCII.
fn utf_16(content: &[u8]) -> Option<&'static Encoding> {
    let zeros = |place: usize| content.iter().skip(place).step_by(2).filter(|byte| **byte == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let enough = (content.len() as f64 / 2.0 * UTF_16_ZEROS).ceil().max(2.0) as usize;
    match () {
        () if second >= enough && first * 10 < second => Some(UTF_16LE),
        () if first >= enough && second * 10 < first => Some(UTF_16BE),
        () => None,
    }
}

/// The top-level domain of the country where most speak a language: what the detector knows encodings by.
fn country(language: &str) -> Option<&'static str> {
    const COUNTRIES: [(&str, &str); 40] = [
        ("ar", "sa"),
        ("be", "by"),
        ("bg", "bg"),
        ("bs", "ba"),
        ("cs", "cz"),
        ("da", "dk"),
        ("de", "de"),
        ("el", "gr"),
        ("es", "es"),
        ("et", "ee"),
        ("fa", "ir"),
        ("fi", "fi"),
        ("fr", "fr"),
        ("he", "il"),
        ("hr", "hr"),
        ("hu", "hu"),
        ("is", "is"),
        ("it", "it"),
        ("ja", "jp"),
        ("ko", "kr"),
        ("lt", "lt"),
        ("lv", "lv"),
        ("mk", "mk"),
        ("nb", "no"),
        ("nl", "nl"),
        ("no", "no"),
        ("pl", "pl"),
        ("pt", "pt"),
        ("ro", "ro"),
        ("ru", "ru"),
        ("sk", "sk"),
        ("sl", "si"),
        ("sq", "al"),
        ("sr", "rs"),
        ("sv", "se"),
        ("th", "th"),
        ("tr", "tr"),
        ("uk", "ua"),
        ("vi", "vn"),
        ("zh", "cn"),
    ];
    if ["zh-hant", "zh-tw", "zh-hk"].iter().any(|tag| language.to_ascii_lowercase().starts_with(tag)) {
        return Some("tw");
    }
    let primary = language.split('-').next().unwrap_or_default();
    COUNTRIES.iter().find(|(known, _)| *known == primary).map(|(_, country)| *country)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_KR, GBK, ISO_8859_2, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253};

    use super::*;

    const RUSSIAN: &str = "1\n00:00:01,000 --> 00:00:02,000\nЯ не знаю, что тебе сказать.\n\n\
                           2\n00:00:03,000 --> 00:00:04,000\nПойдём отсюда!\n\n";
    const FRENCH: &str = "1\n00:00:01,000 --> 00:00:02,000\nÀ la santé de l’été : un café crème, s’il vous plaît !\n\n";
    const POLISH: &str = "1\n00:00:01,000 --> 00:00:02,000\nZażółć gęślą jaźń. Nie wiem, co powiedzieć.\n\n";
    const GREEK: &str = "1\n00:00:01,000 --> 00:00:02,000\nΔεν ξέρω τι να πω. Πάμε να φύγουμε από εδώ!\n\n";
    const CHINESE: &str = "1\n00:00:01,000 --> 00:00:02,000\n我不知道该说什么。我们走吧!\n\n";
    const TAIWANESE: &str = "1\n00:00:01,000 --> 00:00:02,000\n我不知道該說什麼。我們走吧!\n\n";
    const JAPANESE: &str = "1\n00:00:01,000 --> 00:00:02,000\n何と言えばいいのか分かりません。行きましょう。\n\n";
    const KOREAN: &str = "1\n00:00:01,000 --> 00:00:02,000\n뭐라고 말해야 할지 모르겠어요. 갑시다!\n\n";

    #[test]
    fn old_encodings_are_known_by_their_letters_with_and_without_a_language() {
        let cases: [(&str, &'static Encoding, &str); 8] = [
            (RUSSIAN, WINDOWS_1251, "ru"),
            (FRENCH, WINDOWS_1252, "fr"),
            (POLISH, ISO_8859_2, "pl"),
            (GREEK, WINDOWS_1253, "el"),
            (CHINESE, GBK, "zh"),
            (TAIWANESE, BIG5, "zh-Hant"),
            (JAPANESE, SHIFT_JIS, "ja"),
            (KOREAN, EUC_KR, "ko"),
        ];
        for (text, encoding, language) in cases {
            let (content, _, has_failed) = encoding.encode(text);
            assert!(!has_failed, "{}", encoding.name());
            for language in [language, "und"] {
                let read = read(&content, language);
                assert_eq!(read.text, text, "{} as {language}", encoding.name());
                assert!(read.guessed.is_some());
            }
        }
    }

    #[test]
    fn unicode_is_known_with_and_without_its_mark() {
        let utf_16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for text in [RUSSIAN, CHINESE, "plain"] {
            let marked = format!("\u{feff}{text}");
            for content in [
                text.as_bytes().to_vec(),
                marked.as_bytes().to_vec(),
                utf_16(text, u16::to_le_bytes),
                utf_16(text, u16::to_be_bytes),
                utf_16(&marked, u16::to_le_bytes),
                utf_16(&marked, u16::to_be_bytes),
            ] {
                assert_eq!(read(&content, "und"), ReadText { text: text.to_owned(), guessed: None });
            }
        }
        assert_eq!(read(b"", "und").text, "");
    }
}
