//! What the preview server answers.

use std::path::Path;

use axum::{
    Router,
    body::Body,
    extract::{Path as UrlPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use percent_encoding::percent_decode_str;
use tower_http::services::ServeDir;

use super::{
    Folders, ServedFolder,
    keys::{KEYS_PATH, key_number, with_local_keys},
    stream::{Choice, StreamDescription, chosen},
    unguessable,
};
use crate::{
    pipeline::publish::headers::{self, FileKind},
    tools::disk,
};

/// The player page; `NONCE` stands for a value that is new with each answer.
const PAGE: &str = include_str!("player.html");

const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const CROSS_ORIGIN_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(super) fn router(folders: Folders, port: u16) -> Router {
    Router::new()
        .route("/{token}/", get(page))
        .route("/{token}/stream.json", get(describe))
        .route("/{token}/only/{name}", get(only))
        .route("/{token}/files/{*path}", get(file))
        .route("/{token}/keys/{name}", get(key))
        .with_state(folders)
        .layer(middleware::from_fn(add_headers))
        .layer(middleware::from_fn(move |request, next| check_host(port, request, next)))
}

/// A web page can make the browser send requests here under a name of its own that leads to 127.0.0.1. The browser
/// then tells that name in `Host`.
async fn check_host(port: u16, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    if host.is_some_and(|host| ours.iter().any(|our| our.eq_ignore_ascii_case(host))) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "This server answers to this computer only.\n").into_response()
    }
}

/// Lets players on other pages read the stream, when they were given its URL, as from a bucket.
async fn add_headers(request: Request, next: Next) -> Response {
    // Keys are for the player page alone.
    let is_key = request.uri().path().split('/').nth(2) == Some(KEYS_PATH);
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let mut set = |name: HeaderName, value: &'static str| {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    };
    if is_key {
        set(CROSS_ORIGIN_POLICY, "same-origin");
        set(header::CACHE_CONTROL, "no-store");
    } else {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD");
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, "Range");
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "Content-Length, Content-Range, Accept-Ranges");
        set(CROSS_ORIGIN_POLICY, "cross-origin");
    }
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-cache");
    // What lies in the folder is not ours: a page in it must not act as this server.
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'");
    response
}

async fn page(State(folders): State<Folders>, UrlPath(token): UrlPath<String>) -> Response {
    if folders.folder_of(&token).is_none() {
        return not_found();
    }
    let nonce = unguessable();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' https://cdn.jsdelivr.net/npm/; style-src 'nonce-{nonce}'; \
         media-src 'self' blob:; connect-src 'self'; img-src 'self' data:; worker-src blob:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let Ok(policy) = HeaderValue::from_str(&policy) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE.replace("NONCE", &nonce))).into_response()
}

async fn describe(State(folders): State<Folders>, UrlPath(token): UrlPath<String>) -> Response {
    let Some(ServedFolder { folder, keys }) = folders.folder_of(&token) else { return not_found() };
    let describe = move || serde_json::to_vec(&StreamDescription::of(&folder, keys.is_some()));
    let described = tokio::task::spawn_blocking(describe).await;
    match described {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The multivariant playlist with what was chosen alone: `only/3.m3u8` is a variant, `only/3-1.m3u8` a variant with one
/// track of sound, `only/all-1.m3u8` all variants with it.
async fn only(State(folders): State<Folders>, UrlPath((token, name)): UrlPath<(String, String)>) -> Response {
    let choice = name.strip_suffix(".m3u8").and_then(choice);
    let (Some(ServedFolder { folder, .. }), Some(choice)) = (folders.folder_of(&token), choice) else {
        return not_found();
    };
    match tokio::task::spawn_blocking(move || chosen(&folder, choice, "../files/")).await {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, PLAYLIST_TYPE)], text).into_response(),
        Ok(None) => not_found(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn choice(name: &str) -> Option<Choice> {
    let (variant, sound) = name.split_once('-').map_or((name, None), |(variant, sound)| (variant, Some(sound)));
    let variant = if variant == "all" { None } else { Some(variant.parse().ok()?) };
    let sound = sound.map(str::parse).transpose().ok()?;
    Some(Choice { variant, sound })
}

async fn file(
    State(folders): State<Folders>,
    UrlPath((token, _)): UrlPath<(String, String)>,
    mut request: Request,
) -> Response {
    let Some(ServedFolder { folder, keys }) = folders.folder_of(&token) else { return not_found() };
    // The path as it was sent: what follows decodes it once and in one place.
    let prefix = format!("/{token}/files");
    let Some(sent) = request.uri().path().strip_prefix(&prefix).map(str::to_owned) else { return not_found() };
    let Ok(path) = percent_decode_str(&sent).decode_utf8() else { return not_found() };
    if !is_served(&path) || !lies_inside(&folder, path.trim_start_matches('/')).await {
        return not_found();
    }
    let kind = FileKind::of(&path);
    if kind == FileKind::Segment && was_given_back(folder.join(path.trim_start_matches('/'))).await {
        return (StatusCode::GONE, "This segment is published, and was dropped here.\n").into_response();
    }
    if matches!(kind, FileKind::Playlist | FileKind::Manifest) {
        ask_for_the_whole(request.headers_mut());
    }
    if kind == FileKind::Playlist && keys.is_some() {
        let Ok(text) = tokio::fs::read_to_string(folder.join(path.trim_start_matches('/'))).await else {
            return not_found();
        };
        return ([(header::CONTENT_TYPE, PLAYLIST_TYPE)], with_local_keys(&text, &token)).into_response();
    }
    let Ok(uri) = sent.parse::<Uri>() else { return not_found() };
    *request.uri_mut() = uri;
    let mut files = ServeDir::new(&folder).append_index_html_on_directories(false).redirect_to_trailing_slash(false);
    let mut response = match files.try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::warn!(%path, "the preview can't read a file: {error}");
            return not_found();
        }
    };
    if response.status().is_success() {
        let content_type = HeaderValue::from_static(headers::content_type(&path, false));
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// Whether a segment has zeros in place of media that is in buckets alone.
async fn was_given_back(file: std::path::PathBuf) -> bool {
    tokio::task::spawn_blocking(move || disk::has_hole(&file)).await.is_ok_and(|looked| looked.unwrap_or(false))
}

async fn key(State(folders): State<Folders>, UrlPath((token, name)): UrlPath<(String, String)>) -> Response {
    let keys = folders.folder_of(&token).and_then(|served| served.keys);
    let (Some(keys), Some(number)) = (keys, key_number(&name)) else { return not_found() };
    match tokio::task::spawn_blocking(move || keys.key(number)).await {
        Ok(Ok(key)) => ([(header::CONTENT_TYPE, "application/octet-stream")], key.bytes().to_vec()).into_response(),
        Ok(Err(error)) => {
            tracing::warn!("the preview can't serve a key: {error}");
            not_found()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A playlist can change twice within the second that is the grain of its modification time, so that a player which
/// asks whether it has changed since could be told that it has not.
fn ask_for_the_whole(headers: &mut HeaderMap) {
    headers.remove(header::IF_MODIFIED_SINCE);
    headers.remove(header::IF_UNMODIFIED_SINCE);
    headers.remove(header::RANGE);
}

/// False for hidden files, which are those of other programs or not finished, and for paths that are not plain.
fn is_served(path: &str) -> bool {
    let mut names = path.strip_prefix('/').unwrap_or(path).split('/');
    names.all(|name| !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', '\0', ':']))
}

/// False also for a link in the folder that leads out of it.
async fn lies_inside(folder: &Path, path: &str) -> bool {
    let (Ok(folder), Ok(file)) =
        (tokio::fs::canonicalize(folder).await, tokio::fs::canonicalize(folder.join(path)).await)
    else {
        return false;
    };
    file.starts_with(folder)
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not found.\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_served() {
        assert!(is_served("/720p/segment 1.m4s"));
        for path in
            ["/../secret", "/a/../../secret", "/.hidden", "/a/.reelpress-x", "/a\\b", "//etc/passwd", "/C:/x", "/"]
        {
            assert!(!is_served(path), "{path}");
        }
    }
}
