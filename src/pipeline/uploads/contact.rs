//! A store that can't be reached when a job begins, or whose keys are not given yet, is asked again until it can, while the
//! encode goes on; what is finished meanwhile goes up then.

use std::sync::{Arc, Weak};

use tokio::task::AbortHandle;

use super::{State, Upload, Uploads, place::Wanted};
use crate::{
    failure::{Failure, FailureKind},
    job::PlaceInBucket,
    pipeline::{
        JobRequest,
        publish::{FinishedFile, FirstContact, PublishError, Publisher, StatusBoard},
        unfinished::Noted,
    },
};

/// An upload that waits for its store.
#[derive(Debug)]
pub(super) struct Contact {
    /// Why it waits.
    board: Arc<StatusBoard>,
    /// What will go up, each file once.
    files: Vec<FinishedFile>,
    /// Nothing more will be finished.
    is_sealed: bool,
    /// The upload, from when the store has answered until it is noted where it goes.
    begun: Option<Box<Publisher>>,
    /// Why it will not begin any more.
    end: Option<Failure>,
    task: AbortHandle,
}

impl Contact {
    /// Why it waits at this moment.
    pub(super) fn reason(&self) -> Option<Failure> {
        self.board.read().interruption.filter(|_| self.begun.is_none())
    }

    /// Where the upload goes, once the store has answered.
    pub(super) fn place(&self) -> Option<&PlaceInBucket> {
        self.begun.as_ref().map(|publisher| publisher.place())
    }

    /// Why it will not begin any more, once that is so.
    pub(super) fn end(&self) -> Option<&Failure> {
        self.end.as_ref()
    }

    /// Takes a file that will go up.
    pub(super) fn file_finished(&mut self, file: &FinishedFile) {
        // Of a playlist the newest text counts.
        self.files.retain(|known| known.path != file.path);
        self.files.push(file.clone());
    }

    /// Nothing more will be finished.
    pub(super) fn seal(&mut self) {
        self.is_sealed = true;
    }

    /// The upload that has begun, if one has.
    pub(super) fn into_begun(mut self) -> Option<Box<Publisher>> {
        self.begun.take()
    }
}

impl Drop for Contact {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upload {
    /// Goes on asking a store that did not answer for this reason.
    pub(super) fn wait_for_store(
        self: &Arc<Self>,
        request: &JobRequest,
        (wanted, reason): (Wanted, Failure),
        uploads: Option<(Weak<Vec<Arc<Self>>>, Noted)>,
    ) {
        let board = Arc::new(StatusBoard::default());
        board.interrupted(reason);
        let (upload, told) = (Arc::downgrade(self), Arc::clone(&board));
        // Held until the task can be found by those who end it.
        let mut state = self.state();
        let task = request.runtime.spawn(async move {
            let begun = wanted.begin(FirstContact::UntilReached(&told)).await;
            drop(wanted);
            let Some(upload) = upload.upgrade() else { return };
            upload.has_answer(begun);
            if let Some((uploads, noted)) = uploads
                && let Some(each) = uploads.upgrade()
            {
                // The disk may be slow, or full.
                let _ = tokio::task::spawn_blocking(move || upload.note_and_go_on(&each, &noted)).await;
            }
        });
        let task = task.abort_handle();
        *state = State::Waiting(Contact { board, files: Vec::new(), is_sealed: false, begun: None, end: None, task });
    }

    /// Does not wait for keys any more: it is asked once more as others are that have not begun.
    pub(super) fn ends_wait_for_keys(&self) {
        let mut state = self.state();
        let State::Waiting(contact) = &*state else { return };
        if let Some(reason) = contact.reason().filter(|reason| reason.kind == FailureKind::KeysMissing) {
            *state = State::ToCome(Some(reason));
        }
    }

    fn has_answer(&self, begun: Result<Publisher, PublishError>) {
        let mut state = self.state();
        let State::Waiting(contact) = &mut *state else { return };
        match begun {
            Ok(publisher) => contact.begun = Some(Box::new(publisher)),
            // Of what the user has stopped there is nothing to tell but that it has ended.
            Err(error) if contact.is_sealed || error.is_cancelled() => contact.end = Some(error.into_failure()),
            // Asked once more at the end, as it may be mended until then.
            Err(error) => *state = State::ToCome(Some(error.into_failure())),
        }
    }

    /// Sends what has waited once it is on the disk where it goes, so that it is found after a crash.
    fn note_and_go_on(&self, each: &[Arc<Self>], noted: &Noted) {
        match noted.lies_in_buckets(each.iter().map(|upload| upload.place()).collect()) {
            Ok(()) => self.go_on(),
            // The end of the job does it.
            Err(failure) => tracing::warn!("{}", failure.headline),
        }
    }

    /// Sends what has waited, where the store has answered.
    pub(super) fn go_on(&self) {
        let mut state = self.state();
        let State::Waiting(contact) = &mut *state else { return };
        let Some(publisher) = contact.begun.take() else { return };
        std::mem::take(&mut contact.files).into_iter().for_each(|file| publisher.file_finished(file));
        if contact.is_sealed {
            publisher.seal();
        }
        *state = State::Running(publisher);
    }
}

impl Uploads {
    /// Lets those go on whose stores have answered and whose places are these, which are noted.
    pub(super) fn go_on_at(&self, noted: &[Option<PlaceInBucket>]) {
        for (upload, noted) in self.each.iter().zip(noted) {
            let is_noted = match &*upload.state() {
                State::Waiting(contact) => noted.is_some() && contact.place() == noted.as_ref(),
                _ => false,
            };
            if is_noted {
                upload.go_on();
            }
        }
    }
}
