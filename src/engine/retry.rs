//! When a failed job begins again by itself. Pure.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};

/// A job that failed for a cause that may pass begins again this often.
pub const MOST_RETRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// More than the last wait with all that chance adds to it. One that is longer was planned by another clock.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// A job that will begin again by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRetry {
    /// Which try it will be after the first, from 1.
    pub number: u32,
    /// When it begins.
    pub not_before: Timestamp,
    /// Why the last try failed.
    pub failure: Failure,
    /// It begins not at a time but when somebody has given the keys that it needs.
    #[serde(default)]
    pub waits_for_keys: bool,
}

impl PlannedRetry {
    /// The next try after `failure`, when the cause may pass and there were fewer tries than are made: after 5, 10 and
    /// 20 seconds, each lengthened by chance, so that many jobs do not begin at once. Where keys are missing, when they are
    /// given.
    pub(super) fn after(failure: &Failure, tries_before: u32, now: Timestamp) -> Option<Self> {
        if failure.kind == FailureKind::KeysMissing {
            return Some(Self {
                number: tries_before,
                not_before: now,
                failure: failure.clone(),
                waits_for_keys: true,
            });
        }
        if !may_pass(failure.kind) || tries_before >= MOST_RETRIES {
            return None;
        }
        let waits = ExponentialBuilder::default().with_min_delay(FIRST_WAIT).with_jitter();
        let wait = waits.with_max_times(MOST_RETRIES as usize).build().nth(tries_before as usize)?;
        let not_before = now.checked_add(wait).ok()?;
        Some(Self { number: tries_before + 1, not_before, failure: failure.clone(), waits_for_keys: false })
    }

    /// Whether it may begin. A clock that was set back since it was planned does not make it wait for longer.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let wait = self.not_before.duration_since(now);
        !self.waits_for_keys && (wait <= SignedDuration::ZERO || wait > LONGEST_WAIT)
    }
}

/// Bad input, missing codecs and missing permission never mend themselves; a network does, and another program lets go of
/// a file or an encoder.
fn may_pass(kind: FailureKind) -> bool {
    match kind {
        FailureKind::NetworkLost | FailureKind::FileBusy | FailureKind::EncoderBusy => true,
        FailureKind::ToolMissing
        | FailureKind::SourceUnreadable
        | FailureKind::SourceInvalid
        | FailureKind::SourceVanished
        | FailureKind::OutputNotWritable
        | FailureKind::DiskFull
        | FailureKind::EncoderFailed
        | FailureKind::BucketMissing
        | FailureKind::KeysMissing
        | FailureKind::CredentialsRefused
        | FailureKind::PermissionDenied
        | FailureKind::InvalidRequest
        | FailureKind::StreamIncorrect
        | FailureKind::Internal => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_network_is_tried_three_times_after_growing_waits_and_bad_input_never() {
        let lost = Failure::new(FailureKind::NetworkLost, "No connection", "Check the network");
        let now = Timestamp::UNIX_EPOCH;
        for (tries, least) in [(0, 5), (1, 10), (2, 20)] {
            let retry = PlannedRetry::after(&lost, tries, now).unwrap();
            let wait = retry.not_before.duration_since(now).as_secs();
            assert!((least..=2 * least).contains(&wait), "{wait} s before try {}", retry.number);
            assert_eq!(retry.number, tries + 1);
            assert!(!retry.is_due(now) && retry.is_due(retry.not_before));
            // Set back by an hour, set ahead by one.
            let hour = SignedDuration::from_hours(1);
            assert!(retry.is_due(now - hour) && retry.is_due(now + hour));
        }
        assert_eq!(PlannedRetry::after(&lost, 3, now), None);
        let busy = Failure::new(FailureKind::FileBusy, "In use", "Close the other program");
        assert!(PlannedRetry::after(&busy, 0, now).is_some());
        let keys = Failure::new(FailureKind::KeysMissing, "No keys", "Give them");
        let later = PlannedRetry::after(&keys, 3, now).unwrap();
        assert!(later.waits_for_keys && !later.is_due(now) && !later.is_due(now + SignedDuration::from_hours(1)));
        let bad = Failure::new(FailureKind::SourceInvalid, "Not a video", "Choose another file");
        assert_eq!(PlannedRetry::after(&bad, 0, now), None);
    }
}
