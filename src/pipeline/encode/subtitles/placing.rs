//! Where subtitles are shown. SubRip and Advanced SubStation Alpha say it by codes in the text and by styles, which ffmpeg
//! drops; WebVTT behind the times of a cue.

use std::collections::BTreeMap;

use super::drawings::{FIELDS, SHOWN, next_codes};
use crate::pipeline::package::captions::Cue;

/// What stands for the places on their way through ffmpeg: letters of a plane that is for private use, which nobody has typed.
const MARKS: [char; 9] = [
    '\u{f_fa01}',
    '\u{f_fa02}',
    '\u{f_fa03}',
    '\u{f_fa04}',
    '\u{f_fa05}',
    '\u{f_fa06}',
    '\u{f_fa07}',
    '\u{f_fa08}',
    '\u{f_fa09}',
];

/// A place as the keys of a number pad lie: 1 to 3 at the bottom from left to right, 7 to 9 at the top.
type Place = usize;

/// SubRip with a mark before each code that places a text.
pub(super) fn marked_subrip(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, codes, behind)) = next_codes(rest) {
        marked.push_str(before);
        marked.extend(place_in(codes).and_then(mark));
        marked.push_str(&format!("{{{codes}}}"));
        rest = behind;
    }
    marked + rest
}

/// ASS with a mark at the begin of each text that is placed by a code or by its style.
pub(super) fn marked_ass(file: &str) -> String {
    let mut styles = Styles::default();
    let line = |line: &str| {
        styles.note(line);
        if !line.starts_with(SHOWN) {
            return line.to_owned();
        }
        let fields: Vec<&str> = line.splitn(FIELDS, ',').collect();
        let Some((text, head)) = fields.split_last().filter(|(_, head)| head.len() == FIELDS - 1) else {
            return line.to_owned();
        };
        let place = first_place(text).or_else(|| styles.place_of(head[STYLE_FIELD]));
        let mark: String = place.and_then(mark).into_iter().collect();
        format!("{},{mark}{text}", head.join(","))
    };
    file.split_inclusive('\n').map(line).collect()
}

/// A cue without marks, in the place of the first of them; `None` where nothing else was said.
pub(super) fn placed(cue: Cue) -> Option<Cue> {
    let place = cue.text.chars().find_map(|letter| MARKS.iter().position(|mark| *mark == letter));
    let Some(place) = place.map(|index| index + 1) else { return Some(cue) };
    let text = cue.text.replace(MARKS, "");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let settings = settings_of(place).into_iter().chain([cue.settings.as_str()]).filter(|word| !word.is_empty());
    let settings = settings.collect::<Vec<_>>().join(" ");
    (!lines.is_empty()).then(|| Cue { text: lines.join("\n"), settings, ..cue })
}

/// In WebVTT's words (6.4); the middle of the bottom is where a cue stands anyway.
fn settings_of(place: Place) -> Vec<&'static str> {
    let line = match place {
        7..=9 => Some("line:0"),
        4..=6 => Some("line:50%"),
        _ => None,
    };
    let side = match place % 3 {
        1 => Some("align:start"),
        0 => Some("align:end"),
        _ => None,
    };
    line.into_iter().chain(side).collect()
}

fn mark(place: Place) -> Option<char> {
    MARKS.get(place.checked_sub(1)?).copied()
}

/// The place that the first code in a text says.
fn first_place(text: &str) -> Option<Place> {
    let mut rest = text;
    while let Some((_, codes, behind)) = next_codes(rest) {
        if let Some(place) = place_in(codes) {
            return Some(place);
        }
        rest = behind;
    }
    None
}

/// The place that `\an8\b1` says, or `\a6` in the numbers of the format before.
fn place_in(codes: &str) -> Option<Place> {
    codes.split('\\').skip(1).find_map(|code| {
        let code = code.trim();
        let number = |name: &str| code.strip_prefix(name)?.parse::<Place>().ok();
        number("an").filter(|place| (1..=9).contains(place)).or_else(|| number("a").and_then(place_of_older))
    })
}

/// The place of SSA's numbers: 1 to 3 at the bottom, 4 more at the top, 8 more in the middle.
fn place_of_older(number: usize) -> Option<Place> {
    match number {
        1..=3 => Some(number),
        5..=7 => Some(number + 2),
        9..=11 => Some(number - 5),
        _ => None,
    }
}

/// Which field of a line with text names its style.
const STYLE_FIELD: usize = 3;

/// The places of styles by their names.
#[derive(Default)]
struct Styles {
    is_older: bool,
    name_field: usize,
    place_field: Option<usize>,
    places: BTreeMap<String, Place>,
}

impl Styles {
    fn note(&mut self, line: &str) {
        let fields = |list: &str| list.split(',').map(|field| field.trim().to_owned()).collect::<Vec<_>>();
        if line.starts_with('[') {
            self.is_older = line.trim().eq_ignore_ascii_case("[V4 Styles]");
            self.place_field = None;
        } else if let Some(names) = line.strip_prefix("Format:").map(fields) {
            let field = |name: &str| names.iter().position(|field| field.eq_ignore_ascii_case(name));
            self.name_field = field("Name").unwrap_or_default();
            self.place_field = field("Alignment");
        } else if let Some(values) = line.strip_prefix("Style:").map(fields) {
            let told = self.place_field.and_then(|field| values.get(field)?.parse::<usize>().ok());
            let place = if self.is_older { told.and_then(place_of_older) } else { told };
            if let Some((place, name)) = place.zip(values.get(self.name_field)) {
                self.places.insert(name.trim_start_matches('*').to_owned(), place);
            }
        }
    }

    fn place_of(&self, style: &str) -> Option<Place> {
        self.places.get(style.trim().trim_start_matches('*')).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cue(text: &str) -> Cue {
        let (start, end) = (Duration::ZERO, Duration::from_secs(1));
        Cue { start, end, settings: String::new(), text: text.to_owned() }
    }

    fn shown(text: &str) -> (String, String) {
        let placed = placed(cue(text)).expect("a cue");
        (placed.settings, placed.text)
    }

    #[test]
    fn codes_of_subrip_become_places() {
        for (written, settings) in [
            (r"{\an8}up", "line:0"),
            (r"{\i1\an9}up", "line:0 align:end"),
            (r"{\an4}up", "line:50% align:start"),
            (r"{\a6}up", "line:0"),
            (r"{\an2}up", ""),
            (r"{\alpha1}up", ""),
        ] {
            // As ffmpeg drops the codes.
            let marked = marked_subrip(written);
            let (mark, rest) = marked.split_once('{').unwrap();
            let text = format!("{mark}{}", rest.split_once('}').unwrap().1);
            assert_eq!(shown(&text), (settings.to_owned(), "up".to_owned()), "{written}");
        }
        assert_eq!(placed(cue(&MARKS[7].to_string())), None);
    }

    #[test]
    fn styles_of_ass_place_what_has_no_code() {
        let file = "[V4+ Styles]\nFormat: Name, Fontname, Alignment\nStyle: Sign,Arial,8\nStyle: Low,Arial,2\n[Events]\n\
                    Format: Layer, Start\nDialogue: 0,0,1,Sign,,0,0,0,,a, b\nDialogue: 0,0,1,Low,,0,0,0,,{\\an5}c\n";
        let marked = marked_ass(file);
        let text = |number: usize| marked.lines().nth(number).unwrap().splitn(10, ',').nth(9).unwrap().to_owned();
        assert_eq!(shown(&text(6)), ("line:0".to_owned(), "a, b".to_owned()));
        assert_eq!(shown(&text(7)), ("line:50%".to_owned(), "{\\an5}c".to_owned()));
        let older = "[V4 Styles]\nFormat: Name, Alignment\nStyle: Sign,6\n[Events]\nDialogue: 0,0,1,*Sign,,0,0,0,,a\n";
        assert!(marked_ass(older).contains(MARKS[7]));
    }
}
