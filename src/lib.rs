//! Reelpress makes adaptive streams of video files: drop a file, get HLS in a folder or a bucket.
//!
//! # The path of a job
//!
//! ```text
//! drop ─▶ intake ─▶ probe ─▶ plan ─▶ encode ─▶ package ─▶ publish ─▶ report
//!         JobSpec   Source   Encode            Finished   Published  Report
//!                   Media    Plan              Stream     Location
//! ```
//!
//! Each arrow is a module named after the stage, and [`pipeline::run`] is the only place where the order is written.
//! [`job::JobSpec`] is what was asked and never holds anything derived; [`pipeline::plan::EncodePlan`] is what was
//! resolved from it and from [`media::SourceMedia`], by a pure function.
//!
//! One ffmpeg decodes once, scales down a cascade and writes all renditions and the sound as tracks of one fragmented
//! MP4 to a pipe ([`pipeline::encode`]). [`pipeline::package::segmenter`] cuts that stream into CMAF segments as it
//! arrives, on a timeline that we write ourselves, so that it does not depend on ffmpeg's version. A source that changes its
//! format midway begins again, its picture fitted into one size; where its sound changes, a run before brings that into one
//! format.
//! [`pipeline::package`] names the segments in playlists that can be played while they grow, and
//! [`pipeline::publish`] uploads each file as it is finished, playlists only after all that they name. No job is done
//! before [`pipeline::check`] has read its stream again and judged it by the rules that `reelpress check` has for any.
//!
//! # Who talks to whom
//!
//! Fronts (the window, the terminal) talk to the [`engine`] alone: [`engine::Command`]s in,
//! [`engine::Event`]s out, an [`engine::Snapshot`] to show. There is no side door. The dispatcher is the one writer: it
//! writes each lasting event to the journal, applies it with [`engine::Snapshot::apply`], then shows it. Folding the
//! journal gives the live snapshot again; that is how a queue comes back after a crash.
//!
//! One process owns the lasting queue. Others reach it through its [`control`] channel with the same commands.
//!
//! Arrows point down only:
//!
//! ```text
//! gui  cli
//!   └─ control
//!        └─ engine
//!             └─ pipeline  preview
//!                  └─ tools  settings  preset  job  media  failure  format
//! ```
//!
//! # Threads
//!
//! | name | what it does |
//! |---|---|
//! | main | the window's event loop, or the terminal's report |
//! | `engine-dispatcher` | the one writer: commands, events, journal, start and stop of jobs |
//! | `engine-intake` | finds files in folders, looks at waiting sources |
//! | `engine-network` | two workers of the tokio runtime: uploads, previews; with its pool for short blocking work |
//! | `control`, `control-work` | answers other processes of the same user; with its pool for what waits |
//! | `control-follow` | reads the events of the process that owns the queue |
//! | `job-<id>` | one running job: drives ffmpeg, listens to its report |
//! | (unnamed, of a job) | first contact with each bucket of the job side by side, and taking back what is there |
//! | `job-segmenter` | reads the job's pipe, writes segments and playlists |
//! | `network` | the same workers for `reelpress publish` and `encode --discard`, which need no engine |
//! | `interrupt` | the terminal's Ctrl-C |
//! | `ffmpeg-download` | fetches ffmpeg after the user agreed |
//! | `thumbnails`, `system-fonts`, `file-dialog`, `open`, `sample`, `report`, `keychain` | what the window must not wait for |
//! | `when-done` | waits for the user's own command at the end of the queue |
//! | `child-watch`, `child-killer` | end a helper process that takes too long or is cancelled |
//! | `child-stall` | ends an encoder that stands still |
//!
//! A job never waits for the dispatcher, nor the dispatcher for a front: what comes often (progress, finished files, log
//! lines) goes through a slot that the dispatcher empties ten times a second.
//!
//! # Words
//!
//! - **ladder, rung**: the sizes and bit rates that a preset asks for, before they meet a source.
//! - **rendition**: one encoded output. **variant**: an entry of the multivariant playlist.
//! - **segment, init segment**: the files of a rendition. **segment duration** is asked, **target duration** is what
//!   EXT-X-TARGETDURATION says.
//! - **GOP**: the frames from one keyframe to the next; ours are closed and begin with an IDR.
//! - **layout**: where each file lies in its stream's folder ([`pipeline::layout`]); **template**: what names that folder.
//! - **poster, thumbnail**: pictures of the source. **source, preset, plan, destination**: what goes in.
//! - **job, stage, outcome, failure**: what the queue holds, and how it ends.

pub mod cli;
pub mod control;
pub mod engine;
pub mod failure;
pub mod format;
#[cfg(feature = "gui")]
pub mod gui;
pub mod job;
pub mod logging;
pub mod media;
pub mod pipeline;
pub mod preset;
pub mod preview;
pub mod settings;
pub mod tools;
