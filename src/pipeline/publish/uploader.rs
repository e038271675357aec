//! The task that sends the files of one stream.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    task::{JoinError, JoinSet},
};

use super::{
    FileContent, FinishedFile, PublishedLocation,
    error::{PublishError, causes},
    headers::{FileKind, holds_only_sound},
    intact::Look,
    location,
    order::{Body, Order, Upload, is_picture},
    patience::until_answered,
    playlist::PlaylistFacts,
    presign::Presigned,
    replace::ReplacedFiles,
    stored::{AllWrong, Wrong},
    target::{Target, stopped},
};
use crate::tools::atomic_file::TEMPORARY_PREFIX;

/// What the owner of the upload tells it.
pub(super) enum Message {
    /// A file is finished.
    Finished(FinishedFile),
    /// These files have to be at the end as they were when they were looked at.
    MustStay(Vec<(PathBuf, Look)>),
    /// Nothing more will come.
    Finish,
}

/// Sends the files of one stream, each when its turn has come.
pub(super) struct Uploader {
    target: Target,
    stop_all: Arc<watch::Sender<bool>>,
    /// Unbounded: the encode never waits for the network. It holds names, and the texts of playlists.
    messages: UnboundedReceiver<Message>,
    order: Order,
    uploads: JoinSet<(String, Result<(), PublishError>)>,
    /// The newest version of each file that was sent, by its path.
    sent: HashMap<String, Upload>,
    /// Compare what is up, so that it can be dropped here. Nothing waits for them.
    confirmations: JoinSet<()>,
    /// Folders in the stream of which an MP4 was seen, and whether all of these hold sound alone.
    sound_folders: HashMap<String, bool>,
    must_stay: Vec<(PathBuf, Look)>,
    finishing: bool,
}

impl Uploader {
    pub(super) fn new(
        target: Target,
        stop_all: Arc<watch::Sender<bool>>,
        messages: UnboundedReceiver<Message>,
    ) -> Self {
        let order = if target.replacement.is_some() { Order::holding_entries() } else { Order::default() };
        Self {
            target,
            stop_all,
            messages,
            order,
            uploads: JoinSet::new(),
            sent: HashMap::new(),
            confirmations: JoinSet::new(),
            sound_folders: HashMap::new(),
            must_stay: Vec::new(),
            finishing: false,
        }
    }

    /// Works until all is up, or until the first file that can't be sent. Uploads under way then end first, so that
    /// no unfinished upload in parts stays behind.
    pub(super) async fn run(mut self) -> Result<PublishedLocation, PublishError> {
        match self.work_and_compare().await {
            Ok((replaced, presigned)) => Ok(self.published(replaced, presigned.as_ref())),
            Err(error) => {
                if matches!(error, PublishError::PlaceTaken { .. }) && self.target.replacement.is_none() {
                    self.target.board.keep_all();
                }
                if !error.is_cancelled() {
                    self.target.board.fail(error.clone().into_failure());
                }
                self.stop_all.send_replace(true);
                while self.uploads.join_next().await.is_some() {}
                Err(error)
            }
        }
    }

    async fn work_and_compare(&mut self) -> Result<(Option<ReplacedFiles>, Option<Presigned>), PublishError> {
        self.work().await?;
        let (target, entries) = (&self.target, self.order.entries());
        let files: Vec<(String, bool)> = self.order.up().map(|path| (path.to_owned(), self.is_entry(path))).collect();
        let end = || async {
            let presigned = match target.bucket.location.presign {
                Some(holds) => Some(target.presign(&files, holds).await?),
                None => None,
            };
            self.is_as_sent().await?;
            let replaced = match &target.replacement {
                Some(replacement) => replacement.note_old_files(&target.bucket, &target.prefix, &entries).await?,
                None => None,
            };
            Ok((replaced, presigned))
        };
        target.unless_stopped(until_answered(&target.board, end)).await
    }

    async fn work(&mut self) -> Result<(), PublishError> {
        let mut stop = self.target.stop.clone();
        loop {
            self.start_uploads();
            if self.order.is_before_switch() {
                // A failure leaves viewers with the old stream as it is.
                let compare = || self.is_as_sent();
                self.target.unless_stopped(until_answered(&self.target.board, compare)).await?;
                self.order.switch();
                continue;
            }
            self.target.board.set_files(self.order.up_count(), self.order.finished_count());
            if self.order.is_done() {
                return Ok(());
            }
            if self.finishing && self.uploads.is_empty() {
                return Err(self.stuck());
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Err(PublishError::Cancelled),
                Some(ended) = self.uploads.join_next() => {
                    let (path, result) = ended.map_err(|error| PublishError::Internal { detail: error.to_string() })?;
                    result?;
                    self.order.went_up(&path);
                    self.confirm(path);
                }
                message = self.messages.recv(), if !self.finishing => match message {
                    Some(Message::Finished(file)) => self.accept(file).await?,
                    Some(Message::MustStay(files)) => self.must_stay = files,
                    Some(Message::Finish) => {
                        self.finishing = true;
                        self.order.finish();
                    }
                    None => return Err(PublishError::Cancelled),
                },
            }
        }
    }

    /// Whether all that is up is there as it was sent, and was sent as it lies here.
    async fn is_as_sent(&self) -> Result<(), PublishError> {
        let target = &self.target;
        let named = self.order.up().filter(|path| self.order.is_of_playlists(path));
        let named = named.map(|path| target.key(path, self.is_entry(path))).collect();
        loop {
            let compared = target.ledger.compare(&target.bucket, &target.prefix, (&named, target.lanes.most_at_work()));
            let wrong = compared.await?;
            if wrong.is_empty() {
                break;
            }
            self.send_again(&wrong).await?;
        }
        for (file, look) in &self.must_stay {
            look.check(file).await?;
        }
        Ok(())
    }

    /// Sends what the store has lost or changed once more.
    ///
    /// # Errors
    /// When that was in vain before, or another program has written an entry point meanwhile.
    async fn send_again(&self, wrong: &AllWrong) -> Result<(), PublishError> {
        let target = &self.target;
        let mut again: HashMap<String, (&Upload, bool)> = HashMap::new();
        for (path, upload) in &self.sent {
            let is_entry = self.is_entry(path);
            again.insert(target.key(path, is_entry), (upload, is_entry));
        }
        let may = |key: &String, how: Wrong| {
            let is_mine = again.get(key).is_some_and(|(_, is_entry)| !is_entry || how == Wrong::Missing);
            is_mine && target.ledger.may_send_again(key)
        };
        let lost: Vec<String> =
            wrong.iter().filter(|(key, how)| !may(key, **how)).map(|(key, _)| key.clone()).collect();
        if !lost.is_empty() {
            return Err(PublishError::NotStored { place: target.bucket.place.clone(), keys: lost });
        }
        let mut sending = JoinSet::new();
        for (upload, is_entry) in wrong.keys().filter_map(|key| again.remove(key)) {
            tracing::warn!(path = upload.path, "lost or changed by the store, and sent again");
            if sending.len() >= target.lanes.most_at_work() {
                ended(sending.join_next().await)?;
            }
            if let Body::File { size, .. } = upload.body {
                target.board.queued(size);
            }
            sending.spawn(target.clone().send(upload.clone(), is_entry));
        }
        while !sending.is_empty() {
            ended(sending.join_next().await)?;
        }
        Ok(())
    }

    fn confirm(&mut self, path: String) {
        while self.confirmations.try_join_next().is_some() {}
        if self.target.dropped.is_some() {
            self.confirmations.spawn(self.target.clone().confirm(path));
        }
    }

    fn stuck(&self) -> PublishError {
        match self.order.stuck() {
            Some(stuck) => PublishError::PlaylistIncomplete { playlist: stuck.playlist, names: stuck.names },
            None => PublishError::Internal { detail: "files are left and none can go up".to_owned() },
        }
    }

    async fn accept(&mut self, file: FinishedFile) -> Result<(), PublishError> {
        if !location::is_inside(&file.path) {
            return Err(PublishError::InvalidName { name: file.path });
        }
        if !is_published(&file.path) {
            return Ok(());
        }
        let on_disk = self.target.folder.join(&file.path);
        let kind = FileKind::of(&file.path);
        if matches!(kind, FileKind::Playlist | FileKind::Manifest) {
            let text = match file.content {
                FileContent::Text(text) => text,
                FileContent::OnDisk => read_playlist(&on_disk).await?,
            };
            let facts = PlaylistFacts::read(&file.path, &text);
            self.order.playlist_finished(file.path, text, facts);
            return Ok(());
        }
        let body = match file.content {
            // Another text that names files, such as the index of a storyboard.
            FileContent::Text(text) => {
                self.order.playlist_finished(file.path, text, PlaylistFacts::Other { growing: false });
                return Ok(());
            }
            FileContent::OnDisk => {
                let size = Look::at(&on_disk).await?.size;
                Body::File { size, sound_only: self.is_sound_only(&file.path, kind, on_disk).await }
            }
        };
        self.target.board.queued(body.size());
        self.order.file_finished(Upload { path: file.path, body, growing: false });
        Ok(())
    }

    /// Segments do not say what they hold; the MP4s of their folder, of which one is their init segment, do.
    async fn is_sound_only(&mut self, path: &str, kind: FileKind, on_disk: PathBuf) -> bool {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if kind != FileKind::Mp4 {
            return self.sound_folders.get(folder).copied().unwrap_or(false);
        }
        let read = tokio::task::spawn_blocking(move || holds_only_sound(&on_disk)).await;
        let sound_only = read.ok().flatten().unwrap_or(false);
        self.sound_folders.entry(folder.to_owned()).and_modify(|all| *all &= sound_only).or_insert(sound_only);
        sound_only
    }

    /// True for what is asked for by its own address, which stays when a stream is replaced: a multivariant playlist, a
    /// manifest, and then pictures too.
    fn is_entry(&self, path: &str) -> bool {
        let is_picture = self.target.replacement.is_some() && is_picture(path);
        self.order.is_multivariant(path) || FileKind::of(path) == FileKind::Manifest || is_picture
    }

    fn start_uploads(&mut self) {
        while self.uploads.len() < self.target.lanes.most_at_work()
            && let Some(upload) = self.order.next()
        {
            let target = self.target.clone();
            let is_entry = self.is_entry(&upload.path);
            self.sent.insert(upload.path.clone(), upload.clone());
            self.uploads.spawn(async move { (upload.path.clone(), target.send(upload, is_entry).await) });
        }
    }

    /// The URLs that people and players start from: multivariant playlists and MPDs, else media playlists, else all;
    /// then whole films beside them, and images.
    fn published(&self, replaced: Option<ReplacedFiles>, presigned: Option<&Presigned>) -> PublishedLocation {
        let mut paths: Vec<(usize, &str)> = self.order.up().map(|path| (path.matches('/').count(), path)).collect();
        paths.sort_unstable();
        let of_kind = |wanted: fn(FileKind) -> bool| {
            paths.iter().map(|(_, path)| *path).filter(move |path| wanted(FileKind::of(path)))
        };
        let (multivariant, media): (Vec<&str>, Vec<&str>) =
            of_kind(|kind| kind == FileKind::Playlist).partition(|path| self.order.is_multivariant(path));
        let mut chosen = multivariant;
        chosen.extend(of_kind(|kind| kind == FileKind::Manifest));
        if chosen.is_empty() {
            chosen = media;
        }
        if chosen.is_empty() {
            chosen = of_kind(|kind| kind != FileKind::Image).collect();
        } else {
            chosen.extend(of_kind(|kind| kind == FileKind::Mp4).filter(|path| self.order.is_film(path)));
        }
        chosen.extend(of_kind(|kind| kind == FileKind::Image));
        let target = &self.target;
        let url = |path: &str| match presigned {
            Some(presigned) => presigned.urls.get(path).cloned(),
            None => Some(target.bucket.url(&target.key(path, self.is_entry(path)))),
        };
        let urls = chosen.iter().filter_map(|path| url(path)).collect();
        let is_media = |path: &&str| matches!(FileKind::of(path), FileKind::Segment | FileKind::Mp4);
        let media_url = self.order.up().find(is_media).and_then(url);
        let mut warnings = presigned.map(|presigned| presigned.warnings.clone()).unwrap_or_default();
        warnings.extend(target.ledger.warnings());
        let (changed, first_asked) = self.for_cdn();
        PublishedLocation { changed, first_asked, urls, media_url, prefix: target.prefix.clone(), warnings, replaced }
    }
}

impl Uploader {
    /// URLs of what has replaced something of the same key, and of what every viewer asks for first: playlists, and of
    /// each rendition the init segment and the first segment.
    fn for_cdn(&self) -> (Vec<String>, Vec<String>) {
        let target = &self.target;
        let url = |path: &str| target.bucket.url(&target.key(path, self.is_entry(path)));
        let was_there = |path: &str| target.replacement.as_ref().is_some_and(|replacement| replacement.was_there(path));
        let mut paths: Vec<&str> = self.order.up().collect();
        paths.sort_unstable();
        let (changed, others): (Vec<&str>, Vec<&str>) =
            paths.into_iter().partition(|path| self.is_entry(path) && was_there(path));
        let mut begun = std::collections::BTreeSet::new();
        let mut is_first = |path: &&str| {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            match FileKind::of(path) {
                FileKind::Playlist | FileKind::Manifest => true,
                FileKind::Mp4 => path.ends_with("init.mp4"),
                FileKind::Segment => begun.insert(folder.to_owned()),
                _ => false,
            }
        };
        let first = others.into_iter().filter(|path| is_first(path)).map(url).collect();
        (changed.into_iter().map(url).collect(), first)
    }
}

/// The result of a transfer; none is no failure.
fn ended(transfer: Option<Result<Result<(), PublishError>, JoinError>>) -> Result<(), PublishError> {
    transfer.unwrap_or(Ok(Ok(()))).map_err(|error| PublishError::Internal { detail: error.to_string() })?
}

/// True for the files of a stream: none that is hidden, temporary or half downloaded.
pub(super) fn is_published(path: &str) -> bool {
    // Temporary files of this program are hidden ones.
    debug_assert!(TEMPORARY_PREFIX.starts_with('.'));
    path.split('/').all(|name| !name.starts_with('.')) && !path.ends_with(".part")
}

async fn read_playlist(file: &Path) -> Result<Bytes, PublishError> {
    let content = tokio::fs::read(file).await;
    let content = content.map_err(|error| PublishError::LocalFile { file: file.to_owned(), detail: causes(&error) })?;
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_temporary_files_stay_here() {
        assert!(is_published("1080p/segment-1.m4s"));
        for path in [".reelpress-x7", "1080p/.reelpress-x7", ".git/config", "film.mp4.part"] {
            assert!(!is_published(path), "{path}");
        }
    }
}
