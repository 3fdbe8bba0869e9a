//! What a core module has, by index: where the pass can add something, and what it can call.

use anyhow::{Context, Result};
use wasmparser::{FuncType, Parser, Payload, TypeRef, ValType};

/// How many of each there are, and which imports end the program and tell the time.
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
    /// The imported global that says where the stack in memory ends.
    pub stack_pointer: Option<u32>,
}

impl Names {
    /// Reads a module up to its code.
    pub fn of(module: &[u8]) -> Result<Self> {
        let mut names = Self::default();
        let mut types = Vec::new();
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
                                let ty = types.get(usize::try_from(ty)?).and_then(Option::as_ref);
                                names.note(import.module, import.name, ty);
                                names.imported_functions += 1;
                            }
                            TypeRef::Global(ty) => {
                                if (import.module, import.name) == ("env", "__stack_pointer")
                                    && (ty.content_type, ty.mutable) == (ValType::I32, true)
                                {
                                    names.stack_pointer = Some(names.globals);
                                }
                                names.globals += 1;
                            }
                            TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
                        }
                    }
                    names.functions = names.imported_functions;
                }
                Payload::FunctionSection(section) => names.functions += section.count(),
                Payload::GlobalSection(section) => names.globals += section.count(),
                _ => {}
            }
        }
        names.types = u32::try_from(types.len())?;
        Ok(names)
    }

    /// Keeps the next import, a function, if it is one of the two. libc has both; it is one module of several, and itself imports the
    /// component's.
    fn note(&mut self, module: &str, name: &str, ty: Option<&FuncType>) {
        let has_type =
            |params: &[ValType], results: &[ValType]| ty.is_some_and(|ty| ty.params() == params && ty.results() == results);
        let exits = (module, name) == ("env", "_exit") || (module.starts_with("wasi:cli/exit@0.2.") && name == "exit");
        if exits && has_type(&[ValType::I32], &[]) {
            self.exit = Some(self.imported_functions);
        }
        if (module, name) == ("env", "time") && has_type(&[ValType::I32], &[ValType::I64]) {
            self.time = Some(self.imported_functions);
        }
    }
}
