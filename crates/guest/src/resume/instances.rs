//! The instances of a snapshot: prepared once, so that making them again in each isolate looks nothing up by its name.

use std::collections::HashMap;
use std::sync::Arc;

use taipan_snapshot as snapshot;
use wasmtime::{Extern, Func, Instance, Module, ModuleExport};

use super::{Image, table_at, unfit};
use crate::Error;
use crate::function;
use crate::program::Program;
use crate::scope::Scope;
use crate::state::entities::{Ingredient, ModuleEntity, Recipe};
use crate::webassembly::{global, window};

/// What the instances of an image are made of.
pub(super) struct Instances {
    /// In the order in which they were made.
    prepared: Vec<Prepared>,
    /// The functions that they import, each once: its number, and where it is an export.
    functions: Vec<(u32, Option<(Owner, ModuleExport)>)>,
}

/// Whose export a function is.
#[derive(Clone, Copy)]
enum Owner {
    Main,
    Instance(u32),
}

struct Prepared {
    module: Module,
    number: u32,
    imports: Vec<Import>,
    ingredients: Arc<[Ingredient]>,
}

/// An import, ready to be looked up: a function by its place among [`Instances::functions`], others by their numbers.
enum Import {
    Function(usize),
    Global(u32),
    Table(u32),
    Tag(u32),
    Memory,
}

impl Instances {
    /// Prepares the instances of a snapshot, whose modules are `modules`.
    pub(super) fn new(
        program: &Program,
        state: &snapshot::State,
        modules: &[ModuleEntity],
    ) -> Result<Self, Error> {
        let module_of = |instance: &snapshot::Instance| match modules.get(instance.module as usize)
        {
            Some(ModuleEntity::Compiled(compiled)) => Ok(compiled.module.clone()),
            _ => Err(unfit("an instance")),
        };
        let export = |number: u32| match state.functions.get(number as usize)? {
            snapshot::Function::Main(name) => {
                Some((Owner::Main, program.main.module.get_export_index(name)?))
            }
            snapshot::Function::Instance(place, name) => {
                let module = module_of(state.instances.get(*place as usize)?).ok()?;
                Some((Owner::Instance(*place), module.get_export_index(name)?))
            }
            snapshot::Function::Element(_) | snapshot::Function::JavaScript { .. } => None,
        };
        let (mut functions, mut places) = (Vec::new(), HashMap::new());
        let mut import = |import: &snapshot::Import| match *import {
            snapshot::Import::Function(number) => {
                Import::Function(*places.entry(number).or_insert_with(|| {
                    functions.push((number, export(number)));
                    functions.len() - 1
                }))
            }
            snapshot::Import::Global(number) => Import::Global(number),
            snapshot::Import::Table(number) => Import::Table(number),
            snapshot::Import::Tag(number) => Import::Tag(number),
            snapshot::Import::Memory => Import::Memory,
        };
        let mut prepared = Vec::new();
        for instance in &state.instances {
            prepared.push(Prepared {
                module: module_of(instance)?,
                number: instance.module,
                imports: instance.imports.iter().map(&mut import).collect(),
                ingredients: instance.imports.iter().map(ingredient).collect(),
            });
        }
        Ok(Self { prepared, functions })
    }

    /// Makes the instances.
    pub(super) fn make(&self, scope: &mut Scope<'_>, image: &Image) -> Result<(), Error> {
        let mut functions = vec![None; self.functions.len()];
        let mut imports = Vec::new();
        for (prepared, known) in self.prepared.iter().zip(&image.state.instances) {
            imports.clear();
            for import in &prepared.imports {
                let import = match *import {
                    Import::Function(place) => {
                        self.function(scope, &mut functions, place).map(Extern::from)
                    }
                    Import::Global(number) => global::at(scope, number).map(Extern::from),
                    Import::Table(number) => {
                        table_at(scope, image, number).map(|entity| entity.table.into())
                    }
                    Import::Tag(number) => {
                        let tag = scope.state().entities.tags.get(number as usize);
                        tag.map(|entity| entity.tag.into())
                    }
                    Import::Memory => Some(scope.linked()?.memory.into()),
                };
                imports.push(import.ok_or_else(|| unfit("an import of an instance"))?);
            }
            let instance = Instance::new(&mut scope.store, &prepared.module, &imports)?;
            let tables = known.function_tables.iter().map(|table| &*table.export);
            let references = known.reference_tables.iter().map(|table| &*table.export);
            let elements = window::elements(scope, instance, tables.chain(references));
            let imports = prepared.ingredients.clone();
            let entities = &mut scope.state_mut().entities;
            entities.instances.push(instance);
            entities.recipes.push(Recipe { module: prepared.number, imports, elements });
        }
        Ok(())
    }

    /// One of the functions; `found` are those that were looked up before.
    fn function(
        &self,
        scope: &mut Scope<'_>,
        found: &mut [Option<Func>],
        place: usize,
    ) -> Option<Func> {
        if let Some(function) = found[place] {
            return Some(function);
        }
        let (number, export) = &self.functions[place];
        let function = match export {
            Some((owner, export)) => {
                let instance = match owner {
                    Owner::Main => scope.linked().ok()?.main,
                    Owner::Instance(place) => {
                        *scope.state().entities.instances.get(*place as usize)?
                    }
                };
                instance.get_module_export(&mut scope.store, export)?.into_func()?
            }
            None => function::at(scope, *number)?.0,
        };
        found[place] = Some(function);
        Some(function)
    }
}

fn ingredient(import: &snapshot::Import) -> Ingredient {
    match *import {
        snapshot::Import::Function(number) => Ingredient::Function(number),
        snapshot::Import::Global(number) => Ingredient::Global(number),
        snapshot::Import::Table(number) => Ingredient::Table(number),
        snapshot::Import::Tag(number) => Ingredient::Tag(number),
        snapshot::Import::Memory => Ingredient::Memory,
    }
}
