//! Trying a destination: everything that publishing does is done once with a small object, and what is not allowed is
//! named.

use std::io::Write;

use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;

use super::{
    error::{Action, PublishError, causes},
    object_headers::Headers,
    s3::Bucket,
};

/// Lists, writes, reads, uploads in parts and deletes under the prefix. Goes on after what is not allowed, so that all
/// missing permissions are told at once.
///
/// # Errors
/// [`PublishError::PermissionsMissing`], or whatever else is wrong with the destination.
pub(super) async fn try_everything(bucket: &Bucket) -> Result<(), PublishError> {
    let mut denied = Denied::default();
    // Listed first: some stores make a bucket that is missing when an object is written to it.
    denied.weigh(bucket.taken_names("reelpress-test").await)?;
    let key = bucket.key(&format!("reelpress-test-{}.txt", uuid::Uuid::now_v7().simple()))?;
    let text = Bytes::from(format!("Written by Reelpress to test this destination: {key}\n"));
    let headers = Headers::of_note(&bucket.location.objects);
    let is_written = denied.weigh(write(bucket, &key, &text, headers.clone()).await)?.is_some();
    let read = denied.weigh(read(bucket, &key, is_written, denied.may_list()).await)?;
    in_parts(bucket, &key, headers, &mut denied).await?;
    let deleted = bucket.client.delete_object().bucket(&bucket.name).key(&key).send().await;
    denied.weigh(deleted.map_err(|error| PublishError::of_store(&error, Action::Delete, &bucket.place)))?;
    if let Some(Some(read)) = read
        && read != text
    {
        return Err(PublishError::ContentDiffers { place: bucket.place.clone() });
    }
    denied.into_result(bucket)
}

/// Writes the object as files of a stream are written, which some stores refuse where they take one from memory.
async fn write(bucket: &Bucket, key: &str, text: &Bytes, headers: Headers) -> Result<Option<String>, PublishError> {
    let failed = |error: std::io::Error| PublishError::LocalFile {
        file: std::env::temp_dir(),
        detail: format!("a file for the test can't be written there: {error}"),
    };
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    file.write_all(text).map_err(failed)?;
    bucket.put_file(key, file.path(), text.len() as u64, headers).await
}

/// Begins an upload in parts, asks for it, and drops it.
async fn in_parts(bucket: &Bucket, key: &str, headers: Headers, denied: &mut Denied) -> Result<(), PublishError> {
    let place = &bucket.place;
    let begun =
        headers.on_multipart(bucket.client.create_multipart_upload().bucket(&bucket.name).key(key)).send().await;
    let begun = begun.map_err(|error| PublishError::of_store(&error, Action::Write, place));
    let listed = bucket.client.list_multipart_uploads().bucket(&bucket.name).prefix(key).send().await;
    denied.weigh(listed.map_err(|error| PublishError::of_store(&error, Action::ListUploads, place)))?;
    let Some(id) = denied.weigh(begun)?.and_then(|upload| upload.upload_id) else { return Ok(()) };
    let parts = bucket.client.list_parts().bucket(&bucket.name).key(key).upload_id(&id).send().await;
    let dropped = bucket.client.abort_multipart_upload().bucket(&bucket.name).key(key).upload_id(&id).send().await;
    denied.weigh(parts.map_err(|error| PublishError::of_store(&error, Action::ListParts, place)))?;
    denied.weigh(dropped.map_err(|error| PublishError::of_store(&error, Action::Abort, place)))?;
    Ok(())
}

/// What was read; `None` when there was nothing to read, and reading is not known to be forbidden. AWS answers for a
/// key that is not there as if it were forbidden, to those who may not list.
async fn read(bucket: &Bucket, key: &str, is_there: bool, may_list: bool) -> Result<Option<Bytes>, PublishError> {
    match bucket.client.get_object().bucket(&bucket.name).key(key).send().await {
        Ok(object) => {
            let content = object.body.collect().await;
            let lost = |error| PublishError::NetworkLost { place: bucket.place.clone(), detail: causes(&error) };
            Ok(Some(content.map_err(lost)?.into_bytes()))
        }
        Err(_) if !is_there && !may_list => Ok(None),
        Err(error) if !is_there && error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
        Err(error) => Err(PublishError::of_store(&error, Action::Read, &bucket.place)),
    }
}

#[derive(Default)]
struct Denied {
    actions: Vec<Action>,
    details: Vec<String>,
}

impl Denied {
    /// Notes what is not allowed; any other fault is passed on.
    fn weigh<T>(&mut self, tried: Result<T, PublishError>) -> Result<Option<T>, PublishError> {
        match tried {
            Ok(got) => Ok(Some(got)),
            Err(PublishError::PermissionDenied { action, detail, .. }) => {
                if !self.actions.contains(&action) {
                    self.actions.push(action);
                    self.details.push(format!("{}: {detail}", action.permission()));
                }
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    fn may_list(&self) -> bool {
        !self.actions.contains(&Action::List)
    }

    fn into_result(self, bucket: &Bucket) -> Result<(), PublishError> {
        if self.actions.is_empty() {
            return Ok(());
        }
        let detail = self.details.join("\n");
        Err(PublishError::PermissionsMissing { actions: self.actions, place: bucket.place.clone(), detail })
    }
}
