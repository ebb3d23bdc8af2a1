//! What a side module asks of itself, resolved.
//!
//! A compiler cannot know whether another module will define a symbol first, so a side module imports what it defines:
//! functions from `env`, and their addresses and those of data from `GOT.func` and `GOT.mem`. A dynamic linker would
//! find them in each isolate, 24,000 in that of mypy. Here functions are called directly, and an address becomes a sum of
//! a constant and of where the module was placed, as with `-Bsymbolic` of other linkers (`DynamicLinking.md` of
//! WebAssembly's tool conventions).
//!
//! Data of C++ stays with the dynamic linker: one exception type must have one address in all modules.

use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ElementSection, Elements, Encode, ImportSection,
    Instruction,
};
use wasmparser::{
    BinaryReader, CustomSectionReader, ElementItems, ElementKind, ElementSectionReader, Export,
    ExternalKind, FunctionBody, GlobalSectionReader, ImportSectionReader, KnownCustom, Operator,
    Parser, TypeRef,
};

use crate::dylink::{Dylink, dylink};
use crate::error::Error;
use crate::module::{FEATURES, Module, SectionId, parse, size};

/// The module of imported functions.
pub(crate) const FUNCTIONS: &str = "env";
/// The modules of addresses.
const FUNCTION_ADDRESSES: &str = "GOT.func";
const DATA_ADDRESSES: &str = "GOT.mem";
/// Globals: where the module was placed.
pub(crate) const TABLE_BASE: &str = "__table_base";
pub(crate) const MEMORY_BASE: &str = "__memory_base";
/// What the names of C++ begin with (Itanium C++ ABI, 5.1).
const CXX_PREFIX: &str = "_Z";
/// The number of the subsection of `dylink.0` that says how much room a module needs.
const MEMORY_INFORMATION: u8 = 1;

/// The module with what it asks of itself resolved; as it was, if that is nothing.
pub(crate) fn resolve_own(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let module = parse(wasm)?;
    let dylink = dylink(wasm)?.unwrap_or_default();
    let mut symbols = Symbols::of(&module, &dylink)?;
    if symbols.imports.iter().all(|import| matches!(import, Resolved::No(_))) {
        return Ok(wasm.to_vec());
    }
    let mut encoded = wasm_encoder::Module::new();
    symbols.parse_core_module(&mut encoded, Parser::new(0), wasm).map_err(Error::Encode)?;
    if symbols.changes_addresses {
        return Err(Error::NotSideModule { what: "it changes the address of a symbol of its own" });
    }
    Ok(encoded.finish())
}

/// What an import is resolved to.
#[derive(Clone, Copy)]
enum Resolved {
    /// Nothing: it stays an import, with this index in its space.
    No(u32),
    /// A function of the module, by its index.
    Function(u32),
    /// An address: what a global holds that is imported, and an offset from it.
    Address { base: u32, offset: i32 },
}

/// What each import is resolved to, and how indices change.
struct Symbols {
    imports: Vec<Resolved>,
    /// New indices of functions: first the imported ones, then by how much the others move.
    functions: Vec<u32>,
    functions_gone: u32,
    /// What each imported global is, and by how much the others move.
    globals: Vec<Resolved>,
    globals_gone: u32,
    /// Functions that need a place in the table, in their order; the first has the place `table_elements`.
    placed: Vec<u32>,
    table_base: u32,
    /// Whether a resolved address is used as a variable.
    changes_addresses: bool,
    dylink: Dylink,
}

impl Symbols {
    fn of(module: &Module<'_>, dylink: &Dylink) -> Result<Self, Error> {
        let mut symbols = Self {
            imports: Vec::new(),
            functions: Vec::new(),
            functions_gone: 0,
            globals: Vec::new(),
            globals_gone: 0,
            placed: Vec::new(),
            table_base: 0,
            changes_addresses: false,
            dylink: dylink.clone(),
        };
        let exports: HashMap<_, _> = module.exports.iter().map(|it| (it.name, it)).collect();
        let bases = Bases::of(module);
        let data = offsets(module)?;
        let mut places =
            bases.table.map_or_else(|| Ok(HashMap::new()), |base| places(module, base))?;
        let has_elements = module.contents(SectionId::ELEMENT).is_some();
        let imported = size(module.functions.imported, "functions")?;
        for import in &module.imports {
            let resolved = match (import.ty, exports.get(import.name)) {
                (TypeRef::Func(_), Some(Export { kind: ExternalKind::Func, index, .. }))
                    if import.module == FUNCTIONS && *index >= imported =>
                {
                    Some(Resolved::Function(*index))
                }
                (TypeRef::Global(_), Some(Export { kind: ExternalKind::Func, index, .. }))
                    if import.module == FUNCTION_ADDRESSES
                        && *index >= imported
                        && has_elements =>
                {
                    bases.table.map(|base| {
                        let next = symbols.next_place();
                        let place = *places.entry(*index).or_insert_with(|| {
                            symbols.placed.push(*index);
                            next
                        });
                        Resolved::Address { base, offset: place.cast_signed() }
                    })
                }
                (TypeRef::Global(_), Some(Export { kind: ExternalKind::Global, index, .. }))
                    if import.module == DATA_ADDRESSES && !import.name.starts_with(CXX_PREFIX) =>
                {
                    let base = bases.memory.filter(|_| !is_thread_local(dylink, import.name));
                    base.zip(data.get(index))
                        .map(|(base, offset)| Resolved::Address { base, offset: *offset })
                }
                _ => None,
            };
            symbols.add(import.ty, resolved)?;
        }
        symbols.table_base = bases.table.map_or(0, |base| symbols.moved_base(base));
        Ok(symbols)
    }

    fn next_place(&self) -> u32 {
        let added = u32::try_from(self.placed.len()).unwrap_or(u32::MAX);
        self.dylink.table_elements.saturating_add(added)
    }

    /// Takes note of what the next import is resolved to.
    fn add(&mut self, type_: TypeRef, resolved: Option<Resolved>) -> Result<(), Error> {
        let mut resolved = resolved;
        match type_ {
            TypeRef::Func(_) => {
                let kept = size(self.functions.len(), "functions")? - self.functions_gone;
                match resolved {
                    Some(Resolved::Function(index)) => {
                        self.functions.push(index);
                        self.functions_gone += 1;
                    }
                    _ => self.functions.push(kept),
                }
            }
            TypeRef::Global(_) => {
                let kept = size(self.globals.len(), "globals")? - self.globals_gone;
                let global = resolved.unwrap_or(Resolved::No(kept));
                self.globals_gone += u32::from(resolved.is_some());
                self.globals.push(global);
                resolved = Some(global);
            }
            _ => {}
        }
        self.imports.push(resolved.unwrap_or(Resolved::No(0)));
        Ok(())
    }

    /// The new index of an imported global that stays.
    fn moved_base(&self, index: u32) -> u32 {
        match self.globals.get(index as usize) {
            Some(Resolved::No(index)) => *index,
            _ => index,
        }
    }

    /// The address that an instruction asks for, if it is one that is resolved.
    fn address(&self, operator: &Operator<'_>) -> Option<[Instruction<'static>; 3]> {
        let Operator::GlobalGet { global_index } = operator else { return None };
        let Some(Resolved::Address { base, offset }) = self.globals.get(*global_index as usize)
        else {
            return None;
        };
        let base = self.moved_base(*base);
        Some([Instruction::GlobalGet(base), Instruction::I32Const(*offset), Instruction::I32Add])
    }

    /// The section that says how much room the module needs, with more elements.
    fn room(&self, section: &CustomSectionReader<'_>) -> wasmparser::Result<Vec<u8>> {
        let mut data = Vec::new();
        let mut reader = BinaryReader::new(section.data(), 0);
        while !reader.eof() {
            let number = reader.read_u8()?;
            let length = reader.read_var_u32()? as usize;
            let contents = reader.read_bytes(length)?;
            data.push(number);
            if number != MEMORY_INFORMATION {
                contents.encode(&mut data);
                continue;
            }
            let Dylink { memory_bytes, memory_alignment_log2, table_alignment_log2, .. } =
                self.dylink;
            let mut room = Vec::new();
            for field in
                [memory_bytes, memory_alignment_log2, self.next_place(), table_alignment_log2]
            {
                field.encode(&mut room);
            }
            room.encode(&mut data);
        }
        Ok(data)
    }
}

impl Reencode for Symbols {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        let imported = self.functions.len() as u64;
        Ok(match self.functions.get(index as usize) {
            // One that the module has itself.
            Some(&to) if u64::from(to) >= imported => to - self.functions_gone,
            Some(&to) => to,
            None => index - self.functions_gone,
        })
    }

    fn global_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        match self.globals.get(index as usize) {
            Some(Resolved::No(index)) => Ok(*index),
            Some(_) => {
                self.changes_addresses = true;
                Ok(index)
            }
            None => Ok(index - self.globals_gone),
        }
    }

    fn const_expr(
        &mut self,
        expression: wasmparser::ConstExpr<'_>,
    ) -> Result<ConstExpr, reencode::Error> {
        let mut instructions = Vec::new();
        for operator in expression.get_operators_reader() {
            let operator = operator?;
            match self.address(&operator) {
                Some(address) => instructions.extend(address),
                None if matches!(operator, Operator::End) => {}
                None => instructions.push(self.instruction(operator)?),
            }
        }
        Ok(ConstExpr::extended(instructions))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for (place, import) in section.into_imports().enumerate() {
            let import = import?;
            let stays = self.imports.get(place).is_some_and(|it| matches!(it, Resolved::No(_)));
            if stays {
                utils::parse_import(self, imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: ElementSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_element_section(self, elements, section)?;
        let placed = std::mem::take(&mut self.placed);
        if placed.is_empty() {
            return Ok(());
        }
        let indices = placed.iter().map(|index| self.function_index(*index));
        let indices = indices.collect::<Result<Vec<_>, _>>()?;
        let offset = ConstExpr::extended([
            Instruction::GlobalGet(self.table_base),
            Instruction::I32Const(self.dylink.table_elements.cast_signed()),
            Instruction::I32Add,
        ]);
        elements.active(None, &offset, Elements::Functions(indices.into()));
        self.placed = placed;
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut function = utils::new_function_with_parsed_locals(self, &body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if let Some(address) = self.address(&operator) {
                for instruction in &address {
                    function.instruction(instruction);
                }
            } else {
                function.instruction(&self.instruction(operator)?);
            }
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut wasm_encoder::Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        // What else there is speaks of indices and of places in the code.
        if matches!(section.as_known(), KnownCustom::Dylink0(_)) {
            let data = self.room(&section)?;
            module.section(&CustomSection { name: section.name().into(), data: data.into() });
        }
        Ok(())
    }
}

fn is_thread_local(dylink: &Dylink, name: &str) -> bool {
    dylink.exports.iter().any(|export| export.name == name && export.flags.is_thread_local())
}

/// The indices of the globals that say where the module was placed.
struct Bases {
    table: Option<u32>,
    memory: Option<u32>,
}

impl Bases {
    fn of(module: &Module<'_>) -> Self {
        let globals = module.imports.iter().filter(|it| matches!(it.ty, TypeRef::Global(_)));
        let names: Vec<_> = globals.map(|import| (import.module, import.name)).collect();
        let find = |name: &str| {
            let place = names.iter().position(|global| *global == (FUNCTIONS, name))?;
            u32::try_from(place).ok()
        };
        Self { table: find(TABLE_BASE), memory: find(MEMORY_BASE) }
    }
}

/// The constants that immutable globals of the module hold, by index: offsets from where its data was placed.
fn offsets(module: &Module<'_>) -> Result<HashMap<u32, i32>, Error> {
    let Some(section) = module.contents(SectionId::GLOBAL) else { return Ok(HashMap::new()) };
    let section = GlobalSectionReader::new(BinaryReader::new_features(section, 0, FEATURES))?;
    let mut offsets = HashMap::new();
    for (index, global) in (size(module.globals.imported, "globals")?..).zip(section) {
        let global = global?;
        let mut operators = global.init_expr.get_operators_reader();
        if let (false, Operator::I32Const { value }) = (global.ty.mutable, operators.read()?)
            && matches!(operators.read()?, Operator::End)
        {
            offsets.insert(index, value);
        }
    }
    Ok(offsets)
}

/// The places of functions in the table, from where it was placed, as its elements say.
fn places(module: &Module<'_>, table_base: u32) -> Result<HashMap<u32, u32>, Error> {
    let mut places = HashMap::new();
    let Some(section) = module.contents(SectionId::ELEMENT) else { return Ok(places) };
    let section = ElementSectionReader::new(BinaryReader::new_features(section, 0, FEATURES))?;
    for element in section {
        let element = element?;
        let ElementKind::Active { offset_expr, .. } = &element.kind else { continue };
        let mut operators = offset_expr.get_operators_reader();
        let Operator::GlobalGet { global_index } = operators.read()? else { continue };
        if global_index != table_base || !matches!(operators.read()?, Operator::End) {
            continue;
        }
        if let ElementItems::Functions(functions) = element.items {
            for (place, function) in (0..).zip(functions) {
                places.entry(function?).or_insert(place);
            }
        }
    }
    Ok(places)
}
