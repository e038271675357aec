//! Where the files of a stream lie: every layout plays, from the folder and from a bucket, and no job ever writes over
//! another's files.

mod places;

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use reelpress::preview::PreviewServer;
use serde_json::Value;

use crate::support::{
    browser,
    clips::{self, Clip},
    object_store, run, system_tool,
    user::{Ended, User, files_under},
};

/// Two segments in two rungs, with sound.
const CLIP: Clip = clips::FILM;
const SECONDS: f64 = 200.0 * 1001.0 / 24000.0;
const EVERYTHING: [&str; 7] = ["--dash", "--mp4", "--ts", "--storyboard", "--report", "--speed", "ultrafast"];

/// What a layout is asked with, and where its files have to lie.
struct Layout {
    flags: &'static [&'static str],
    /// The stream's folder; `ID` stands for the id of the job, `RUNG` for the name of a rendition, `CODEC` for its
    /// codec.
    folder: &'static str,
    multivariant: &'static str,
    media_playlist: &'static str,
    segments: &'static str,
    transport_segments: &'static str,
    images: &'static str,
}

const OWN: Layout = Layout {
    flags: &[],
    folder: "a film",
    multivariant: "master.m3u8",
    media_playlist: "RUNG/playlist.m3u8",
    segments: "RUNG",
    transport_segments: "ts/RUNG",
    images: "images",
};

const RUNG_FOLDERS: Layout = Layout { flags: &["--layout", "rung-folders"], folder: "hls/ID", ..OWN };

const PROCESSED: Layout = Layout {
    flags: &["--layout", "processed"],
    folder: "a film_processed",
    multivariant: "hls/master.m3u8",
    media_playlist: "hls/RUNG.m3u8",
    segments: "hls/segments/RUNG",
    transport_segments: "ts/segments/RUNG",
    images: "thumbnails",
};

const OF_A_TEMPLATE: Layout = Layout { flags: &["--template", "videos/{id}/hls"], folder: "videos/ID/hls", ..OWN };

/// A folder whose name has to be escaped in URLs, and playlists that are not in one folder.
const OF_RENDITIONS: Layout = Layout {
    flags: &["--layout", "processed", "--template", "{name} 100% #1/{codec}/{rung}~{name}"],
    folder: "a film 100% #1",
    media_playlist: "hls/CODEC/RUNG~a_film.m3u8",
    segments: "hls/segments/CODEC/RUNG~a_film",
    transport_segments: "ts/segments/CODEC/RUNG~a_film",
    ..PROCESSED
};

/// A stream in one of the layouts, with every output.
struct Made {
    user: User,
    ended: Ended,
    folder: PathBuf,
}

impl Layout {
    fn encode(&self) -> Made {
        let user = User::new();
        let source = user.path("a film.mkv");
        std::fs::copy(CLIP.path(), &source).expect("the user's folder can be written");
        user.file("a film.en.srt", b"1\n00:00:01,000 --> 00:00:07,000\nOver the border\n");
        let flags: Vec<OsString> = EVERYTHING.iter().chain(self.flags).map(OsString::from).collect();
        let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[&source], "quick"));
        ended.assert_all_done();
        let id = ended.events_named("job_added")[0]["job"].as_str().expect("an id").to_owned();
        let folder = user.output().join(self.folder.replace("ID", &id));
        Made { user, ended, folder }
    }

    /// The path of a rendition's files in this layout.
    fn of(&self, pattern: &str, rendition: &Value) -> String {
        let codecs = rendition["codecs"].as_str().expect("codecs");
        let codec = if codecs.starts_with("avc1") { "h264" } else { "aac" };
        pattern.replace("RUNG", rendition["name"].as_str().expect("a name")).replace("CODEC", codec)
    }

    fn assert_lies_and_plays(&self) -> Made {
        let made = self.encode();
        let finished = made.ended.events_named("job_finished")[0];
        assert_eq!(finished["folder"].as_str().map(Path::new), Some(made.folder.as_path()));
        let multivariant = made.folder.join(self.multivariant);
        assert_eq!(finished["multivariant_playlist"].as_str().map(Path::new), Some(multivariant.as_path()));
        self.assert_files(&made, finished);

        for playlist in [multivariant.clone(), made.folder.join("ts/master.m3u8")] {
            for variant in 0..2 {
                assert_eq!(frames_of(playlist.as_os_str(), variant), (CLIP.frames, String::new()), "{playlist:?}");
            }
        }
        assert_correct(&made.user, made.folder.as_os_str());
        assert_correct(&made.user, made.folder.join("ts/master.m3u8").as_os_str());
        assert_manifest_names_files(&made.folder);
        assert_storyboard_names_files(&made.folder);
        made
    }

    fn assert_lies_and_plays_in_browsers(&self) -> Made {
        let made = self.assert_lies_and_plays();
        let multivariant = made.folder.join(self.multivariant);
        browser::play_folder(multivariant.parent().expect("a folder")).assert_flawless(2, SECONDS);
        made
    }

    fn assert_files(&self, made: &Made, finished: &Value) {
        let files: BTreeSet<String> = files_under(&made.folder).into_iter().collect();
        assert_eq!(files_under(&made.user.output()).len(), files.len(), "nothing lies beside the stream");
        let told = finished["files"].as_array().expect("files");
        let told: BTreeSet<String> =
            told.iter().map(|file| file["path"].as_str().expect("a path").to_owned()).collect();
        assert_eq!(told, files);
        let renditions = finished["renditions"].as_array().expect("renditions");
        assert_eq!(renditions.len(), 3, "{renditions:?}");
        let mut wanted = vec![self.multivariant.to_owned(), "ts/master.m3u8".to_owned(), "manifest.mpd".to_owned()];
        wanted
            .extend(["poster.jpg", "thumbnail_1.jpg", "thumbnail_5.jpg"].map(|name| format!("{}/{name}", self.images)));
        for rendition in renditions {
            let name = rendition["name"].as_str().expect("a name");
            let segments = self.of(self.segments, rendition);
            wanted.push(self.of(self.media_playlist, rendition));
            wanted.extend(
                ["init.mp4", "segment_00000.m4s", "segment_00001.m4s"].map(|file| format!("{segments}/{file}")),
            );
            if rendition["width"].is_null() {
                continue;
            }
            let segments = self.of(self.transport_segments, rendition);
            wanted.extend(["segment_00000.ts", "segment_00001.ts"].map(|file| format!("{segments}/{file}")));
            wanted.push(format!("mp4/{name}.mp4"));
        }
        for path in wanted {
            assert!(files.contains(&path), "{path} is not in {files:#?}");
        }
        let report: Value = serde_json::from_slice(&std::fs::read(made.folder.join("report.json")).expect("a report"))
            .expect("the report is JSON");
        for file in report["files"].as_array().expect("files") {
            let path = file["path"].as_str().expect("a path");
            assert!(files.contains(path), "{path}");
            let is_media = path.ends_with(".m4s") || path.ends_with(".ts") || path.starts_with("mp4/");
            assert_eq!(file["duration_seconds"].is_null(), !is_media, "{path}");
        }
    }
}

/// Number of pictures of a variant that ffmpeg decodes by a multivariant playlist, and its complaints. In a folder it gets
/// the name of the playlist alone: it takes a `#` in a path for the start of a fragment.
fn frames_of(playlist: &OsStr, variant: usize) -> (usize, String) {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]);
    let path = Path::new(playlist);
    if let (true, Some(folder), Some(name)) = (path.is_file(), path.parent(), path.file_name()) {
        command.arg(name).current_dir(folder);
    } else {
        command.arg(playlist);
    }
    command.args(["-map", &format!("0:v:{variant}"), "-fps_mode", "passthrough"]);
    command.args(["-f", "framehash", "-hash", "crc32", "-"]);
    let output = run(command);
    let hashes = String::from_utf8_lossy(&output.stdout);
    let frames = hashes.lines().filter(|line| !line.starts_with('#')).count();
    (frames, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `reelpress check` has nothing to say against a stream.
fn assert_correct(user: &User, stream: &OsStr) {
    let mut command = user.reelpress();
    command.arg("check").arg(stream);
    let output = run(command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("BROKEN"), "{text}");
}

fn assert_manifest_names_files(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("manifest.mpd")).expect("a manifest");
    let manifest = dash_mpd_core::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut segments = 0;
    for set in &manifest.periods[0].adaptations {
        for representation in &set.representations {
            let base = representation.BaseURL.first().map_or("", |base| base.base.as_str());
            let Some(template) = &set.SegmentTemplate else {
                assert!(lies(folder, base), "{base}");
                continue;
            };
            let id = representation.id.as_deref().expect("an id");
            let media = template.media.as_deref().expect("segments").replace("$RepresentationID$", id);
            let init = template.initialization.as_deref().expect("an init segment").replace("$RepresentationID$", id);
            for name in [init, media.replace("$Number%05d$", "00000"), media.replace("$Number%05d$", "00001")] {
                assert!(lies(folder, &format!("{base}{name}")), "{base}{name}");
                segments += 1;
            }
        }
    }
    assert_eq!(segments, 9);
}

fn assert_storyboard_names_files(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("storyboard/storyboard.vtt")).expect("an index");
    let sheets: BTreeSet<&str> =
        text.lines().filter_map(|line| line.split_once("#xywh=")).map(|(name, _)| name).collect();
    assert!(!sheets.is_empty() && sheets.iter().all(|sheet| lies(&folder.join("storyboard"), sheet)), "{text}");
}

/// Whether the file that a relative URI means lies in this folder.
fn lies(folder: &Path, uri: &str) -> bool {
    folder.join(percent_encoding::percent_decode_str(uri).decode_utf8().expect("UTF-8").as_ref()).is_file()
}

/// Browsers play our own layout in the tests of the encode.
#[test]
fn our_own_layout() {
    OWN.assert_lies_and_plays();
}

#[test]
fn rung_folders() {
    let made = RUNG_FOLDERS.assert_lies_and_plays_in_browsers();
    assert_eq!(std::fs::read_dir(made.user.output().join("hls")).expect("a folder").count(), 1);
}

#[test]
fn the_processed_layout_also_in_dash_players_and_in_the_preview() {
    let made = PROCESSED.assert_lies_and_plays_in_browsers();
    browser::play_dash(&made.folder).assert_flawless(2, SECONDS);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = PreviewServer::start(runtime.handle()).expect("a port");
    let url = server.url_for(&made.folder);
    let get = |path: &str| {
        let mut answer = ureq::get(format!("{url}{path}")).call().unwrap_or_else(|error| panic!("{path}: {error}"));
        answer.body_mut().read_to_string().expect("text")
    };
    let stream: Value = serde_json::from_str(&get("stream.json")).expect("JSON");
    assert_eq!((&stream["playlist"], &stream["poster"]), (&"hls/master.m3u8".into(), &"thumbnails/poster.jpg".into()));
    assert_eq!((&stream["growing"], stream["variants"].as_array().map(Vec::len)), (&false.into(), Some(3)));
    assert_eq!(frames_of(OsStr::new(&format!("{url}files/hls/master.m3u8")), 0), (CLIP.frames, String::new()));
    assert_eq!(frames_of(OsStr::new(&format!("{url}only/1.m3u8")), 0), (CLIP.frames, String::new()));
}

#[test]
fn a_folder_of_a_template() {
    OF_A_TEMPLATE.assert_lies_and_plays();
}

#[test]
fn folders_of_renditions_of_a_template_also_in_dash_players() {
    let made = OF_RENDITIONS.assert_lies_and_plays_in_browsers();
    browser::play_dash(&made.folder).assert_flawless(2, SECONDS);
}

/// The keys are the paths of the kept folder, and URLs of odd names lead to them.
#[test]
fn layouts_in_a_bucket_with_odd_names() {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let client = object_store::client(&endpoint);
    let user = User::new();
    let source = user.path("b.. 🎬 #1+ü%.mkv");
    std::fs::copy(CLIP.path(), &source).expect("the user's folder can be written");
    let destination = OsString::from(format!("s3://{bucket}/films"));
    for (layout, folder) in
        [(&PROCESSED, "b.. 🎬 #1+ü%_processed".to_owned()), (&OF_RENDITIONS, "b.. 🎬 #1+ü% 100% #1".to_owned())]
    {
        let kept = user.path("kept");
        let mut flags: Vec<OsString> = EVERYTHING.iter().chain(layout.flags).map(OsString::from).collect();
        flags.extend(["--endpoint".into(), endpoint.clone().into(), "--keep".into(), kept.clone().into_os_string()]);
        let ended = Ended::of(user.encode_command_to(&destination, &flags, &[&source], "quick"));
        ended.assert_all_done();
        let prefix = format!("films/{folder}/");
        let listed = runtime.block_on(client.list_objects_v2().bucket(&bucket).prefix(&prefix).send());
        let listed = listed.expect("the bucket can be listed");
        let keys = listed.contents().iter().filter_map(|object| object.key()?.strip_prefix(&prefix).map(str::to_owned));
        assert_eq!(keys.collect::<BTreeSet<_>>(), files_under(&kept.join(&folder)).into_iter().collect());

        let finished = ended.events_named("job_finished")[0];
        let url = finished["urls"][0].as_str().expect("a URL");
        assert!(url.ends_with(layout.multivariant), "{url}");
        for variant in 0..2 {
            assert_eq!(frames_of(OsStr::new(url), variant), (CLIP.frames, String::new()), "{url}");
        }
        assert_correct_on_the_web(&user, url);
        let sound = finished["renditions"].as_array().expect("renditions").last().expect("sound");
        let segments = layout.of(layout.segments, sound).replace("a_film", "b..____1___");
        let key = format!("{prefix}{segments}/segment_00000.m4s");
        let head = runtime.block_on(client.head_object().bucket(&bucket).key(&key).send()).expect(&key);
        assert_eq!(head.content_type(), Some("audio/mp4"), "{key}");
    }
}

/// The test store answers without CORS headers, which is a rule of level SHOULD or MUST for the web: only what is said of
/// the stream itself counts.
fn assert_correct_on_the_web(user: &User, url: &str) {
    let mut command = user.reelpress();
    command.args(["check", "--json", url]);
    let output = run(command);
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let broken = verdict["rules"].as_array().expect("rules").iter().filter(|rule| rule["result"] == "broken");
    let of_the_stream: Vec<&Value> = broken.filter(|rule| rule["number"] != 27).collect();
    assert!(of_the_stream.is_empty(), "{of_the_stream:#?}");
}
