//! What constant quality saves beside fixed bit rates, and what it costs to the eye, on four kinds of pictures.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Row, say,
    support::{
        clips, fetched_tool,
        ffmpeg::{FfmpegVersion, stream_facts},
        output_of, run,
        stream::Stream,
        system_tool,
        user::User,
        window::Display,
    },
};

const FIXED: &str = "web-hls";
const CONSTANT_QUALITY: &str = "web-hls-crf";
const BYTES_TARGET: f64 = 0.75;
/// By VMAF, of any rung.
const LOSS_TARGET: f64 = 1.5;
/// Seconds of a screen on which text is scrolled.
const RECORDED_SECONDS: &str = "12";
/// A page of text that is read: it stands for a while, then goes on.
const READ: &str = "<script>let from = 0, began = performance.now(); setInterval(() => {
  if ((performance.now() - began) % 4000 > 1500) window.scrollTo(0, from += 14);
}, 40)</script>";

/// One rung of both streams.
struct Rung {
    bytes: [u64; 2],
    vmaf: [f64; 2],
}

/// Measures all four.
pub fn measure() -> Vec<Row> {
    let user = User::with(FfmpegVersion::Nine);
    say("Recording a screen");
    let screen = screen_recording(&user);
    let sources = [
        ("animated film", clips::sample()),
        ("bicycles", fetched_tool("bikes.mp4")),
        ("street camera", fetched_tool("vtest.avi")),
        ("screen recording", screen),
    ];
    let (mut rows, mut ratios, mut most_lost) = (Vec::new(), Vec::new(), f64::MIN);
    for (name, source) in sources {
        say(&format!("Constant quality beside fixed bit rates: {name}"));
        let rungs = compare(&user, &source);
        let [fixed, constant] = [0, 1].map(|stream| rungs.iter().map(|rung| rung.bytes[stream]).sum::<u64>() as f64);
        let lost = rungs.iter().map(|rung| rung.vmaf[0] - rung.vmaf[1]).fold(f64::MIN, f64::max);
        let told = format!("{:.3}, {lost:.2}", constant / fixed);
        rows.push(Row::for_comparison(name, told));
        ratios.push(constant / fixed);
        most_lost = most_lost.max(lost);
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    rows.push(Row::at_most("bytes of constant quality, beside fixed bit rates, mean", mean, BYTES_TARGET, |ratio| {
        format!("{ratio:.3}")
    }));
    rows.push(Row::at_most("VMAF that a rung loses by it, most", most_lost, LOSS_TARGET, |lost| format!("{lost:.2}")));
    rows
}

fn screen_recording(user: &User) -> PathBuf {
    let text = [include_str!("../../README.md"), include_str!("../../CHANGELOG.md")].concat().replace('<', "&lt;");
    let page =
        format!("<body style='width: 1100px; margin: 24px'><pre style='white-space: pre-wrap'>{text}</pre>{READ}");
    let page = user.file("page.html", page.as_bytes());
    let mut display = Display::start();
    let mut browser = Command::new(system_tool("chromium"));
    browser.args(["--no-sandbox", "--test-type", "--window-size=1280,720", "--window-position=0,0"]);
    browser.arg(format!("--user-data-dir={}", user.path("browser").display()));
    browser.arg(format!("--app=file://{}", page.display()));
    display.launch(browser);
    display.window("page.html");
    let file = user.path("screen.mkv");
    let mut recorder = Command::new(FfmpegVersion::System.program());
    display.show_on(&mut recorder);
    recorder.args(["-v", "error", "-nostdin", "-f", "x11grab", "-framerate", "30", "-video_size", "1280x720"]);
    recorder.args(["-t", RECORDED_SECONDS, "-i", "", "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast"]).arg(&file);
    output_of(recorder);
    file
}

/// All rungs of a source, by fixed bit rates and by constant quality.
fn compare(user: &User, source: &Path) -> Vec<Rung> {
    let [fixed, constant] = [FIXED, CONSTANT_QUALITY].map(|preset| {
        user.encode(&[source], preset).assert_all_done();
        let made = user.stream_of(source).folder;
        let kept = user.path(preset);
        let _ = std::fs::remove_dir_all(&kept);
        std::fs::rename(made, &kept).expect("the user's folder can be written");
        Stream::at(kept)
    });
    let compared = |rendition: &String| {
        let files = [&fixed, &constant].map(|stream| stream.whole(rendition, &stream.folder));
        Rung {
            bytes: files.each_ref().map(|file| std::fs::metadata(file).expect("the file is there").len()),
            vmaf: files.each_ref().map(|file| vmaf(file, source)),
        }
    };
    fixed.video_renditions().iter().map(compared).collect()
}

/// How near the pictures of a file come to those of its source at the same size, from 0 to 100.
fn vmaf(file: &Path, source: &Path) -> f64 {
    let facts = stream_facts(file);
    let scaled = format!("scale={}:{}:flags=bicubic", facts["width"], facts["height"]);
    let mut command = Command::new(FfmpegVersion::Nine.program());
    command.args(["-hide_banner", "-nostdin", "-i"]).arg(file).arg("-i").arg(source).args([
        "-lavfi",
        &format!(
            "[0:v]setpts=PTS-STARTPTS,format=yuv420p[made];[1:v]setpts=PTS-STARTPTS,{scaled},format=yuv420p[source];\
         [made][source]libvmaf=n_threads=2:shortest=1"
        ),
    ]);
    command.args(["-f", "null", "-"]);
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr);
    let score = said.rsplit_once("VMAF score: ").and_then(|(_, score)| score.split_whitespace().next()?.parse().ok());
    score.unwrap_or_else(|| panic!("no score: {said}"))
}
