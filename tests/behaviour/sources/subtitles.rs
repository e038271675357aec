//! Subtitles in the source and beside it, as a browser shows them.

use m3u8_rs::AlternativeMediaType;

use super::{Made, encode, make};
use crate::support::{
    browser::{self, ShownTrack},
    ffmpeg::on_both_ffmpeg_versions,
    user::User,
};

const ENGLISH: &str = "1\n00:00:01,000 --> 00:00:02,500\nHello <i>there</i>\n\n\
                       2\n00:00:05,000 --> 00:00:07,000\nOver the border,\nin two lines & more\n\n";
const FORCED: &str = "1\n00:00:03,000 --> 00:00:04,000\nSchild: Ausgang – Übergröße\n\n";
const STYLED: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, \
    SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, \
    BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\nStyle: Default,Arial,20,&H00FFFFFF,\
    &H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n[Events]\nFormat: Layer, Start, End, \
    Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
    Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\\an8\\b1}Bonjour\\Nle monde\n";
const VIDEO: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";

#[track_caller]
fn assert_cues(track: &ShownTrack, expected: &[(f64, f64, &str)]) {
    assert_eq!(track.cues.len(), expected.len(), "{track:#?}");
    for (cue, (start, end, text)) in track.cues.iter().zip(expected) {
        assert!((cue.start - start).abs() < 0.02 && (cue.end - end).abs() < 0.02, "{track:#?}");
        assert!(cue.text.contains(text), "“{text}” is not in {track:#?}");
    }
}

on_both_ffmpeg_versions! {
    fn text_in_the_source_is_shown_at_its_time(version) {
        let user = User::with(version);
        let [english, forced, styled] = [("en.srt", ENGLISH), ("forced.srt", FORCED), ("fr.ass", STYLED)]
            .map(|(name, text)| user.file(name, text.as_bytes()).display().to_string());
        let inputs = format!("{VIDEO} -i {english} -i {forced} -i {styled}");
        let tags = "-metadata:s:s:0 language=eng -metadata:s:s:1 language=ger -disposition:s:0 0 -disposition:s:1 forced \
                    -metadata:s:s:2 language=fra -disposition:s:2 default";
        let output = format!("-map 0 -map 1 -map 2 -map 3 -t 8 -c:v libx264 -preset ultrafast -c:s copy {tags}");
        let source = make(&user, "film.mkv", &format!("{inputs} {output}"));
        let made = Made::from(user, &source, &["--ts"]);
        let shown = browser::read_subtitles(&made.stream.folder);
        assert!(shown.errors.is_empty(), "{:?}", shown.errors);
        let facts: Vec<_> = shown
            .tracks
            .iter()
            .map(|track| (track.name.as_str(), track.language.as_str(), track.forced, track.is_default, track.segments))
            .collect();
        assert_eq!(
            facts,
            [
                ("English", "en", false, false, 2),
                ("German (forced)", "de", true, false, 2),
                ("French", "fr", false, true, 2),
            ]
        );
        assert_cues(&shown.tracks[0], &[(1.0, 2.5, "<i>there</i>"), (5.0, 7.0, "border,\nin two lines")]);
        assert_cues(&shown.tracks[1], &[(3.0, 4.0, "Ausgang – Übergröße")]);
        assert_cues(&shown.tracks[2], &[(2.0, 3.0, "Bonjour\nle monde")]);
        let ends: Vec<f32> = made.stream.media_playlist("subtitles-en", "playlist.m3u8").segments.iter().map(|s| s.duration).collect();
        assert_eq!(ends, [6.0, 2.0]);
        browser::play_folder(&made.stream.folder).assert_flawless(1, 8.0);
        // The same on the clock of MPEG-TS, where the first picture is shown at 10 s.
        let segment = made.stream.text("ts/subtitles-en/segment_00001.vtt");
        assert!(segment.starts_with("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n"), "{segment}");
        let in_transport_stream = browser::read_subtitles(&made.stream.folder.join("ts"));
        assert!(in_transport_stream.errors.is_empty(), "{:?}", in_transport_stream.errors);
        assert_eq!(in_transport_stream.tracks.len(), 3);
        assert_cues(&in_transport_stream.tracks[0], &[(1.0, 2.5, "<i>there</i>"), (5.0, 7.0, "border,\nin two lines")]);
        assert_cues(&in_transport_stream.tracks[1], &[(3.0, 4.0, "Ausgang – Übergröße")]);
    }

    fn drawings_and_notes_of_styled_subtitles_are_not_shown(version) {
        let user = User::with(version);
        let unseen = "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 l 100 100{\\p0}\n\
                      Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,{who says this?}Moi{\\p1}m 0 0 l 9 9{\\p0}!\n";
        let styled = user.file("fr.ass", format!("{STYLED}{unseen}").as_bytes());
        let output = "-map 0 -map 1 -t 6 -c:v libx264 -preset ultrafast -c:s copy -metadata:s:s:0 language=fra";
        let source = make(&user, "film.mkv", &format!("{VIDEO} -i {} {output}", styled.display()));
        std::fs::rename(styled, user.path("film.de.ass")).expect("the user's folder can be written");
        let made = Made::from(user, &source, &[]);
        let shown = browser::read_subtitles(&made.stream.folder);
        assert_eq!(shown.tracks.len(), 2);
        for track in &shown.tracks {
            assert_cues(track, &[(2.0, 3.0, "Bonjour\nle monde"), (4.0, 5.0, "Moi!")]);
        }
    }

    fn words_at_the_top_stay_there_and_signs_are_no_markup(version) {
        let user = User::with(version);
        let lines = "Dialogue: 0,0:00:03.50,0:00:04.50,Default,,0,0,0,,{\\i1}tilted{\\i0} <b>a</b> & b &amp; \\{c\\}\n\
                     Dialogue: 0,0:00:05.00,0:00:06.00,Sign,,0,0,0,,Exit\n";
        let sign = STYLED.replace("Style: Default", "Style: Sign,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,\
                                   100,100,0,0,1,1,0,9,10,10,10,1\nStyle: Default");
        let styled = user.file("fr.ass", format!("{sign}{lines}").as_bytes());
        let words = "1\n00:00:02,000 --> 00:00:03,000\n{\\an8}<i>Bonjour</i>\nle monde\n\n2\n00:00:04,000 --> 00:00:05,000\nLow\n\n";
        user.file("film.en.srt", words.as_bytes());
        let output = "-map 0 -map 1 -t 6 -c:v libx264 -preset ultrafast -c:s copy -metadata:s:s:0 language=fra";
        let source = make(&user, "film.mkv", &format!("{VIDEO} -i {} {output}", styled.display()));
        let made = Made::from(user, &source, &[]);
        let shown = browser::read_subtitles(&made.stream.folder);
        assert!(shown.errors.is_empty() && shown.tracks.len() == 2, "{shown:#?}");
        let track = |name: &str| shown.tracks.iter().find(|track| track.name == name).unwrap_or_else(|| panic!("{name}"));
        assert_cues(track("English"), &[(2.0, 3.0, "<i>Bonjour</i>\nle monde"), (4.0, 5.0, "Low")]);
        let marked = "<i>tilted</i> &lt;b>a&lt;/b> &amp; b &amp;amp; {c}";
        assert_cues(track("French"), &[(2.0, 3.0, "Bonjour"), (3.5, 4.5, marked), (5.0, 6.0, "Exit")]);
        let text = |folder: &str| made.stream.text(&format!("subtitles-{folder}/segment_00000.vtt"));
        let (english, french) = (text("en"), text("fr"));
        assert!(english.contains("00:00:03.000 line:0\n<i>Bonjour") && english.contains("00:00:05.000\nLow"), "{english}");
        let is_placed = french.contains("00:00:03.000 line:0\n") && french.contains("00:00:04.500\n");
        assert!(is_placed && french.contains("00:00:06.000 line:0 align:end\nExit"), "{french}");
    }

    fn text_of_a_telephone_film_is_shown(version) {
        let user = User::with(version);
        let english = user.file("words.srt", ENGLISH.as_bytes()).display().to_string();
        let output = "-t 8 -c:v libx264 -preset ultrafast -c:s mov_text -metadata:s:s:0 language=eng";
        let source = make(&user, "telephone.mp4", &format!("{VIDEO} -i {english} {output}"));
        let made = Made::from(user, &source, &[]);
        let shown = browser::read_subtitles(&made.stream.folder);
        assert_eq!(shown.tracks.len(), 1);
        assert_cues(&shown.tracks[0], &[(1.0, 2.5, "Hello"), (5.0, 7.0, "Over the border")]);
    }

    fn words_that_look_like_markup_stay_in_files_of_any_encoding(version) {
        let user = User::with(version);
        let words = "1\n00:00:00,500 --> 00:00:01,500\nI <3 you, <i>a</i> < b\n<- {look}, Q&A &copy\n\n";
        let english = user.file("words.srt", words.as_bytes()).display().to_string();
        let output = "-map 0 -map 1 -t 3 -c:v libx264 -preset ultrafast -c:s copy -metadata:s:s:0 language=eng";
        let source = make(&user, "film.mkv", &format!("{VIDEO} -i {english} {output}"));
        user.file("film.de.srt", &words.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        // “Привет, мир!” in Windows' Cyrillic letters.
        user.file("film.ru.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0!\n\n");
        let styled = "WEBVTT\n\nNOTE by hand\n\nSTYLE\n::cue(.loud) { color: red }\n\nREGION\nid:top\n\nfirst\n\
                      00:01.000 --> 00:02.000 line:0\n<c.loud>Déjà</c> < vu\n";
        user.file("film.fr.vtt", styled.as_bytes());
        let ended = encode(&user, &source, &[]);
        ended.assert_all_done();
        let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
        assert!(warnings.contains("“Russian” are not in UTF-8: they were read as windows-1251"), "{warnings}");
        let stream = user.stream_of(&source);
        let shown = browser::read_subtitles(&stream.folder);
        assert!(shown.errors.is_empty() && shown.tracks.len() == 4, "{shown:#?}");
        let track = |name: &str| shown.tracks.iter().find(|track| track.name == name).unwrap_or_else(|| panic!("{name}"));
        for name in ["English", "German"] {
            assert_cues(track(name), &[(0.5, 1.5, "I &lt;3 you, <i>a</i> &lt; b\n&lt;- {look}, Q&amp;A &amp;copy")]);
        }
        assert_cues(track("Russian"), &[(1.0, 2.0, "Привет, мир!")]);
        assert_cues(track("French"), &[(1.0, 2.0, "<c.loud>Déjà</c> &lt; vu")]);
        let segment = stream.text("subtitles-fr/segment_00000.vtt");
        let head = "\n\nSTYLE\n::cue(.loud) { color: red }\n\nREGION\nid:top\n\n00:00:01.000 --> 00:00:02.000 line:0\n";
        assert!(segment.contains(head) && !segment.contains("NOTE"), "{segment}");
    }
}

#[test]
fn files_beside_the_source_are_found_by_their_names() {
    let user = User::new();
    let source = make(&user, "my film.mp4", &format!("{VIDEO} -t 3 -c:v libx264 -preset ultrafast"));
    user.file("my film.en.srt", ENGLISH.as_bytes());
    user.file("my film.de.forced.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000 line:0\nÜber\n".as_bytes());
    // The Western text of old Windows programs.
    user.file("my film.srt", b"1\n00:00:02,000 --> 00:00:02,900\nCaf\xe9 cr\xe8me\n\n");
    user.file("my film.2.srt", ENGLISH.as_bytes());
    user.file("my film.fr.srt", b"\x00\x01\x02 no subtitles at all");
    let ended = encode(&user, &source, &[]);
    ended.assert_all_done();
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    assert!(warnings.contains("“French” have no text"), "{warnings}");
    let stream = user.stream_of(&source);
    let shown = browser::read_subtitles(&stream.folder);
    assert_eq!(shown.tracks.len(), 3, "{shown:#?}");
    let track = |name: &str| shown.tracks.iter().find(|track| track.name == name).unwrap_or_else(|| panic!("{name}"));
    assert_cues(track("English"), &[(1.0, 2.5, "Hello")]);
    assert_cues(track("German (forced)"), &[(1.0, 2.0, "Über")]);
    assert_cues(track("Subtitles"), &[(2.0, 2.9, "Café crème")]);
}

#[test]
fn subtitles_that_are_pictures_are_left_out_with_a_warning() {
    let user = User::new();
    let english = user.file("words.srt", ENGLISH.as_bytes()).display().to_string();
    // No encoder makes pictures of text: a track of text says that it is one of pictures.
    let made = make(&user, "text.mkv", &format!("{VIDEO} -i {english} -t 3 -c:v libx264 -preset ultrafast -c:s srt"));
    let content = std::fs::read(&made).expect("the file");
    let mark = b"S_TEXT/UTF8";
    let place = content.windows(mark.len()).position(|window| window == mark).expect("the codec's name");
    let mut pictures = content.clone();
    pictures[place..place + mark.len()].copy_from_slice(b"S_HDMV/PGS\0");
    let source = user.file("pictures.mkv", &pictures);
    let ended = encode(&user, &source, &[]);
    ended.assert_all_done();
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    assert!(warnings.contains("are pictures and are left out; --burn-in 1 draws them into the picture"), "{warnings}");
    let alternatives = user.stream_of(&source).multivariant().alternatives;
    assert!(alternatives.iter().all(|media| media.media_type != AlternativeMediaType::Subtitles), "{alternatives:?}");
}
