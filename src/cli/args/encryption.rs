//! The flags that say how segments are encrypted.

use std::path::PathBuf;

use clap::Args;

use crate::job::{Encryption, KeyRotation, Keys, typed};

/// How segments are encrypted.
#[derive(Debug, Clone, Default, Args)]
pub struct EncryptionArguments {
    /// Encrypt all segments with AES-128; say with the flags below where the keys are
    #[arg(long, help_heading = "Encryption")]
    pub encrypt: bool,
    /// What players ask for the key: a URI with {id} for the job and {n} for the number of the key
    #[arg(long, value_name = "URI", requires = "encrypt", help_heading = "Encryption")]
    pub key_uri: Option<String>,
    /// Make keys and write them here, as DIR/{id}/1.key …; not in the output folder
    #[arg(long, value_name = "DIR", requires_all = ["encrypt", "key_uri"], conflicts_with_all = ["key", "key_beside_segments"], help_heading = "Encryption")]
    pub key_folder: Option<PathBuf>,
    /// Use the key in this file of 16 bytes
    #[arg(long, value_name = "FILE", requires_all = ["encrypt", "key_uri"], conflicts_with_all = ["key_beside_segments", "rotate_key"], help_heading = "Encryption")]
    pub key: Option<PathBuf>,
    /// Make keys and put them into the stream's folder: who can read the stream can read them
    #[arg(long, requires = "encrypt", conflicts_with = "key_uri", help_heading = "Encryption")]
    pub key_beside_segments: bool,
    /// Change the key after so many segments or so much time
    #[arg(long, value_name = "10segments|5min", requires = "encrypt", value_parser = typed::key_rotation, help_heading = "Encryption")]
    pub rotate_key: Option<KeyRotation>,
}

impl EncryptionArguments {
    /// What was asked; `None` when nothing was.
    ///
    /// # Errors
    /// What is missing or contradicts itself.
    pub fn resolve(&self) -> Result<Option<Encryption>, String> {
        if !self.encrypt {
            return Ok(None);
        }
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let uri = || self.key_uri.clone().unwrap_or_default();
        let keys = match (&self.key_folder, &self.key) {
            (Some(folder), _) => Keys::Made { uri: uri(), folder: absolute(folder) },
            (None, Some(file)) => Keys::Given { uri: uri(), file: absolute(file) },
            (None, None) if self.key_beside_segments => Keys::BesideSegments,
            (None, None) => {
                return Err(
                    "--encrypt needs to know of keys: --key-uri with --key-folder or --key, or --key-beside-segments"
                        .to_owned(),
                );
            }
        };
        let encryption = Encryption { keys, rotation: self.rotate_key };
        encryption.check().map_err(|error| format!("{error}: {}", error.hint()))?;
        Ok(Some(encryption))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Arguments, CommandArguments};

    fn asked(flags: &[&str]) -> Result<Option<Encryption>, String> {
        let line = ["reelpress", "encode", "a.mp4"].into_iter().chain(flags.iter().copied());
        let parsed = Arguments::try_parse_from(line).map_err(|error| error.to_string())?;
        let Some(CommandArguments::Encode(encode)) = parsed.command else { panic!("not encode") };
        encode.encode.encryption.resolve()
    }

    #[test]
    fn encryption_needs_to_know_of_keys_and_nothing_is_encrypted_by_chance() {
        assert_eq!(asked(&[]), Ok(None));
        let uri = ["--key-uri", "https://k/{id}/{n}"];
        let made = asked(&["--encrypt", uri[0], uri[1], "--key-folder", "/keys", "--rotate-key", "2segments"]).unwrap();
        assert_eq!(made.unwrap().keys, Keys::Made { uri: uri[1].to_owned(), folder: "/keys".into() });
        let beside = asked(&["--encrypt", "--key-beside-segments"]).unwrap().unwrap();
        assert_eq!(beside, Encryption { keys: Keys::BesideSegments, rotation: None });
        for wrong in [
            &["--encrypt"][..],
            &["--key-folder", "/keys"],
            &["--key-uri", "https://k/{id}"],
            &["--encrypt", "--key-folder", "/keys"],
            &["--encrypt", "--key-uri", "https://k/1", "--key-folder", "/keys"],
            &["--encrypt", "--key-uri", "https://k/1", "--key", "/key", "--rotate-key", "5min"],
            &["--encrypt", "--key-uri", "https://k/1", "--key", "/key", "--key-folder", "/keys"],
            &["--encrypt", "--key-beside-segments", "--key-uri", "https://k/1"],
        ] {
            assert!(asked(wrong).is_err(), "{wrong:?}");
        }
    }
}
