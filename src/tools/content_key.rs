//! Keys of AES-128, the files they lie in, and what is encrypted with them.

use std::{
    fmt,
    io::Write,
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    cipher::{
        AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
        UnboundCipherKey,
    },
    hmac, rand,
};

use super::atomic_file::{TEMPORARY_PREFIX, sync_folder};
use crate::failure::{Failure, FailureKind};

/// Length of a key in bytes (rfc8216bis 4.4.4.4).
pub const KEY_BYTES: usize = 16;
/// What a cipher block chain begins with.
pub type InitialisationVector = [u8; 16];

/// A key. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentKey([u8; KEY_BYTES]);

impl fmt::Debug for ContentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ContentKey(…)")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is not there or can't be opened.
    #[error("the key file {} can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It does not hold a key.
    #[error("the key file {} has {bytes} bytes; a key has {KEY_BYTES}", path.display())]
    WrongLength {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file can't be made.
    #[error("the key file {} can't be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no random numbers, or the cipher fails.
    #[error("the system can't make keys or use them")]
    Cipher,
}

impl KeyError {
    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        let (kind, hint) = match &self {
            Self::Unreadable { .. } => (FailureKind::InvalidRequest, "Check the path, and that you may read the file"),
            Self::WrongLength { .. } => {
                (FailureKind::InvalidRequest, "Give a file of exactly 16 random bytes, not of their digits")
            }
            Self::Unwritable { .. } => {
                (FailureKind::OutputNotWritable, "Choose another key folder, or allow writing to this one")
            }
            Self::Cipher => (FailureKind::Internal, "Retry the job; if it fails again, report it with its log"),
        };
        let text = self.to_string();
        let mut letters = text.chars();
        let headline: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        Failure::new(kind, headline, hint)
    }
}

impl ContentKey {
    /// A new key from the system's source of randomness.
    ///
    /// # Errors
    /// When that fails.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| KeyError::Cipher)?;
        Ok(Self(bytes))
    }

    /// The key of these bytes; `None` unless there are exactly 16.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What a key server hands out.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key in a file.
    ///
    /// # Errors
    /// When it can't be read or is not exactly 16 bytes long.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(std::io::Error::other("it is not a file")));
        }
        let wrong = |bytes| KeyError::WrongLength { path: path.to_owned(), bytes };
        if metadata.len() != KEY_BYTES as u64 {
            return Err(wrong(metadata.len()));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        Self::of(&bytes).ok_or_else(|| wrong(bytes.len() as u64))
    }

    /// Writes a file that nobody but its owner can read, in a folder that nobody else can look into when it has to be made.
    /// A file that is there already stays.
    ///
    /// # Errors
    /// When it can't be written, or is there already.
    pub fn write_private(&self, path: &Path) -> Result<(), KeyError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
            // Temporary files are 0600 by themselves.
            let mut file = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder)?;
            file.write_all(&self.0)?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path).map_err(|error| error.error)?;
            // The segments may lie on another disk: they must not come through a power cut without their key.
            sync_folder(folder)
        };
        write().map_err(|source| KeyError::Unwritable { path: path.to_owned(), source })
    }

    /// A vector that is the same whenever it is made of the same key and words, that nobody can foresee, and that tells
    /// nothing of the key.
    pub fn initialisation_vector(&self, words: &str) -> InitialisationVector {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), words.as_bytes());
        let mut vector = [0; 16];
        for (byte, of_tag) in vector.iter_mut().zip(tag.as_ref()) {
            *byte = *of_tag;
        }
        vector
    }

    /// Encrypts with AES-128 in CBC mode and PKCS#7 padding.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn encrypt(&self, vector: InitialisationVector, mut content: Vec<u8>) -> Result<Vec<u8>, KeyError> {
        let cipher = UnboundCipherKey::new(&AES_128, &self.0).and_then(PaddedBlockEncryptingKey::cbc_pkcs7);
        // A vector of the caller is what a playlist names; it is never the same for two segments of a job.
        cipher
            .and_then(|cipher| cipher.less_safe_encrypt(&mut content, EncryptionContext::Iv128(vector.into())))
            .map_err(|_| KeyError::Cipher)?;
        Ok(content)
    }

    /// The reverse; `None` when the content was not encrypted with this key, or is damaged. A wrong key can pass by chance.
    pub fn decrypt(&self, vector: InitialisationVector, mut content: Vec<u8>) -> Option<Vec<u8>> {
        let cipher = UnboundCipherKey::new(&AES_128, &self.0).and_then(PaddedBlockDecryptingKey::cbc_pkcs7).ok()?;
        let length = cipher.decrypt(&mut content, DecryptionContext::Iv128(vector.into())).ok()?.len();
        content.truncate(length);
        Some(content)
    }
}

/// Keys in files, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFiles {
    /// One file is every key.
    One(PathBuf),
    /// `1.key`, `2.key` and so on in a folder.
    Numbered(PathBuf),
}

impl KeyFiles {
    /// What a user names: a file, or a folder with `1.key` in it.
    pub fn at(path: &Path) -> Self {
        if path.is_dir() { Self::Numbered(path.to_owned()) } else { Self::One(path.to_owned()) }
    }

    /// The file of a key; numbers count from 1.
    pub fn path(&self, number: u64) -> PathBuf {
        match self {
            Self::One(file) => file.clone(),
            Self::Numbered(folder) => folder.join(key_file_name(number)),
        }
    }

    /// The file, or the folder.
    pub fn into_path(self) -> PathBuf {
        match self {
            Self::One(path) | Self::Numbered(path) => path,
        }
    }

    /// The key that a playlist names by this URI. A folder without it may be one in which each job has a folder for its
    /// keys: then it is that whose name is in the URI, or the only one.
    ///
    /// # Errors
    /// As [`ContentKey::read`], and when it can't be told whose key it is.
    pub fn key_of_uri(&self, number: u64, uri: &str) -> Result<ContentKey, KeyError> {
        let path = self.path(number);
        let Self::Numbered(folder) = self else { return ContentKey::read(&path) };
        if path.exists() {
            return ContentKey::read(&path);
        }
        let unreadable = |source| KeyError::Unreadable { path: path.clone(), source };
        let entries = std::fs::read_dir(folder).map_err(unreadable)?;
        let keys = entries.flatten().map(|entry| entry.path().join(key_file_name(number)));
        let keys: Vec<PathBuf> = keys.filter(|key| key.is_file()).collect();
        let is_named = |key: &PathBuf| {
            let job = key.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            job.is_some_and(|job| uri.contains(job))
        };
        let (named, others): (Vec<PathBuf>, Vec<PathBuf>) = keys.into_iter().partition(is_named);
        match (named.as_slice(), others.as_slice()) {
            ([key], _) | ([], [key]) => ContentKey::read(key),
            ([], []) => ContentKey::read(&path),
            _ => Err(unreadable(std::io::Error::other("the folder has keys of several jobs: name that of one job"))),
        }
    }

    /// A key.
    ///
    /// # Errors
    /// As [`ContentKey::read`].
    pub fn key(&self, number: u64) -> Result<ContentKey, KeyError> {
        ContentKey::read(&self.path(number))
    }
}

/// File name of a key.
pub fn key_file_name(number: u64) -> String {
    format!("{number}.key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_encrypted_as_the_standard_says_and_comes_back() {
        // NIST SP 800-38A, F.2.1, first block; PKCS#7 adds one.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap()).collect()
        };
        let key = ContentKey::of(&hex("2b7e151628aed2a6abf7158809cf4f3c")).unwrap();
        let vector: InitialisationVector = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let plain = hex("6bc1bee22e409f96e93d7e117393172a");
        let sealed = key.encrypt(vector, plain.clone()).unwrap();
        assert_eq!(sealed[..16], hex("7649abac8119b246cee98e9b12e9197d"));
        assert_eq!(sealed.len(), 32);
        assert_eq!(key.decrypt(vector, sealed.clone()), Some(plain));
        assert_eq!(key.decrypt(vector, sealed[..16].to_vec()), None, "its end is missing");
        assert_eq!(key.decrypt(vector, sealed[..31].to_vec()), None);
        assert_eq!(key.decrypt(vector, Vec::new()), None);
    }

    #[test]
    fn vectors_are_steady_and_all_different() {
        let key = ContentKey::of(&[7; 16]).unwrap();
        assert_eq!(key.initialisation_vector("a/1"), key.initialisation_vector("a/1"));
        assert_ne!(key.initialisation_vector("a/1"), key.initialisation_vector("a/2"));
        assert_ne!(key.initialisation_vector("a/1"), ContentKey::of(&[8; 16]).unwrap().initialisation_vector("a/1"));
    }

    #[test]
    fn only_files_of_sixteen_bytes_are_keys_and_they_are_private() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 15, 17, 32] {
            let path = folder.path().join(length.to_string());
            std::fs::write(&path, vec![b'a'; length]).unwrap();
            assert!(matches!(ContentKey::read(&path), Err(KeyError::WrongLength { .. })), "{length}");
        }
        assert!(matches!(ContentKey::read(folder.path()), Err(KeyError::Unreadable { .. })));
        let key = ContentKey::generate().unwrap();
        assert_ne!(key, ContentKey::generate().unwrap());
        assert!(!format!("{key:?}").contains(char::is_numeric));
        let files = KeyFiles::Numbered(folder.path().join("a/b"));
        key.write_private(&files.path(2)).unwrap();
        assert_eq!(files.key(2).unwrap(), key);
        assert!(key.write_private(&files.path(2)).is_err(), "a key is never replaced");
        #[cfg(unix)]
        for (path, mode) in [(files.path(2), 0o600), (folder.path().join("a"), 0o700)] {
            let metadata = std::fs::metadata(path).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, mode);
        }
    }

    #[test]
    fn above_the_folders_of_jobs_the_uri_tells_whose_key_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let keys = |name: &str| KeyFiles::Numbered(folder.path().join(name));
        let [first, second] = [ContentKey::generate().unwrap(), ContentKey::generate().unwrap()];
        let above = KeyFiles::at(folder.path());
        first.write_private(&keys("0199-a").path(1)).unwrap();
        assert_eq!(above.key_of_uri(1, "acme://keys/1").unwrap(), first, "the only one");
        second.write_private(&keys("0199-b").path(1)).unwrap();
        assert_eq!(above.key_of_uri(1, "https://example.org/0199-b/1.key").unwrap(), second);
        let unclear = above.key_of_uri(1, "acme://keys/1").unwrap_err().to_string();
        assert!(unclear.contains("several jobs"), "{unclear}");
        assert!(above.key_of_uri(2, "https://example.org/0199-b/2.key").is_err());
        assert_eq!(keys("0199-a").key_of_uri(1, "").unwrap(), first);
    }
}
