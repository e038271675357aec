//! How a still picture stands: cameras store it as the sensor lay and note how to turn it.

use std::{fs::File, io::BufReader, path::Path};

use exif::{In, Reader, Tag};

use crate::media::VideoStream;

/// Notes of a still picture what its EXIF data say of how it stands. Nothing changes when they say nothing that can be
/// read.
pub(super) fn turn(video: &mut VideoStream, source: &Path) {
    let told = orientation_of(source).filter(|orientation| upright_filters(*orientation).is_some());
    video.exif_orientation = told;
    video.rotation_degrees = match told {
        Some(6 | 7) => 90,
        Some(3 | 4) => 180,
        Some(5 | 8) => 270,
        _ => 0,
    };
}

fn orientation_of(source: &Path) -> Option<u8> {
    let file = File::open(source).ok()?;
    let read = Reader::new().continue_on_error(true).read_from_container(&mut BufReader::new(file));
    // A tag that can't be read does not make the others worthless.
    let tags = read.or_else(|error| error.distill_partial_result(|_| {})).ok()?;
    let told = tags.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)?;
    u8::try_from(told).ok()
}

/// The filters of ffmpeg that bring a picture of this EXIF orientation (EXIF 2.32, tag 274) upright; `None` for one that is.
pub fn upright_filters(exif_orientation: u8) -> Option<&'static str> {
    Some(match exif_orientation {
        2 => "hflip",
        3 => "hflip,vflip",
        4 => "vflip",
        5 => "transpose=cclock_flip",
        6 => "transpose=clock",
        7 => "transpose=clock_flip",
        8 => "transpose=cclock",
        _ => return None,
    })
}
