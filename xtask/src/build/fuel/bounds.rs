//! What a component may use, and what is wrong with one that cannot be limited.

use std::fmt;

/// What a component may use.
#[derive(Clone, Copy)]
pub struct Fuel {
    /// Loops and calls until a module asks for the time.
    pub slice: i32,
    /// How many slices each module has.
    pub slices: i32,
    /// Bytes of each memory.
    pub memory: u64,
}

/// What is wrong with a module.
#[derive(Debug)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}
