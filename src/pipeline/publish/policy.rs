//! Permissions and rules that a bucket needs, in the JSON that its owner can paste.

use serde_json::{Value, json};

use crate::job::{
    S3Location,
    s3::{Encryption, Store},
};

/// A policy of IAM that allows these credentials what publishing to `location` needs, and nothing else (Service
/// Authorization Reference, "Actions, resources, and condition keys for Amazon S3").
pub fn iam_policy(location: &S3Location) -> String {
    let bucket = arn(location, "");
    let keys = if location.prefix.is_empty() { "*".to_owned() } else { format!("{}/*", location.prefix) };
    let mut list = json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket });
    if !location.prefix.is_empty() {
        list["Condition"] =
            json!({ "StringLike": { "s3:prefix": [location.prefix, format!("{}/*", location.prefix)] } });
    }
    let mut on_objects = vec![
        "s3:PutObject",
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ];
    if !location.objects.tags.is_empty() {
        on_objects.push("s3:PutObjectTagging");
    }
    if location.objects.acl.is_some() {
        on_objects.push("s3:PutObjectAcl");
    }
    let mut statements = vec![
        list,
        json!({ "Effect": "Allow", "Action": "s3:ListBucketMultipartUploads", "Resource": bucket }),
        json!({ "Effect": "Allow", "Action": on_objects, "Resource": arn(location, &format!("/{keys}")) }),
    ];
    if let Some(Encryption::Kms { key }) = &location.objects.encryption {
        let resource = key.as_deref().filter(|key| key.starts_with("arn:")).unwrap_or("*");
        // Uploads in parts read what they have written (Amazon S3 User Guide, "Using server-side encryption with AWS
        // KMS keys").
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        statements.push(json!({ "Effect": "Allow", "Action": actions, "Resource": resource }));
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    format!("{policy:#}")
}

/// What makes the objects under the location readable for everyone, in one line.
pub(super) fn how_to_open(location: &S3Location) -> String {
    match location.store {
        Some(Store::R2) => {
            "connect a domain to the bucket in the dashboard of Cloudflare and give it as the public URL: \
            R2’s own endpoint is never public"
                .to_owned()
        }
        Some(Store::B2) => "set the bucket to public in its settings".to_owned(),
        _ => format!(
            "give the bucket this policy, or put a CDN before it and name its public URL: {}",
            public_policy(location)
        ),
    }
}

fn public_policy(location: &S3Location) -> Value {
    let keys = if location.prefix.is_empty() { "/*".to_owned() } else { format!("/{}/*", location.prefix) };
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": arn(location, &keys) }
    ] })
}

/// What lets players on other sites read the bucket: headers that they send with ranges, and those that they read.
pub(super) fn cors_rules() -> Value {
    json!({ "CORSRules": [ {
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedOrigins": ["*"],
        "AllowedHeaders": ["Range"],
        "ExposeHeaders": ["Content-Length", "Content-Range"],
        "MaxAgeSeconds": 3600
    } ] })
}

/// The ARN of the bucket, in the partition of its region (AWS General Reference, "Amazon Resource Names").
fn arn(location: &S3Location, path: &str) -> String {
    let partition = match location.region.as_deref() {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:s3:::{}{path}", location.bucket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::s3::ObjectOptions;

    #[test]
    fn a_policy_is_for_the_prefix_and_what_is_written_there() {
        let location = S3Location {
            bucket: "films".to_owned(),
            prefix: "new".to_owned(),
            objects: ObjectOptions { acl: Some("public-read".to_owned()), ..ObjectOptions::default() },
            ..S3Location::default()
        };
        let policy: Value = serde_json::from_str(&iam_policy(&location)).unwrap();
        let statements = &policy["Statement"];
        assert_eq!(statements[0]["Condition"]["StringLike"]["s3:prefix"], json!(["new", "new/*"]));
        assert_eq!(statements[2]["Resource"], "arn:aws:s3:::films/new/*");
        let actions = statements[2]["Action"].as_array().unwrap();
        assert!(actions.contains(&json!("s3:PutObjectAcl")) && !actions.contains(&json!("s3:PutObjectTagging")));
        let whole = S3Location { prefix: String::new(), region: Some("cn-north-1".to_owned()), ..location };
        let policy: Value = serde_json::from_str(&iam_policy(&whole)).unwrap();
        assert_eq!(policy["Statement"][2]["Resource"], "arn:aws-cn:s3:::films/*");
        assert_eq!(policy["Statement"][0].get("Condition"), None);
    }
}
