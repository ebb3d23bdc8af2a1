//! A foreign module, made to fit into an isolate, whose memory is the only one.
//!
//! Its memory becomes a *window*: bytes of the isolate's memory that the host has allocated. Each access is compared
//! with the window's length, and the window's address is added. The address and the length are globals, which instances
//! that share a memory share, and which change when it grows. The module imports from `taipan:window`
//!
//! ```text
//! memory            the isolate's memory
//! guard             (i32) an address where a word may be written
//! base:MIN:MAX      (mut i32) the window's address; the name has the memory's limits in pages, the latter may be missing
//! length            (mut i64) its length in bytes
//! grow              (func (param i32) (result i32)) what `memory.grow` does
//! ```
//!
//! `memory` only if it does not import one, which then stands for the isolate's; the last three only if it has one.
//!
//! An instance is resumed over a memory that has its data already, so that making it must not write: active data segments
//! become passive, and the export `taipan:data:N` is a function that says where segment N belongs; the start function
//! is the export `taipan:start`. The host sees to both.
//!
//! What never touches memory could not be stopped: loops, and functions that call, write to `guard`.

mod access;

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection,
    ElementSection, Encode, EntityType, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, InstructionSink, TableSection, TagSection, TypeSection, ValType,
};
use wasmparser::{
    DataKind, Export, ExternalKind, FunctionBody, Operator, Parser, Payload, Validator,
    WasmFeatures,
};

use crate::bulk::{argument, rewrite_bulk_memory, trap};
use crate::error::Error;
use crate::exceptions::{drop_custom_of_code, translate};
use crate::module::{Module, item, parse, size};
use crate::state::{RESERVED_PREFIX, export, export_state};
use crate::touching::is_call;

use access::{Access, access};

/// What the imports come from that the host serves.
pub const WINDOW_MODULE: &str = "taipan:window";

/// The export that is the start function.
pub const WINDOW_START: &str = "taipan:start";

/// What the names of exports begin with that say where a data segment belongs.
pub const WINDOW_DATA_PREFIX: &str = "taipan:data:";

/// What a module may have: all that the engine has, except garbage collection, threads, and more than one memory.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS);

/// Bytes of a page, as a power of two.
const PAGE_BYTES_LOG2: i64 = 16;

/// Rewrites a module so that it runs in an isolate. It must not be linked as well.
///
/// # Errors
///
/// When it is not valid, has what an isolate cannot run, or names of ours.
pub fn window(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    Validator::new_with_features(FEATURES).validate_all(wasm)?;
    let original = parse(wasm)?;
    let names = original.imports.iter().map(|import| import.module);
    let mut names = names.chain(original.exports.iter().map(|export| export.name));
    if let Some(name) = names.find(|name| name.starts_with(RESERVED_PREFIX)) {
        return Err(Error::ReservedName { name: name.to_owned() });
    }
    let mut window = Window { indices: Indices::of(&original)?, ..Window::default() };
    window.import(&original)?;
    for payload in Parser::new(0).parse_all(wasm) {
        window.read(&original, payload?)?;
    }
    let (wasm, exports) = window.finish();
    let mut module = parse(&wasm)?;
    drop_custom_of_code(&mut module);
    translate(&mut module)?;
    rewrite_bulk_memory(&mut module)?;
    export_state(&mut module, &[])?;
    let exports: Vec<_> = exports
        .iter()
        .map(|(name, index)| Export { name, kind: ExternalKind::Func, index: *index })
        .collect();
    export(&mut module, &exports)?;
    module.encode()
}

/// Indices in the new module, and how those of the old one become them.
#[derive(Default)]
struct Indices {
    /// Whether it has a memory: only then are there `base`, `length`, `grow`, `copy` and `fill`.
    memory: bool,
    guard: u32,
    base: u32,
    length: u32,
    grow: u32,
    copy: u32,
    fill: u32,
    /// The first function that says where data belongs.
    place: u32,
    /// The types of `grow`, of `copy` and `fill`, and of the functions that say where data belongs.
    types: [u32; 3],
    /// Functions and globals that the original imports.
    imported: [u32; 2],
    /// Functions and globals that are imported beside.
    beside: [u32; 2],
}

impl Indices {
    fn of(module: &Module<'_>) -> Result<Self, Error> {
        let memory = !module.memories.items.is_empty();
        let functions = size(module.functions.imported, "functions")?;
        let globals = size(module.globals.imported, "globals")?;
        let beside = if memory { [1, 3] } else { [0, 1] };
        let copy = size(module.functions.items.len(), "functions")? + beside[0];
        let types = size(module.types.len(), "types")?;
        Ok(Self {
            memory,
            guard: globals,
            base: globals + 1,
            length: globals + 2,
            grow: functions,
            copy,
            fill: copy + 1,
            place: if memory { copy + 2 } else { copy },
            types: [types, types + 1, types + 2],
            imported: [functions, globals],
            beside,
        })
    }
}

impl Reencode for Indices {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        let [imported, beside] = [self.imported[0], self.beside[0]];
        Ok(if index < imported { index } else { index + beside })
    }

    fn global_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        let [imported, beside] = [self.imported[1], self.beside[1]];
        Ok(if index < imported { index } else { index + beside })
    }

    /// The isolate's memory may have any size.
    fn memory_type(
        &mut self,
        _: wasmparser::MemoryType,
    ) -> Result<wasm_encoder::MemoryType, reencode::Error> {
        Ok(MEMORY)
    }
}

/// The isolate's memory.
const MEMORY: wasm_encoder::MemoryType = wasm_encoder::MemoryType {
    minimum: 0,
    maximum: None,
    memory64: false,
    shared: false,
    page_size_log2: None,
};

/// The new module under way.
#[derive(Default)]
struct Window {
    indices: Indices,
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    tags: TagSection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    data_count: Option<u32>,
    code: CodeSection,
    data: DataSection,
    custom: Vec<(String, Vec<u8>)>,
    /// The active data segments, and where they belong.
    places: Vec<(u32, ConstExpr)>,
    start: Option<u32>,
}

impl Window {
    /// Imports what the original imports, and then what it needs here.
    fn import(&mut self, module: &Module<'_>) -> Result<(), Error> {
        for import in &module.imports {
            let type_ = self.indices.entity_type(import.ty).map_err(Error::Encode)?;
            self.imports.import(import.module, import.name, type_);
        }
        if module.memories.imported == 0 {
            self.imports.import(WINDOW_MODULE, "memory", MEMORY);
        }
        let global = |val_type, mutable| GlobalType { val_type, mutable, shared: false };
        self.imports.import(WINDOW_MODULE, "guard", global(ValType::I32, false));
        if let Some(memory) = module.memories.items.first() {
            let maximum = memory.maximum.map_or(String::new(), |maximum| maximum.to_string());
            let base = format!("base:{}:{maximum}", memory.initial);
            self.imports.import(WINDOW_MODULE, &base, global(ValType::I32, true));
            self.imports.import(WINDOW_MODULE, "length", global(ValType::I64, true));
            let grow = EntityType::Function(self.indices.types[0]);
            self.imports.import(WINDOW_MODULE, "grow", grow);
        }
        Ok(())
    }

    fn read(&mut self, module: &Module<'_>, payload: Payload<'_>) -> Result<(), Error> {
        let indices = &mut self.indices;
        let read = match payload {
            Payload::TypeSection(section) => indices.parse_type_section(&mut self.types, section),
            Payload::FunctionSection(section) => {
                indices.parse_function_section(&mut self.functions, section)
            }
            Payload::TableSection(section) => {
                indices.parse_table_section(&mut self.tables, section)
            }
            Payload::TagSection(section) => indices.parse_tag_section(&mut self.tags, section),
            Payload::GlobalSection(section) => {
                indices.parse_global_section(&mut self.globals, section)
            }
            Payload::ExportSection(section) => {
                indices.parse_export_section(&mut self.exports, section)
            }
            Payload::ElementSection(section) => {
                indices.parse_element_section(&mut self.elements, section)
            }
            Payload::StartSection { func, .. } => {
                indices.function_index(func).map(|start| self.start = Some(start))
            }
            Payload::DataCountSection { count, .. } => {
                self.data_count = Some(count);
                Ok(())
            }
            Payload::CodeSectionEntry(body) => {
                let function = size(module.functions.imported, "functions")? + self.code.len();
                self.code.raw(&rewrite(indices, module, function, &body)?);
                Ok(())
            }
            Payload::DataSection(section) => {
                for (number, segment) in (0..).zip(section) {
                    let segment = segment?;
                    if let DataKind::Active { offset_expr, .. } = segment.kind {
                        let place = indices.const_expr(offset_expr).map_err(Error::Encode)?;
                        self.places.push((number, place));
                    }
                    self.data.passive(segment.data.iter().copied());
                }
                Ok(())
            }
            Payload::CustomSection(section) => {
                self.custom.push((section.name().to_owned(), section.data().to_vec()));
                Ok(())
            }
            _ => Ok(()),
        };
        read.map_err(Error::Encode)
    }

    /// The new module, and what of it is to be exported beside: names and functions.
    fn finish(mut self) -> (Vec<u8>, Vec<(String, u32)>) {
        let [grow, bulk, place] = self.indices.types;
        self.types.ty().function([ValType::I32], [ValType::I32]);
        self.types.ty().function([ValType::I32; 3], []);
        self.types.ty().function([], [ValType::I32]);
        debug_assert!(grow < bulk && bulk < place);
        if self.indices.memory {
            for function in [copy(&self.indices), fill(&self.indices)] {
                self.functions.function(bulk);
                self.code.function(&function);
            }
        }
        let mut exports = Vec::new();
        for (function, (segment, offset)) in (self.indices.place..).zip(&self.places) {
            self.functions.function(place);
            let mut body = Function::new([]);
            let mut code = Vec::new();
            offset.encode(&mut code);
            body.raw(code);
            self.code.function(&body);
            exports.push((format!("{WINDOW_DATA_PREFIX}{segment}"), function));
        }
        exports.extend(self.start.map(|start| (WINDOW_START.to_owned(), start)));
        let mut module = wasm_encoder::Module::new();
        module.section(&self.types).section(&self.imports).section(&self.functions);
        module.section(&self.tables).section(&self.tags).section(&self.globals);
        module.section(&self.exports).section(&self.elements);
        if let Some(count) = self.data_count {
            module.section(&DataCountSection { count });
        }
        module.section(&self.code).section(&self.data);
        for (name, data) in &self.custom {
            module.section(&CustomSection { name: name.into(), data: data.into() });
        }
        (module.finish(), exports)
    }
}

/// The types of variables in which operands wait while an address is compared: an address, and a value of each type.
const VARIABLES: [ValType; 6] =
    [ValType::I32, ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// A function with its accesses within the window, and able to be stopped; `function` is its index in the original.
fn rewrite(
    indices: &mut Indices,
    module: &Module<'_>,
    function: u32,
    body: &FunctionBody<'_>,
) -> Result<Vec<u8>, Error> {
    let signature = module.signature(*item(&module.functions.items, function, "function")?)?;
    let mut first = size(signature.params().len(), "parameters")?;
    let mut locals = Vec::new();
    for group in body.get_locals_reader()? {
        let (count, type_) = group?;
        first = first.saturating_add(count);
        locals.push((count, indices.val_type(type_).map_err(Error::Encode)?));
    }
    let mut code = Vec::new();
    let (mut calls, mut uses_variables) = (false, false);
    let start = module.code.as_ref().map_or(0, |code| code.start);
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let offset = operators.original_position() - start;
        let operator = operators.read()?;
        let mut sink = InstructionSink::new(&mut code);
        match operator {
            Operator::MemoryInit { .. } => {
                return Err(Error::BulkMemory { function, offset, found: "memory.init" });
            }
            _ if is_call(&operator) => calls = true,
            _ if on_memory(indices, &mut sink, &operator) => continue,
            _ => {}
        }
        if let Some(access) = access(&operator) {
            uses_variables = true;
            enter(indices, &mut sink, first, access);
        }
        let is_loop = matches!(operator, Operator::Loop { .. });
        indices.instruction(operator).map_err(Error::Encode)?.encode(&mut code);
        if is_loop {
            touch(indices, &mut InstructionSink::new(&mut code));
        }
    }
    if uses_variables {
        locals.extend(VARIABLES.map(|type_| (1, type_)));
    }
    let mut bytes = Vec::with_capacity(code.len() + 32);
    locals.len().encode(&mut bytes);
    for (count, type_) in locals {
        count.encode(&mut bytes);
        type_.encode(&mut bytes);
    }
    if calls {
        touch(indices, &mut InstructionSink::new(&mut bytes));
    }
    bytes.append(&mut code);
    Ok(bytes)
}

/// Writes what an instruction on the whole memory is in a window; false if it is another instruction.
fn on_memory(indices: &Indices, sink: &mut InstructionSink<'_>, operator: &Operator<'_>) -> bool {
    match operator {
        Operator::MemorySize { .. } => {
            sink.global_get(indices.length).i64_const(PAGE_BYTES_LOG2).i64_shr_u().i32_wrap_i64()
        }
        Operator::MemoryGrow { .. } => sink.call(indices.grow),
        Operator::MemoryCopy { .. } => sink.call(indices.copy),
        Operator::MemoryFill { .. } => sink.call(indices.fill),
        _ => return false,
    };
    true
}

/// Writes a word that is never read. A load would not do: the compiler may know what it would load.
fn touch(indices: &Indices, sink: &mut InstructionSink<'_>) {
    sink.global_get(indices.guard).i32_const(0).i32_store(argument(0));
}

/// Traps if the access is not within the window; if it is, adds the window's address to that on the stack.
fn enter(indices: &Indices, sink: &mut InstructionSink<'_>, first: u32, access: Access) {
    let variable = |type_: ValType| {
        let mut variables = (first + 1..).zip(&VARIABLES[1..]);
        variables.find(|(_, variable)| **variable == type_).map(|(index, _)| index)
    };
    let value = access.value.and_then(variable);
    if let Some(value) = value {
        sink.local_set(value);
    }
    sink.local_tee(first).i64_extend_i32_u();
    sink.i64_const((access.offset + access.bytes).cast_signed()).i64_add();
    sink.global_get(indices.length).i64_gt_u().if_(BlockType::Empty);
    trap(sink);
    sink.end().local_get(first).global_get(indices.base).i32_add();
    if let Some(value) = value {
        sink.local_get(value);
    }
}

const DESTINATION: u32 = 0;
const SOURCE: u32 = 1;
const VALUE: u32 = 1;
const LENGTH: u32 = 2;

/// Traps if `LENGTH` bytes at one of the addresses are not within the window.
fn check(indices: &Indices, sink: &mut InstructionSink<'_>, addresses: &[u32]) {
    for address in addresses {
        sink.local_get(*address).i64_extend_i32_u();
        sink.local_get(LENGTH).i64_extend_i32_u().i64_add();
        sink.global_get(indices.length).i64_gt_u().if_(BlockType::Empty);
        trap(sink);
        sink.end();
    }
}

/// `memory.copy` within the window: `(destination, source, length) -> ()`.
fn copy(indices: &Indices) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    check(indices, &mut sink, &[DESTINATION, SOURCE]);
    sink.local_get(DESTINATION).global_get(indices.base).i32_add();
    sink.local_get(SOURCE).global_get(indices.base).i32_add();
    sink.local_get(LENGTH).memory_copy(0, 0).end();
    function
}

/// `memory.fill` within the window: `(destination, value, length) -> ()`.
fn fill(indices: &Indices) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    check(indices, &mut sink, &[DESTINATION]);
    sink.local_get(DESTINATION).global_get(indices.base).i32_add();
    sink.local_get(VALUE).local_get(LENGTH).memory_fill(0).end();
    function
}
