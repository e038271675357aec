//! Sheets of small pictures with an index in WebVTT, which players show over the seek bar. ffmpeg makes the pictures in
//! the one encode.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use image::{ImageReader, RgbImage, codecs::jpeg::JpegEncoder};

use super::{OutputMaker, PackageError};
use crate::pipeline::{layout::relative_uri, plan::StoryboardPlan};

/// File name pattern of the small pictures in the work folder, for ffmpeg's image2 muxer.
pub const TILE_PATTERN: &str = "tile_%06d.jpg";
const JPEG_QUALITY: u8 = 85;

/// The path of a small picture in the work folder.
pub fn tile_path(work_folder: &Path, index: u64) -> PathBuf {
    work_folder.join(format!("tile_{:06}.jpg", index + 1))
}

impl OutputMaker<'_> {
    /// Lays the small pictures that the encode has set aside in the work folder out on sheets, then writes their index.
    pub(super) fn write_storyboard(&self, plan: &StoryboardPlan) -> Result<(), PackageError> {
        let frame_rate = self.plan.timing.frame_rate;
        let tiles = plan.tiles_in(frame_rate.frames_in(self.stream.duration));
        let sheets = tiles.div_ceil(plan.tiles_on_sheet());
        for index in 0..sheets {
            let first = index * plan.tiles_on_sheet();
            let content = self.sheet(plan, first..tiles.min(first + plan.tiles_on_sheet()))?;
            self.write_file(&self.plan.files.storyboard_sheet(index), &content)?;
        }
        let path = self.plan.files.storyboard_index();
        let sheet_uri = |sheet| relative_uri(&path, &self.plan.files.storyboard_sheet(sheet));
        let time_of = |frame| frame_rate.duration_of(frame);
        let text = index(plan, (tiles, self.stream.duration), time_of, sheet_uri);
        self.write_text(&path, text)
    }

    /// A sheet of these pictures, without empty lines.
    fn sheet(&self, plan: &StoryboardPlan, tiles: Range<u64>) -> Result<Vec<u8>, PackageError> {
        let count = u32::try_from(tiles.end - tiles.start).unwrap_or(u32::MAX);
        let columns = count.min(plan.columns);
        let mut sheet = RgbImage::new(columns * plan.tile.width, count.div_ceil(plan.columns) * plan.tile.height);
        for (number, index) in tiles.enumerate() {
            let path = tile_path(self.work_folder, index);
            let unreadable = |error: &dyn std::fmt::Display| PackageError::unreadable(&path, error);
            let opened = ImageReader::open(&path).map_err(|error| unreadable(&error))?;
            let read = opened.with_guessed_format().map_err(|error| unreadable(&error))?;
            let tile = read.decode().map_err(|error| unreadable(&error))?.to_rgb8();
            let (number, columns) = (i64::try_from(number).unwrap_or(0), i64::from(plan.columns));
            let (left, top) = (number % columns, number / columns);
            let (width, height) = (i64::from(plan.tile.width), i64::from(plan.tile.height));
            image::imageops::replace(&mut sheet, &tile, left * width, top * height);
        }
        let mut content = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut content, JPEG_QUALITY);
        let encoded = sheet.write_with_encoder(encoder);
        encoded.map_err(|error| PackageError::unreadable(&tile_path(self.work_folder, 0), &error))?;
        Ok(content)
    }
}

/// The index: which part of which sheet belongs to which time (W3C Media Fragments, 4.2.2).
fn index(
    plan: &StoryboardPlan,
    (tiles, end): (u64, Duration),
    time_of: impl Fn(u64) -> Duration,
    sheet_uri: impl Fn(u64) -> String,
) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for tile in 0..tiles {
        let on_sheet = u32::try_from(tile % plan.tiles_on_sheet()).unwrap_or(0);
        let (x, y) = (on_sheet % plan.columns * plan.tile.width, on_sheet / plan.columns * plan.tile.height);
        let next = if tile + 1 == tiles { end } else { time_of((tile + 1) * plan.interval_frames) };
        text.push_str(&format!(
            "\n{} --> {}\n{}#xywh={x},{y},{},{}\n",
            vtt_time(time_of(tile * plan.interval_frames)),
            vtt_time(next),
            sheet_uri(tile / plan.tiles_on_sheet()),
            plan.tile.width,
            plan.tile.height
        ));
    }
    text
}

fn vtt_time(time: Duration) -> String {
    let milliseconds = (time.as_secs_f64() * 1000.0).round() as u64;
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}.{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PictureSize;

    #[test]
    fn the_index_names_each_picture_once_and_leaves_no_gap() {
        let tile = PictureSize { width: 240, height: 136 };
        let plan = StoryboardPlan { interval_frames: 50, tile, columns: 2, rows: 2 };
        let end = Duration::from_millis(10_400);
        let sheet_uri = |sheet| format!("sheet_{}.jpg", sheet + 1);
        let text = index(&plan, (6, end), |frame| Duration::from_millis(frame * 40), sheet_uri);
        assert!(
            text.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nsheet_1.jpg#xywh=0,0,240,136\n\n"),
            "{text}"
        );
        assert!(text.contains("00:00:06.000 --> 00:00:08.000\nsheet_1.jpg#xywh=240,136,240,136\n"), "{text}");
        assert!(text.ends_with("\n00:00:10.000 --> 00:00:10.400\nsheet_2.jpg#xywh=240,0,240,136\n"), "{text}");
        assert_eq!(vtt_time(Duration::from_secs(36_061)), "10:01:01.000");
    }
}
