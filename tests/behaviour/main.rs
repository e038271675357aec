//! What a user can do with Reelpress, tried on real parts: ffmpeg (the system's and 9.0), an S3 server, a browser, a
//! display. One module for each thing that a user does; `make setup` installs all parts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod bad_input;
mod check;
mod convert;
mod encode_makes_a_stream;
mod encoders;
mod encryption;
mod layouts;
mod limits;
mod operations;
mod outputs;
mod pause;
mod preview;
mod probe;
mod publish;
mod queue_commands;
mod queue_survives;
mod regressions;
mod resume;
mod sources;
mod support;
mod terminal;
mod thumbnails;
mod tools;
mod window_drop;
