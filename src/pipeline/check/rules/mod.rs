//! The rules, by what they look at. Each takes what was read and writes down what it finds.

mod attributes;
mod borders;
mod captions;
pub(super) mod delivery;
mod encryption;
mod groups;
mod picture;
pub(super) mod playlists;
mod rates;
mod segments;
mod sound;
mod timeline;
mod trick_play;

use super::{CheckOptions, files::Files, stream::Stream, verdict::Ledger};

/// Judges a stream that was read.
pub(super) fn judge(stream: &Stream, files: &dyn Files, options: CheckOptions<'_>, ledger: &mut Ledger) {
    for rendition in &stream.renditions {
        playlists::media(rendition, ledger);
        encryption::keys(rendition, ledger);
        if rendition.media.i_frames_only {
            trick_play::entries(stream, rendition, files, ledger);
        } else {
            segments::rendition(rendition, ledger);
            timeline::rendition(rendition, ledger);
            borders::rendition(rendition, ledger);
        }
    }
    playlists::independent_segments(stream, ledger);
    timeline::alike(stream, ledger);
    timeline::sync(stream, ledger);
    timeline::lengths(stream, ledger);
    timeline::source_length(stream, options, ledger);
    attributes::variants(stream, ledger);
    groups::groups(stream, ledger);
    rates::variants(stream, ledger);
    trick_play::variants(stream, files, ledger);
    picture::pictures(stream, ledger);
    sound::sound(stream, ledger);
    captions::captions(stream, ledger);
}
