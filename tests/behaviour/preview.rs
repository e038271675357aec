//! A user watches a stream in the browser from its folder.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use reelpress::preview::PreviewServer;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use ureq::{
    Agent,
    http::{HeaderMap, Response, StatusCode},
};

use crate::support::{clips, output_of, system_tool, tools_folder};

const MULTIVARIANT: &str = "#EXTM3U\n#EXT-X-VERSION:7\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",DEFAULT=YES,URI=\"audio/media.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=900,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"audio\"\n720p/media.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=500,RESOLUTION=640x360,CODECS=\"avc1.64001e,mp4a.40.2\",AUDIO=\"audio\"\n360p/media.m3u8\n";
const MEDIA: &str =
    "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.0,\n1.m4s\n";

struct Preview {
    _runtime: Runtime,
    server: PreviewServer,
    folder: TempDir,
    agent: Agent,
}

impl Preview {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = PreviewServer::start(runtime.handle()).unwrap();
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { _runtime: runtime, server, folder: TempDir::new().unwrap(), agent }
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn url(&self, path: &str) -> String {
        self.server.url_for(self.folder.path()) + path
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call().unwrap())
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn of(mut response: Response<ureq::Body>) -> Self {
        let body = response.body_mut().read_to_vec().unwrap();
        Self { status: response.status(), headers: response.headers().clone(), body }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[test]
fn the_page_plays_what_the_folder_offers() {
    let preview = Preview::start();
    let page = preview.get("", &[]);
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let nonce = page.text().split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(nonce.len() >= 32 && page.header("content-security-policy").contains(&format!("'nonce-{nonce}'")));
    assert!(!preview.get("", &[]).text().contains(nonce), "each page has a nonce of its own");
    assert!(page.text().contains("integrity = HLS_JS_INTEGRITY"));

    // Nothing there yet: the page waits.
    let waiting: serde_json::Value = serde_json::from_slice(&preview.get("stream.json", &[]).body).unwrap();
    assert!(waiting["playlist"].is_null());

    preview.write("main.m3u8", MULTIVARIANT);
    preview.write("360p/media.m3u8", MEDIA);
    preview.write("720p/media.m3u8", MEDIA);
    preview.write("poster.jpg", "a picture");
    let stream: serde_json::Value = serde_json::from_slice(&preview.get("stream.json", &[]).body).unwrap();
    assert_eq!(stream["playlist"], "main.m3u8");
    assert_eq!(stream["poster"], "poster.jpg");
    assert_eq!(stream["growing"], true);
    assert_eq!(stream["variants"][1]["height"], 360);
    preview.write("720p/media.m3u8", format!("{MEDIA}#EXT-X-ENDLIST\n"));
    let stream: serde_json::Value = serde_json::from_slice(&preview.get("stream.json", &[]).body).unwrap();
    assert_eq!(stream["growing"], false);
}

/// The page in a real browser, with both of its players; a warning of the browser about the page's security policy or
/// about the hash of hls.js is a problem too.
#[test]
fn every_rung_can_be_picked_and_played_with_sound_in_the_browser() {
    let preview = Preview::start();
    write_playable_stream(preview.folder.path());
    for (player, name) in [("native", "of the browser"), ("hlsjs", "hls.js 1.7.4")] {
        let mut command = Command::new(system_tool("node"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/support/play_preview.mjs"));
        command.arg(tools_folder()).arg(system_tool("chromium")).arg(preview.url("")).arg(player);
        let played: serde_json::Value = serde_json::from_slice(&output_of(command)).unwrap();
        assert_eq!(played["problems"], serde_json::json!([]), "{player}: {played}");
        assert_eq!(played["player"], name);
        let entries = played["entries"].as_array().unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry["text"].as_str().unwrap().split(' ').next()).collect();
        assert_eq!(names, [Some("Automatic"), Some("360p"), Some("180p")]);
        assert_eq!(entries[1]["shown"], serde_json::json!([640, 360]), "{player}: {played}");
        assert_eq!(entries[2]["shown"], serde_json::json!([320, 180]), "{player}: {played}");
        for entry in entries {
            assert!(entry["audio_bytes"].as_u64().unwrap() > 0, "{player}: no sound in {entry}");
        }
    }
}

/// Two rungs and a rendition of sound, by ffmpeg alone: what is tested is the page, not the encode.
fn write_playable_stream(folder: &Path) {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-stream_loop", "2", "-i"]).arg(clips::sample()).current_dir(folder);
    let options = "-t 12 -map 0:v -map 0:v -map 0:a -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 \
        -sc_threshold 0 -s:v:0 640x360 -s:v:1 320x180 -b:v:0 800k -b:v:1 300k -c:a aac -ac 2 -f hls -hls_time 4 \
        -hls_playlist_type vod -hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4 -master_pl_name master.m3u8 \
        -hls_segment_filename %v/segment-%d.m4s";
    command.args(options.split_whitespace()).arg("-var_stream_map");
    command.arg("v:0,agroup:audio,name:360p v:1,agroup:audio,name:180p a:0,agroup:audio,name:audio,default:yes");
    command.arg("%v/media.m3u8");
    output_of(command);
}

#[test]
fn one_rung_can_be_played_alone_with_its_sound() {
    let preview = Preview::start();
    preview.write("main.m3u8", MULTIVARIANT);
    preview.write("360p/media.m3u8", MEDIA);
    let only = preview.get("only/1.m3u8", &[]);
    assert_eq!((only.status.as_u16(), only.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    assert!(!only.text().contains("720p") && only.text().contains("URI=\"../files/audio/media.m3u8\""));
    let uri = only.text().lines().find_map(|line| line.strip_prefix("../files/360p/")).unwrap();
    assert_eq!(preview.get(&format!("files/360p/{uri}"), &[]).text(), MEDIA);
    assert_eq!(preview.get("only/2.m3u8", &[]).status, 404);
}

#[test]
fn files_come_with_the_headers_that_players_need() {
    let preview = Preview::start();
    preview.write("720p/media.m3u8", MEDIA);
    preview.write("720p/segment 1 ü#%+.m4s", "0123456789");
    let playlist = preview.get("files/720p/media.m3u8", &[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]);
    assert_eq!(playlist.status, 200, "a growing playlist is always sent whole");
    assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(playlist.header("cache-control"), "no-cache");
    assert_eq!(playlist.header("access-control-allow-origin"), "*");
    assert_eq!(playlist.header("x-content-type-options"), "nosniff");
    let path = "files/720p/segment%201%20%C3%BC%23%25%2B.m4s";
    let part = preview.get(path, &[("Range", "bytes=2-4")]);
    assert_eq!((part.status.as_u16(), part.text()), (206, "234"));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    assert_eq!(part.header("content-type"), "video/mp4");
    assert!(part.header("access-control-expose-headers").contains("Content-Range"));
    assert_eq!(preview.get(path, &[("Range", "bytes=10-")]).status, 416);
    let preflight = Answer::of(preview.agent.options(preview.url(path)).call().unwrap());
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-headers")), (204, "Range"));
}

#[test]
fn nothing_but_the_stream_can_be_read() {
    let preview = Preview::start();
    preview.write("main.m3u8", MULTIVARIANT);
    preview.write("index.html", "<script>alert(1)</script>");
    preview.write(".reelpress-half", "half");
    preview.write("a/.git/config", "secret");
    let outside = TempDir::new().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path(), preview.folder.path().join("link")).unwrap();
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    for path in [
        "files/.reelpress-half",
        "files/%2ereelpress-half",
        "files/a/.git/config",
        "files/link/secret",
        "files/",
        "files/a",
        "files/a/",
        &format!("files/..%2f{name}/secret"),
        &format!("files/%2e%2e/{name}/secret"),
        &format!("files//{}/secret", outside.path().display()),
        "files/main.m3u8/",
        "nothing",
    ] {
        let answer = preview.get(path, &[]);
        assert!(answer.status == 404 && !answer.text().contains("secret"), "{path}: {}", answer.status);
    }
    assert!(preview.get("files/index.html", &[]).header("content-security-policy").contains("sandbox"));
    // Paths that a client of good manners would tidy before it sends them.
    let base = preview.url("");
    let token = base.trim_end_matches('/').rsplit('/').next().unwrap();
    let raw = format!("/{token}/files/../../../../{}/secret", outside.path().display());
    assert!(!send_raw(&base, &raw, &host_of(&base)).contains("secret"));
    let other = base.replace(token, "00000000000000000000000000000000");
    assert_eq!(preview.agent.get(&other).call().unwrap().status(), 404);
}

#[test]
fn a_web_page_that_points_its_name_at_this_computer_gets_nothing() {
    let preview = Preview::start();
    let url = preview.url("");
    let path = url.strip_prefix(&format!("http://{}", host_of(&url))).unwrap();
    let port = host_of(&url).rsplit(':').next().unwrap().to_owned();
    let answer = |host: &str| send_raw(&url, path, host);
    assert!(answer(&format!("evil.example:{port}")).starts_with("HTTP/1.1 403"));
    assert!(answer("127.0.0.1").starts_with("HTTP/1.1 403"));
    assert!(answer(&format!("localhost:{port}")).starts_with("HTTP/1.1 200"));
    assert!(answer(&format!("127.0.0.1:{port}")).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_folder_keeps_its_url_and_shares_it_with_no_other() {
    let preview = Preview::start();
    let first = preview.server.url_for(Path::new("/a"));
    assert!(first.starts_with("http://127.0.0.1:"));
    assert_eq!(first, preview.server.url_for(Path::new("/a")));
    assert_ne!(first, preview.server.url_for(Path::new("/b")));
}

fn host_of(url: &str) -> String {
    url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

/// One request exactly as written.
fn send_raw(url: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(host_of(url)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
