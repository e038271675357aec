//! What a user can do, tested from outside: one module for each thing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod probe;
mod tools;
