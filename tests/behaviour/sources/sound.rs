//! Sound: languages, layouts, downmixes, what is too short or too long.

use std::{path::Path, process::Command};

use m3u8_rs::AlternativeMediaType;

use super::{Made, encode};
use crate::support::{
    browser,
    clips::Clip,
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions, stream_facts},
    output_of,
    sound::Samples,
    system_tool,
    user::User,
};

/// A film in three languages: German 440 Hz, English (the default) 660 Hz, its commentary 880 Hz.
const LANGUAGES: Clip = Clip {
    name: "languages.mkv",
    frames: 200,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=440:sample_rate=48000 -f lavfi -i \
             sine=660:sample_rate=44100 -f lavfi -i sine=880:sample_rate=22050 -map 0 -map 1 -map 2 -map 3 -t 8 -c:v \
             libx264 -preset ultrafast -c:a aac -metadata:s:a:0 language=ger -metadata:s:a:1 language=eng \
             -metadata:s:a:2 language=eng -metadata:s:a:2 title=Commentary -disposition:a:0 0 -disposition:a:1 default \
             -disposition:a:2 comment",
};

/// 5.1 with a tone of its own in each channel, as loud as can be.
const SURROUND: Clip = Clip {
    name: "surround.mov",
    frames: 75,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i \
             aevalsrc=sin(300*2*PI*t)|sin(500*2*PI*t)|sin(700*2*PI*t)|sin(60*2*PI*t)|sin(1100*2*PI*t)|sin(1300*2*PI*t):c=5.1:s=48000 \
             -t 3 -c:v libx264 -preset ultrafast -c:a pcm_s24le",
};

/// A tone of 50 ms at each full second.
const BEEPS: Clip = Clip {
    name: "beeps.mov",
    frames: 200,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i \
             aevalsrc=if(lt(mod(t\\,1)\\,0.05)\\,0.8*sin(2000*PI*t)\\,0):c=stereo:s=48000 -t 8 -c:v libx264 -preset \
             ultrafast -c:a pcm_s16le",
};

/// When the first tone after `from` begins, in seconds.
fn onset_after(sound: &Samples, from: f64) -> f64 {
    let rest = sound.between(from, from + 1.0);
    let first = rest.channels[0].iter().position(|sample| sample.abs() > 0.1).expect("a tone");
    from + first as f64 / 48_000.0
}

/// Where the tones of `SURROUND` lie, in the order of its channels.
const SURROUND_TONES: [f64; 6] = [300.0, 500.0, 700.0, 60.0, 1100.0, 1300.0];

on_both_ffmpeg_versions! {
    fn every_language_is_heard_under_its_own_name(version) {
        let made = Made::of(&LANGUAGES, version, &[]);
        let audio = made.alternatives(&AlternativeMediaType::Audio);
        let facts: Vec<_> = audio
            .iter()
            .map(|track| (track.uri.as_deref().unwrap(), track.language.as_deref().unwrap(), track.name.as_str(), track.default, track.autoselect))
            .collect();
        assert_eq!(
            facts,
            [
                ("audio-de/playlist.m3u8", "de", "German", false, true),
                ("audio/playlist.m3u8", "en", "English", true, true),
                ("audio-en/playlist.m3u8", "en", "Commentary", false, false),
            ]
        );
        for (folder, tone) in [("audio-de", 440.0), ("audio", 660.0), ("audio-en", 880.0)] {
            let sound = Samples::of(&made.stream.whole(folder, &made.workplace())).between(0.5, 7.5);
            assert!((sound.frequency(0) - tone).abs() < 3.0, "{folder}: {} Hz, not {tone}", sound.frequency(0));
            let segments = made.segments(folder);
            assert_eq!(segments.len(), 2, "{folder}");
            assert!((segments[1].end() - 8.0).abs() < 0.045, "{folder} ends at {}", segments[1].end());
        }
    }

    fn opus_alone_begins_with_the_picture_and_plays_in_browsers(version) {
        let made = Made::of(&BEEPS, version, &["--audio-codec", "opus", "--dash"]);
        for variant in made.stream.variants() {
            assert!(variant.codecs.as_deref().is_some_and(|all| all.ends_with(",Opus")), "{variant:?}");
        }
        assert_eq!(stream_facts(&made.segments("audio")[0].playable)["codec_name"], "opus");
        let sound = Samples::of(&made.stream.whole("audio", &made.workplace()));
        // The picture begins at 0 as well; 20 ms are the most that is allowed between the two.
        assert_eq!((made.segments("180p")[0].start(), made.segments("audio")[0].start()), (0.0, 0.0));
        for second in 1..8 {
            let late = onset_after(&sound, f64::from(second) - 0.5) - f64::from(second);
            assert!(late.abs() < 0.001, "the tone at {second} s comes {late} s late");
        }
        let playback = browser::play_folder(&made.stream.folder);
        playback.assert_flawless(1, 8.0);
        let playback = browser::play_dash(&made.stream.folder);
        playback.assert_flawless(1, 8.0);
        assert!(playback.shaka.audio_bytes > 0 && playback.dashjs.audio_bytes > 0, "no sound was decoded");
    }

    fn opus_beside_aac_is_a_group_of_its_own_in_step_with_it(version) {
        let made = Made::of(&BEEPS, version, &["--audio-codec", "aac,opus", "--surround", "eac3", "--dash", "--mp4"]);
        let variants = made.stream.variants();
        let groups: Vec<_> =
            variants.iter().map(|variant| (variant.audio.as_deref().unwrap(), variant.codecs.as_deref().unwrap())).collect();
        assert_eq!(groups.len(), 2, "{groups:?}");
        assert!(groups[0].0 == "stereo" && groups[0].1.ends_with(",mp4a.40.2"), "{groups:?}");
        assert!(groups[1].0 == "opus" && groups[1].1.ends_with(",Opus"), "{groups:?}");
        for folder in ["audio", "audio-opus"] {
            let late = onset_after(&Samples::of(&made.stream.whole(folder, &made.workplace())), 2.5) - 3.0;
            assert!(late.abs() < 0.001, "{folder} is {late} s late");
        }
        // A file has one of them.
        let tracks = output_of_ffprobe(&made.stream.folder.join("mp4/180p.mp4"));
        assert_eq!(tracks, ["h264", "aac"]);
        browser::play_dash(&made.stream.folder).assert_flawless(1, 8.0);
        if version == FfmpegVersion::Nine {
            return;
        }
        // Changing between codecs of sound is what a player does when it is forced to; each of them plays whole.
        for level in browser::play_folder(&made.stream.folder).hls.levels {
            assert_eq!((level.problem.as_str(), level.holes.len(), level.played_to), ("", 0, 8.0), "{level:?}");
        }
    }

    fn a_film_in_three_languages_plays_in_a_browser(version) {
        let made = Made::of(&LANGUAGES, version, &[]);
        let playback = browser::play_folder(&made.stream.folder);
        playback.assert_flawless(1, 8.0);
        assert!(playback.hls.audio_bytes > 0, "no sound was decoded");
    }

    fn stereo_of_five_channels_has_the_standard_mix_and_does_not_clip(version) {
        let made = Made::of(&SURROUND, version, &[]);
        let sound = Samples::of(&made.stream.whole("audio", &made.workplace()));
        assert_eq!(sound.channels.len(), 2);
        // AAC at this rate overshoots a little.
        assert!(sound.peak() < 1.1, "the peak is {}", sound.peak());
        let level = |channel: usize, tone: usize| sound.level(channel, SURROUND_TONES[tone]);
        let front = level(0, 0);
        assert!(front > 0.3, "the left is only {front}");
        // ITU-R BS.775: centre and surround at −3 dB, no low-frequency effects, nothing of the other side.
        for (channel, tone, part) in [(0, 2, 0.707), (1, 2, 0.707), (0, 4, 0.707), (1, 5, 0.707), (0, 1, 0.0), (1, 0, 0.0), (0, 3, 0.0)] {
            let measured = level(channel, tone) / front;
            assert!((measured - part).abs() < 0.08, "tone {tone} in channel {channel}: {measured}, not {part}");
        }
    }

    fn five_channels_stay_five_channels_where_it_is_asked_for(version) {
        for (codec, codecs) in [("aac", "mp4a.40.2"), ("eac3", "ec-3")] {
            let made = Made::of(&SURROUND, version, &["--surround", codec]);
            let audio = made.alternatives(&AlternativeMediaType::Audio);
            let groups: Vec<_> = audio.iter().map(|track| (track.group_id.as_str(), track.channels.as_deref().unwrap())).collect();
            assert_eq!(groups, [("stereo", "2"), ("surround", "6")]);
            for variant in made.stream.variants() {
                let expected = if variant.audio.as_deref() == Some("surround") { codecs } else { "mp4a.40.2" };
                assert!(variant.codecs.as_deref().is_some_and(|all| all.ends_with(expected)), "{variant:?}");
            }
            let segments = made.segments("audio-surround");
            assert_eq!(stream_facts(&segments[0].playable)["channels"], 6);
            assert!((segments[0].end() - 3.0).abs() < 0.045, "{codec} ends at {}", segments[0].end());
            let sound = Samples::of(&made.stream.whole("audio-surround", &made.workplace()));
            for (channel, tone) in SURROUND_TONES.iter().enumerate() {
                let own = sound.level(channel, *tone);
                assert!(own > 0.6, "{codec}: channel {channel} has its tone at {own}");
            }
        }
    }
}

#[test]
fn opus_as_the_only_sound_is_refused_where_players_of_mpeg_ts_would_hear_nothing() {
    let user = User::with(FfmpegVersion::System);
    let ended = encode(&user, &BEEPS.path(), &["--audio-codec", "opus", "--ts"]);
    assert_eq!(ended.exit_code, Some(1), "{ended:?}");
    let told = format!("{:?}", ended.events);
    assert!(told.contains("HLS with MPEG-TS can't have Opus as its only sound"), "{told}");
    assert!(told.contains("Add AAC beside Opus, or leave MPEG-TS out"), "{told}");
}

/// Codecs of all tracks of a file.
fn output_of_ffprobe(file: &Path) -> Vec<String> {
    let mut command = Command::new(system_tool("ffprobe"));
    command.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"]).arg(file);
    String::from_utf8(output_of(command)).expect("names").lines().map(str::to_owned).collect()
}

/// Sound as odd as sources have it: (name, arguments that make the sound, its tone).
const ODD_SOUNDS: [(&str, &str, f64); 7] = [
    ("8 kHz mono.mkv", "-f lavfi -i sine=500:sample_rate=8000 -c:a pcm_s16le", 500.0),
    ("192 kHz.mkv", "-f lavfi -i sine=500:sample_rate=192000 -ac 2 -c:a pcm_s24le", 500.0),
    ("11 kHz.avi", "-f lavfi -i sine=500:sample_rate=11025 -c:a adpcm_ms", 500.0),
    ("dual mono.mov", "-f lavfi -i aevalsrc=0.2*sin(500*2*PI*t)|0.2*sin(500*2*PI*t):s=48000 -c:a pcm_s16be", 500.0),
    (
        "7.1.mkv",
        "-f lavfi -i aevalsrc=sin(500*2*PI*t):c=mono:s=48000 -af pan=7.1|FL=c0|FR=c0|FC=c0|BL=c0|BR=c0|SL=c0|SR=c0 -c:a flac",
        500.0,
    ),
    ("shorter.mp4", "-f lavfi -i sine=500:sample_rate=48000:duration=1 -c:a aac", 500.0),
    ("8 bit.avi", "-f lavfi -i sine=500:sample_rate=22050 -c:a pcm_u8", 500.0),
];

#[test]
fn sound_of_every_kind_becomes_stereo_that_ends_with_the_picture() {
    for (name, sound, tone) in ODD_SOUNDS {
        let video = "-f lavfi -i testsrc2=size=320x180:rate=25";
        let recipe: &'static str = format!("{video} {sound} -t 3 -c:v libx264 -preset ultrafast").leak();
        let clip = Clip { name, frames: 75, frame_rate: (25, 1), recipe };
        let made = Made::of(&clip, crate::support::ffmpeg::FfmpegVersion::System, &[]);
        let segments = made.segments("audio");
        let facts = stream_facts(&segments[0].playable);
        assert_eq!((&facts["channels"], &facts["sample_rate"]), (&2.into(), &"48000".into()), "{name}");
        let end = segments[segments.len() - 1].end();
        assert!((end - 3.0).abs() < 0.045, "{name} ends at {end}");
        let heard = Samples::of(&made.stream.whole("audio", &made.workplace()));
        let first_second = heard.between(0.1, 0.9);
        for channel in 0..2 {
            let frequency = first_second.frequency(channel);
            assert!((frequency - tone).abs() < 5.0, "{name}: {frequency} Hz in channel {channel}");
        }
        assert!(heard.peak() < 1.1, "{name} clips: {}", heard.peak());
        if name == "shorter.mp4" {
            let rest = heard.between(1.2, 2.9).peak();
            assert!(rest < 0.001, "there is sound of {rest} after the end of the sound");
        }
    }
}
