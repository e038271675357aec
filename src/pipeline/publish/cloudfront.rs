//! What a CDN before the bucket is told of a stream: CloudFront forgets what was replaced, and fetches what every viewer
//! asks for first.
//!
//! Of the API of CloudFront one request is needed, so that it is made here, signed by the SDK's own library, instead of
//! by a crate of its own, which has all of CloudFront and takes minutes to compile.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use ureq::http::Request;

use super::error::causes;

const LIMIT: Duration = Duration::from_secs(20);
/// All that is fetched beforehand may take this long.
const WARMING_LIMIT: Duration = Duration::from_secs(60);
const ENDPOINT: &str = "https://cloudfront.amazonaws.com";
/// CloudFront is one for all regions, and signed for this one (AWS General Reference, "Amazon CloudFront endpoints").
const REGION: &str = "us-east-1";
const API_VERSION: &str = "2020-05-31";

/// Lets a distribution forget the objects of these URLs (Amazon CloudFront API Reference, CreateInvalidation).
///
/// # Errors
/// In words for the user, with the way out.
pub(super) fn invalidate(credentials: Credentials, distribution: &str, urls: &[String]) -> Result<(), String> {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_CLOUDFRONT").ok().filter(|endpoint| !endpoint.is_empty());
    let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.to_owned());
    let url = format!("{}/{API_VERSION}/distribution/{distribution}/invalidation", endpoint.trim_end_matches('/'));
    let request = signed(&url, batch(urls), credentials);
    let request = request.map_err(|error| format!("CloudFront could not be told what changed: {error}"))?;
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build().into();
    let manual = "create an invalidation of the multivariant playlist by hand, or wait until it is not cached any more";
    let mut answer = agent
        .run(request)
        .map_err(|error| format!("CloudFront could not be told what changed: {}; {manual}", causes(&error)))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    let code = between(&text, "<Code>", "</Code>").unwrap_or("no reason given");
    let way_out = match status {
        403 => "allow cloudfront:CreateInvalidation on this distribution to the access key",
        404 => "check the id of the distribution",
        _ => manual,
    };
    Err(format!("CloudFront refuses the invalidation in {distribution} (HTTP {status}, {code}): {way_out}"))
}

fn signed(
    url: &str,
    body: String,
    credentials: Credentials,
) -> Result<Request<String>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("cloudfront")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let content_type = ("content-type", "text/xml");
    let signable = SignableRequest::new("POST", url, [content_type].into_iter(), SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    let mut request = Request::post(url).header(content_type.0, content_type.1).body(body)?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

/// The body of the request. A path is escaped as in its URL and has no letter that means something in XML but `&`.
fn batch(urls: &[String]) -> String {
    let paths = urls.iter().filter_map(|url| Some(url::Url::parse(url).ok()?.path().replace('&', "&amp;")));
    let items: Vec<String> = paths.map(|path| format!("<Path>{path}</Path>")).collect();
    format!(
        "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/{API_VERSION}/\"><Paths><Quantity>{}</Quantity>\
         <Items>{}</Items></Paths><CallerReference>reelpress-{}</CallerReference></InvalidationBatch>",
        items.len(),
        items.concat(),
        uuid::Uuid::now_v7()
    )
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

/// Asks the CDN for these URLs, so that it has them when the first viewer comes. Gives what went wrong.
pub(super) fn warm<'a>(urls: impl Iterator<Item = &'a String>) -> Option<String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build().into();
    let began = std::time::Instant::now();
    for url in urls {
        let refusal = match agent.get(url).call() {
            _ if began.elapsed() > WARMING_LIMIT => Some("it takes too long".to_owned()),
            Ok(answer) if answer.status().as_u16() >= 400 => Some(format!("HTTP {}", answer.status().as_u16())),
            Ok(mut answer) => std::io::copy(&mut answer.body_mut().as_reader(), &mut std::io::sink())
                .err()
                .map(|error| causes(&error)),
            Err(error) => Some(causes(&error)),
        };
        if let Some(refusal) = refusal {
            return Some(format!("The CDN was not filled beforehand: {url}: {refusal}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalidation_names_paths_and_never_the_secret() {
        let urls =
            ["https://cdn.example.org/a%20b/main.m3u8", "https://cdn.example.org/a&b/main.mpd"].map(str::to_owned);
        let credentials = Credentials::new("the-key", "the-secret", None, None, "test");
        let request = signed(
            "https://cloudfront.amazonaws.com/2020-05-31/distribution/E1/invalidation",
            batch(&urls),
            credentials,
        );
        let request = request.unwrap();
        let paths = "<Quantity>2</Quantity><Items><Path>/a%20b/main.m3u8</Path><Path>/a&amp;b/main.mpd</Path></Items>";
        assert!(request.body().contains(paths), "{}", request.body());
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=the-key/"), "{authorization}");
        assert!(authorization.contains("/us-east-1/cloudfront/aws4_request"), "{authorization}");
        assert!(!format!("{request:?}").contains("the-secret"));
    }
}
