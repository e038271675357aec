//! A limit on what all uploads of this program together send in a second.
//!
//! Each piece of a file waits for its turn on one time line, so that the line is used evenly and not in bursts.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// So much of what the line was not used in between is made up for: timers are late, and stores take a moment to answer.
const MADE_UP_FOR: Duration = Duration::from_millis(200);
/// Pieces in which files are read take this part of a second, so that the line is used evenly, within these bounds.
const PIECES_A_SECOND: u64 = 100;
const SMALLEST_PIECE_BYTES: u64 = 4 << 10;
const LARGEST_PIECE_BYTES: u64 = 256 << 10;

/// When the line is free again, for all uploads of this program.
static FREE_AT: Mutex<Option<Instant>> = Mutex::new(None);

/// The body, sent no faster than this.
pub(super) fn limited(body: ByteStream, bytes_per_second: u64) -> ByteStream {
    // The SDK makes the body anew for each try.
    let slowed = move |inner| SdkBody::from_body_1_x(Slowed { inner, bytes_per_second, waiting: None });
    ByteStream::new(body.into_inner().map(slowed))
}

/// In pieces of so many bytes a file is read that is sent no faster than this.
pub(super) fn piece_bytes(bytes_per_second: u64) -> usize {
    let piece = (bytes_per_second / PIECES_A_SECOND).clamp(SMALLEST_PIECE_BYTES, LARGEST_PIECE_BYTES);
    usize::try_from(piece).unwrap_or(usize::MAX)
}

/// How long these bytes have to wait; the line is theirs from then on until they are through.
fn take_turn(bytes: usize, bytes_per_second: u64) -> Instant {
    let now = Instant::now();
    let mut free_at = FREE_AT.lock().unwrap_or_else(PoisonError::into_inner);
    let (turn, next) = turn(*free_at, now, Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64));
    *free_at = Some(next);
    turn
}

/// When a piece that needs the line for so long may go, and when the next one may.
fn turn(free_at: Option<Instant>, now: Instant, needed: Duration) -> (Instant, Instant) {
    let earliest = now.checked_sub(MADE_UP_FOR).unwrap_or(now);
    let turn = free_at.map_or(now, |free_at| free_at.max(earliest));
    (turn, turn + needed)
}

struct Slowed {
    inner: SdkBody,
    bytes_per_second: u64,
    waiting: Option<(Pin<Box<Sleep>>, Frame<Bytes>)>,
}

/// As the SDK has it.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

impl Body for Slowed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.waiting.is_none() {
            let frame = match ready!(Body::poll_frame(Pin::new(&mut self.inner), context)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            let turn = take_turn(bytes, self.bytes_per_second);
            self.waiting = Some((Box::pin(tokio::time::sleep_until(turn)), frame));
        }
        if let Some((sleep, _)) = &mut self.waiting {
            ready!(sleep.as_mut().poll(context));
        }
        Poll::Ready(self.waiting.take().map(|(_, frame)| Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && Body::is_end_stream(&self.inner)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transfer_with_late_timers_has_the_whole_line_and_a_pause_is_not_made_up_for() {
        let (began, needed) = (Instant::now(), Duration::from_micros(700));
        let (mut now, mut free_at) = (began, None);
        for _ in 0..10_000 {
            let (turn, next) = turn(free_at, now, needed);
            // Timers wake a millisecond late.
            now = if turn > now { turn + Duration::from_millis(1) } else { now };
            free_at = Some(next);
        }
        let took = now.duration_since(began);
        assert!(took >= needed * 9_990 && took <= needed * 10_010 + MADE_UP_FOR, "{took:?}");
        let (late, _) = turn(free_at, now + Duration::from_secs(60), needed);
        assert_eq!(late, now + Duration::from_secs(60) - MADE_UP_FOR);
    }
}
