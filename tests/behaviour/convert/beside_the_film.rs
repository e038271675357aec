//! What a file holds beside picture and sound: subtitles in their own form, fonts, cover art.

use std::process::Command;

use serde_json::Value;

use super::{FLASHES, made, streams};
use crate::support::{
    ffmpeg::{decode, on_both_ffmpeg_versions},
    output_of,
    user::User,
};

const STYLED: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\n\
    Style: Sign,Arial,20,&H000000FF\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, \
    Effect, Text\nDialogue: 0,0:00:01.00,0:00:02.00,Sign,,0,0,0,,{\\pos(10,20)}Ausgang\n";
const PLAIN: &str = "1\n00:00:00,200 --> 00:00:01,000\nHello\n\n";

on_both_ffmpeg_versions! {
    fn subtitles_and_fonts_stay_as_they_are_from_matroska_to_matroska(version) {
        let user = User::with(version);
        let [plain, styled, font] = [("a.srt", PLAIN), ("b.ass", STYLED), ("sign.ttf", "font")]
            .map(|(name, text)| user.file(name, text.as_bytes()));
        let source = user.path("tracks.mkv");
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-i"]).arg(FLASHES.path()).arg("-i").arg(&plain).arg("-i").arg(&styled);
        command.args(["-map", "0", "-map", "1", "-map", "2", "-c", "copy", "-disposition:s:0", "0"]);
        command.args(["-disposition:s:1", "forced", "-attach"]).arg(&font);
        output_of({ command.args(["-metadata:s:t", "mimetype=application/x-truetype-font"]).arg(&source); command });
        for flags in [&["--to", "mkv"][..], &["--to", "mkv", "--lossless"], &["--to", "mkv", "--reencode"]] {
            let user = User::with(version);
            let (file, finished) = made(&user, &source, flags);
            let all = streams(&file);
            let subtitles: Vec<(&str, &Value, &Value)> = all
                .iter()
                .filter(|stream| stream["codec_type"] == "subtitle")
                .map(|stream| (stream["codec_name"].as_str().unwrap_or_default(), &stream["disposition"]["default"], &stream["disposition"]["forced"]))
                .collect();
            assert_eq!(subtitles, [("subrip", &0.into(), &0.into()), ("ass", &0.into(), &1.into())], "{flags:?}");
            let attached = all.iter().find(|stream| stream["codec_type"] == "attachment").expect("the font");
            assert_eq!(attached["tags"]["filename"], "sign.ttf");
            assert_eq!(finished["warnings"].to_string(), "[]");
            let mut command = Command::new(version.program());
            command.args(["-v", "error", "-i"]).arg(&file).args(["-map", "0:s:1", "-c", "copy", "-f", "ass", "-"]);
            let text = String::from_utf8(output_of(command)).expect("text");
            assert!(text.contains("Sign,Arial,20") && text.contains("{\\pos(10,20)}Ausgang"), "{text}");
        }
        let user = User::with(version);
        let (_, finished) = made(&user, &source, &["--to", "mp4"]);
        let warnings = finished["warnings"].to_string();
        assert!(warnings.contains("1 track of subtitles loses fonts, colours and places"), "{warnings}");
        assert!(warnings.contains("1 attached file is left out"), "{warnings}");
    }

    fn a_part_has_the_subtitles_that_are_said_in_it(version) {
        let user = User::with(version);
        let plain = user.file("a.srt", b"1\n00:00:00,200 --> 00:00:00,600\nHello\n\n2\n00:00:01,500 --> 00:00:03,000\n<i>Bye</i>\n\n");
        let styled = user.file("b.ass", STYLED.as_bytes());
        let late = user.file("c.srt", b"1\n00:00:03,500 --> 00:00:04,000\nToo late\n\n");
        let source = user.path("tracks.mkv");
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-i"]).arg(FLASHES.path());
        [&late, &plain, &styled].into_iter().for_each(|file| { command.arg("-i").arg(file); });
        command.args(["-map", "0", "-map", "1", "-map", "2", "-map", "3", "-c", "copy"]);
        command.args(["-metadata:s:s:0", "language=fre", "-metadata:s:s:1", "language=ger", "-metadata:s:s:1", "title=Plain"]);
        output_of({ command.args(["-metadata:s:s:2", "language=swe"]).arg(&source); command });
        for (flags, codecs) in [
            (&["--to", "mkv"][..], ["subrip", "ass"]),
            (&["--to", "mp4"], ["mov_text", "mov_text"]),
            (&["--to", "webm"], ["webvtt", "webvtt"]),
        ] {
            let user = User::with(version);
            let (file, finished) = made(&user, &source, &[flags, &["--start", "1", "--end", "2.5"]].concat());
            let all = streams(&file);
            let subtitles: Vec<_> = all.iter().filter(|stream| stream["codec_type"] == "subtitle").collect();
            let facts: Vec<(&str, &str)> = subtitles
                .iter()
                .map(|stream| (stream["codec_name"].as_str().unwrap_or_default(), stream["tags"]["language"].as_str().unwrap_or_default()))
                .collect();
            let german = if flags[1] == "mp4" { "deu" } else { "ger" };
            assert_eq!(facts, [(codecs[0], german), (codecs[1], "swe")], "{flags:?}");
            assert!(!finished["warnings"].to_string().contains("left out"), "{finished:#}");
            let text = |track: &str| {
                let mut command = Command::new(version.program());
                command.args(["-v", "error", "-i"]).arg(&file).args(["-map", track, "-f", "srt", "-"]);
                String::from_utf8(output_of(command)).expect("text")
            };
            let plain = text("0:s:0");
            // To the frame: sound may begin a little before the picture.
            assert!(plain.contains("\n00:00:00,5") && plain.contains(" --> 00:00:01,5"), "{plain}");
            assert!(plain.contains("Bye") && !plain.contains("Hello"), "{plain}");
            let styled = text("0:s:1");
            assert!(styled.contains("\n00:00:00,0") && styled.contains(" --> 00:00:01,0"), "{styled}");
            assert!(styled.contains("Ausgang"), "{styled}");
        }
    }

    fn sound_that_begins_late_stays_late_in_avi_and_a_part_has_no_timecode_of_the_whole(version) {
        let user = User::with(version);
        let source = user.path("late.mkv");
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=8", "-itsoffset", "2", "-f", "lavfi", "-i"]);
        command.args(["sine=440:duration=6", "-c:v", "mpeg4", "-c:a", "libmp3lame", "-timecode", "01:00:00:00"]);
        output_of({ command.arg(&source); command });
        let (file, _) = made(&user, &source, &["--to", "avi"]);
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-i"]).arg(&file).args(["-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", "1000", "-"]);
        let samples = output_of(command);
        let first = samples.chunks_exact(2).position(|sample| i16::from_le_bytes([sample[0], sample[1]]).abs() > 500);
        assert!(first.is_some_and(|first| (1900..2150).contains(&first)), "{first:?} ms");

        let user = User::with(version);
        let (file, _) = made(&user, &source, &["--to", "mkv", "--start", "2", "--end", "4"]);
        let mut command = Command::new(crate::support::system_tool("ffprobe"));
        command.args(["-v", "error", "-show_format", "-show_streams"]).arg(&file);
        let told = String::from_utf8(output_of(command)).expect("text").to_lowercase();
        assert!(!told.contains("timecode"), "{told}");
    }

    fn cover_art_stays_where_the_container_holds_it(version) {
        let user = User::with(version);
        let source = user.path("song.mp3");
        let picture = user.path("cover.jpg");
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1"]);
        output_of({ command.args(["-pix_fmt", "yuvj420p"]).arg(&picture); command });
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-f", "lavfi", "-i", "sine=440:duration=4", "-i"]).arg(&picture);
        command.args(["-map", "0", "-map", "1", "-c:a", "libmp3lame", "-c:v", "copy", "-disposition:v:0", "attached_pic"]);
        output_of({ command.arg(&source); command });
        for flags in [
            &["--to", "m4a"][..], &["--to", "flac"], &["--to", "mp4"], &["--to", "mkv"],
            &["--to", "ogg"], &["--to", "opus"], &["--to", "mp3", "--lossless", "--start", "1", "--end", "3"],
            &["--to", "mp3", "--start", "1"],
        ] {
            let user = User::with(version);
            let (file, finished) = made(&user, &source, flags);
            let all = streams(&file);
            let covers = all.iter().filter(|stream| stream["disposition"]["attached_pic"] == 1 && stream["codec_name"] == "mjpeg");
            assert_eq!(covers.count(), 1, "{flags:?}");
            assert_eq!(decode(&file), (1, String::new()), "{flags:?}");
            assert!(!finished["warnings"].to_string().contains("cover"), "{finished:#}");
        }
    }

    fn cover_art_of_a_film_is_kept_beside_its_fonts(version) {
        let user = User::with(version);
        let (source, picture, font) = (user.path("film.mkv"), user.path("cover.png"), user.file("sign.ttf", b"font"));
        let mut command = Command::new(version.program());
        output_of({ command.args(["-v", "error", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1"]).arg(&picture); command });
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-i"]).arg(FLASHES.path()).args(["-map", "0", "-c", "copy", "-attach"]).arg(&font);
        command.args(["-metadata:s:t:0", "mimetype=application/x-truetype-font", "-attach"]).arg(&picture);
        output_of({ command.args(["-metadata:s:t:1", "mimetype=image/png"]).arg(&source); command });
        for (format, flags) in [("mkv", &["--reencode"][..]), ("mkv", &[]), ("mp4", &[])] {
            let user = User::with(version);
            let (file, finished) = made(&user, &source, &[&["--to", format], flags].concat());
            let all = streams(&file);
            let is_cover = |stream: &&Value| stream["disposition"]["attached_pic"] == 1 && stream["codec_name"] == "png";
            assert_eq!(all.iter().filter(is_cover).count(), 1, "{format} {all:#?}");
            let fonts = all.iter().filter(|stream| stream["tags"]["filename"] == "sign.ttf").count();
            assert_eq!(fonts, usize::from(format == "mkv"), "{all:#?}");
            assert!(!finished["warnings"].to_string().contains("cover"), "{finished:#}");
            let (frames, errors) = decode(&file);
            assert!(errors.is_empty() && (100..=101).contains(&frames), "{format}: {frames} {errors}");
        }
        let user = User::with(version);
        let (_, finished) = made(&user, &source, &["--to", "mov"]);
        assert!(finished["warnings"].to_string().contains("The cover art is left out"), "{finished:#}");
    }

    fn drawings_and_notes_are_no_text_where_styles_are_lost(version) {
        let user = User::with(version);
        let unseen = "Dialogue: 0,0:00:01.50,0:00:02.00,Sign,,0,0,0,,{\\p1}m 0 0 l 100 0 l 100 100{\\p0}\n\
                      Dialogue: 0,0:00:02.00,0:00:03.00,Sign,,0,0,0,,{who?}Weg{\\p1}m 0 0 l 9 9{\\p0}!\n";
        let styled = user.file("b.ass", format!("{STYLED}{unseen}").as_bytes());
        let source = user.path("tracks.mkv");
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-i"]).arg(FLASHES.path()).arg("-i").arg(&styled);
        command.args(["-map", "0", "-map", "1", "-c", "copy", "-metadata:s:s:0", "language=ger", "-metadata:s:s:0", "title=Signs"]);
        output_of({ command.arg(&source); command });
        for format in ["mp4", "mov", "webm"] {
            let user = User::with(version);
            let (file, finished) = made(&user, &source, &["--to", format]);
            assert!(finished["warnings"].to_string().contains("1 track of subtitles loses fonts"), "{finished:#}");
            let mut command = Command::new(version.program());
            command.args(["-v", "error", "-i"]).arg(&file).args(["-map", "0:s:0", "-f", "srt", "-"]);
            let text = String::from_utf8(output_of(command)).expect("text");
            // Older versions begin the source later by the delay of its sound's encoder.
            assert!(text.contains("\n00:00:01,0") && text.contains("Ausgang"), "{format}: {text}");
            assert!(text.contains("\n00:00:02,0") && text.contains("Weg!"), "{format}: {text}");
            assert!(!text.contains("m 0 0") && !text.contains("who"), "{format}: {text}");
            let track = streams(&file).into_iter().find(|stream| stream["codec_type"] == "subtitle").expect("a track");
            let language = track["tags"]["language"].as_str().unwrap_or_default().to_owned();
            assert!(["deu", "ger", "de"].contains(&language.as_str()), "{format}: {language}");
        }
    }
}
