//! Pictures as a player shows them.

use std::{path::Path, process::Command};

use super::{output_of, system_tool};

/// Red, green and blue of a small patch of a frame; the place is given in parts of width and height.
pub fn colour_at(file: &Path, frame: usize, x: f64, y: f64) -> [u8; 3] {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    let patch = format!("select=eq(n\\,{frame}),format=rgb24,crop=2:2:iw*{x}:ih*{y},scale=1:1:flags=area");
    command.args(["-map", "0:v:0", "-vf", &patch, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    let bytes = output_of(command);
    bytes.as_slice().try_into().unwrap_or_else(|_| panic!("{}: no picture {frame}", file.display()))
}

/// Brightness of a small patch of every frame, from 0 to 255; the place is given in parts of width and height.
pub fn brightness_at(file: &Path, x: f64, y: f64) -> Vec<u8> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    let patch = format!("crop=2:2:iw*{x}:ih*{y},scale=1:1:flags=area,format=gray");
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-vf", &patch]);
    command.args(["-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    output_of(command)
}

/// Average brightness of every frame, from 0 to 255.
pub fn brightness(file: &Path) -> Vec<u8> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-vf", "scale=1:1:flags=area,format=gray"]);
    command.args(["-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    output_of(command)
}

/// Red, green and blue of every point of a frame, drawn to this size.
pub fn whole(file: &Path, frame: usize, (width, height): (u32, u32)) -> Vec<u8> {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    let drawn = format!("select=eq(n\\,{frame}),scale={width}:{height}:flags=area,format=rgb24");
    command.args(["-map", "0:v:0", "-vf", &drawn, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    output_of(command)
}

/// How many of the points of a frame of this size lie between lines above and below that are both far brighter or both far
/// darker, as happens where two fields are shown as one picture; from 0 to 1.
pub fn combing(file: &Path, frame: usize, (width, height): (usize, usize)) -> f64 {
    let mut command = Command::new(system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    let drawn = format!("select=eq(n\\,{frame}),format=gray");
    command.args(["-map", "0:v:0", "-vf", &drawn, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let points = output_of(command);
    assert_eq!(points.len(), width * height, "{}: no picture {frame} of this size", file.display());
    let at = |place: usize| i32::from(points[place]);
    let is_combed = |place: &usize| {
        let [above, below] = [place - width, place + width].map(|other| at(*place) - at(other));
        above.abs() > 60 && below.abs() > 60 && (above > 0) == (below > 0)
    };
    (width..points.len() - width).filter(is_combed).count() as f64 / points.len() as f64
}
