//! Writes that hold only while nobody else has written the same key, where the store knows such (Amazon S3 User Guide,
//! "Add preconditions to S3 operations with conditional requests").

use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;

use super::{
    error::{Action, PublishError, causes},
    object_headers::Headers,
    s3::Bucket,
};

/// When a write holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Always.
    None,
    /// While there is no object of the key.
    Absent,
    /// While the object has this entity tag.
    Unchanged(String),
}

impl Bucket {
    /// Writes a small object if the condition holds; without one where the store knows none. Gives the entity tag.
    ///
    /// # Errors
    /// [`PublishError::PlaceTaken`] when the condition does not hold, and as any write.
    pub(super) async fn put_text_if(
        &self,
        key: &str,
        text: &Bytes,
        headers: Headers,
        condition: &Condition,
    ) -> Result<Option<String>, PublishError> {
        let request = headers.clone().on_put(self.client.put_object().bucket(&self.name).key(key));
        let request = match condition {
            Condition::None => return self.put_text(key, text.clone(), headers).await,
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(tag) => request.if_match(tag),
        };
        let error = match request.body(text.clone().into()).send().await {
            Ok(written) => return Ok(written.e_tag),
            Err(error) => error,
        };
        let meaning = PublishError::of_store(&error, Action::Write, &self.place);
        match error.raw_response().map(|answer| answer.status().as_u16()) {
            _ if meaning.is_damaged() => Err(meaning),
            Some(400 | 501) => self.put_text(key, text.clone(), headers).await,
            // A request whose answer was lost may have been carried out, and fails at its second try.
            Some(412) if self.text(key).await?.as_ref() == Some(text) => {
                Ok(self.head(key).await?.and_then(|found| found.entity_tag))
            }
            Some(412) => Err(PublishError::PlaceTaken { place: format!("s3://{}/{key}", self.name) }),
            _ => Err(meaning),
        }
    }

    /// The content of a small object; `None` when there is none of this key.
    pub(super) async fn text(&self, key: &str) -> Result<Option<Bytes>, PublishError> {
        match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(object) => {
                let content = object.body.collect().await;
                let lost = |error| PublishError::NetworkLost { place: self.place.clone(), detail: causes(&error) };
                Ok(Some(content.map_err(lost)?.into_bytes()))
            }
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(PublishError::of_store(&error, Action::Read, &self.place)),
        }
    }
}
