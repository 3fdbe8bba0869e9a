//! Limits of computing and of memory, built into a component: for hosts that set none.
//!
//! Every core module of the component gets a counter that no code of its own can reach. Each head of a loop and each beginning of a function
//! that calls others takes 1 from it, so that nothing goes on for ever without it; each operation on many bytes takes 1 for 64 of them. When a slice of it is used up, the module can end the run:
//! its export `sandbox_slice` is called, if it has one; or it asks for the time, if it imports libc's `time`, and who provides the clock ends
//! the run. When all slices are used up, it exits, if it imports a way to do so, and traps in any case. What neither loops nor calls is bounded
//! by its own length.
//!
//! A memory gets a maximum, so that the program is told that there is none left, instead of the host ending it.

mod bounds;
mod module;

use anyhow::{Context, Result};
use wasm_encoder::Component;
use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasmparser::Parser;

pub use self::bounds::Fuel;
use self::bounds::Wrong;

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

#[cfg(test)]
mod tests {
    use super::*;

    const FUEL: Fuel = Fuel { slice: 100, slices: 5, memory: 1 << 20 };

    /// What takes 1, in a module whose globals begin at `left` and whose function at the end of a slice is `next`.
    fn take(left: u32, next: u32) -> String {
        format!(
            "global.get {left} i32.const 1 i32.sub global.set {left} global.get {left} i32.const 0 i32.lt_s if call {next} end"
        )
    }

    /// The two counters.
    const COUNTERS: &str = "(global (mut i32) (i32.const 100)) (global (mut i32) (i32.const 5))";

    /// The function at the end of a slice.
    fn next_slice(left: u32, exit: &str, time: &str) -> String {
        let slices = left + 1;
        format!(
            "global.get {slices} i32.eqz if {exit} unreachable end \
             global.get {slices} i32.const 1 i32.sub global.set {slices} global.get {left} i32.const 100 i32.add global.set {left} {time}"
        )
    }

    /// The types of what is added to a module with operations on many bytes.
    const BULK_TYPES: &str = "(type (func)) (type (func (param i32) (result i32)))";

    /// The function before such an operation.
    fn take_bulk(ty: u32, left: u32, next: u32) -> String {
        format!(
            "(func (type {ty}) global.get {left} local.get 0 i32.const 6 i32.shr_u i32.sub global.set {left} \
             loop global.get {left} i32.const 0 i32.lt_s if call {next} br 1 end end local.get 0)"
        )
    }

    fn bytes(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Modules, and what they are with the limits.
    fn modules() -> Vec<(&'static str, String)> {
        let (plain, plain_end, bulk) = (take(0, 1), next_slice(0, "", ""), take_bulk(2, 0, 1));
        vec![
            ("(module)", "(module)".to_owned()),
            // Neither loops nor calls: bounded by its length.
            (
                "(module (type (func (result i32))) (func (type 0) i32.const 1))",
                format!(
                    "(module (type (func (result i32))) (type (func)) (func (type 0) i32.const 1) (func (type 1) {plain_end}) {COUNTERS})"
                ),
            ),
            (
                "(module (type (func)) (func (type 0) loop br 0 end))",
                format!(
                    "(module (type (func)) (type (func)) (func (type 0) loop {plain} br 0 end) (func (type 1) {plain_end}) {COUNTERS})"
                ),
            ),
            // A loop that takes a value: it stays on the stack.
            (
                "(module (type (func)) (type (func (param i32) (result i32))) (func (type 0) i32.const 1 loop (type 1) br 0 end drop))",
                format!(
                    "(module (type (func)) (type (func (param i32) (result i32))) (type (func)) (func (type 0) i32.const 1 loop (type 1) {plain} br 0 end drop) (func (type 2) {plain_end}) {COUNTERS})"
                ),
            ),
            // Recursion, direct and through a table.
            (
                "(module (type (func)) (func (type 0) call 0))",
                format!(
                    "(module (type (func)) (type (func)) (func (type 0) {plain} call 0) (func (type 1) {plain_end}) {COUNTERS})"
                ),
            ),
            (
                "(module (type (func)) (table 1 funcref) (func (type 0) i32.const 0 call_indirect (type 0)) (elem (i32.const 0) func 0))",
                format!(
                    "(module (type (func)) (type (func)) (table 1 funcref) (func (type 0) {plain} i32.const 0 call_indirect (type 0)) (func (type 1) {plain_end}) {COUNTERS} (elem (i32.const 0) func 0))"
                ),
            ),
            // Its own globals stay what they were, and an import moves the indices of what is added.
            (
                "(module (type (func)) (import \"a\" \"b\" (func (type 0))) (import \"a\" \"g\" (global i32)) (global (mut i32) (i32.const 7)) (func (type 0) call 0) (export \"f\" (func 1)))",
                format!(
                    "(module (type (func)) (type (func)) (import \"a\" \"b\" (func (type 0))) (import \"a\" \"g\" (global i32)) (global (mut i32) (i32.const 7)) {COUNTERS} (func (type 0) {} call 0) (func (type 1) {}) (export \"f\" (func 1)))",
                    take(2, 2),
                    next_slice(2, "", "")
                ),
            ),
            // Exits and asks for the time where it can, as libpython does, and as libc does.
            (
                "(module (type (func)) (type (func (param i32))) (type (func (param i32) (result i64))) (import \"env\" \"_exit\" (func (type 1))) (import \"env\" \"time\" (func (type 2))) (import \"env\" \"__stack_pointer\" (global (mut i32))) (func (type 0) loop end))",
                format!(
                    "(module (type (func)) (type (func (param i32))) (type (func (param i32) (result i64))) (type (func)) (import \"env\" \"_exit\" (func (type 1))) (import \"env\" \"time\" (func (type 2))) (import \"env\" \"__stack_pointer\" (global (mut i32))) (func (type 0) loop {} end) (func (type 3) {}) {COUNTERS})",
                    take(1, 3),
                    next_slice(
                        1,
                        "i32.const 1 call 0",
                        "global.get 0 i32.const -256 i32.add global.set 0 i32.const 0 call 1 drop global.get 0 i32.const 256 i32.add global.set 0"
                    )
                ),
            ),
            (
                "(module (type (func (param i32))) (import \"wasi:cli/exit@0.2.0\" \"exit\" (func (type 0))) (func (type 0) (local i64) loop end))",
                format!(
                    "(module (type (func (param i32))) (type (func)) (import \"wasi:cli/exit@0.2.0\" \"exit\" (func (type 0))) (func (type 0) (local i64) loop {} end) (func (type 1) {}) {COUNTERS})",
                    take(0, 2),
                    next_slice(0, "i32.const 1 call 0", "")
                ),
            ),
            // A Rust module that wants to be told of slices, with a stack pointer of its own.
            (
                "(module (type (func (param i32))) (global (mut i32) (i32.const 9)) (func (type 0) (local i64) loop end) (export \"sandbox_slice\" (func 0)))",
                format!(
                    "(module (type (func (param i32))) (type (func)) (global (mut i32) (i32.const 9)) {COUNTERS} (func (type 0) (local i64) loop {} end) (func (type 1) {}) (export \"sandbox_slice\" (func 0)))",
                    take(1, 1),
                    next_slice(
                        1,
                        "",
                        "global.get 0 i32.const -256 i32.add global.set 0 global.get 2 call 0 global.get 0 i32.const 256 i32.add global.set 0"
                    )
                ),
            ),
            // Imports of these names that are something else are left alone.
            (
                "(module (type (func (param i64))) (import \"env\" \"_exit\" (func (type 0))) (import \"env\" \"time\" (func (type 0))) (func (type 0)))",
                format!(
                    "(module (type (func (param i64))) (type (func)) (import \"env\" \"_exit\" (func (type 0))) (import \"env\" \"time\" (func (type 0))) (func (type 0)) (func (type 1) {}) {COUNTERS})",
                    next_slice(0, "", "")
                ),
            ),
            // What works on many bytes says how many, and a module without such operations gets nothing for them.
            (
                "(module (type (func)) (memory 1 1) (func (type 0) i32.const 0 i32.const 8 i32.const 4 memory.copy))",
                format!(
                    "(module (type (func)) {BULK_TYPES} (memory 1 1) (func (type 0) i32.const 0 i32.const 8 i32.const 4 call 2 memory.copy) (func (type 1) {plain_end}) {bulk} {COUNTERS})"
                ),
            ),
            (
                "(module (type (func)) (memory 1 1) (func (type 0) i32.const 0 i32.const 8 i32.const 4 memory.fill i32.const 1 memory.grow drop memory.size drop))",
                format!(
                    "(module (type (func)) {BULK_TYPES} (memory 1 1) (func (type 0) i32.const 0 i32.const 8 i32.const 4 call 2 memory.fill i32.const 1 call 2 memory.grow drop memory.size drop) (func (type 1) {plain_end}) {bulk} {COUNTERS})"
                ),
            ),
            (
                "(module (type (func)) (memory 1 1) (data \"abc\") (func (type 0) i32.const 0 i32.const 0 i32.const 3 memory.init 0 data.drop 0))",
                format!(
                    "(module (type (func)) {BULK_TYPES} (memory 1 1) {COUNTERS} (data \"abc\") (func (type 0) i32.const 0 i32.const 0 i32.const 3 call 2 memory.init 0 data.drop 0) (func (type 1) {plain_end}) {bulk})"
                ),
            ),
            (
                "(module (type (func)) (table 9 funcref) (elem func 0) (func (type 0) i32.const 0 i32.const 1 i32.const 2 table.copy i32.const 0 ref.null func i32.const 3 table.fill 0 i32.const 0 i32.const 0 i32.const 1 table.init 0 0 ref.null func i32.const 4 table.grow 0 drop))",
                format!(
                    "(module (type (func)) {BULK_TYPES} (table 9 funcref) {COUNTERS} (elem func 0) (func (type 0) i32.const 0 i32.const 1 i32.const 2 call 2 table.copy i32.const 0 ref.null func i32.const 3 call 2 table.fill 0 i32.const 0 i32.const 0 i32.const 1 call 2 table.init 0 0 ref.null func i32.const 4 call 2 table.grow 0 drop) (func (type 1) {plain_end}) {bulk})"
                ),
            ),
            // As libc does, where it copies.
            (
                "(module (type (func)) (type (func (result i64))) (import \"wasi:clocks/monotonic-clock@0.2.0\" \"now\" (func (type 1))) (memory 1 1) (global (mut i32) (i32.const 9)) (func (type 0) i32.const 0 i32.const 8 i32.const 4 memory.copy loop end))",
                format!(
                    "(module (type (func)) (type (func (result i64))) {BULK_TYPES} (import \"wasi:clocks/monotonic-clock@0.2.0\" \"now\" (func (type 1))) (memory 1 1) (global (mut i32) (i32.const 9)) {COUNTERS} (func (type 0) i32.const 0 i32.const 8 i32.const 4 call 3 memory.copy loop {} end) (func (type 2) {}) {})",
                    take(1, 2),
                    next_slice(1, "", ""),
                    take_bulk(3, 1, 2).replace("br 1", "global.get 0 i32.const -256 i32.add global.set 0 call 0 drop global.get 0 i32.const 256 i32.add global.set 0 br 1")
                ),
            ),
            // A memory gets a maximum, and keeps a smaller one.
            ("(module (memory 1))", "(module (memory 1 16))".to_owned()),
            ("(module (memory 1 9))", "(module (memory 1 9))".to_owned()),
            ("(module (memory 1 99))", "(module (memory 1 16))".to_owned()),
            ("(module (import \"a\" \"m\" (memory 1)))", "(module (import \"a\" \"m\" (memory 1)))".to_owned()),
            ("(module (@custom \"name-of-something\" \"x\") (memory 1))", "(module (memory 1 16))".to_owned()),
        ]
    }

    #[test]
    fn a_module_gets_a_counter_at_loops_and_calls_and_a_maximum_for_its_memory() {
        for (before, after) in modules() {
            let limited = module::limited(&bytes(before), FUEL).unwrap();
            assert_eq!(limited, bytes(&after), "{before}\n{after}");
            wasmparser::Validator::new().validate_all(&limited).unwrap_or_else(|error| panic!("{error}: {after}"));
        }
    }

    #[test]
    fn every_module_of_a_component_is_limited_and_the_rest_stays() {
        for (before, after) in modules() {
            let component = |module: &str| {
                format!("(component (import \"x\" (func)) (core {} (component (core {}))", &module[1..], &module[1..])
            };
            let limited = limited(&bytes(&component(before)), FUEL).unwrap();
            assert_eq!(limited, bytes(&component(&after)), "{before}");
        }
    }

    #[test]
    fn a_memory_that_begins_with_more_than_it_may_have_is_an_error() {
        assert!(module::limited(&bytes("(module (memory 17))"), FUEL).is_err());
        assert!(module::limited(&bytes("(module (memory 16))"), FUEL).is_ok());
    }

    #[test]
    fn lengths_of_64_bits_are_an_error() {
        for module in [
            "(module (memory i64 1))",
            "(module (import \"a\" \"m\" (memory i64 1)))",
            "(module (table i64 1 funcref))",
            "(module (import \"a\" \"t\" (table i64 1 funcref)))",
        ] {
            assert!(module::limited(&bytes(module), FUEL).is_err(), "{module}");
        }
    }

    #[test]
    fn what_is_no_component_is_an_error() {
        assert!(limited(b"", FUEL).is_ok_and(|bytes| bytes.len() == 8) || limited(b"", FUEL).is_err());
        assert!(limited(&bytes("(module)"), FUEL).is_err());
    }
}
