//! What nobody reads in Advanced SubStation Alpha: the outlines of drawings, and the notes of those who made it.

/// Begin of a line with text that is shown.
pub(super) const SHOWN: &str = "Dialogue:";
/// Fields of such a line, of which the last is the text.
pub(super) const FIELDS: usize = 10;

/// The same file without drawings (`{\p1}m 0 0 l 9 9{\p0}`) and notes (`{who is this?}`), which ffmpeg takes for text.
pub(super) fn left_out(file: &str) -> String {
    file.split_inclusive('\n')
        .map(|line| if line.starts_with(SHOWN) { read_text(line) } else { line.to_owned() })
        .collect()
}

/// The same without lines of which nothing is read then: some encoders of older versions take them for the end.
pub(in crate::pipeline) fn read_lines(file: &str) -> String {
    left_out(file).split_inclusive('\n').filter(|line| !line.starts_with(SHOWN) || has_text(line)).collect()
}

/// Whether anything but codes stands behind the times, styles and margins of a line.
fn has_text(line: &str) -> bool {
    let mut rest = line.splitn(FIELDS, ',').nth(FIELDS - 1).unwrap_or_default();
    let mut text = String::new();
    while let Some((before, _, behind)) = next_codes(rest) {
        text.push_str(before);
        rest = behind;
    }
    text.push_str(rest);
    !text.replace("\\N", " ").replace("\\n", " ").replace("\\h", " ").trim().is_empty()
}

/// A line with what is read of it, and all codes.
fn read_text(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut is_drawing = false;
    let mut rest = line;
    while let Some((text, codes, behind)) = next_codes(rest) {
        kept.push_str(if is_drawing { "" } else { text });
        // What comes before the first code in braces is a note.
        if let Some(first) = codes.find('\\') {
            kept.push_str(&format!("{{{}}}", &codes[first..]));
            is_drawing = drawing_mode(&codes[first..]).unwrap_or(is_drawing);
        }
        rest = behind;
    }
    let end = rest.trim_end_matches(['\r', '\n']).len();
    kept.push_str(if is_drawing { &rest[end..] } else { rest });
    kept
}

/// What is before the next braces, in them and behind them. A brace behind a backslash, or that is never closed, is text.
pub(super) fn next_codes(text: &str) -> Option<(&str, &str, &str)> {
    let mut braces = text.match_indices('{').map(|(place, _)| place);
    let open = braces.find(|place| !text[..*place].ends_with('\\'))?;
    let length = text[open..].find('}')?;
    Some((&text[..open], &text[open + 1..open + length], &text[open + length + 1..]))
}

/// Whether a drawing begins (`\p1` and more) or ends (`\p0`) with the last such code, if there is one: `\pos` and `\pbo`
/// are others.
fn drawing_mode(codes: &str) -> Option<bool> {
    let scale = |code: &str| code.strip_prefix('p')?.trim().parse::<u32>().ok();
    codes.split('\\').filter_map(scale).next_back().map(|scale| scale > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let start = "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,";
        left_out(&format!("{start}{text}\r\n")).strip_prefix(start).unwrap().trim_end_matches("\r\n").to_owned()
    }

    #[test]
    fn drawings_and_notes_are_left_out_and_all_else_stays() {
        for (written, read) in [
            (r"{\p1}m 0 0 l 100 0{\p0}", r"{\p1}{\p0}"),
            (r"{\an7\p2\bord0}m 0 0", r"{\an7\p2\bord0}"),
            (r"A{\p1}m 0 0{\p0}B{a note}\NC", r"A{\p1}{\p0}B\NC"),
            (r"{a note \i1}tilted{\i0}", r"{\i1}tilted{\i0}"),
            (r"{\pos(1,2)\pbo3}a \{b\} {never closed", r"{\pos(1,2)\pbo3}a \{b\} {never closed"),
        ] {
            assert_eq!(shown(written), read);
        }
        let line = |text: &str| format!("Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{text}\n");
        let all = [r"{\p1}m 0 0 l 9 9", r"{a note}", r"\N", r"a, b{\i1}", ""].map(line).concat();
        assert_eq!(read_lines(&all), line(r"a, b{\i1}"));
        let others = "; {not shown}\nComment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{x}a\n";
        assert_eq!(left_out(others), others);
    }
}
