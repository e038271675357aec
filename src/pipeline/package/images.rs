//! Poster and thumbnails, out of the frames that the encode set aside.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use image::{DynamicImage, ImageReader, codecs::jpeg::JpegEncoder, imageops::FilterType};

use super::{FileListener, PackageError};
use crate::{
    job::{FileReport, ThumbnailFormat, ThumbnailStyle},
    pipeline::{layout::StreamFiles, plan::PicturePlan},
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

/// Thumbnails whose width is not given are at most this long on their longer side.
const THUMBNAIL_LONG_SIDE: u32 = 640;
const JPEG_QUALITY: u8 = 85;
/// On libwebp's scale; looks like the JPEG files.
const WEBP_QUALITY: &str = "82";
/// Time for one picture; generous for a busy machine.
const WEBP_LIMIT: Duration = Duration::from_secs(60);
/// Pictures are judged at this size.
const JUDGED_LONG_SIDE: u32 = 320;
/// Darker than this on average (of 255) counts as black.
const BLACK_MEAN: f64 = 28.0;
/// With less variation than this (standard deviation, of 255) there is nothing to see.
const EMPTY_DEVIATION: f64 = 12.0;

/// File name pattern of the set-aside frames in the work folder, for ffmpeg's image2 muxer.
pub const PICTURE_PATTERN: &str = "picture_%04d.jpg";

/// The path of a set-aside frame in the work folder.
pub fn picture_path(work_folder: &Path, index: usize) -> PathBuf {
    work_folder.join(format!("picture_{:04}.jpg", index + 1))
}

/// Writes poster and thumbnails.
pub struct ImageMaker<'a> {
    /// Where the encode has set frames aside.
    pub work_folder: &'a Path,
    /// The stream's folder.
    pub stream_folder: &'a Path,
    /// Where the files of the stream lie.
    pub files: &'a StreamFiles,
    /// How thumbnails are written.
    pub style: ThumbnailStyle,
    /// The programs to drive.
    pub toolbox: &'a Toolbox,
    /// Ends it.
    pub cancel: &'a CancelToken,
    /// Is told of finished files.
    pub listener: &'a dyn FileListener,
}

impl ImageMaker<'_> {
    /// Writes `poster.jpg` and `thumbnail_N.jpg` (or `.webp`) into the stream's folder for images. Frames that the
    /// source turned out not to have are left out; the numbers of those that are no thumbnails for that are returned.
    ///
    /// # Errors
    /// When a file can't be written or WebP not encoded. A picture that can't be read is left out.
    pub fn write(&self, plan: &PicturePlan) -> Result<Vec<u64>, PackageError> {
        let (mut best, mut missing): (Option<(f64, usize)>, _) = (None, Vec::new());
        for (index, planned) in plan.pictures.iter().enumerate() {
            let path = picture_path(self.work_folder, index);
            let Some(picture) = read(&path) else {
                missing.extend(planned.thumbnail.map(|_| planned.frame));
                continue;
            };
            let score = poster_score(&picture);
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, index));
            }
            if let Some(number) = planned.thumbnail {
                let content = match self.style.format {
                    ThumbnailFormat::Jpeg => jpeg(&smaller(&picture, self.style.width)),
                    ThumbnailFormat::Webp => {
                        self.webp(&path, thumbnail_size((picture.width(), picture.height()), self.style.width))?
                    }
                };
                let extension = self.style.format.extension();
                self.write_file(&self.files.thumbnail(number, extension), &content)?;
            }
        }
        if let Some((_, index)) = best
            && let Ok(poster) = std::fs::read(picture_path(self.work_folder, index))
        {
            self.write_file(&self.files.poster(), &poster)?;
        }
        Ok(missing)
    }

    /// Lets ffmpeg write a picture as WebP in this size.
    fn webp(&self, picture: &Path, (width, height): (u32, u32)) -> Result<Vec<u8>, PackageError> {
        let made = picture.with_extension("webp");
        let url = |path: &Path| {
            let mut url = OsString::from("file:");
            url.push(path);
            url
        };
        let mut command = Command::new(&self.toolbox.ffmpeg);
        command.args(["-hide_banner", "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file", "-i"]);
        command.arg(url(picture)).args(["-vf", &format!("scale={width}:{height}"), "-frames:v", "1"]);
        command.args(["-c:v", "libwebp", "-quality", WEBP_QUALITY, "-f", "webp"]).arg(url(&made));
        let failed = |detail: String| PackageError::Remux { output: "A thumbnail in WebP", detail };
        let output = child::run_to_end(command, WEBP_LIMIT, self.cancel).map_err(|error| match error {
            ChildError::Cancelled => PackageError::Cancelled,
            other => failed(other.to_string()),
        })?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        std::fs::read(&made).map_err(|error| PackageError::unreadable(&made, &error))
    }

    fn write_file(&self, path: &str, content: &[u8]) -> Result<(), PackageError> {
        if content.is_empty() {
            return Ok(());
        }
        let full = self.stream_folder.join(path);
        self.listener.room().write(&full, content, self.cancel, &|| self.listener.room_changed())?;
        self.listener.file_finished(FileReport { path: path.to_owned(), bytes: content.len() as u64 }, None);
        Ok(())
    }
}

/// Size of a thumbnail of a picture of this size: never larger than it.
fn thumbnail_size((width, height): (u32, u32), wanted_width: Option<u32>) -> (u32, u32) {
    let long = width.max(height).max(1);
    let scale = match wanted_width {
        Some(wanted) => f64::from(wanted) / f64::from(width.max(1)),
        None => f64::from(THUMBNAIL_LONG_SIDE) / f64::from(long),
    };
    let scale = scale.min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    (side(width), side(height))
}

fn read(path: &Path) -> Option<DynamicImage> {
    let picture = ImageReader::open(path).ok()?.with_guessed_format().ok()?.decode();
    picture.inspect_err(|error| tracing::info!(%error, path = %path.display(), "a picture can't be read")).ok()
}

fn smaller(picture: &DynamicImage, wanted_width: Option<u32>) -> DynamicImage {
    let size = (picture.width(), picture.height());
    let (width, height) = thumbnail_size(size, wanted_width);
    if (width, height) == size { picture.clone() } else { picture.resize_exact(width, height, FilterType::Triangle) }
}

fn jpeg(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    if let Err(error) = picture.to_rgb8().write_with_encoder(encoder) {
        tracing::warn!(%error, "a thumbnail can't be encoded");
    }
    bytes
}

/// How well a picture serves as poster: sharp ones win, black and empty ones lose to any other.
fn poster_score(picture: &DynamicImage) -> f64 {
    let luma = picture.thumbnail(JUDGED_LONG_SIDE, JUDGED_LONG_SIDE).to_luma8();
    let (width, height) = luma.dimensions();
    let at = |x: u32, y: u32| f64::from(luma.get_pixel(x, y).0[0]);
    let pixels = f64::from(width) * f64::from(height);
    let mean = luma.pixels().map(|pixel| f64::from(pixel.0[0])).sum::<f64>() / pixels;
    let variance = luma.pixels().map(|pixel| (f64::from(pixel.0[0]) - mean).powi(2)).sum::<f64>() / pixels;
    let mut sharpness = 0.0;
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            // The Laplacian: large where neighbours differ, so small in blurred pictures.
            let laplacian = 4.0 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
            sharpness += laplacian * laplacian;
        }
    }
    let score = sharpness / pixels;
    let is_usable = mean > BLACK_MEAN && variance.sqrt() > EMPTY_DEVIATION;
    if is_usable { 1.0 + score } else { score / (1.0 + score) * 0.5 }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn picture(value: impl Fn(u32, u32) -> u8) -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_fn(160, 90, |x, y| Rgb([value(x, y); 3])))
    }

    #[test]
    fn thumbnails_keep_their_shape_and_are_never_larger_than_the_picture() {
        assert_eq!(thumbnail_size((1920, 1080), None), (640, 360));
        assert_eq!(thumbnail_size((1080, 1920), None), (360, 640));
        assert_eq!(thumbnail_size((1080, 1920), Some(540)), (540, 960));
        assert_eq!(thumbnail_size((320, 180), Some(1280)), (320, 180));
        assert_eq!(thumbnail_size((4000, 2), Some(100)), (100, 1));
    }

    #[test]
    fn a_sharp_picture_beats_a_blurred_one_and_both_beat_black() {
        let sharp = picture(|x, y| if (x / 8 + y / 8) % 2 == 0 { 60 } else { 190 });
        let blurred = sharp.blur(4.0);
        let black = picture(|x, _| (x % 3) as u8);
        let scores = [&black, &blurred, &sharp].map(poster_score);
        assert!(scores[0] < scores[1] && scores[1] < scores[2], "{scores:?}");
    }
}
