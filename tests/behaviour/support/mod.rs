//! Real parts that the tests talk to.

pub mod object_store;
