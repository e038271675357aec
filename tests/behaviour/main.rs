//! What a user can do with Reelpress, tried on real parts. One module for each thing that a user does.

mod preview;
mod publish;
mod support;
