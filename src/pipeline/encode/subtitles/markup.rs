//! What looks like markup in subtitles and is none: "I <3 you", "a < b", "{laughs}".

use super::drawings::{FIELDS, SHOWN};

/// Tags of SubRip that ffmpeg knows; one with more words than its name is none, but for `font`.
const SUBRIP_TAGS: [&str; 5] = ["b", "i", "u", "s", "br"];
const SUBRIP_FONT: &str = "font";
/// Tags of WebVTT (4.2.2).
const WEBVTT_TAGS: [&str; 8] = ["b", "i", "u", "c", "v", "ruby", "rt", "lang"];
/// What stands for a `<`, a `{` and an `&` on their way through ffmpeg, which would lose what is behind them or take them for
/// markup: letters of a plane that is for private use, which nobody has typed.
const STAND_INS: [(char, char); 3] = [('<', '\u{f_f3c0}'), ('{', '\u{f_f7b0}'), ('&', '\u{f_f260}')];

/// SubRip in which only that is markup which ffmpeg takes for it rightly.
pub(super) fn guarded(subrip: &str) -> String {
    let is_tag = |tag: &str| {
        let (name, rest) = name_of(tag);
        SUBRIP_TAGS.contains(&name.as_str()) && rest.trim_matches([' ', '/']).is_empty() || name == SUBRIP_FONT
    };
    let [(_, less), (_, brace), _] = STAND_INS;
    let text = replaced(subrip, ('<', '>'), &less.to_string(), is_tag);
    // Places and styles: {\an8}, {y:i}.
    let is_code = |code: &str| code.starts_with('\\') || code.as_bytes().get(1) == Some(&b':');
    replaced(&text, ('{', '}'), &brace.to_string(), is_code)
}

/// ASS in whose texts nothing is markup but the codes in braces: a `<b>` is shown as it is written.
pub(super) fn guarded_ass(file: &str) -> String {
    let [(_, less), (_, brace), (_, and)] = STAND_INS;
    let guard = |line: &str| {
        let text_at = line.match_indices(',').nth(FIELDS - 2).map(|(at, _)| at + 1);
        let Some(at) = text_at.filter(|_| line.starts_with(SHOWN)) else { return line.to_owned() };
        let (head, text) = line.split_at(at);
        let text = text.replace("\\{", &brace.to_string()).replace("\\}", "}");
        format!("{head}{}", text.replace('<', &less.to_string()).replace('&', &and.to_string()))
    };
    file.split_inclusive('\n').map(guard).collect()
}

/// WebVTT out of ffmpeg, in which every `<` is escaped that begins no tag, and every `&` that begins no name of a sign.
pub(super) fn escaped(webvtt: &str) -> String {
    let is_tag = |tag: &str| {
        let (name, rest) = name_of(tag);
        let is_time = tag.contains(':') && tag.starts_with(|first: char| first.is_ascii_digit());
        is_time || WEBVTT_TAGS.contains(&name.as_str()) && (rest.is_empty() || rest.starts_with([' ', '.', '\t']))
    };
    let [(_, less), (_, brace), (_, and)] = STAND_INS;
    let text = replaced(webvtt, ('&', ';'), "&amp;", is_sign);
    replaced(&text, ('<', '>'), "&lt;", is_tag).replace(less, "&lt;").replace(brace, "{").replace(and, "&amp;")
}

/// Whether this stands between `&` and `;` for a sign: `amp`, `#39`, `#x27` (HTML, 13.1.4).
fn is_sign(name: &str) -> bool {
    let are_all =
        |digits: &str, is_digit: fn(&char) -> bool| !digits.is_empty() && digits.chars().all(|one| is_digit(&one));
    match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(number) => are_all(number, char::is_ascii_hexdigit),
            None => are_all(number, char::is_ascii_digit),
        },
        None => are_all(name, char::is_ascii_alphanumeric),
    }
}

/// The name of a tag in small letters, and what is behind it.
fn name_of(tag: &str) -> (String, &str) {
    let tag = tag.strip_prefix('/').unwrap_or(tag);
    let end = tag.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(tag.len());
    (tag[..end].to_ascii_lowercase(), &tag[end..])
}

/// Text with something in place of each opening sign that begins nothing which is markup. No markup goes over a line.
fn replaced(text: &str, (open, close): (char, char), with: &str, is_markup: impl Fn(&str) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(open) {
        result.push_str(before);
        let end = behind.find([open, close, '\n']).filter(|end| behind[*end..].starts_with(close));
        if end.is_some_and(|end| is_markup(&behind[..end])) {
            result.push(open);
        } else {
            result.push_str(with);
        }
        rest = behind;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tag_goes_through_ffmpeg_as_text() {
        for text in ["I <3 you", "a < b", "<- look", "x <", "if a<b and c>d", "<Laughs>", "{laughs}", "<i love it>"] {
            let guarded = guarded(text);
            assert!(!guarded.contains(['<', '{']), "{guarded}");
            assert_eq!(escaped(&guarded), text.replace('<', "&lt;"));
        }
        for markup in ["<i>a</i>", "<B>b</B>", "<font color=\"#ff0000\">c</font>", "{\\an8}d", "a<br/>b", "{y:i}e"] {
            assert_eq!(guarded(markup), markup);
        }
    }

    #[test]
    fn an_ampersand_is_one_unless_it_names_a_sign() {
        for (text, written) in [
            ("Q&A", "Q&amp;A"),
            ("Tom & Jerry; <b>both</b>", "Tom &amp; Jerry; <b>both</b>"),
            ("a &copy b", "a &amp;copy b"),
            ("&amp; &lt;i&gt; &#39; &#x27; &nbsp;", "&amp; &lt;i&gt; &#39; &#x27; &nbsp;"),
            ("&; &#; &#x; &a b; &&amp;", "&amp;; &amp;#; &amp;#x; &amp;a b; &amp;&amp;"),
        ] {
            assert_eq!(escaped(text), written);
            assert_eq!(escaped(written), written, "once is enough");
        }
    }

    #[test]
    fn tags_of_webvtt_stay() {
        for text in ["<v Ann>Hi</v>", "<c.loud>Hey</c>", "<00:01.000>now", "<ruby>a<rt>b</rt></ruby>", "<i>x</i>"] {
            assert_eq!(escaped(text), text);
        }
        assert_eq!(escaped("1 < 2 <i>so</i> <vegan>"), "1 &lt; 2 <i>so</i> &lt;vegan>");
    }
}
