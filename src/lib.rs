//! Reelpress makes adaptive streams of video files.

pub mod engine;
pub mod failure;
pub mod format;
#[cfg(feature = "gui")]
pub mod gui;
pub mod job;
pub mod media;
pub mod pipeline;
pub mod preset;
pub mod preview;
pub mod settings;
pub mod tools;
