//! Looks at a published stream as a player without credentials does: from another site, by ranges.

use std::time::Duration;

use bytes::Bytes;
use jiff::{Timestamp, fmt::rfc2822};
use tokio::runtime::Handle;
use ureq::{
    Agent,
    http::{Response, header},
};

use super::{error::PublishError, headers::FileKind, object_headers::Headers, policy, presign::Signer, s3, s3::Bucket};
use crate::job::S3Location;

const LIMIT: Duration = Duration::from_secs(10);
/// Any site other than the bucket's: what counts is that it is another.
const ORIGIN: &str = "https://player.example";

/// How long the signed address of the object that is looked at holds.
const SIGNED_HOLDS: Duration = Duration::from_secs(60);

/// What players without credentials find in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicView {
    /// The address that was asked for, of an object that is gone again.
    pub url: String,
    /// Why they can't read there, with the way out; `None` when they can.
    pub unreadable: Option<String>,
    /// Why those on other sites can't, with the way out; `None` when they can.
    pub closed_to_sites: Option<String>,
}

/// Looks at the bucket as players without credentials see it, by a small object under the prefix that is deleted again.
/// Where they may not read, players on other sites are tried with a signed address. Must not be called on a thread of the
/// runtime.
///
/// # Errors
/// When the location makes no sense, or the store does not answer or refuses the object.
pub fn public_view(runtime: &Handle, location: &S3Location) -> Result<PublicView, PublishError> {
    let (bucket, key, signed) = runtime.block_on(s3::first_contact(location, async {
        let bucket = Bucket::open(location).await?;
        let key = bucket.key(&format!("reelpress-test-{}.txt", uuid::Uuid::now_v7().simple()))?;
        let text = Bytes::from(format!("Written by Reelpress to see who may read it: {key}\n"));
        bucket.put_text(&key, text, Headers::of_note(&bucket.location.objects)).await?;
        let signed = Signer::new(&bucket, SIGNED_HOLDS)?.url(&key).await?;
        Ok((bucket, key, signed))
    }))?;
    let url = bucket.url(&key);
    let (agent, range) = (agent(), "bytes=0-");
    let (unreadable, closed_to_sites) = match ask(&agent, &url, range) {
        Ok(answer) => match (unreadable(location, &url, &answer), location.public_url.is_some()) {
            (None, _) => (None, closed_to_sites(&url, &answer)),
            (refused, true) => (refused, None),
            (refused, false) => {
                (refused, ask(&agent, &signed, range).ok().and_then(|answer| closed_to_sites("the bucket", &answer)))
            }
        },
        Err(error) => (Some(unreachable_from_here(&url, &error)), None),
    };
    runtime.block_on(bucket.delete_all(&[key]))?;
    Ok(PublicView { url, unreadable, closed_to_sites })
}

fn agent() -> Agent {
    Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build().into()
}

fn ask(agent: &Agent, url: &str, range: &str) -> Result<Response<ureq::Body>, ureq::Error> {
    agent.get(url).header("Range", range).header("Origin", ORIGIN).call()
}

/// What time it is where this address is answered; `None` where that is not told. Takes 10 seconds at most.
pub(super) fn time_of_store(url: &str) -> Option<Timestamp> {
    let answer = agent().head(url).call().ok()?;
    rfc2822::parse(text(&answer, header::DATE)?).ok().map(|time| time.timestamp())
}

fn unreachable_from_here(url: &str, error: &ureq::Error) -> String {
    format!("{url} can’t be reached from here as a player would: {error}")
}

/// What keeps players from the stream, each with the way out; empty when nothing does. `multivariant` is its URL, and
/// `segment` that of one media file. Takes 20 seconds at most.
pub(super) fn obstacles(location: &S3Location, multivariant: &str, segment: Option<&str>) -> Vec<String> {
    let agent = agent();
    let mut found = match ask(&agent, multivariant, "bytes=0-") {
        Ok(answer) => of_answer(location, multivariant, &answer),
        Err(error) => vec![unreachable_from_here(multivariant, &error)],
    };
    if let Some(segment) = segment.filter(|_| found.is_empty()) {
        match ask(&agent, segment, "bytes=0-0") {
            Ok(answer) => {
                found = of_answer(location, segment, &answer);
                if found.is_empty() && answer.status() != 206 {
                    found.push(format!(
                        "{segment} comes whole when a part of it is asked for: let the CDN pass on Range requests, which \
                         trick play needs"
                    ));
                }
            }
            Err(error) => found.push(unreachable_from_here(segment, &error)),
        }
    }
    found
}

fn of_answer<T>(location: &S3Location, url: &str, answer: &Response<T>) -> Vec<String> {
    if let Some(obstacle) = unreadable(location, url, answer) {
        return vec![obstacle];
    }
    let mut found: Vec<String> = closed_to_sites(url, answer).into_iter().collect();
    let content_type = text(answer, header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    if FileKind::of(url) == FileKind::Playlist && !content_type.contains("mpegurl") {
        found.push(format!("{url} comes as “{content_type}”: let the CDN pass on the Content-Type of the bucket"));
    }
    found
}

fn text<T>(answer: &Response<T>, name: header::HeaderName) -> Option<&str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Why players can't read what was asked for, and the way out.
fn unreadable<T>(location: &S3Location, url: &str, answer: &Response<T>) -> Option<String> {
    let status = answer.status().as_u16();
    match status {
        200 | 206 => None,
        401 | 403 => Some(format!("Viewers may not read {url} (HTTP {status}): {}", policy::how_to_open(location))),
        404 if location.public_url.is_some() => {
            Some(format!("There is nothing at {url}: the public URL has to show the root of the bucket"))
        }
        _ if status >= 400 && location.store == Some(crate::job::s3::Store::R2) => {
            Some(format!("Viewers can’t read {url} (HTTP {status}): {}", policy::how_to_open(location)))
        }
        _ => Some(format!("Viewers can’t read {url}: it answers with HTTP {status}")),
    }
}

/// Why players on other sites can't read `what`, and the way out.
fn closed_to_sites<T>(what: &str, answer: &Response<T>) -> Option<String> {
    let is_open = matches!(text(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("*" | ORIGIN));
    (!is_open).then(|| {
        format!("Players on other sites can’t read {what}: give the bucket these CORS rules: {}", policy::cors_rules())
    })
}
