//! What a user can do, tested from outside: one module for each thing.

mod probe;
mod tools;
