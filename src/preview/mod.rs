//! Watching a stream in the browser straight from its folder, also while it is still being made.
//!
//! The server listens on loopback alone, and each folder lies under a path that can't be guessed, so that neither other
//! machines nor web pages that the user visits can read it.

mod keys;
mod routes;
mod stream;

pub use stream::holds_stream;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use tokio::{net::TcpListener, runtime::Handle, sync::oneshot};

use crate::{
    failure::{Failure, FailureKind},
    tools::content_key::KeyFiles,
};

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// No port of the loopback address can be had.
    #[error("the preview can't listen on this computer: {0}")]
    Listen(#[source] std::io::Error),
}

impl PreviewError {
    /// The same in words for the user, with what to do next.
    pub fn into_failure(self) -> Failure {
        let hint = "Allow Reelpress to listen on 127.0.0.1, or open the folder in another player";
        Failure::new(FailureKind::Internal, "The preview can't start on this computer", hint)
            .with_detail(self.to_string())
    }
}

/// Serves folders to the browsers of this computer until it is dropped.
#[derive(Debug)]
pub struct PreviewServer {
    address: SocketAddr,
    folders: Folders,
    /// Dropping it ends the server.
    _stop: oneshot::Sender<()>,
}

/// The folders that are served, by the secret part of their URLs.
#[derive(Debug, Clone, Default)]
struct Folders {
    by_token: Arc<RwLock<HashMap<String, ServedFolder>>>,
}

/// A folder and the keys of the stream in it, if they lie elsewhere on this computer.
#[derive(Debug, Clone)]
struct ServedFolder {
    folder: PathBuf,
    keys: Option<KeyFiles>,
}

impl PreviewServer {
    /// Listens on a free port of 127.0.0.1. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn start(runtime: &Handle) -> Result<Self, PreviewError> {
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).map_err(PreviewError::Listen)?;
        let address = listener.local_addr().map_err(PreviewError::Listen)?;
        let folders = Folders::default();
        let router = routes::router(folders.clone(), address.port());
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(async move {
            // Dropped, not shut down gracefully: a player that reads on would keep the server for ever.
            tokio::select! {
                ended = axum::serve(listener, router) => {
                    if let Err(error) = ended {
                        tracing::error!("the preview has ended: {error}");
                    }
                }
                _ = stopped => {}
            }
        });
        Ok(Self { address, folders, _stop: stop })
    }

    /// URL of a page that plays the stream in this folder; the same folder has the same URL until the server ends.
    /// The folder need not have a stream yet: the page waits for it.
    pub fn url_for(&self, folder: &Path) -> String {
        self.url_for_encrypted(folder, None)
    }

    /// The same for a stream whose segments are encrypted. The keys are handed to the player page of this computer.
    pub fn url_for_encrypted(&self, folder: &Path, keys: Option<KeyFiles>) -> String {
        format!("http://{}/{}/", self.address, self.folders.token_of(folder, keys))
    }
}

impl Folders {
    fn token_of(&self, folder: &Path, keys: Option<KeyFiles>) -> String {
        let mut by_token = self.by_token.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, known)) = by_token.iter_mut().find(|(_, known)| known.folder == folder) {
            known.keys = keys.or(known.keys.take());
            return token.clone();
        }
        let token = unguessable();
        by_token.insert(token.clone(), ServedFolder { folder: folder.to_owned(), keys });
        token
    }

    fn folder_of(&self, token: &str) -> Option<ServedFolder> {
        self.by_token.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }
}

/// A text that nobody can guess. Two identifiers, because only 74 bits of one are random.
fn unguessable() -> String {
    format!("{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple())
}
