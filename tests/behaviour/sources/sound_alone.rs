//! A source of sound alone becomes an audio-only stream with its waveform for a poster.

use super::{Made, make};
use crate::support::{browser, ffmpeg::on_both_ffmpeg_versions, sound::Samples, user::User};

on_both_ffmpeg_versions! {
    fn a_song_with_a_cover_becomes_a_stream_of_sound(version) {
        let user = User::with(version);
        let inputs = "-f lavfi -i aevalsrc=exprs='0.4*sin(500*2*PI*t)*gt(mod(t,4),2)':s=44100:d=14 -f lavfi -i color=red:size=300x300:d=0.04";
        let tags = "-map 0 -map 1 -c:a libmp3lame -c:v mjpeg -disposition:v attached_pic";
        let source = make(&user, "song.mp3", &format!("{inputs} {tags}"));
        let made = Made::from(user, &source, &[]);
        assert!(made.stream.variants().is_empty(), "there is nothing to see");
        assert_eq!(made.stream.audio_only_variants().len(), 1);
        let segments = made.segments("audio");
        let lengths: Vec<f64> = segments.iter().map(|segment| segment.end() - segment.start()).collect();
        assert_eq!(lengths.len(), 3);
        assert!((lengths[0] - 6.0).abs() < 0.03 && (lengths[1] - 6.0).abs() < 0.03, "{lengths:?}");
        assert!((segments[2].end() - 14.0).abs() < 0.06, "{lengths:?}");
        let heard = Samples::of(&made.stream.whole("audio", &made.workplace())).onsets(0.1);
        let expected = [2.0, 6.0, 10.0];
        assert!(heard.len() == 3 && heard.iter().zip(expected).all(|(at, expected)| (at - expected).abs() < 0.02), "{heard:?}");

        let poster = image::open(made.stream.folder.join("images/poster.jpg")).expect("a poster").to_rgb8();
        let is_blue = |x: f64| {
            let at = poster.get_pixel((f64::from(poster.width()) * x) as u32, poster.height() / 2 - 60).0;
            at[2] > 150 && at[0] < 120
        };
        // Silence from 4 to 6 s, sound from 6 to 8 s.
        assert!(!is_blue(5.0 / 14.0) && is_blue(7.0 / 14.0), "the poster does not show the sound");

        let playback = browser::play_folder(&made.stream.folder);
        assert!(playback.hls.errors.is_empty() && playback.refused.is_empty(), "{playback:?}");
        assert!(playback.hls.audio_bytes > 0 && (playback.hls.duration - 14.0).abs() < 0.1, "{playback:?}");
    }
}

on_both_ffmpeg_versions! {
    fn languages_of_unlike_length_end_together(version) {
        let user = User::with(version);
        let inputs = "-f lavfi -i sine=500:duration=13.5 -f lavfi -i sine=700:duration=4.2";
        let tracks = "-map 0 -map 1 -c:a pcm_s16le -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu";
        let source = make(&user, "book.mka", &format!("{inputs} {tracks}"));
        let made = Made::from(user, &source, &[]);
        let [english, german] = ["audio", "audio-de"].map(|name| made.segments(name));
        assert_eq!((english.len(), german.len()), (3, 3));
        for (english, german) in english.iter().zip(&german) {
            assert!((english.end() - german.end()).abs() < 0.03, "{} and {}", english.end(), german.end());
        }
        assert!((english[2].end() - 13.5).abs() < 0.06, "{}", english[2].end());
        let heard = Samples::of(&made.stream.whole("audio-de", &made.workplace()));
        assert!(heard.between(4.0, 4.15).peak() > 0.05 && heard.between(4.3, 13.4).peak() < 0.001, "no silence follows");
    }
}

#[test]
fn a_second_of_sound_is_a_stream_too() {
    let user = User::new();
    let source = make(&user, "beep.wav", "-f lavfi -i sine=700:sample_rate=96000:duration=1 -c:a pcm_s24le");
    let made = Made::from(user, &source, &[]);
    let segments = made.segments("audio");
    assert!(segments.len() == 1 && (segments[0].end() - 1.0).abs() < 0.05, "{:?}", segments[0]);
}
