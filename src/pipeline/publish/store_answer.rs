//! What a store's refusals mean.

use std::error::Error;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::error::{Action, PublishError, causes};

/// How names of headers begin that stores send with each answer.
const STORE_HEADERS: &str = "x-amz-";

impl PublishError {
    /// What an error of the SDK means. `place` is the bucket, and its store when that is not AWS.
    pub(super) fn of_store<E>(error: &SdkError<E, HttpResponse>, action: Action, place: &str) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let place = place.to_owned();
        let SdkError::ServiceError(service) = error else {
            let detail = causes(error);
            return match error {
                SdkError::ConstructionFailure(_) => Self::Refused { action, place, detail },
                _ => Self::NetworkLost { place, detail },
            };
        };
        let status = service.raw().status().as_u16();
        let code = service.err().code().unwrap_or_default();
        let detail = answer(status, code, service.err());
        if code.is_empty() && is_of_no_store(service.raw()) {
            return Self::NotAStore { place, detail };
        }
        match (code, status) {
            ("NoSuchBucket", _) => Self::BucketMissing { place, detail },
            (
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken"
                | "TokenRefreshRequired"
                | "InvalidSecurity"
                | "CredentialsNotSupported"
                | "NotSignedUp",
                _,
            ) => Self::CredentialsRefused { place, detail },
            ("RequestTimeTooSkewed" | "RequestExpired", _) => Self::ClockSkew { place, detail },
            (
                "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException"
                | "IncorrectEndpoint",
                _,
            )
            | (_, 301 | 307) => Self::WrongRegion { place, detail },
            // Two conditional writes of one key at the same moment; either may be tried again.
            ("ConditionalRequestConflict", _)
            // These also come in an answer that began as a success, or as one that this side has sent too slowly.
            | ("InternalError" | "ServiceUnavailable" | "SlowDown" | "RequestTimeout", 200..=499) => Self::StoreUnavailable { place, detail },
            // The checksum that was sent with it is another one than that of what has arrived.
            ("BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch", _) => Self::Damaged { place, detail },
            (_, 401) => Self::CredentialsRefused { place, detail },
            (_, 403) => Self::PermissionDenied { action, place, detail },
            ("NotImplemented", _) | (_, 501) => Self::Refused { action, place, detail },
            (_, 429 | 500..=599) => Self::StoreUnavailable { place, detail },
            _ => Self::Refused { action, place, detail },
        }
    }
}

/// Whether something else than an S3 store has answered: a success that can't be read, a redirection without the headers of
/// a store, or a network that asks to sign in (RFC 6585).
fn is_of_no_store(answer: &HttpResponse) -> bool {
    let has_header_of_store = answer.headers().iter().any(|(name, _)| name.starts_with(STORE_HEADERS));
    match answer.status().as_u16() {
        200..=299 | 511 => true,
        300..=399 => !has_header_of_store,
        _ => false,
    }
}

/// Only what is known to hold no secret: the SDK's own text would add the whole answer, which can echo what was signed.
fn answer(status: u16, code: &str, error: &impl ProvideErrorMetadata) -> String {
    let message = error.message().unwrap_or("no message");
    let request = error.meta().extra("aws_request_id").map(|id| format!(" (request {id})")).unwrap_or_default();
    let code = if code.is_empty() { "no code" } else { code };
    format!("HTTP {status}, {code}: {message}{request}")
}
