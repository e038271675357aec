//! Looks at a published stream as a player without credentials does: from another site, by ranges.

use std::time::Duration;

use ureq::http::{Response, header};

use super::{headers::FileKind, policy};
use crate::job::S3Location;

const LIMIT: Duration = Duration::from_secs(10);
/// Any site other than the bucket's: what counts is that it is another.
const ORIGIN: &str = "https://player.example";

/// What keeps players from the stream, each with the way out; empty when nothing does. `multivariant` is its URL, and
/// `segment` that of one media file. Takes 20 seconds at most.
pub(super) fn obstacles(location: &S3Location, multivariant: &str, segment: Option<&str>) -> Vec<String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build().into();
    let ask = |url: &str, range: &str| agent.get(url).header("Range", range).header("Origin", ORIGIN).call();
    let mut found = match ask(multivariant, "bytes=0-") {
        Ok(answer) => of_answer(location, multivariant, &answer),
        Err(error) => vec![format!("{multivariant} can’t be reached from here as a player would: {error}")],
    };
    if let Some(segment) = segment.filter(|_| found.is_empty()) {
        match ask(segment, "bytes=0-0") {
            Ok(answer) => {
                found = of_answer(location, segment, &answer);
                if found.is_empty() && answer.status() != 206 {
                    found.push(format!(
                        "{segment} comes whole when a part of it is asked for: let the CDN pass on Range requests, which \
                         trick play needs"
                    ));
                }
            }
            Err(error) => found.push(format!("{segment} can’t be reached from here as a player would: {error}")),
        }
    }
    found
}

fn of_answer<T>(location: &S3Location, url: &str, answer: &Response<T>) -> Vec<String> {
    let status = answer.status().as_u16();
    let text = |name: header::HeaderName| answer.headers().get(name).and_then(|value| value.to_str().ok());
    match status {
        200 | 206 => {}
        401 | 403 => {
            return vec![format!("Viewers may not read {url} (HTTP {status}): {}", policy::how_to_open(location))];
        }
        404 if location.public_url.is_some() => {
            return vec![format!("There is nothing at {url}: the public URL has to show the root of the bucket")];
        }
        _ if status >= 400 && location.store == Some(crate::job::s3::Store::R2) => {
            return vec![format!("Viewers can’t read {url} (HTTP {status}): {}", policy::how_to_open(location))];
        }
        _ => return vec![format!("Viewers can’t read {url}: it answers with HTTP {status}")],
    }
    let mut found = Vec::new();
    if !matches!(text(header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("*" | ORIGIN)) {
        found.push(format!(
            "Players on other sites can’t read {url}: give the bucket these CORS rules: {}",
            policy::cors_rules()
        ));
    }
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    if FileKind::of(url) == FileKind::Playlist && !content_type.contains("mpegurl") {
        found.push(format!("{url} comes as “{content_type}”: let the CDN pass on the Content-Type of the bucket"));
    }
    found
}
