//! One core module.

mod names;

use anyhow::{Context, Result};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType, InstructionSink,
    MemorySection, MemoryType, Module, SectionId, TableType, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, FunctionBody, FunctionSectionReader, GlobalSectionReader, MemorySectionReader, Operator, Parser,
    TypeSectionReader,
};

use super::bounds::{Fuel, Wrong};
use names::{Names, is_bulk};

/// Bytes of a page of memory.
const PAGE: u64 = 64 << 10;
/// Bytes below the stack's end that a function which calls nothing may use without saying so (LLVM's WebAssemblyFrameLowering has 128). It did
/// not call anything, before this pass: what it has there must not be overwritten.
const RED_ZONE: i32 = 256;

/// How many bytes, or entries of a table, an operation on many of them works on for 1, as a power of two: 64 are about what a loop does meanwhile.
const BULK: i32 = 6;

/// The module with a counter and a maximum for its memory. Its names for debuggers are left out.
pub fn limited(module: &[u8], fuel: Fuel) -> Result<Vec<u8>> {
    let names = Names::of(module)?;
    let has_code = names.functions > names.imported_functions;
    let mut limited = Module::new();
    let mut rewriting = Rewriting { fuel, names, has_code, has_globals: false };
    rewriting
        .parse_core_module(&mut limited, Parser::new(0), module)
        .map_err(anyhow::Error::from)
        .context("a core module cannot be limited")?;
    Ok(limited.finish())
}

struct Rewriting {
    fuel: Fuel,
    names: Names,
    /// One without functions needs no counter.
    has_code: bool,
    /// Whether the counters are in.
    has_globals: bool,
}

impl Rewriting {
    /// What is left of the slice.
    fn left(&self) -> u32 {
        self.names.globals
    }

    /// What is left of the slices.
    fn slices(&self) -> u32 {
        self.names.globals + 1
    }

    /// The function that is called at the end of a slice.
    fn next_slice(&self) -> u32 {
        self.names.functions
    }

    fn add_globals(&mut self, globals: &mut GlobalSection) {
        let counter = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(counter, &ConstExpr::i32_const(self.fuel.slice));
        globals.global(counter, &ConstExpr::i32_const(self.fuel.slices));
        self.has_globals = true;
    }

    /// The function that is told the length of what an operation works on.
    fn take_bulk(&self) -> u32 {
        self.names.functions + 1
    }

    /// Takes 1. The stack is afterwards what it was before. In this order, compilers load the counter once.
    fn take(&self, function: &mut Function) {
        let (left, next_slice) = (self.left(), self.next_slice());
        let mut code = function.instructions();
        code.global_get(left).i32_const(1).i32_sub().global_set(left);
        code.global_get(left).i32_const(0).i32_lt_s().if_(BlockType::Empty).call(next_slice).end();
    }

    /// Moves the stack's end. A module without a stack in memory needs none to be kept.
    fn keep_red_zone(&self, code: &mut InstructionSink<'_>, bytes: i32) {
        if let Some(stack) = self.names.stack_pointer {
            code.global_get(stack).i32_const(bytes).i32_add().global_set(stack);
        }
    }

    fn next_slice_code(&self) -> Function {
        let (left, slices) = (self.left(), self.slices());
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.global_get(slices).i32_eqz().if_(BlockType::Empty);
        if let Some(exit) = self.names.exit {
            code.i32_const(1).call(exit);
        }
        code.unreachable().end();
        code.global_get(slices).i32_const(1).i32_sub().global_set(slices);
        // An operation on many bytes may have taken more than was left: it is taken from the slices that follow.
        code.global_get(left).i32_const(self.fuel.slice).i32_add().global_set(left);
        if self.names.on_slice.is_some() || self.names.time.is_some() {
            self.keep_red_zone(&mut code, -RED_ZONE);
            if let Some(on_slice) = self.names.on_slice {
                code.global_get(slices).call(on_slice);
            } else if let Some(time) = self.names.time {
                code.i32_const(0).call(time).drop();
            }
            self.keep_red_zone(&mut code, RED_ZONE);
        }
        code.end();
        function
    }

    /// Takes what an operation on many bytes costs, of as many slices as that needs, and returns their number. It is less than 2^26, so that
    /// the counter does not wrap.
    fn take_bulk_code(&self) -> Function {
        let left = self.left();
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.global_get(left).local_get(0).i32_const(BULK).i32_shr_u().i32_sub().global_set(left);
        code.loop_(BlockType::Empty).global_get(left).i32_const(0).i32_lt_s().if_(BlockType::Empty);
        code.call(self.next_slice());
        // libc fills and copies for a program, and knows no other clock. Its loops must not ask: they run while the host hands over a value, when
        // a component may call nobody.
        if let (None, None, Some(now)) = (self.names.on_slice, self.names.time, self.names.now) {
            self.keep_red_zone(&mut code, -RED_ZONE);
            code.call(now).drop();
            self.keep_red_zone(&mut code, RED_ZONE);
        }
        code.br(1).end().end();
        code.local_get(0).end();
        function
    }
}

impl Reencode for Rewriting {
    type Error = Wrong;

    fn memory_type(&mut self, ty: wasmparser::MemoryType) -> Result<MemoryType, Error<Self::Error>> {
        if ty.memory64 {
            return Err(Error::UserError(Wrong("a memory has addresses of 64 bits".to_owned())));
        }
        Ok(utils::memory_type(self, ty))
    }

    fn table_type(&mut self, ty: wasmparser::TableType) -> Result<TableType, Error<Self::Error>> {
        if ty.table64 {
            return Err(Error::UserError(Wrong("a table has indices of 64 bits".to_owned())));
        }
        utils::table_type(self, ty)
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_type_section(self, types, section)?;
        if self.has_code {
            types.ty().function([], []);
        }
        if self.names.has_bulk {
            types.ty().function([ValType::I32], [ValType::I32]);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_function_section(self, functions, section)?;
        if self.has_code {
            functions.function(self.names.types);
        }
        if self.names.has_bulk {
            functions.function(self.names.types + 1);
        }
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        for memory in section {
            let mut memory = self.memory_type(memory?)?;
            let most = self.fuel.memory / PAGE;
            if memory.minimum > most {
                return Err(Error::UserError(Wrong("a memory begins with more than it may have".to_owned())));
            }
            memory.maximum = Some(memory.maximum.unwrap_or(most).min(most));
            memories.memory(memory);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_global_section(self, globals, section)?;
        if self.has_code {
            self.add_globals(globals);
        }
        Ok(())
    }

    /// Adds the section of globals before the first one that must come after it, where the module has none.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<Self::Error>> {
        let comes_later = matches!(
            before,
            Some(
                SectionId::Export
                    | SectionId::Start
                    | SectionId::Element
                    | SectionId::DataCount
                    | SectionId::Code
                    | SectionId::Data
            )
        );
        if self.has_code && !self.has_globals && comes_later {
            let mut globals = GlobalSection::new();
            self.add_globals(&mut globals);
            module.section(&globals);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_code_section(self, code, section)?;
        if self.has_code {
            code.function(&self.next_slice_code());
        }
        if self.names.has_bulk {
            code.function(&self.take_bulk_code());
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        if calls(&body)? {
            self.take(&mut function);
        }
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let next = reader.clone().read()?;
            let is_loop = matches!(next, Operator::Loop { .. });
            // The number of bytes is the last thing on the stack, of each of them.
            if is_bulk(&next) {
                function.instructions().call(self.take_bulk());
            }
            function.instruction(&self.parse_instruction(&mut reader)?);
            if is_loop {
                self.take(&mut function);
            }
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _module: &mut Module,
        _section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        Ok(())
    }
}

/// Whether a function calls another one, or itself.
fn calls(body: &FunctionBody<'_>) -> wasmparser::Result<bool> {
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        if matches!(
            reader.read()?,
            Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. }
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}
