//! What a core module has, by index: where the pass can add something, and what it can call.

use anyhow::{Context, Result};
use wasmparser::{ExternalKind, FuncType, GlobalType, Operator, Parser, Payload, TypeRef, ValType};

/// The export that is told of the end of each slice: how many are left, after the one that it has itself.
const ON_SLICE: &str = "sandbox_slice";

/// How many of each there are, which imports end the program and tell the time, and which export is told of slices.
#[derive(Default)]
pub struct Names {
    pub types: u32,
    pub imported_functions: u32,
    /// The imported ones among them.
    pub functions: u32,
    /// The imported ones among them.
    pub globals: u32,
    pub exit: Option<u32>,
    pub time: Option<u32>,
    /// The component's own clock.
    pub now: Option<u32>,
    pub on_slice: Option<u32>,
    /// Whether an operation of its code works on many bytes ([`is_bulk`]).
    pub has_bulk: bool,
    /// The global that says where the stack in memory ends.
    pub stack_pointer: Option<u32>,
}

impl Names {
    /// Reads a module.
    pub fn of(module: &[u8]) -> Result<Self> {
        let mut names = Self::default();
        let (mut types, mut functions) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.context("a core module cannot be read")? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for sub_type in group?.into_types() {
                            let function = sub_type.composite_type.inner;
                            types.push(match function {
                                wasmparser::CompositeInnerType::Func(function) => Some(function),
                                _ => None,
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                                functions.push(ty);
                                let ty = types.get(usize::try_from(ty)?).and_then(Option::as_ref);
                                names.note(import.module, import.name, ty);
                                names.imported_functions += 1;
                            }
                            TypeRef::Global(ty) => {
                                if (import.module, import.name) == ("env", "__stack_pointer") && is_counter(ty) {
                                    names.stack_pointer = Some(names.globals);
                                }
                                names.globals += 1;
                            }
                            TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
                        }
                    }
                    names.functions = names.imported_functions;
                }
                Payload::FunctionSection(section) => {
                    names.functions += section.count();
                    for ty in section {
                        functions.push(ty?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if (export.name, export.kind) == (ON_SLICE, ExternalKind::Func) {
                            let ty = functions.get(usize::try_from(export.index)?);
                            let ty = ty.and_then(|ty| types.get(usize::try_from(*ty).ok()?)).and_then(Option::as_ref);
                            let is_right = has_type(ty, &[ValType::I32], &[]);
                            names.on_slice = is_right.then_some(export.index);
                        }
                    }
                }
                Payload::GlobalSection(section) => {
                    // Linkers have it before all others, where it is the module's own.
                    if let (None, Some(first)) = (names.stack_pointer, section.clone().into_iter().next())
                        && is_counter(first?.ty)
                    {
                        names.stack_pointer = Some(names.globals);
                    }
                    names.globals += section.count();
                }
                Payload::CodeSectionEntry(body) => {
                    let mut reader = body.get_operators_reader()?;
                    while !names.has_bulk && !reader.eof() {
                        names.has_bulk = is_bulk(&reader.read()?);
                    }
                }
                _ => {}
            }
        }
        names.types = u32::try_from(types.len())?;
        Ok(names)
    }

    /// Keeps the next import, a function, if it is one of these. libc has both; it is one module of several, and itself imports the
    /// component's.
    fn note(&mut self, module: &str, name: &str, ty: Option<&FuncType>) {
        let exits = (module, name) == ("env", "_exit") || (module.starts_with("wasi:cli/exit@0.2.") && name == "exit");
        if exits && has_type(ty, &[ValType::I32], &[]) {
            self.exit = Some(self.imported_functions);
        }
        if (module, name) == ("env", "time") && has_type(ty, &[ValType::I32], &[ValType::I64]) {
            self.time = Some(self.imported_functions);
        }
        let tells_time = module.starts_with("wasi:clocks/monotonic-clock@0.2.") && name == "now";
        if tells_time && has_type(ty, &[], &[ValType::I64]) {
            self.now = Some(self.imported_functions);
        }
    }
}

/// Whether an operation works on as many bytes, pages or entries of a table as the program says, which is no loop of its own.
pub fn is_bulk(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. }
            | Operator::MemoryGrow { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. }
    )
}

fn has_type(ty: Option<&FuncType>, params: &[ValType], results: &[ValType]) -> bool {
    ty.is_some_and(|ty| ty.params() == params && ty.results() == results)
}

fn is_counter(ty: GlobalType) -> bool {
    (ty.content_type, ty.mutable) == (ValType::I32, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_slice(parameter: &str, name: &str) -> Option<u32> {
        let module = format!(
            r#"(module (type (func)) (import "env" "time" (func (param i32) (result i64)))
                 (func (type 0)) (func (export "{name}") (param {parameter})))"#
        );
        Names::of(&wat::parse_str(module).unwrap()).unwrap().on_slice
    }

    #[test]
    fn the_export_that_is_told_of_slices_is_found_by_its_name_and_type() {
        assert_eq!(on_slice("i32", ON_SLICE), Some(2));
        assert_eq!((on_slice("i64", ON_SLICE), on_slice("i32", "other")), (None, None));
    }
}
