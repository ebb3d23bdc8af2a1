//! Taking an isolate's side state out: what a snapshot holds beside the memory.
//!
//! To be called between turns, with no WebAssembly on the stack. The other
//! half is in `resume.rs`.

use std::collections::BTreeMap;

use taipan_link::Hidden;
use taipan_snapshot as snapshot;
use wasmparser::{DataKind, Parser, Payload};
use wasmtime::{AnyRef, AsContextMut, FuncType, Instance, Mutability, Ref, Table, Val, ValType};

use crate::Error;
use crate::handle::Handle;
use crate::scope::Scope;
use crate::state::FUNCTION_TABLE;
use crate::state::entities::{
    Element, GlobalOrigin, Ingredient, ModuleEntity, Recipe, TableEntity, TableOrigin, TagOrigin,
};
use crate::state::functions::Origin;
use crate::webassembly::{global, window};

impl Scope<'_> {
    /// The side state of the isolate. Collects garbage first, in both heaps.
    ///
    /// # Errors
    ///
    /// [`Error::CannotSave`] for what would be lost.
    pub fn capture(&mut self) -> Result<snapshot::State, Error> {
        let linked = self.linked()?.clone();
        linked.javascript.collect.call(&mut self.store, ())?;
        self.store.gc(None)?;
        self.release_dropped()?;
        if self.state().exceptions.any_held() {
            return Err(cannot("a WebAssembly.Exception that JavaScript holds"));
        }
        let table = linked
            .main
            .get_table(&mut self.store, FUNCTION_TABLE)
            .ok_or_else(|| cannot("the function table"))?;
        let table_length = u32::try_from(table.size(&self.store)).unwrap_or(u32::MAX);
        let functions = self.state().functions.origins().map(function).collect::<Result<_, _>>()?;
        let slots = self.state().entities.elements.iter();
        let slots = slots
            .map(|(index, function)| snapshot::Slot { index: *index, function: *function })
            .collect();
        Ok(snapshot::State {
            globals: self.capture_globals()?,
            imported_globals: self.capture_imported_globals()?,
            modules: self.state().entities.modules.iter().map(module).collect::<Result<_, _>>()?,
            instances: self.capture_instances()?,
            entity_globals: self.capture_entity_globals()?,
            tables: self.capture_tables()?,
            tags: self.capture_tags()?,
            table_length,
            slots,
            reference_tables: self.capture_reference_tables()?,
            functions,
            imports: self.state().imports.iter().map(|served| served.saved()).collect(),
            handles: self.capture_handles(),
            engine: self.capture_engine()?,
            sections: BTreeMap::new(),
        })
    }

    /// The whole linear memory.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn memory(&self) -> Result<&[u8], Error> {
        Ok(self.linked()?.memory.data(&self.store))
    }

    fn capture_globals(&mut self) -> Result<Vec<snapshot::Global>, Error> {
        let main = self.linked()?.main;
        let program = self.state().program.clone();
        self.capture_own_globals(main, &program.hidden.globals)
    }

    fn capture_imported_globals(&mut self) -> Result<Vec<(u32, snapshot::Value)>, Error> {
        let program = self.state().program.clone();
        let mut values = Vec::new();
        for place in 0..program.imports.len() {
            let Some(global) = global::imported(self, place) else { continue };
            if global.ty(&self.store).mutability() == Mutability::Const {
                continue;
            }
            let value =
                value(&global.get(&mut self.store)).ok_or_else(|| cannot("an imported global"))?;
            // Instantiation makes them zero, except some that stand for addresses: these are never zero.
            if value != snapshot::Value::I32(0) {
                values.push((u32::try_from(place).unwrap_or(u32::MAX), value));
            }
        }
        Ok(values)
    }

    fn capture_instances(&mut self) -> Result<Vec<snapshot::Instance>, Error> {
        let import = |ingredient: &Ingredient| match *ingredient {
            Ingredient::Function(number) => snapshot::Import::Function(number),
            Ingredient::Global(number) => snapshot::Import::Global(number),
            Ingredient::Table(number) => snapshot::Import::Table(number),
            Ingredient::Tag(number) => snapshot::Import::Tag(number),
            Ingredient::Memory => snapshot::Import::Memory,
        };
        let entities = &self.state().entities;
        let made: Vec<_> =
            entities.recipes.iter().cloned().zip(entities.instances.iter().copied()).collect();
        let mut captured = Vec::new();
        for (recipe, instance) in made {
            let module = self.state().entities.modules.get(recipe.module as usize).cloned();
            let Some(ModuleEntity::Compiled(module)) = module else {
                return Err(cannot("an instance of no module"));
            };
            if !module.is_side() && writes_when_made(&module.bytes) {
                return Err(cannot("an instance that writes into the memory when it is made"));
            }
            let hidden = taipan_link::hidden_state(&module.bytes).map_err(Error::Dylink)?;
            let tables = self.capture_own_tables(instance, &recipe)?;
            captured.push(snapshot::Instance {
                module: recipe.module,
                imports: recipe.imports.iter().map(import).collect(),
                globals: self.capture_own_globals(instance, &hidden.globals)?,
                function_tables: tables.0,
                reference_tables: tables.1,
            });
        }
        Ok(captured)
    }

    /// The tables of an instance: of functions, and of references.
    fn capture_own_tables(
        &mut self,
        instance: Instance,
        recipe: &Recipe,
    ) -> Result<(Vec<snapshot::FunctionTable>, Vec<snapshot::ReferenceTable>), Error> {
        let (mut functions, mut references) = (Vec::new(), Vec::new());
        for (export, before) in &recipe.elements {
            let export = export.clone();
            let table =
                instance.get_table(&mut self.store, &export).ok_or_else(|| cannot(&export))?;
            if !table.ty(&self.store).element().heap_type().is_func() {
                let elements = self.capture_references(table)?;
                references.push(snapshot::ReferenceTable { export, elements });
                continue;
            }
            let length = u32::try_from(table.size(&self.store)).unwrap_or(u32::MAX);
            let slots = self.capture_slots(table, length, before)?;
            functions.push(snapshot::FunctionTable { export, length, slots });
        }
        Ok((functions, references))
    }

    /// The elements of a table of functions that differ from those `before`.
    fn capture_slots(
        &mut self,
        table: Table,
        length: u32,
        before: &[Element],
    ) -> Result<Vec<snapshot::Slot>, Error> {
        let mut slots = Vec::new();
        for index in 0..length {
            let reference = table.get(&mut self.store, index.into());
            let found = window::element(self, reference.as_ref());
            if found == before.get(index as usize).copied().unwrap_or_default() {
                continue;
            }
            let function = (found != 0).then(|| self.state().functions.known_at(found));
            let function = function
                .map(|function| {
                    function.ok_or_else(|| cannot("a table that WebAssembly itself has changed"))
                })
                .transpose()?;
            slots.push(snapshot::Slot { index, function });
        }
        Ok(slots)
    }

    fn capture_own_globals(
        &mut self,
        instance: Instance,
        hidden: &[Hidden],
    ) -> Result<Vec<snapshot::Global>, Error> {
        let capture = |hidden: &Hidden| {
            let global = instance
                .get_global(&mut self.store, &hidden.export)
                .ok_or_else(|| cannot(&hidden.export))?;
            let value = value(&global.get(&mut self.store))
                .ok_or_else(|| cannot("a mutable global of an instance that holds a reference"))?;
            Ok(snapshot::Global { export: hidden.export.clone(), value })
        };
        hidden.iter().map(capture).collect()
    }

    fn capture_entity_globals(&mut self) -> Result<Vec<snapshot::EntityGlobal>, Error> {
        let globals = &self.state().entities.globals;
        let origins: Vec<_> = globals.known.iter().chain(&globals.added).cloned().collect();
        let mut captured = Vec::new();
        for (number, origin) in (0..).zip(origins) {
            captured.push(match origin {
                GlobalOrigin::Import(place) => snapshot::EntityGlobal::Import(place),
                GlobalOrigin::Main(name) => snapshot::EntityGlobal::Main(name),
                GlobalOrigin::Instance(place, name) => {
                    snapshot::EntityGlobal::Instance(place, name)
                }
                GlobalOrigin::Own(type_, _) => {
                    let what = "a global that JavaScript made";
                    let global = global::at(self, number).ok_or_else(|| cannot(what))?;
                    let value = value(&global.get(&mut self.store)).ok_or_else(|| cannot(what))?;
                    snapshot::EntityGlobal::Own {
                        value,
                        mutable: type_.mutability() == Mutability::Var,
                    }
                }
            });
        }
        Ok(captured)
    }

    fn capture_tables(&self) -> Result<Vec<snapshot::EntityTable>, Error> {
        let table = |entity: &TableEntity| match &entity.origin {
            TableOrigin::Main => Ok(snapshot::EntityTable::Main),
            TableOrigin::Instance(place, name) => {
                Ok(snapshot::EntityTable::Instance(*place, name.clone()))
            }
            TableOrigin::Own => Err(cannot("a WebAssembly.Table that JavaScript made")),
        };
        self.state().entities.tables.iter().map(table).collect()
    }

    fn capture_tags(&self) -> Result<Vec<snapshot::Tag>, Error> {
        let tag = |origin: &TagOrigin| match origin {
            TagOrigin::JavaScript => Ok(snapshot::Tag::JavaScript),
            TagOrigin::Main(name) => Ok(snapshot::Tag::Main(name.clone())),
            TagOrigin::Own(names) => Ok(snapshot::Tag::Own(names.clone())),
            TagOrigin::Unknown => Err(cannot("a WebAssembly.Tag of an extension module")),
        };
        self.state().entities.tags.iter().map(|entity| tag(&entity.origin)).collect()
    }

    fn capture_reference_tables(&mut self) -> Result<Vec<snapshot::ReferenceTable>, Error> {
        let main = self.linked()?.main;
        let program = self.state().program.clone();
        let mut captured = Vec::new();
        for hidden in program.hidden.tables.iter().filter(|hidden| hidden.export != FUNCTION_TABLE)
        {
            let table = main
                .get_table(&mut self.store, &hidden.export)
                .ok_or_else(|| cannot(&hidden.export))?;
            let elements = self.capture_references(table)?;
            captured.push(snapshot::ReferenceTable { export: hidden.export.clone(), elements });
        }
        Ok(captured)
    }

    fn capture_references(&mut self, table: Table) -> Result<Vec<snapshot::Reference>, Error> {
        let mut elements = Vec::new();
        for index in 0..table.size(&self.store) {
            let reference = table.get(&mut self.store, index);
            elements.push(self.capture_reference(reference.as_ref())?);
        }
        Ok(elements)
    }

    fn capture_reference(&mut self, reference: Option<&Ref>) -> Result<snapshot::Reference, Error> {
        let what = "a reference that is not a JavaScript value";
        let Some(Ref::Extern(reference)) = reference else { return Err(cannot(what)) };
        let Some(reference) = *reference else { return Ok(snapshot::Reference::Null) };
        if let Some(data) = reference.data(&self.store)? {
            let handle = data.downcast_ref::<Handle>().ok_or_else(|| cannot(what))?;
            return Ok(snapshot::Reference::Handle(handle.index()));
        }
        let any = AnyRef::convert_extern(self.store.as_context_mut(), reference)?;
        let small = any.as_i31(&self.store)?.ok_or_else(|| cannot(what))?;
        Ok(snapshot::Reference::Small(small.get_u32()))
    }

    fn capture_handles(&self) -> BTreeMap<String, i32> {
        let state = self.state();
        let hooks =
            [("on_rejection", &state.on_rejection), ("on_completion", &state.on_completion)];
        hooks
            .into_iter()
            .filter_map(|(name, hook)| Some((name.to_owned(), hook.as_ref()?.index())))
            .collect()
    }

    fn capture_engine(&mut self) -> Result<snapshot::Engine, Error> {
        let javascript = self.javascript()?;
        let Val::I32(stack_pointer) = javascript.stack_pointer.get(&mut self.store) else {
            return Err(cannot("the engine's stack pointer"));
        };
        Ok(snapshot::Engine {
            stack_low: javascript.stack_low,
            stack_pointer: stack_pointer.cast_unsigned(),
            memory_base: javascript.memory_base,
            table_base: javascript.table_base,
        })
    }
}

/// Whether the module has a start function or active data. One that cannot be read may have.
fn writes_when_made(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).any(|payload| match payload {
        Ok(Payload::StartSection { .. }) | Err(_) => true,
        Ok(Payload::DataSection(segments)) => segments.into_iter().any(|segment| {
            segment.map_or(true, |segment| matches!(segment.kind, DataKind::Active { .. }))
        }),
        Ok(_) => false,
    })
}

fn cannot(what: &str) -> Error {
    Error::CannotSave { what: what.into() }
}

fn value(value: &Val) -> Option<snapshot::Value> {
    match *value {
        Val::I32(value) => Some(snapshot::Value::I32(value)),
        Val::I64(value) => Some(snapshot::Value::I64(value)),
        Val::F32(bits) => Some(snapshot::Value::F32(bits)),
        Val::F64(bits) => Some(snapshot::Value::F64(bits)),
        _ => None,
    }
}

fn module(module: &ModuleEntity) -> Result<snapshot::Module, Error> {
    Ok(match module {
        ModuleEntity::Main => snapshot::Module::Main,
        ModuleEntity::Compiled(compiled) => snapshot::Module::Compiled(compiled.digest()),
        ModuleEntity::Wrapper(type_) => snapshot::Module::Wrapper(function_type(type_)?),
        ModuleEntity::Empty => snapshot::Module::Empty,
    })
}

fn function(origin: &Origin) -> Result<snapshot::Function, Error> {
    Ok(match origin {
        Origin::Main(name) => snapshot::Function::Main(name.clone()),
        Origin::Element(index) => snapshot::Function::Element(*index),
        Origin::JavaScript { handle, type_ } => {
            snapshot::Function::JavaScript { handle: *handle, type_: function_type(type_)? }
        }
        Origin::Instance(place, name) => snapshot::Function::Instance(*place, name.clone()),
        Origin::Unknown => {
            return Err(cannot("a WebAssembly function that JavaScript got as a value"));
        }
    })
}

fn function_type(type_: &FuncType) -> Result<snapshot::FunctionType, Error> {
    Ok(snapshot::FunctionType {
        parameters: type_.params().map(|type_| value_type(&type_)).collect::<Result<_, _>>()?,
        results: type_.results().map(|type_| value_type(&type_)).collect::<Result<_, _>>()?,
    })
}

/// A value type as in the binary format (WebAssembly, 5.3).
fn value_type(type_: &ValType) -> Result<u8, Error> {
    Ok(match type_ {
        ValType::I32 => 0x7f,
        ValType::I64 => 0x7e,
        ValType::F32 => 0x7d,
        ValType::F64 => 0x7c,
        ValType::Ref(reference) if reference.heap_type().is_extern() => 0x6f,
        ValType::Ref(reference) if reference.heap_type().is_func() => 0x70,
        ValType::V128 | ValType::Ref(_) => {
            return Err(cannot("a function of a type that JavaScript cannot give"));
        }
    })
}
