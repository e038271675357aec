//! What happens to files on their way: a store that dies, a crash, a cancel, damage, files that change.

use super::*;

#[test]
fn a_store_that_dies_is_waited_for_and_the_upload_goes_on_when_it_is_back() {
    with_credentials(
        "publish::on_their_way::a_store_that_dies_is_waited_for_and_the_upload_goes_on_when_it_is_back",
        |_| {
            let runtime = Runtime::new().unwrap();
            let mut store = ObjectStore::start();
            let location = new_bucket(&runtime, &store.endpoint);
            let folder = TempDir::new().unwrap();
            let mut publisher =
                Publisher::start(runtime.handle(), &location, folder.path(), new("film"), &CancelToken::default())
                    .unwrap();
            finish_files(&publisher, folder.path(), "before", 1);
            wait_until(|| publisher.status().published_files == 1);
            store.kill();
            finish_files(&publisher, folder.path(), "after", 20);
            wait_until(|| publisher.status().interruption.is_some());
            let reason = publisher.status().interruption.unwrap();
            assert_eq!(reason.kind, FailureKind::NetworkLost, "{reason:?}");
            store.revive();
            publisher.finish().unwrap();
            assert_eq!(publisher.status().interruption, None);
            assert_eq!(objects(&runtime, &location).len(), 21);
        },
    );
}

#[test]
fn after_a_crash_only_what_is_missing_goes_up() {
    with_credentials("publish::on_their_way::after_a_crash_only_what_is_missing_goes_up", |_| {
        let mut store = ObjectStore::start();
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, &store.endpoint);
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("film");
        let large: Vec<u8> = (0_u32..30 << 20).flat_map(u32::to_le_bytes).collect();
        write(&folder, "a.bin", b"goes up first");
        write(&folder, "film.mp4", &large);
        // As in a crash, nothing is tidied up: the store is gone, then the program.
        let crashing = Runtime::new().unwrap();
        let publisher =
            Publisher::start(crashing.handle(), &location, &folder, new("film"), &CancelToken::default()).unwrap();
        for path in ["a.bin", "film.mp4"] {
            publisher.file_finished(FinishedFile { path: path.to_owned(), content: FileContent::OnDisk });
        }
        wait_until(|| publisher.status().published_bytes > 24 << 20);
        store.kill();
        crashing.shutdown_background();
        drop(publisher);
        store.revive();
        assert_eq!(unfinished_uploads(&runtime, &location), 1);

        let sent = Mutex::new(0);
        let progress = |status: PublishStatus| *sent.lock().unwrap() = status.published_bytes;
        let published =
            publish_folder(runtime.handle(), &folder, &location, &progress, &CancelToken::default()).unwrap();
        assert_eq!(published.prefix, "film");
        let sent = *sent.lock().unwrap();
        assert!(sent <= large.len() as u64 - (16 << 20), "{sent} bytes were sent again");
        assert_eq!(unfinished_uploads(&runtime, &location), 0);
        let url = format!("{}/{}/film/film.mp4", store.endpoint, location.bucket);
        assert!(read_url(&url) == large, "the object is the file");
    });
}

#[test]
fn an_unfinished_stream_is_taken_back_and_nothing_else() {
    with_credentials("publish::on_their_way::an_unfinished_stream_is_taken_back_and_nothing_else", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let folder = TempDir::new().unwrap();
        let start = |name| {
            Publisher::start(runtime.handle(), &location, folder.path(), new(name), &CancelToken::default()).unwrap()
        };
        let mut other = start("other");
        finish_files(&other, folder.path(), "kept", 2);
        other.finish().unwrap();
        let publisher = start("film");
        finish_files(&publisher, folder.path(), "part", 5);
        while publisher.status().published_files < 2 {
            std::thread::sleep(Duration::from_millis(10));
        }
        publisher.withdraw().unwrap();
        let keys: Vec<String> = objects(&runtime, &location).into_keys().collect();
        assert_eq!(keys, ["other/kept-0.bin", "other/kept-1.bin"]);
    });
}

#[test]
fn cancelling_stops_an_upload_and_drops_its_parts() {
    with_credentials("publish::on_their_way::cancelling_stops_an_upload_and_drops_its_parts", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let folder = TempDir::new().unwrap();
        let cancel = CancelToken::default();
        let mut publisher = Publisher::start(runtime.handle(), &location, folder.path(), new("film"), &cancel).unwrap();
        write(folder.path(), "film.bin", &vec![1; 200 << 20]);
        let path = "film.bin".to_owned();
        publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
        while publisher.status().published_bytes == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        cancel.cancel();
        let error = publisher.finish().unwrap_err();
        assert!(error.is_cancelled(), "{error:?}");
        assert_eq!(unfinished_uploads(&runtime, &location), 0);
        assert!(objects(&runtime, &location).is_empty());
    });
}

#[test]
fn a_playlist_that_names_a_missing_file_is_not_published() {
    with_credentials("publish::on_their_way::a_playlist_that_names_a_missing_file_is_not_published", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let folder = TempDir::new().unwrap();
        write_stream(folder.path());
        std::fs::remove_file(folder.path().join("720p/segment-2.m4s")).unwrap();
        let failure = publish(&runtime, folder.path(), &location).unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::StreamIncorrect);
        assert_eq!(failure.detail, "720p/segment-2.m4s");
        assert!(failure.headline.contains("720p/media.m3u8 names 720p/segment-2.m4s"), "{failure:?}");
        assert!(objects(&runtime, &location).is_empty(), "it is known before anything is sent");

        let addresses = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\nhttps://example.org/1.m4s\n#EXT-X-ENDLIST\n";
        write(folder.path(), "720p/media.m3u8", addresses.as_bytes());
        publish(&runtime, folder.path(), &location).unwrap();
    });
}

#[test]
fn a_file_that_vanishes_before_it_is_sent_is_named() {
    with_credentials("publish::on_their_way::a_file_that_vanishes_before_it_is_sent_is_named", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let location = new_bucket(&runtime, endpoint);
        let folder = TempDir::new().unwrap();
        let mut publisher =
            Publisher::start(runtime.handle(), &location, folder.path(), new("film"), &CancelToken::default()).unwrap();
        let path = "gone.m4s".to_owned();
        publisher.file_finished(FinishedFile { path, content: FileContent::OnDisk });
        let failure = publisher.finish().unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::SourceVanished);
        assert!(failure.headline.contains("gone.m4s"), "{failure:?}");
    });
}

#[test]
fn what_was_damaged_on_its_way_is_sent_again_and_not_for_ever() {
    with_credentials("publish::on_their_way::what_was_damaged_on_its_way_is_sent_again_and_not_for_ever", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("film");
        write_stream(&folder);
        write(&folder, "film.mp4", &vec![7; 20 << 20]);
        // So many times the store says that other bytes have arrived of a segment, of a part and of a playlist.
        let try_with = |damaged: usize| {
            let left =
                ["/720p/segment-2.m4s", "partNumber=2", "/main.m3u8"].map(|name| (name, AtomicUsize::new(damaged)));
            let proxy = RecordingProxy::answering(endpoint, move |head| {
                let (_, left) = left.iter().find(|(name, _)| head.starts_with("PUT ") && head.contains(name))?;
                let is_damaged =
                    left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok();
                is_damaged.then(|| refusal(400, "BadDigest", "The Content-MD5 you specified did not match"))
            });
            let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
            (publish(&runtime, &folder, &location), proxy, location)
        };
        let (published, _, location) = try_with(2);
        published.unwrap();
        assert_eq!(objects(&runtime, &location).len(), 13);
        let (published, proxy, _) = try_with(3);
        let failure = published.unwrap_err().into_failure();
        assert!(failure.headline.ends_with("is not what was sent"), "{failure:?}");
        assert!(!failure.hint.contains("checksum") && !failure.hint.contains("details"), "{failure:?}");
        assert!(failure.detail.contains("BadDigest"), "{failure:?}");
        let most = ["/720p/segment-2.m4s", "partNumber=2"]
            .map(|name| proxy.heads("PUT").iter().filter(|head| head.contains(name)).count());
        assert_eq!(most.into_iter().max(), Some(3));
    });
}

#[test]
fn a_file_that_changes_while_it_is_published_is_named() {
    with_credentials("publish::on_their_way::a_file_that_changes_while_it_is_published_is_named", |endpoint| {
        let runtime = Runtime::new().unwrap();
        let parent = TempDir::new().unwrap();
        let (size, large) = (50_000, 20 << 20);
        // While a request of this kind is under way, the film becomes so large.
        for (at, before, after) in [
            ("/film.mp4", size, size + 1),
            ("/film.mp4", size, size),
            ("partNumber=2", large, large + 1),
            ("/main.m3u8", size, size + 1),
        ] {
            let folder = parent.path().join("film");
            write_stream(&folder);
            write(&folder, "film.mp4", &vec![1; before]);
            let film = folder.join("film.mp4");
            let proxy = RecordingProxy::answering(endpoint, move |head| {
                if head.starts_with("PUT ") && head.contains(at) {
                    let mut film = std::fs::File::options().write(true).open(&film).unwrap();
                    film.write_all(&vec![2; after]).unwrap();
                }
                None
            });
            let location = S3Location { endpoint: Some(proxy.endpoint.clone()), ..new_bucket(&runtime, endpoint) };
            let failure = publish(&runtime, &folder, &location).unwrap_err().into_failure();
            assert_eq!(failure.kind, FailureKind::SourceVanished, "{at} {failure:?}");
            assert!(failure.headline.contains("film.mp4 changed"), "{at} {failure:?}");
            assert_eq!(failure.hint, "Publish again when it is finished");
            assert!(objects(&runtime, &location).is_empty(), "what will be another folder keeps its name");
        }
    });
}
