//! Encryption of whole segments with AES-128 (rfc8216bis 4.4.4.4), while they are written.
//!
//! Every segment of a job has an initialisation vector of its own, which its playlist names. Vectors follow from the key, the
//! job and the place of the segment, so that a segment that is made again is the same bytes again. EXT-X-KEY comes after
//! EXT-X-MAP, which leaves the init segment clear: "Any Media Segment or Media Initialization Section that precedes the
//! first EXT-X-KEY tag is unencrypted" (rfc8216bis 4.4.4.4); hls.js and ffmpeg read it so. Byte ranges of I-frame
//! playlists stay those of the clear segment: players widen them to whole blocks (rfc8216bis 6.3.6).

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use m3u8_rs::{Key, KeyMethod};

use super::{
    layout::relative_uri,
    package::{FileListener, PackageError},
    plan::Timing,
};
use crate::{
    failure::{Failure, FailureKind},
    job::{Encryption, FileReport, JobId, JobSpec, KEYS_FOLDER, KeyRotation, Keys, OutputKind, key_uri},
    tools::{
        atomic_file,
        content_key::{ContentKey, InitialisationVector, KEY_BYTES, KeyFiles, key_file_name},
    },
};

/// Says before anything is made what can't be encrypted, or must not be.
///
/// # Errors
/// When what was asked contradicts itself, would put keys or the clear film beside the encrypted segments, or a given key is
/// none.
pub(super) fn check(spec: &JobSpec) -> Result<(), Failure> {
    let Some(encryption) = &spec.outputs.encryption else { return Ok(()) };
    let refused = |headline: String, hint: &str| Failure::new(FailureKind::InvalidRequest, headline, hint);
    encryption.check().map_err(|error| {
        let text = error.to_string();
        let mut letters = text.chars();
        let headline = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        refused(headline, error.hint())
    })?;
    if spec.outputs.includes(OutputKind::Dash) {
        return Err(refused(
            "DASH players can't read segments that are encrypted as a whole".to_owned(),
            "Leave DASH out, or make it in a job of its own without encryption",
        ));
    }
    if spec.outputs.includes(OutputKind::Mp4) {
        return Err(refused(
            "MP4 files would lie clear beside the encrypted stream".to_owned(),
            "Leave the MP4 files out, or make them in a job of their own that is not published",
        ));
    }
    let output = spec.destination.local_folder();
    let beside = "Choose a place outside of the output folder, or ask for keys beside the segments";
    match &encryption.keys {
        Keys::Made { folder, .. } if lies_in(folder, output) => {
            Err(refused(format!("The key folder {} lies in the output folder", folder.display()), beside))
        }
        Keys::Given { file, .. } if lies_in(file, output) => {
            Err(refused(format!("The key file {} lies in the output folder", file.display()), beside))
        }
        Keys::Given { file, .. } => {
            ContentKey::read(file).map(drop).map_err(crate::tools::content_key::KeyError::into_failure)
        }
        Keys::Made { .. } | Keys::BesideSegments => Ok(()),
    }
}

/// Whether a path, which need not be there, leads into a folder, after all links.
fn lies_in(path: &Path, folder: &Path) -> bool {
    real_path(path).starts_with(real_path(folder))
}

fn real_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut real = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            real.pop();
            continue;
        }
        real.push(part);
        real = real.canonicalize().unwrap_or(real);
    }
    real
}

/// Where the keys of a job are, if they are not in its stream's folder.
pub(crate) fn key_files(encryption: Option<&Encryption>, job: JobId) -> Option<KeyFiles> {
    match &encryption?.keys {
        Keys::Made { folder, .. } => Some(KeyFiles::Numbered(folder.join(job.to_string()))),
        Keys::Given { file, .. } => Some(KeyFiles::One(file.clone())),
        Keys::BesideSegments => None,
    }
}

/// Encrypts the segments of one job.
pub struct Encryptor<'a> {
    keys: &'a Keys,
    job: String,
    files: KeyFiles,
    /// `None` when one key holds to the end.
    segments_of_a_key: Option<u64>,
    /// Is told of keys that belong to the stream; without one, no key is made.
    listener: Option<&'a dyn FileListener>,
    used: Mutex<BTreeMap<u64, ContentKey>>,
}

/// What segment is encrypted.
#[derive(Debug, Clone, Copy)]
pub struct SegmentPlace<'a> {
    /// The name of its rendition, which no other of the stream has in any form.
    pub rendition: &'a str,
    /// Path of the media playlist that names it, in the stream's folder; the I-frame playlist lies beside that.
    pub playlist: &'a str,
    /// Its number in the rendition, from 0.
    pub number: u64,
}

/// A segment as it is written.
pub struct Sealed {
    /// Its bytes.
    pub data: Vec<u8>,
    /// The EXT-X-KEY that applies to it alone, if it is encrypted.
    pub key: Option<Key>,
}

impl<'a> Encryptor<'a> {
    /// What encrypts the stream of a job in `stream_folder`, if it is to be encrypted. Makes the first key.
    ///
    /// # Errors
    /// When the key can't be read or written.
    pub fn begin(
        (spec, job): (&'a JobSpec, JobId),
        stream_folder: &Path,
        timing: &Timing,
        listener: &'a dyn FileListener,
    ) -> Result<Option<Self>, PackageError> {
        let Some(encryptor) = Self::for_reading((spec, job), stream_folder, timing) else { return Ok(None) };
        let encryptor = Self { listener: Some(listener), ..encryptor };
        encryptor.key(1)?;
        Ok(Some(encryptor))
    }

    /// What opens the segments that an earlier run of the job has encrypted, if they are. Makes no key.
    pub fn for_reading((spec, job): (&'a JobSpec, JobId), stream_folder: &Path, timing: &Timing) -> Option<Self> {
        let encryption = spec.outputs.encryption.as_ref()?;
        let files = key_files(Some(encryption), job);
        Some(Self {
            keys: &encryption.keys,
            job: job.to_string(),
            files: files.unwrap_or_else(|| KeyFiles::Numbered(stream_folder.join(KEYS_FOLDER))),
            segments_of_a_key: encryption.rotation.map(|rotation| segments_of_a_key(rotation, timing)),
            listener: None,
            used: Mutex::default(),
        })
    }

    /// Encrypts a segment.
    ///
    /// # Errors
    /// When a key can't be read or made.
    pub fn seal(&self, place: SegmentPlace<'_>, data: Vec<u8>) -> Result<Sealed, PackageError> {
        let (key, vector) = self.key_and_vector(place.rendition, place.number)?;
        Ok(Sealed { data: key.encrypt(vector, data)?, key: Some(self.tag(place, vector)) })
    }

    /// The EXT-X-KEY of a segment that an earlier run has encrypted.
    ///
    /// # Errors
    /// When a key can't be read.
    pub fn tag_of(&self, place: SegmentPlace<'_>) -> Result<Key, PackageError> {
        let (_, vector) = self.key_and_vector(place.rendition, place.number)?;
        Ok(self.tag(place, vector))
    }

    fn tag(&self, place: SegmentPlace<'_>, vector: InitialisationVector) -> Key {
        let digits: String = vector.iter().map(|byte| format!("{byte:02x}")).collect();
        Key {
            method: KeyMethod::AES128,
            uri: Some(self.uri(place.playlist, self.key_number(place.number))),
            iv: Some(format!("0x{digits}")),
            ..Key::default()
        }
    }

    /// The reverse of [`seal`](Self::seal) for segment `number` of a rendition, which is named as it was there; `None`
    /// when the segment is damaged.
    ///
    /// # Errors
    /// When a key can't be read.
    pub fn open(&self, rendition: &str, number: u64, data: Vec<u8>) -> Result<Option<Vec<u8>>, PackageError> {
        let (key, vector) = self.key_and_vector(rendition, number)?;
        Ok(key.decrypt(vector, data))
    }

    fn key_and_vector(&self, rendition: &str, number: u64) -> Result<(ContentKey, InitialisationVector), PackageError> {
        let key = self.key(self.key_number(number))?;
        let vector = key.initialisation_vector(&format!("{}/{rendition}/{number}", self.job));
        Ok((key, vector))
    }

    /// Which key a segment has: all renditions change it at the same one.
    fn key_number(&self, segment: u64) -> u64 {
        self.segments_of_a_key.map_or(0, |segments| segment / segments) + 1
    }

    /// The URI of a key in this playlist.
    fn uri(&self, playlist: &str, number: u64) -> String {
        match self.keys {
            Keys::Made { uri, .. } | Keys::Given { uri, .. } => key_uri(uri, &self.job, number),
            Keys::BesideSegments => relative_uri(playlist, &format!("{KEYS_FOLDER}/{}", key_file_name(number))),
        }
    }

    /// The key of this number: the one that an earlier run of the job has made, else a new one, which is in its file before
    /// anything is encrypted with it.
    fn key(&self, number: u64) -> Result<ContentKey, PackageError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = used.get(&number) {
            return Ok(key.clone());
        }
        let path = self.files.path(number);
        let key = match self.keys {
            Keys::Given { .. } => ContentKey::read(&path)?,
            _ if self.listener.is_none() || path.exists() => ContentKey::read(&path)?,
            Keys::Made { .. } => {
                let key = ContentKey::generate()?;
                key.write_private(&path)?;
                key
            }
            Keys::BesideSegments => {
                let key = ContentKey::generate()?;
                // Whoever may read the segments may read it.
                atomic_file::write_durably(&path, key.bytes())
                    .map_err(|source| PackageError::Write { path, source })?;
                key
            }
        };
        if let Some(listener) = self.listener.filter(|_| matches!(self.keys, Keys::BesideSegments)) {
            let path = format!("{KEYS_FOLDER}/{}", key_file_name(number));
            listener.file_finished(FileReport { path, bytes: KEY_BYTES as u64 }, None);
        }
        used.insert(number, key.clone());
        Ok(key)
    }
}

/// Encrypts a segment if there is something that does.
///
/// # Errors
/// As [`Encryptor::seal`].
pub fn seal(encryptor: Option<&Encryptor<'_>>, place: SegmentPlace<'_>, data: Vec<u8>) -> Result<Sealed, PackageError> {
    match encryptor {
        Some(encryptor) => encryptor.seal(place, data),
        None => Ok(Sealed { data, key: None }),
    }
}

fn segments_of_a_key(rotation: KeyRotation, timing: &Timing) -> u64 {
    match rotation {
        KeyRotation::Segments(segments) => segments.get(),
        KeyRotation::Time(time) => {
            let segment: Duration = timing.frame_rate.duration_of(timing.segment_frames);
            ((time.as_secs_f64() / segment.as_secs_f64().max(1e-3)).round() as u64).max(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use bytes::Bytes;

    use super::*;
    use crate::{
        job::{Destination, Outputs},
        media::FrameRate,
        pipeline::package::Room,
        preset::find_preset,
    };

    struct Heard {
        files: Mutex<Vec<String>>,
        room: Room,
    }

    impl Heard {
        fn in_folder(folder: &Path) -> Self {
            Self { files: Mutex::default(), room: Room::for_stream(folder, None).unwrap() }
        }
    }

    impl FileListener for Heard {
        fn room(&self) -> &Room {
            &self.room
        }

        fn room_changed(&self) {}

        fn file_finished(&self, file: FileReport, _: Option<Bytes>) {
            self.files.lock().unwrap().push(file.path);
        }
    }

    fn spec(output: &Path, keys: Keys, rotation: Option<KeyRotation>) -> JobSpec {
        JobSpec {
            outputs: Outputs { encryption: Some(Encryption { keys, rotation }), ..Outputs::default() },
            ..JobSpec::stream("/film.mp4", find_preset("quick").unwrap(), Destination::Folder(output.to_owned()))
        }
    }

    fn place(rendition: &str, number: u64) -> SegmentPlace<'_> {
        SegmentPlace { rendition, playlist: "720p/playlist.m3u8", number }
    }

    fn made(folder: &Path) -> Keys {
        Keys::Made { uri: "https://keys.example.org/{id}/{n}.key".to_owned(), folder: folder.to_owned() }
    }

    #[test]
    fn what_would_lie_clear_or_open_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (output, apart) = (home.path().join("output"), home.path().join("keys"));
        std::fs::create_dir(&output).unwrap();
        assert_eq!(check(&spec(&output, made(&apart), None)), Ok(()));
        let inside = [output.clone(), output.join("keys"), home.path().join("new/../output/film/keys")];
        #[cfg(unix)]
        let inside = {
            std::os::unix::fs::symlink(&output, home.path().join("link")).unwrap();
            inside.into_iter().chain([home.path().join("link/keys")])
        };
        for folder in inside {
            let failure = check(&spec(&output, made(&folder), None)).unwrap_err();
            assert!(failure.headline.contains("lies in the output folder"), "{failure:?}");
        }
        let given = |file: &Path| Keys::Given { uri: "https://keys.example.org/one".to_owned(), file: file.to_owned() };
        let file = home.path().join("key");
        for (length, is_right) in [(15, false), (16, true), (32, false)] {
            std::fs::write(&file, vec![1; length]).unwrap();
            assert_eq!(check(&spec(&output, given(&file), None)).is_ok(), is_right, "{length}");
        }
        std::fs::copy(&file, output.join("key")).unwrap();
        assert!(check(&spec(&output, given(&output.join("key")), None)).is_err());
        for kind in [OutputKind::Dash, OutputKind::Mp4] {
            let mut spec = spec(&output, made(&apart), None);
            spec.outputs.set(kind, true);
            assert_eq!(check(&spec).unwrap_err().kind, FailureKind::InvalidRequest);
        }
    }

    #[test]
    fn keys_rotate_with_the_segments_and_a_later_run_finds_them_again() {
        let home = tempfile::tempdir().unwrap();
        let rotation = NonZeroU64::new(3).map(KeyRotation::Segments);
        let spec = spec(&home.path().join("output"), made(&home.path().join("keys")), rotation);
        let (job, timing, heard) =
            (JobId::generate(), Timing::for_rate(FrameRate::FALLBACK), Heard::in_folder(home.path()));
        let begin = || Encryptor::begin((&spec, job), Path::new("/stream"), &timing, &heard).unwrap().unwrap();
        let first = begin();
        let sealed: Vec<Sealed> =
            (0..7).map(|number| first.seal(place("720p", number), b"segment".to_vec()).unwrap()).collect();
        let tags: Vec<Key> = sealed.iter().map(|sealed| sealed.key.clone().unwrap()).collect();
        let uri = |number: u64| Some(format!("https://keys.example.org/{job}/{number}.key"));
        assert_eq!(tags.iter().map(|tag| tag.uri.clone()).collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2, 3].map(uri));
        let vectors: std::collections::BTreeSet<_> = tags.iter().map(|tag| tag.iv.clone()).collect();
        assert_eq!(vectors.len(), 7, "each segment has a vector of its own");
        assert_ne!(
            first.seal(place("360p", 0), Vec::new()).unwrap().key,
            Some(tags[0].clone()),
            "also in each rendition"
        );

        let second = begin();
        let again = second.seal(place("720p", 4), b"segment".to_vec()).unwrap();
        assert_eq!((again.data, again.key.as_ref()), (sealed[4].data.clone(), Some(&tags[4])));
        assert_eq!(second.open("720p", 4, sealed[4].data.clone()).unwrap().as_deref(), Some(&b"segment"[..]));
        assert!(heard.files.lock().unwrap().is_empty(), "keys do not belong to the stream");

        let reader = Encryptor::for_reading((&spec, job), Path::new("/stream"), &timing).unwrap();
        assert_eq!(reader.open("720p", 4, sealed[4].data.clone()).unwrap().as_deref(), Some(&b"segment"[..]));
        assert_eq!(reader.tag_of(place("720p", 4)).unwrap(), tags[4]);
        assert!(reader.open("720p", 10, sealed[4].data.clone()).is_err(), "reading makes no key");
        assert!(!home.path().join(format!("keys/{job}/4.key")).exists());
    }

    #[test]
    fn keys_beside_the_segments_belong_to_the_stream() {
        let home = tempfile::tempdir().unwrap();
        let spec = spec(home.path(), Keys::BesideSegments, None);
        let (timing, heard) = (Timing::for_rate(FrameRate::FALLBACK), Heard::in_folder(home.path()));
        let stream = home.path().join("film");
        let encryptor = Encryptor::begin((&spec, JobId::generate()), &stream, &timing, &heard).unwrap().unwrap();
        for (playlist, uri) in [
            ("720p/playlist.m3u8", "../keys/1.key"),
            ("ts/720p/playlist.m3u8", "../../keys/1.key"),
            ("hls/720p.m3u8", "../keys/1.key"),
        ] {
            let sealed = encryptor.seal(SegmentPlace { playlist, ..place("720p", 0) }, Vec::new()).unwrap();
            assert_eq!(sealed.key.unwrap().uri.as_deref(), Some(uri), "{playlist}");
        }
        assert_eq!(*heard.files.lock().unwrap(), ["keys/1.key"]);
        assert_eq!(std::fs::read(stream.join("keys/1.key")).unwrap().len(), KEY_BYTES);
    }

    #[test]
    fn minutes_are_whole_segments() {
        let timing = Timing::for_rate(FrameRate::new(30000, 1001).unwrap_or(FrameRate::FALLBACK));
        let time = |seconds| segments_of_a_key(KeyRotation::Time(Duration::from_secs(seconds)), &timing);
        assert_eq!((time(300), time(8), time(1)), (50, 1, 1));
    }
}
