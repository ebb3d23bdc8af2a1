//! Which nodes of file layers are no longer as the layer has them, since Python wrote over them.
//!
//! What was written is in the isolate's memory (`js/layerfs.js`). The host only knows of which nodes it must not answer
//! itself: those it leaves to the file system. A snapshot keeps that (`saved.rs`).

use std::collections::BTreeMap;

use taipan_guest::{Held, Scope};

use crate::layer::NodeIndex;

/// What the host holds for a node, more or less.
const NODE_BYTES: usize = 64;

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A directory has other entries, another mode or other times. What else is in it is where it was.
    Entries,
    /// A file or a directory is gone or elsewhere, or a file has other contents, another mode or other times.
    Whole,
}

/// The nodes that changed, by the numbers of their layers and their own.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    nodes: BTreeMap<(u32, NodeIndex), Change>,
    held: Vec<Held>,
}

impl Changes {
    /// What became of a node, if anything.
    pub(crate) fn of(&self, layer: u32, index: NodeIndex) -> Option<Change> {
        self.nodes.get(&(layer, index)).copied()
    }

    /// Those to which this happened, in order: the layer and the node.
    pub(crate) fn all(&self, change: Change) -> Vec<(u32, u32)> {
        let nodes = self.nodes.iter().filter(|(_, known)| **known == change);
        nodes.map(|((layer, index), _)| (*layer, index.0)).collect()
    }
}

/// Notes what became of a node of a layer. What changed as a whole stays so.
///
/// # Errors
///
/// When the isolate may hold no more: then nothing is noted.
pub(crate) fn note(
    scope: &mut Scope<'_>,
    node: (u32, NodeIndex),
    change: Change,
) -> Result<(), taipan_guest::Error> {
    let known = scope.extensions_mut().of::<Changes>().and_then(|it| it.of(node.0, node.1));
    if known.is_some_and(|known| known >= change) {
        return Ok(());
    }
    let held = match known {
        Some(_) => None,
        None => Some(scope.hold(NODE_BYTES, "a change of a file layer")?),
    };
    let extensions = scope.extensions_mut();
    if extensions.of::<Changes>().is_none() {
        extensions.insert(Changes::default());
    }
    if let Some(changes) = extensions.of_mut::<Changes>() {
        changes.nodes.insert(node, change);
        changes.held.extend(held);
    }
    Ok(())
}
