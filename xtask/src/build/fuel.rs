//! Limits of computing and of memory, built into a component: for hosts that set none.
//!
//! Every core module of the component gets a counter that no code of its own can reach. Each head of a loop and each beginning of a function
//! that calls others takes 1 from it, so that nothing goes on for ever without it. When a slice of it is used up, the module can end the run:
//! its export `sandbox_slice` is called, if it has one; or it asks for the time, if it imports libc's `time`, and who provides the clock ends
//! the run. When all slices are used up, it exits, if it imports a way to do so, and traps in any case. What neither loops nor calls is bounded
//! by its own length, and what works on memory by the memory's.
//!
//! A memory gets a maximum, so that the program is told that there is none left, instead of the host ending it.

mod module;

use std::fmt;

use anyhow::{Context, Result};
use wasm_encoder::Component;
use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasmparser::Parser;

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

/// The component with the limits.
///
/// # Errors
/// Where it is none.
pub fn limited(component: &[u8], fuel: Fuel) -> Result<Vec<u8>> {
    let mut limited = Component::new();
    Limiter { fuel }
        .parse_component(&mut limited, Parser::new(0), component)
        .map_err(anyhow::Error::from)
        .context("the component cannot be limited")?;
    Ok(limited.finish())
}

/// What is wrong with a module.
#[derive(Debug)]
struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// Rewrites the core modules, wherever they are in the component, and nothing else.
struct Limiter {
    fuel: Fuel,
}

impl Reencode for Limiter {
    type Error = Wrong;
}

impl ReencodeComponent for Limiter {
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        _parser: Parser,
        module: &[u8],
    ) -> Result<(), Error<Self::Error>> {
        let limited =
            module::limited(module, self.fuel).map_err(|error| Error::UserError(Wrong(format!("{error:#}"))))?;
        component.section(&wasm_encoder::RawSection { id: CORE_MODULE, data: &limited });
        Ok(())
    }
}

/// The section of a component that holds one core module.
const CORE_MODULE: u8 = 1;
