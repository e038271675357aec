//! Whether two streams of one source are the same to a viewer, frame by frame.

use std::{path::Path, process::Command};

use crate::support::{
    output_of, run,
    stream::Stream,
    system_tool,
    user::{User, files_under},
};

/// Two encodes of one frame are at least so alike (structural similarity), and a frame and its neighbour are not.
const SAME_FRAME: f64 = 0.9;

/// Panics unless `made` has the files, playlists, borders, frames and sound of `whole`, and keeps all rules.
pub fn assert_same_stream(user: &User, whole: &Path, made: &Path) {
    assert_eq!(files_under(made), files_under(whole));
    let [whole, made] = [whole, made].map(|folder| Stream::at(folder.to_owned()));
    assert_eq!(without_rates(&made.text("master.m3u8")), without_rates(&whole.text("master.m3u8")));
    let workplaces = ["whole-frames", "made-frames"].map(|name| user.path(name));
    workplaces.iter().for_each(|path| std::fs::create_dir_all(path).expect("the user's folder can be written"));
    for rendition in whole.video_renditions() {
        let [made_list, whole_list] = [&made, &whole].map(|stream| stream.text(&format!("{rendition}/playlist.m3u8")));
        assert_eq!(made_list, whole_list);
        assert_eq!(made.init_segment(&rendition), whole.init_segment(&rendition));
        let times = [&made, &whole].map(|stream| {
            let segments = stream.segments(&rendition, &workplaces[0]);
            let packets = segments.into_iter().flat_map(|segment| segment.packets);
            packets.map(|packet| (packet.decode_ticks, packet.duration_ticks)).collect::<Vec<_>>()
        });
        assert!(times[0] == times[1], "{rendition}: other decode times");
        assert!(
            times[0].windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0),
            "{rendition}: a hole or an overlap"
        );
        let [made_file, whole_file] =
            [(&made, &workplaces[1]), (&whole, &workplaces[0])].map(|(stream, at)| stream.whole(&rendition, at));
        assert_eq!(shown_times(&made_file), shown_times(&whole_file), "{rendition}: other frames");
        let likeness = likeness(&made_file, &whole_file);
        let (frame, least) = likeness.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).expect("frames");
        assert!(*least >= SAME_FRAME, "{rendition}: frame {frame} of {} is another: {least}", likeness.len());
    }
    if let Some(rendition) = whole.audio_rendition() {
        for file in files_under(&whole.folder.join(&rendition)) {
            let [made, whole] = [&made, &whole].map(|stream| stream.read(&rendition, &file));
            assert!(made == whole, "{rendition}/{file} sounds otherwise");
        }
    }
    let mut check = user.reelpress();
    check.arg("check").arg(&made.folder);
    output_of(check);
}

/// A multivariant playlist without what is measured.
fn without_rates(text: &str) -> String {
    let without = |line: &str| {
        let attributes = line.split(',').map(|attribute| match attribute.split_once("BANDWIDTH=") {
            Some((before, _)) => format!("{before}BANDWIDTH"),
            None => attribute.to_owned(),
        });
        attributes.collect::<Vec<_>>().join(",")
    };
    let mut lines: Vec<String> = text.lines().map(without).collect();
    // Which variant is the first depends on what is measured.
    lines.sort();
    lines.join("\n")
}

/// Presentation times of all frames that a decoder gives.
fn shown_times(file: &Path) -> Vec<String> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let output = run(command);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(',').nth(2).expect("a time").trim().to_owned()).collect()
}

/// How alike each frame of a file is to the one at its place in another, from 0 to 1.
fn likeness(file: &Path, other: &Path) -> Vec<f64> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file).arg("-i").arg(other);
    let graph = "[0:v]settb=1/1000,setpts=N[made];[1:v]settb=1/1000,setpts=N[whole];[made][whole]ssim=stats_file=-";
    command.args(["-filter_complex", graph, "-fps_mode", "passthrough", "-f", "null", "-"]);
    let text = String::from_utf8(output_of(command)).expect("numbers");
    let of_frame = |line: &str| line.split("All:").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    text.lines().map(|line| of_frame(line).unwrap_or_else(|| panic!("{line}"))).collect()
}
