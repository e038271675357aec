//! `reelpress preview`: a stream's folder is served on this machine until Ctrl-C.

use super::{Context, Outcome, PreviewArguments, bad_usage, publish::network};
use crate::{
    pipeline::is_under_way,
    preview::{self, PreviewServer},
    tools::{
        cancel::CancelToken,
        content_key::{KeyError, KeyFiles},
    },
};

pub(super) fn run(context: &Context, arguments: &PreviewArguments, interrupt: &CancelToken) -> Outcome {
    let folder = match arguments.folder.canonicalize() {
        Ok(folder) if folder.is_dir() => folder,
        Ok(_) | Err(_) => {
            let headline = format!("{} is not a folder", arguments.folder.display());
            context.output.failure(None, &bad_usage(headline, "Name the folder of a stream"));
            return Outcome::BadUsage;
        }
    };
    if !preview::holds_stream(&folder) && !is_under_way(&folder) {
        let headline = format!("{} has no stream in it", folder.display());
        context.output.failure(None, &bad_usage(headline, "Name the folder of a stream, or encode into it first"));
        return Outcome::BadUsage;
    }
    let Some(runtime) = network(context) else { return Outcome::SomeFailed };
    let server = match PreviewServer::start(runtime.handle()) {
        Ok(server) => server,
        Err(error) => {
            let failure = error.into_failure();
            context.output.failure(None, &failure);
            return Outcome::SomeFailed;
        }
    };
    let keys = match &arguments.key {
        Some(path) => match local_keys(path) {
            Ok(keys) => Some(keys),
            Err(error) => {
                context.output.failure(None, &error.into_failure());
                return Outcome::BadUsage;
            }
        },
        None => None,
    };
    let url = server.url_for_encrypted(&folder, keys);
    context.output.data(&url);
    if !arguments.no_open
        && let Err(error) = open::that_detached(&url)
    {
        context.output.say(&format!("No browser could be opened ({error}); open the address yourself"));
    }
    context.output.say("Serving until Ctrl-C");
    // Bound 1: the interrupt is told once.
    let (told, interrupted) = crossbeam_channel::bounded::<()>(1);
    interrupt.on_cancel(move || {
        let _ = told.try_send(());
    });
    let _ = interrupted.recv();
    Outcome::AllDone
}

/// The keys that a user names, of which the first is there.
fn local_keys(path: &std::path::Path) -> Result<KeyFiles, KeyError> {
    let keys = KeyFiles::at(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    keys.key(1).map(|_| keys)
}
