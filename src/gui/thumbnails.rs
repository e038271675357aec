//! Small pictures of the sources: decoded on a thread of their own, a bounded number of them kept as textures.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crossbeam_channel::{Receiver, Sender};
use eframe::egui::{ColorImage, Context, TextureHandle, TextureOptions};

/// Textures kept; more than any screen shows rows. With 192×108 pixels each that is 20 MB.
const TEXTURES_KEPT: usize = 256;
/// Side limits of a picture for a row: twice its size in points, for screens with small pixels.
const ROW_PIXELS: (u32, u32) = (192, 108);
/// Side limits of a picture for the panel.
const PANEL_PIXELS: (u32, u32) = (720, 405);

/// For which place a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureUse {
    /// A row of the queue.
    Row,
    /// The panel of the selected job.
    Panel,
}

type Key = (PathBuf, PictureUse);

enum Entry {
    Loading,
    Ready(TextureHandle),
    /// The file can't be decoded: it is not tried again.
    Unusable,
}

/// Pictures by file and place.
pub struct ThumbnailCache {
    entries: HashMap<Key, (Entry, u64)>,
    /// Counts calls of [`begin_frame`](Self::begin_frame); pictures of the lowest number go first.
    frame: u64,
    /// Unbounded, but never longer than the cache: only visible rows ask, each once.
    requests: Sender<Key>,
    results: Receiver<(Key, Option<TextureHandle>)>,
}

impl ThumbnailCache {
    /// Starts the thread that decodes; it ends with the cache.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(ctx: &Context) -> std::io::Result<Self> {
        let (requests, to_do) = crossbeam_channel::unbounded::<Key>();
        let (finished, results) = crossbeam_channel::unbounded();
        let ctx = ctx.clone();
        std::thread::Builder::new().name("thumbnails".to_owned()).spawn(move || {
            for key in to_do {
                let texture =
                    decode(&key).map(|image| ctx.load_texture(key.0.to_string_lossy(), image, TextureOptions::LINEAR));
                if finished.send((key, texture)).is_err() {
                    return;
                }
                ctx.request_repaint();
            }
        })?;
        Ok(Self { entries: HashMap::new(), frame: 0, requests, results })
    }

    /// Takes in decoded pictures and lets the longest unseen go when there are too many.
    pub fn begin_frame(&mut self) {
        self.frame += 1;
        for (key, texture) in self.results.try_iter() {
            if let Some((entry, _)) = self.entries.get_mut(&key) {
                *entry = texture.map_or(Entry::Unusable, Entry::Ready);
            }
        }
        if self.entries.len() > TEXTURES_KEPT {
            let mut last_seen: Vec<u64> = self.entries.values().map(|(_, seen)| *seen).collect();
            last_seen.sort_unstable();
            let oldest_kept = last_seen[last_seen.len() - TEXTURES_KEPT];
            self.entries.retain(|_, (_, seen)| *seen >= oldest_kept);
        }
    }

    /// The picture in `file`, if it is decoded by now; asks for it otherwise.
    pub fn get(&mut self, file: &Path, place: PictureUse) -> Option<TextureHandle> {
        let frame = self.frame;
        let (entry, seen) = self.entries.entry((file.to_owned(), place)).or_insert_with(|| {
            let is_asked = self.requests.send((file.to_owned(), place)).is_ok();
            (if is_asked { Entry::Loading } else { Entry::Unusable }, frame)
        });
        *seen = frame;
        match entry {
            Entry::Ready(texture) => Some(texture.clone()),
            Entry::Loading | Entry::Unusable => None,
        }
    }
}

fn decode((file, place): &Key) -> Option<ColorImage> {
    let (width, height) = match place {
        PictureUse::Row => ROW_PIXELS,
        PictureUse::Panel => PANEL_PIXELS,
    };
    let picture = image::open(file).inspect_err(|error| tracing::debug!(?file, %error, "no thumbnail")).ok()?;
    let picture =
        if picture.width() > width || picture.height() > height { picture.thumbnail(width, height) } else { picture };
    let picture = picture.to_rgb8();
    let size = [picture.width() as usize, picture.height() as usize];
    Some(ColorImage::from_rgb(size, picture.as_raw()))
}
