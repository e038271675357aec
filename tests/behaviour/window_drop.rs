//! The main promise: a file dropped on the window becomes a stream.

use crate::support::{browser, clips, user::User, wait_for, window::Display};

#[test]
fn a_file_dropped_on_the_window_ends_as_a_stream_that_plays() {
    let user = User::new();
    user.save_settings(&serde_json::json!({ "output_folder": user.output(), "preset": "quick" }));
    let mut display = Display::start();
    display.launch(user.reelpress());
    let window = display.window("^Reelpress");
    display.drop_files(&[clips::LANDSCAPE.path()], &window);
    let stream = user.stream_of(&clips::LANDSCAPE.path());
    wait_for("a finished stream", || {
        let playlist = std::fs::read_to_string(stream.folder.join("720p/playlist.m3u8")).ok()?;
        let is_finished = playlist.contains("#EXT-X-ENDLIST") && stream.folder.join("master.m3u8").is_file();
        is_finished.then_some(())
    });
    browser::play_folder(&stream.folder).assert_flawless(2, 14.0);
}
