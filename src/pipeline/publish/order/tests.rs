//! What goes up when, whatever the network does.

use proptest::prelude::*;

use super::*;

fn file(order: &mut Order, path: &str) {
    let body = Body::File { size: 1, sound_only: false };
    order.file_finished(Upload { path: path.to_owned(), body, growing: false });
}

fn media(order: &mut Order, path: &str, text: &str, names: &[&str], growing: bool) {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    order.playlist_finished(
        path.to_owned(),
        Bytes::copy_from_slice(text.as_bytes()),
        PlaylistFacts::Media { names, growing },
    );
}

fn multivariant(order: &mut Order, names: &[&str]) {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let text = Bytes::from_static(b"main");
    order.playlist_finished("main.m3u8".to_owned(), text, PlaylistFacts::Multivariant { names });
}

fn next_path(order: &mut Order) -> Option<String> {
    order.next().map(|upload| upload.path)
}

#[test]
fn a_playlist_waits_for_what_it_names_and_the_multivariant_for_the_playlist() {
    let mut order = Order::default();
    multivariant(&mut order, &["v.m3u8"]);
    media(&mut order, "v.m3u8", "1", &["init.mp4", "1.m4s"], true);
    file(&mut order, "init.mp4");
    file(&mut order, "1.m4s");
    assert_eq!(next_path(&mut order).as_deref(), Some("init.mp4"));
    assert_eq!(next_path(&mut order).as_deref(), Some("1.m4s"));
    assert_eq!(next_path(&mut order), None);
    order.went_up("init.mp4");
    assert_eq!(next_path(&mut order), None);
    order.went_up("1.m4s");
    assert_eq!(next_path(&mut order).as_deref(), Some("v.m3u8"));
    assert_eq!(next_path(&mut order), None);
    order.went_up("v.m3u8");
    let upload = order.next().unwrap();
    assert!(upload.path == "main.m3u8" && upload.growing);
    order.went_up("main.m3u8");
    order.finish();
    let upload = order.next().unwrap();
    assert!(upload.path == "main.m3u8" && !upload.growing);
    assert!(!order.is_done());
    order.went_up("main.m3u8");
    assert!(order.is_done());
}

#[test]
fn the_oldest_and_the_newest_version_are_kept_so_that_a_slow_line_still_shows_progress() {
    let mut order = Order::default();
    media(&mut order, "v.m3u8", "1", &["1.m4s"], true);
    media(&mut order, "v.m3u8", "2", &["1.m4s", "2.m4s"], true);
    media(&mut order, "v.m3u8", "3", &["1.m4s", "2.m4s", "3.m4s"], true);
    for name in ["1.m4s", "2.m4s", "3.m4s"] {
        file(&mut order, name);
        order.next();
    }
    order.went_up("1.m4s");
    assert_eq!(order.next().unwrap().body, Body::Text(Bytes::from_static(b"1")));
    order.went_up("2.m4s");
    order.went_up("3.m4s");
    assert_eq!(order.next(), None, "one upload of a path at a time");
    order.went_up("v.m3u8");
    assert_eq!(order.next().unwrap().body, Body::Text(Bytes::from_static(b"3")));
}

#[test]
fn a_ready_version_replaces_all_older_ones() {
    let mut order = Order::default();
    media(&mut order, "v.m3u8", "1", &[], true);
    media(&mut order, "v.m3u8", "2", &[], false);
    let upload = order.next().unwrap();
    assert!(upload.body == Body::Text(Bytes::from_static(b"2")) && !upload.growing);
    order.went_up("v.m3u8");
    assert_eq!(order.next(), None);
}

#[test]
fn a_manifest_that_is_not_hls_waits_for_all_that_was_finished_before_it() {
    let mut order = Order::default();
    file(&mut order, "1.m4s");
    let text = Bytes::from_static(b"<MPD/>");
    order.playlist_finished("main.mpd".to_owned(), text, PlaylistFacts::Other { growing: false });
    file(&mut order, "2.m4s");
    assert_eq!(next_path(&mut order).as_deref(), Some("1.m4s"));
    assert_eq!(next_path(&mut order).as_deref(), Some("2.m4s"));
    order.went_up("1.m4s");
    assert_eq!(next_path(&mut order).as_deref(), Some("main.mpd"));
}

#[test]
fn a_manifest_that_is_not_hls_does_not_wait_for_a_multivariant_playlist() {
    let mut order = Order::default();
    file(&mut order, "1.m4s");
    media(&mut order, "v.m3u8", "1", &["1.m4s"], false);
    multivariant(&mut order, &["v.m3u8"]);
    let text = Bytes::from_static(b"<MPD/>");
    order.playlist_finished("main.mpd".to_owned(), text, PlaylistFacts::Other { growing: false });
    order.finish();
    for expected in ["1.m4s", "v.m3u8", "main.mpd", "main.m3u8"] {
        assert_eq!(next_path(&mut order).as_deref(), Some(expected));
        order.went_up(expected);
    }
    assert!(order.is_done());
}

#[test]
fn entry_points_of_a_replacement_go_up_last_of_all() {
    let mut order = Order::holding_entries();
    let text = Bytes::from_static(b"<MPD/>");
    order.playlist_finished("main.mpd".to_owned(), text, PlaylistFacts::Other { growing: false });
    multivariant(&mut order, &["v.m3u8"]);
    media(&mut order, "v.m3u8", "1", &[], false);
    assert_eq!(next_path(&mut order).as_deref(), Some("v.m3u8"));
    order.went_up("v.m3u8");
    assert_eq!(next_path(&mut order), None, "nobody is led to it before all is up");
    file(&mut order, "1.m4s");
    order.finish();
    for expected in ["1.m4s", "main.m3u8", "main.mpd"] {
        assert_eq!(next_path(&mut order).as_deref(), Some(expected));
        assert_eq!(next_path(&mut order), None);
        assert!(!order.is_before_switch());
        order.went_up(expected);
        if expected == "1.m4s" {
            assert!(order.is_before_switch() && next_path(&mut order).is_none(), "all else is compared first");
            order.switch();
        }
    }
    assert!(order.is_done());
}

#[test]
fn pictures_of_a_replacement_go_up_with_its_entry_points_under_their_old_names() {
    let mut order = Order::holding_entries();
    let other = || PlaylistFacts::Other { growing: false };
    file(&mut order, "1.m4s");
    file(&mut order, "images/poster.jpg");
    file(&mut order, "storyboard/sheet.jpg");
    order.playlist_finished("storyboard/storyboard.vtt".to_owned(), Bytes::from_static(b"WEBVTT"), other());
    order.playlist_finished("report.json".to_owned(), Bytes::from_static(b"{}"), other());
    order.finish();
    for expected in ["1.m4s", "report.json"] {
        assert!(!order.is_before_switch());
        assert_eq!(next_path(&mut order).as_deref(), Some(expected));
        order.went_up(expected);
    }
    assert!(order.is_before_switch() && next_path(&mut order).is_none());
    order.switch();
    for expected in ["images/poster.jpg", "storyboard/sheet.jpg"] {
        assert_eq!(next_path(&mut order).as_deref(), Some(expected));
    }
    assert_eq!(next_path(&mut order), None, "the index comes after what it names");
    for path in ["images/poster.jpg", "storyboard/sheet.jpg"] {
        order.went_up(path);
    }
    assert_eq!(next_path(&mut order).as_deref(), Some("storyboard/storyboard.vtt"));
    order.went_up("storyboard/storyboard.vtt");
    assert!(order.is_done());
    assert_eq!(order.entries(), ["images/poster.jpg", "storyboard/sheet.jpg", "storyboard/storyboard.vtt"]);
}

#[test]
fn a_multivariant_playlist_that_names_a_missing_playlist_is_reported() {
    let mut order = Order::default();
    multivariant(&mut order, &["v.m3u8"]);
    order.finish();
    assert_eq!(order.next(), None);
    let stuck = Stuck { playlist: "main.m3u8".to_owned(), names: vec!["v.m3u8".to_owned()] };
    assert_eq!(order.stuck(), Some(stuck));
}

#[test]
fn a_playlist_that_names_a_missing_file_is_reported() {
    let mut order = Order::default();
    media(&mut order, "v.m3u8", "1", &["gone.m4s"], false);
    order.finish();
    assert_eq!(order.next(), None);
    let stuck = Stuck { playlist: "v.m3u8".to_owned(), names: vec!["gone.m4s".to_owned()] };
    assert_eq!(order.stuck(), Some(stuck));
    assert!(!order.is_done());
}

proptest! {
    /// Whatever the interleaving of finishing and uploading: what goes up never names a file that is not up, and
    /// all goes up in the end, with the last version of the playlist.
    #[test]
    fn no_playlist_is_ever_ahead_of_its_files(
        arrivals in prop::collection::vec(0usize..4, 12),
        newest_first in any::<bool>(),
    ) {
        let mut line = Line { newest_first, ..Line::default() };
        multivariant(&mut line.order, &["v.m3u8"]);
        let mut names: Vec<String> = Vec::new();
        for (segment, count) in arrivals.iter().enumerate() {
            let name = format!("{segment}.m4s");
            file(&mut line.order, &name);
            names.push(name);
            let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
            media(&mut line.order, "v.m3u8", &names.join(" "), &borrowed, segment + 1 < arrivals.len());
            line.advance(*count);
        }
        line.order.finish();
        while !line.order.is_done() {
            prop_assert_eq!(line.advance(1), 1, "it goes on until all is up");
        }
        prop_assert_eq!(line.media_playlist, Bytes::from(names.join(" ")));
        prop_assert!(line.up.contains("main.m3u8"));
    }
}

/// A network that delivers when it is told to.
#[derive(Default)]
struct Line {
    order: Order,
    in_flight: Vec<Upload>,
    up: HashSet<String>,
    media_playlist: Bytes,
    newest_first: bool,
}

impl Line {
    /// Begins all uploads that may begin, and lets some of them arrive; says how many did.
    fn advance(&mut self, count: usize) -> usize {
        while let Some(upload) = self.order.next() {
            if let Body::Text(text) = &upload.body {
                let text = std::str::from_utf8(text).unwrap();
                let named = if text == "main" { "v.m3u8" } else { text };
                assert!(named.split(' ').all(|name| self.up.contains(name)), "{named} is ahead of {:?}", self.up);
            }
            self.in_flight.push(upload);
        }
        let arriving = count.min(self.in_flight.len());
        for _ in 0..arriving {
            let upload = if self.newest_first { self.in_flight.pop().unwrap() } else { self.in_flight.remove(0) };
            self.order.went_up(&upload.path);
            if upload.path == "v.m3u8"
                && let Body::Text(text) = upload.body
            {
                self.media_playlist = text;
            }
            self.up.insert(upload.path);
        }
        arriving
    }
}
