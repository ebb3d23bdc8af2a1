//! What an isolate has of exceptions on the host's side.

use std::sync::Arc;

use wasmtime::{
    AsContextMut, ExnRef, ExnRefPre, ExnType, FuncType, OwnedRooted, Tag, TagType, ValType,
};

use crate::Error;
use crate::host_memory::Held;

/// Exceptions that JavaScript may hold at once: they live on the host's side.
const HELD_MAX: usize = 1 << 20;

/// The JavaScript tag of an isolate, and the exceptions that JavaScript holds.
#[derive(Default)]
pub(crate) struct Exceptions {
    javascript: Option<JavaScriptTag>,
    held: Vec<Option<(OwnedRooted<ExnRef>, Held)>>,
    free: Vec<usize>,
}

/// The tag with which JavaScript exceptions cross WebAssembly: one `externref`.
#[derive(Clone)]
pub(crate) struct JavaScriptTag {
    pub(crate) tag: Tag,
    pub(crate) allocator: Arc<ExnRefPre>,
}

impl JavaScriptTag {
    pub(crate) fn new(mut store: impl AsContextMut) -> Result<Self, Error> {
        let engine = store.as_context_mut().engine().clone();
        let type_ = TagType::new(FuncType::new(&engine, [ValType::EXTERNREF], []));
        let allocator = Arc::new(ExnRefPre::new(&mut store, ExnType::from_tag_type(&type_)?));
        Ok(Self { tag: Tag::new(&mut store, &type_)?, allocator })
    }
}

impl Exceptions {
    pub(crate) fn new(javascript: JavaScriptTag) -> Self {
        Self { javascript: Some(javascript), ..Self::default() }
    }

    pub(crate) fn javascript_tag(&self) -> wasmtime::Result<JavaScriptTag> {
        self.javascript
            .clone()
            .ok_or_else(|| wasmtime::Error::msg("an exception before the guest is linked"))
    }

    pub(crate) fn held(&self, index: usize) -> Option<OwnedRooted<ExnRef>> {
        self.held.get(index)?.as_ref().map(|(exception, _)| exception.clone())
    }

    /// Whether JavaScript holds an exception.
    pub(crate) fn any_held(&self) -> bool {
        self.held.iter().any(Option::is_some)
    }

    pub(crate) fn hold(&mut self, exception: (OwnedRooted<ExnRef>, Held)) -> Result<usize, Error> {
        if let Some(index) = self.free.pop() {
            self.held[index] = Some(exception);
            return Ok(index);
        }
        if self.held.len() >= HELD_MAX {
            return Err(Error::OutOfMemory { what: "an exception that JavaScript holds" });
        }
        self.held.push(Some(exception));
        Ok(self.held.len() - 1)
    }

    /// Lets go of an exception that JavaScript no longer reaches.
    pub(crate) fn release(&mut self, index: usize) {
        // A guest whose engine is broken may release twice.
        if let Some(held @ Some(_)) = self.held.get_mut(index) {
            *held = None;
            self.free.push(index);
        }
    }
}
