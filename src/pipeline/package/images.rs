//! Poster and thumbnails, out of the frames that the encode set aside.

use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageReader, codecs::jpeg::JpegEncoder, imageops::FilterType};

use super::{FileListener, IMAGES_FOLDER, PackageError};
use crate::{job::FileReport, pipeline::plan::PicturePlan, tools::atomic_file};

/// Thumbnails are at most this long on their longer side.
const THUMBNAIL_LONG_SIDE: u32 = 640;
const JPEG_QUALITY: u8 = 85;
/// Pictures are judged at this size.
const JUDGED_LONG_SIDE: u32 = 320;
/// Darker than this on average (of 255) counts as black.
const BLACK_MEAN: f64 = 28.0;
/// With less variation than this (standard deviation, of 255) there is nothing to see.
const EMPTY_DEVIATION: f64 = 12.0;

/// File name pattern of the set-aside frames in the work folder, for ffmpeg's image2 muxer.
pub const PICTURE_PATTERN: &str = "picture_%04d.jpg";

fn picture_path(work_folder: &Path, index: usize) -> PathBuf {
    work_folder.join(format!("picture_{:04}.jpg", index + 1))
}

/// Writes `images/poster.jpg` and `images/thumbnail_N.jpg` into the stream's folder. Frames that the source turned out
/// not to have are left out.
///
/// # Errors
/// When a file can't be written. A picture that can't be read is left out.
pub fn write_images(
    plan: &PicturePlan,
    work_folder: &Path,
    stream_folder: &Path,
    listener: &dyn FileListener,
) -> Result<(), PackageError> {
    let mut best: Option<(f64, usize)> = None;
    for (index, planned) in plan.pictures.iter().enumerate() {
        let Some(picture) = read(&picture_path(work_folder, index)) else { continue };
        let score = poster_score(&picture);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, index));
        }
        if let Some(number) = planned.thumbnail {
            let path = format!("{IMAGES_FOLDER}/thumbnail_{number}.jpg");
            write(stream_folder, &path, &jpeg(&smaller(&picture, THUMBNAIL_LONG_SIDE)), listener)?;
        }
    }
    if let Some((_, index)) = best
        && let Ok(poster) = std::fs::read(picture_path(work_folder, index))
    {
        write(stream_folder, &format!("{IMAGES_FOLDER}/poster.jpg"), &poster, listener)?;
    }
    Ok(())
}

fn read(path: &Path) -> Option<DynamicImage> {
    let picture = ImageReader::open(path).ok()?.with_guessed_format().ok()?.decode();
    picture.inspect_err(|error| tracing::info!(%error, path = %path.display(), "a picture can't be read")).ok()
}

fn smaller(picture: &DynamicImage, long_side: u32) -> DynamicImage {
    if picture.width().max(picture.height()) <= long_side {
        return picture.clone();
    }
    picture.resize(long_side, long_side, FilterType::Triangle)
}

fn jpeg(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    if let Err(error) = picture.to_rgb8().write_with_encoder(encoder) {
        tracing::warn!(%error, "a thumbnail can't be encoded");
    }
    bytes
}

fn write(folder: &Path, path: &str, content: &[u8], listener: &dyn FileListener) -> Result<(), PackageError> {
    if content.is_empty() {
        return Ok(());
    }
    let full = folder.join(path);
    atomic_file::write(&full, content).map_err(|source| PackageError::Write { path: full, source })?;
    listener.file_finished(FileReport { path: path.to_owned(), bytes: content.len() as u64 }, None);
    Ok(())
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
    fn a_sharp_picture_beats_a_blurred_one_and_both_beat_black() {
        let sharp = picture(|x, y| if (x / 8 + y / 8) % 2 == 0 { 60 } else { 190 });
        let blurred = sharp.blur(4.0);
        let black = picture(|x, _| (x % 3) as u8);
        let scores = [&black, &blurred, &sharp].map(poster_score);
        assert!(scores[0] < scores[1] && scores[1] < scores[2], "{scores:?}");
    }
}
