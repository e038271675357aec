//! A stream on a web server.

use std::{io::Cursor, sync::Arc, time::Duration};

use ureq::{
    Agent, ResponseExt,
    http::{HeaderMap, StatusCode, header},
    tls::{Certificate, RootCerts, TlsConfig},
};
use url::Url;

use super::{Address, ByteRange, Files, Headers, OpenError, Opened};

/// No file of a stream takes longer, unless the server hangs.
const FILE_LIMIT: Duration = Duration::from_secs(120);
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// Redirects that are followed for one file.
const MOST_REDIRECTS: u32 = 5;
/// A site of its own, as far as the server knows, so that it says whether other sites may read.
const OTHER_SITE: &str = "https://reelpress.invalid";

/// A client for one stream.
#[derive(Debug)]
pub(in super::super) struct Web {
    agent: Agent,
}

impl Web {
    /// A client that trusts the certificates that the system trusts.
    pub(in super::super) fn new() -> Self {
        let certificates: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
            .certs
            .into_iter()
            .map(|certificate| Certificate::from_der(&certificate).to_owned())
            .collect();
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(certificates))).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .max_redirects(MOST_REDIRECTS)
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_global(Some(FILE_LIMIT))
            .http_status_as_error(false)
            .user_agent(concat!("reelpress/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: Agent::new_with_config(config) }
    }

    /// The address of a stream that a user typed, after all redirects.
    pub(in super::super) fn entry(&self, url: &str) -> Result<Address, OpenError> {
        let response = self.agent.get(url).call().map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(status));
        }
        Ok(Address(response.get_uri().to_string()))
    }
}

impl Files for Web {
    fn resolve(&self, base: &Address, uri: &str) -> Result<Address, String> {
        let resolved = Url::parse(&base.0).and_then(|base| base.join(uri));
        let url = resolved.map_err(|error| format!("“{uri}” is no URI: {error}"))?;
        match url.scheme() {
            "http" | "https" => Ok(Address(url.to_string())),
            scheme => Err(format!("“{uri}” leads from the web to {scheme}:")),
        }
    }

    fn open(&self, address: &Address, range: Option<ByteRange>, limit: u64) -> Result<Opened, OpenError> {
        if range.is_some_and(|range| range.length > limit) {
            return Err(OpenError::TooLarge(limit));
        }
        let mut request = self.agent.get(&address.0).header(header::ORIGIN, OTHER_SITE);
        if let Some(range) = range {
            let last = range.end().saturating_sub(1);
            request = request.header(header::RANGE, format!("bytes={}-{last}", range.offset));
        }
        let mut response = request.call().map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(status));
        }
        let headers = headers(response.headers());
        let body = response.body_mut().with_config().limit(limit.saturating_add(1)).read_to_vec();
        let mut content = body.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => OpenError::TooLarge(limit),
            error => unreachable(&error),
        })?;
        if let Some(range) = range
            && status != StatusCode::PARTIAL_CONTENT
        {
            // A server that knows no ranges sends all.
            let (start, end) = (usize::try_from(range.offset), usize::try_from(range.end()));
            let part = start.ok().zip(end.ok()).and_then(|(start, end)| content.get(start..end));
            content = part.ok_or(OpenError::BeyondEnd(content.len() as u64))?.to_vec();
        }
        if range.is_some_and(|range| range.length != content.len() as u64) {
            return Err(OpenError::Unreadable(format!("the server gave {} bytes of the range", content.len())));
        }
        let bytes = content.len() as u64;
        Ok(Opened { content: Box::new(Cursor::new(content)), bytes, headers: Some(headers), path: None })
    }
}

fn headers(map: &HeaderMap) -> Headers {
    let value = |name: header::HeaderName| map.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Headers {
        content_type: value(header::CONTENT_TYPE),
        cache_control: value(header::CACHE_CONTROL),
        allow_origin: value(header::ACCESS_CONTROL_ALLOW_ORIGIN),
    }
}

fn refused(status: StatusCode) -> OpenError {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => OpenError::Missing,
        StatusCode::RANGE_NOT_SATISFIABLE => OpenError::Unreadable("the byte range is not in the file".to_owned()),
        status => OpenError::Unreadable(format!("the server answers {status}")),
    }
}

fn unreachable(error: &ureq::Error) -> OpenError {
    OpenError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_stay_on_the_web() {
        let web = Web::new();
        let base = Address("https://host/films/a/master.m3u8?token=1".to_owned());
        let resolve = |uri: &str| web.resolve(&base, uri).ok().map(|address| address.0);
        assert_eq!(resolve("720p/playlist.m3u8").as_deref(), Some("https://host/films/a/720p/playlist.m3u8"));
        assert_eq!(resolve("//cdn/x.ts").as_deref(), Some("https://cdn/x.ts"));
        assert_eq!(resolve("file:///etc/passwd"), None);
        assert_eq!(resolve("data:text/plain,x"), None);
    }
}
