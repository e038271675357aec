//! The main promise: a file dropped on the window becomes a stream that the world can watch.

use crate::support::{browser, clips, object_store, user::User, wait_for, window::Display};

#[test]
fn a_file_dropped_on_the_window_ends_as_a_published_stream() {
    let user = User::new();
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let location = object_store::new_bucket(&runtime, &endpoint);
    user.save_settings(&serde_json::json!({
        "output_folder": user.output(), "preset": "quick", "s3": location, "publish_to_s3": true,
    }));
    let mut display = Display::start();
    display.launch(user.reelpress());
    let window = display.window("^Reelpress");
    display.drop_files(&[clips::LANDSCAPE.path()], &window);

    let client = object_store::client(&endpoint);
    let object = |name: &str| -> Option<String> {
        let request = client.get_object().bucket(&location.bucket).key(format!("landscape/{name}"));
        let body = runtime.block_on(async { request.send().await.ok()?.body.collect().await.ok() })?;
        String::from_utf8(body.to_vec()).ok()
    };
    let stream = user.stream_of(&clips::LANDSCAPE.path());
    wait_for("a published stream", || {
        // The multivariant playlist is the last file to be published, as it is on this machine.
        let is_whole = object("720p/playlist.m3u8")?.contains("#EXT-X-ENDLIST");
        let here = std::fs::read_to_string(stream.folder.join("master.m3u8")).ok()?;
        (is_whole && object("master.m3u8")? == here).then_some(())
    });
    let url = format!("{endpoint}/{}/landscape/master.m3u8", location.bucket);
    browser::play_url(&url).assert_flawless(2, 14.0);
}
