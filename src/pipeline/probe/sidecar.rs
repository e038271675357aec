//! Subtitle files beside a source, found by their names: `NAME.srt`, `NAME.en.vtt`, `NAME.de.forced.srt`.

use std::path::Path;

use crate::{
    media::SubtitleFile,
    pipeline::plan::{language_name, language_tag},
};

/// Files of text subtitles that ffmpeg reads.
const EXTENSIONS: [&str; 4] = ["srt", "vtt", "ass", "ssa"];
/// Larger files are no subtitles.
const LARGEST_BYTES: u64 = 32 << 20;

/// The subtitle files that belong to `source`, by name. A folder that can't be read has none.
pub(super) fn subtitle_files(source: &Path) -> Vec<SubtitleFile> {
    let (Some(folder), Some(stem)) = (source.parent(), source.file_stem()) else { return Vec::new() };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<SubtitleFile> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST_BYTES))
        .filter_map(|entry| {
            let name = entry.file_name();
            let rest = name.as_encoded_bytes().strip_prefix(stem.as_encoded_bytes())?;
            let words = std::str::from_utf8(rest).ok()?.strip_prefix('.')?.to_owned();
            described_by(&words).map(|file| SubtitleFile { path: entry.path(), ..file })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// What the part of a name after the source's says; `None` when it belongs to another file.
fn described_by(words: &str) -> Option<SubtitleFile> {
    let mut words: Vec<&str> = words.split('.').collect();
    let extension = words.pop()?.to_ascii_lowercase();
    if !EXTENSIONS.contains(&extension.as_str()) {
        return None;
    }
    let mut file = SubtitleFile::default();
    for word in words {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "forced" => file.is_forced = true,
            "sdh" | "cc" | "hi" if file.language.is_some() => file.is_for_hearing_impaired = true,
            _ if file.language.is_none() => {
                let tag = language_tag(word);
                language_name(&tag)?;
                file.language = Some(tag);
            }
            _ => return None,
        }
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_language_and_purpose() {
        let facts =
            |words: &str| described_by(words).map(|file| (file.language, file.is_forced, file.is_for_hearing_impaired));
        assert_eq!(facts("srt"), Some((None, false, false)));
        assert_eq!(facts("en.VTT"), Some((Some("en".to_owned()), false, false)));
        assert_eq!(facts("ger.forced.srt"), Some((Some("de".to_owned()), true, false)));
        assert_eq!(facts("pt-BR.sdh.srt"), Some((Some("pt-BR".to_owned()), false, true)));
        for other in ["2.srt", "mp4", "part two.srt", "en.fr.srt", "txt"] {
            assert_eq!(facts(other), None, "{other}");
        }
    }
}
