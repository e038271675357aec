//! What a container is called.

use std::path::Path;

/// The container of a file for people. `format_name` is ffmpeg's, which may stand for several containers that one reader
/// reads, such as `mov,mp4,m4a,3gp,3g2,mj2`; between these the name of the file decides.
pub fn container_name(format_name: &str, file: &Path) -> String {
    let extension = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_one_of = |names: &[&str]| names.contains(&extension.as_str());
    let first = format_name.split(',').next().unwrap_or_default();
    let name = match first {
        "mov" if is_one_of(&["mov", "qt"]) => "QuickTime",
        "mov" if is_one_of(&["3gp", "3g2"]) => "3GP",
        "mov" => "MP4",
        "matroska" if is_one_of(&["webm"]) => "WebM",
        "matroska" => "Matroska",
        "mpegts" => "MPEG-TS",
        "mpeg" => "MPEG program stream",
        "mpegvideo" => "MPEG video without a container",
        "h264" => "H.264 without a container",
        "hevc" => "HEVC without a container",
        "mjpeg" => "JPEG pictures without a container",
        "asf" => "Windows Media (ASF)",
        "flv" => "Flash Video (FLV)",
        "rm" => "RealMedia",
        "aac" => "AAC (ADTS)",
        "ogg" => "Ogg",
        other => return other.strip_suffix("_pipe").unwrap_or(other).to_uppercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_a_name_that_people_know() {
        let name = |format_name: &str, file: &str| container_name(format_name, Path::new(file));
        assert_eq!(name("mov,mp4,m4a,3gp,3g2,mj2", "a.mp4"), "MP4");
        assert_eq!(name("mov,mp4,m4a,3gp,3g2,mj2", "A.MOV"), "QuickTime");
        assert_eq!(name("matroska,webm", "a.webm"), "WebM");
        assert_eq!(name("matroska,webm", "a.mkv"), "Matroska");
        assert_eq!(name("mpegts", "a.ts"), "MPEG-TS");
        assert_eq!(name("png_pipe", "a"), "PNG");
        assert_eq!(name("avi", "a.bin"), "AVI");
    }
}
