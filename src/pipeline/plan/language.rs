//! Languages of tracks, from what containers and file names carry to what playlists want.

use isolang::Language;

/// What a playlist says of a language that nobody told (ISO 639-2).
pub const UNDETERMINED: &str = "und";

/// The BCP 47 tag for what a container says of a language: `ger`, `deu` and `de` all become `de`; what is no language
/// becomes `und`. BCP 47 wants the two-letter code where there is one (RFC 5646, 2.2.1).
pub fn language_tag(told: &str) -> String {
    let told = told.trim().replace('_', "-");
    let (primary, rest) = told.split_once('-').map_or((told.as_str(), ""), |(primary, rest)| (primary, rest));
    let primary = primary.to_ascii_lowercase();
    let shortest = match primary.len() {
        3 => Language::from_639_3(&primary)
            .or_else(|| bibliographic(&primary).and_then(Language::from_639_1))
            .and_then(|language| language.to_639_1())
            .map_or(primary, str::to_owned),
        _ => primary,
    };
    let is_language = matches!(shortest.len(), 2 | 3) && shortest.chars().all(|letter| letter.is_ascii_lowercase());
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    match (is_language, rest) {
        (false, _) => UNDETERMINED.to_owned(),
        (true, rest) if !rest.is_empty() && rest.split('-').all(is_subtag) => format!("{shortest}-{rest}"),
        (true, _) => shortest,
    }
}

/// The English name of the language of a BCP 47 tag, such as "German"; `None` when it is not known.
pub fn language_name(tag: &str) -> Option<String> {
    let primary = tag.split('-').next().unwrap_or_default();
    let language = match primary.len() {
        2 => Language::from_639_1(primary),
        3 if primary != UNDETERMINED => Language::from_639_3(primary),
        _ => None,
    }?;
    // ISO 639-3 adds dates and kinds in brackets: "Modern Greek (1453-)".
    let name = language.to_name();
    Some(name.split(" (").next().unwrap_or(name).to_owned())
}

/// The ISO 639-2/B codes that differ from ISO 639-3.
fn bibliographic(tag: &str) -> Option<&'static str> {
    const CODES: [(&str, &str); 20] = [
        ("alb", "sq"),
        ("arm", "hy"),
        ("baq", "eu"),
        ("bur", "my"),
        ("chi", "zh"),
        ("cze", "cs"),
        ("dut", "nl"),
        ("fre", "fr"),
        ("geo", "ka"),
        ("ger", "de"),
        ("gre", "el"),
        ("ice", "is"),
        ("mac", "mk"),
        ("mao", "mi"),
        ("may", "ms"),
        ("per", "fa"),
        ("rum", "ro"),
        ("slo", "sk"),
        ("tib", "bo"),
        ("wel", "cy"),
    ];
    CODES.iter().find(|(code, _)| *code == tag).map(|(_, short)| *short)
}

/// `wanted`, or with a number behind it if something in `taken` has that name.
pub(super) fn unique(wanted: &str, separator: char, taken: &mut Vec<String>) -> String {
    let name = (1..)
        .map(|number| if number == 1 { wanted.to_owned() } else { format!("{wanted}{separator}{number}") })
        .find(|name| !taken.contains(name))
        .unwrap_or_default();
    taken.push(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_language_become_its_shortest_tag() {
        for (told, tag) in [
            ("ger", "de"),
            ("deu", "de"),
            ("de", "de"),
            ("ENG", "en"),
            ("pt_BR", "pt-BR"),
            ("gsw", "gsw"),
            ("zh-Hant-TW", "zh-Hant-TW"),
            ("", "und"),
            ("und", "und"),
            ("a b", "und"),
            ("english!", "und"),
            ("en-\"", "en"),
        ] {
            assert_eq!(language_tag(told), tag, "{told}");
        }
    }

    #[test]
    fn languages_have_names_for_people() {
        assert_eq!(language_name("de").as_deref(), Some("German"));
        assert_eq!(language_name("pt-BR").as_deref(), Some("Portuguese"));
        assert_eq!(language_name("el").as_deref(), Some("Modern Greek"));
        assert_eq!(language_name("und"), None);
    }
}
