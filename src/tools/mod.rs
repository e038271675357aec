//! What the stages drive: programs, child processes, files that appear whole or not at all.

pub mod atomic_file;
pub mod cancel;
pub mod child;
pub mod content_key;
pub mod desktop_bus;
pub mod disk;
pub mod ffmpeg;
pub mod keychain;
pub mod memory;
pub mod pause;
pub mod power;
pub mod private;
pub mod regular_file;
pub mod sound;
pub mod stall;
pub mod steps_up;
