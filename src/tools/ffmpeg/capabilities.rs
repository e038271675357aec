//! What an ffmpeg says of itself: version, encoders, filters.

use std::{collections::BTreeSet, ffi::OsStr, path::Path, process::Command, time::Duration};

use super::ToolError;
use crate::tools::{
    cancel::CancelToken,
    child::{self, ChildError},
};

/// Time that a program has to tell its version; generous for a cold disk and a virus scanner.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Oldest release that is supported.
const OLDEST_RELEASE: (u32, u32) = (5, 1);
pub(super) const OLDEST_RELEASE_TEXT: &str = "5.1";
/// libavcodec of the 5.x releases: what tells the age of builds that carry no release number.
const OLDEST_LIBAVCODEC: u32 = 59;

/// Encoders that every stream needs.
const NEEDED_ENCODERS: [&str; 2] = ["libx264", "aac"];

/// Version of ffmpeg or ffprobe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As the program words it, such as `5.1.9-0+deb12u1` or `n9.0.2-17-g2a571b6068-20260930`.
    pub text: String,
    /// Major and minor number of the release; `None` for builds from the development branch.
    pub release: Option<(u32, u32)>,
    /// Major version of libavcodec.
    pub libavcodec_major: Option<u32>,
}

impl Version {
    /// Reads what `ffmpeg -version` or `ffprobe -version` prints; `None` when it isn't that.
    pub fn parse(output: &str) -> Option<Self> {
        let mut words = output.lines().next()?.split_whitespace();
        if !words.next()?.starts_with("ff") || words.next()? != "version" {
            return None;
        }
        let text = words.next()?.to_owned();
        let libavcodec_major = output
            .lines()
            .find_map(|line| line.strip_prefix("libavcodec")?.trim_start().split('.').next()?.trim().parse().ok());
        Some(Self { release: release_of(&text), text, libavcodec_major })
    }

    /// True for release 5.1 and later, and for development builds of that age.
    pub fn is_supported(&self) -> bool {
        match (self.release, self.libavcodec_major) {
            (Some(release), _) => release >= OLDEST_RELEASE,
            (None, Some(libavcodec)) => libavcodec >= OLDEST_LIBAVCODEC,
            (None, None) => false,
        }
    }
}

/// `5.1.9-0+deb12u1`, `n9.0.2-17-g…`, `7.0` give a release; `N-12345-g…` and `2026-09-30-git-…` do not.
fn release_of(text: &str) -> Option<(u32, u32)> {
    let numbers = text.strip_prefix('n').unwrap_or(text);
    let mut parts = numbers.split(|character: char| !character.is_ascii_digit());
    let major: &str = parts.next()?;
    if !numbers[major.len()..].starts_with('.') {
        return None;
    }
    Some((major.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What an ffmpeg can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Its version.
    pub version: Version,
    /// Names of its encoders.
    pub encoders: BTreeSet<String>,
    /// Names of its filters.
    pub filters: BTreeSet<String>,
}

impl Capabilities {
    /// Asks the ffmpeg at `path`, which takes some tenths of a second.
    ///
    /// # Errors
    /// [`ToolError::Broken`] when it can't be run or doesn't answer as ffmpeg does.
    pub fn read(path: &Path, cancel: &CancelToken) -> Result<Self, ToolError> {
        let version = read_version(path, cancel)?;
        let encoders = names(&ask(path, "-encoders", cancel)?);
        let filters = names(&ask(path, "-filters", cancel)?);
        Ok(Self { version, encoders, filters })
    }

    /// Whether every job can run on this ffmpeg.
    ///
    /// # Errors
    /// [`ToolError::TooOld`] or [`ToolError::LacksEncoder`], naming `path`.
    pub fn check(&self, path: &Path) -> Result<(), ToolError> {
        if !self.version.is_supported() {
            let version = self.version.text.clone();
            return Err(ToolError::TooOld { path: path.to_owned(), version, oldest: OLDEST_RELEASE_TEXT });
        }
        match NEEDED_ENCODERS.into_iter().find(|encoder| !self.encoders.contains(*encoder)) {
            Some(encoder) => Err(ToolError::LacksEncoder { path: path.to_owned(), encoder }),
            None => Ok(()),
        }
    }

    /// True when HDR can be tone-mapped.
    pub fn can_tone_map(&self) -> bool {
        self.filters.contains("zscale") && self.filters.contains("tonemap")
    }
}

/// Asks an ffmpeg or ffprobe for its version.
pub(super) fn read_version(path: &Path, cancel: &CancelToken) -> Result<Version, ToolError> {
    let output = ask(path, "-version", cancel)?;
    Version::parse(&output).ok_or_else(|| ToolError::Broken {
        path: path.to_owned(),
        set_by: None,
        detail: format!("`-version` printed: {}", output.lines().next().unwrap_or("nothing")),
    })
}

fn ask(path: &Path, question: &str, cancel: &CancelToken) -> Result<String, ToolError> {
    let broken = |detail| ToolError::Broken { path: path.to_owned(), set_by: None, detail };
    let mut command = Command::new(path);
    command.args([OsStr::new("-hide_banner"), OsStr::new(question)]);
    let output = child::run_to_end(command, ANSWER_LIMIT, cancel).map_err(|error| match error {
        ChildError::Cancelled => ToolError::Cancelled,
        other => broken(other.to_string()),
    })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(broken(format!("`{question}` ended with {}: {}", output.status, stderr_tail(&output.stderr))))
    }
}

fn stderr_tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.reverse();
    lines.join("\n")
}

/// The second word of each line; in the legend above the table that is `=`.
fn names(table: &str) -> BTreeSet<String> {
    let second_words = table.lines().filter_map(|line| line.split_whitespace().nth(1));
    second_words.filter(|word| *word != "=").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(first_line: &str, libavcodec: &str) -> Version {
        Version::parse(&format!(
            "{first_line}\nbuilt with gcc\nlibavutil      57. 28.100\nlibavcodec     {libavcodec}\n"
        ))
        .unwrap()
    }

    #[test]
    fn releases_of_distributions_and_static_builds_are_told_by_their_number() {
        let debian = version("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026", "59. 37.100 / 59. 37.100");
        assert_eq!((debian.text.as_str(), debian.release), ("5.1.9-0+deb12u1", Some((5, 1))));
        assert_eq!(debian.libavcodec_major, Some(59));
        let tagged = version("ffmpeg version n9.0.2-17-g2a571b6068-20260930 Copyright", "63.  1.102 / 63.  1.102");
        assert_eq!(tagged.release, Some((9, 0)));
        let static_build = version("ffmpeg version 9.0.2-static https://example.org", "63.  1.102");
        assert_eq!(static_build.release, Some((9, 0)));
        assert!([debian, tagged, static_build].iter().all(Version::is_supported));
    }

    #[test]
    fn releases_before_5_1_are_too_old() {
        assert!(!version("ffmpeg version 5.0.3 Copyright", "59. 18.100").is_supported());
        assert!(!version("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", "58.134.100").is_supported());
        assert!(version("ffmpeg version 10.0 Copyright", "64. 1.100").is_supported());
    }

    #[test]
    fn builds_without_a_release_number_are_told_by_libavcodec() {
        for first_line in
            ["ffmpeg version N-12345-gabcdef0 Copyright", "ffmpeg version 2026-09-30-git-1a2b3c-full_build"]
        {
            let recent = version(first_line, "61. 3.100");
            assert_eq!(recent.release, None);
            assert!(recent.is_supported());
            assert!(!version(first_line, "58. 3.100").is_supported());
        }
    }

    #[test]
    fn what_is_not_ffmpeg_has_no_version() {
        assert_eq!(Version::parse("GNU bash, version 5.2.15"), None);
        assert_eq!(Version::parse(""), None);
    }

    #[test]
    fn tables_of_encoders_and_filters_give_the_names() {
        let encoders =
            "Encoders:\n V..... = Video\n ------\n V....D libx264              libx264 H.264\n A....D aac  AAC\n";
        assert_eq!(names(encoders), ["aac", "libx264"].map(str::to_owned).into());
        let filters = "Filters:\n  T.. = Timeline support\n  | = Source or sink filter\n ... tonemap           V->V       x\n .S. zscale V->V y\n";
        assert_eq!(names(filters), ["tonemap", "zscale"].map(str::to_owned).into());
    }
}
