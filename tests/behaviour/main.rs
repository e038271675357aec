//! What a user can do with Reelpress, tried on real parts. One module for each thing that a user does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod probe;
mod publish;
mod support;
mod tools;
