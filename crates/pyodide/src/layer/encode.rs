//! Makes a layer of files.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{
    CONTENTS_ALIGNMENT, FILE_ALIGNMENT, FORMAT, HEADER_BYTES, KIND_DIRECTORY, KIND_FILE, MAGIC,
    is_name,
};
use crate::Error;

/// A file or directory that goes into a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it goes: names separated by slashes, from the root of the layer.
    /// Directories on the way are made.
    pub path: String,
    /// What is in the file; `None` for a directory, which is needed only for one
    /// that would be empty.
    pub contents: Option<Vec<u8>>,
}

impl Entry {
    /// A file.
    pub fn file(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), contents: Some(contents.into()) }
    }

    /// A directory.
    pub fn directory(path: impl Into<String>) -> Self {
        Self { path: path.into(), contents: None }
    }
}

enum Tree<'a> {
    Directory(BTreeMap<&'a str, Self>),
    File(&'a [u8]),
}

/// The layer with these files. The order of `entries` does not matter.
///
/// # Errors
///
/// [`Error::LayerPath`] for a path that cannot be, or is there twice;
/// [`Error::LayerTooLarge`].
pub fn encode(entries: &[Entry]) -> Result<Vec<u8>, Error> {
    let mut root = Tree::Directory(BTreeMap::new());
    for entry in entries {
        insert(&mut root, entry)?;
    }
    let mut parts = Parts { nodes: Vec::new(), names: Vec::new(), contents: Vec::new(), count: 0 };
    parts.node("", &root, 1)?;
    // Breadth first: the children of a directory are side by side.
    let mut level = vec![&root];
    while !level.is_empty() {
        level = parts.children(&level)?;
    }
    Ok(parts.assemble())
}

fn insert<'a>(root: &mut Tree<'a>, entry: &'a Entry) -> Result<(), Error> {
    let refuse = |problem| Error::LayerPath { path: entry.path.clone(), problem };
    let mut names: Vec<&str> = entry.path.trim_end_matches('/').split('/').collect();
    if !names.iter().all(|name| is_name(name) && name.len() <= usize::from(u16::MAX)) {
        return Err(refuse("has a name that cannot be"));
    }
    let last = names.pop().unwrap_or_default();
    let mut at = root;
    for name in names {
        at = match at {
            Tree::Directory(children) => {
                children.entry(name).or_insert_with(|| Tree::Directory(BTreeMap::new()))
            }
            Tree::File(_) => return Err(refuse("is inside a file")),
        };
    }
    let Tree::Directory(children) = at else { return Err(refuse("is inside a file")) };
    match (children.get(last), &entry.contents) {
        (None, Some(contents)) => _ = children.insert(last, Tree::File(contents)),
        (None, None) => _ = children.insert(last, Tree::Directory(BTreeMap::new())),
        (Some(Tree::Directory(_)), None) => {}
        (Some(_), _) => return Err(refuse("is there twice")),
    }
    Ok(())
}

struct Parts {
    nodes: Vec<u8>,
    names: Vec<u8>,
    contents: Vec<u8>,
    count: u32,
}

impl Parts {
    /// Writes the children of the directories `level`; answers those of them that
    /// are directories with children, in the same order.
    fn children<'a>(&mut self, level: &[&'a Tree<'a>]) -> Result<Vec<&'a Tree<'a>>, Error> {
        let width: usize = level.iter().map(|tree| tree.width()).sum();
        let mut first_grandchild =
            self.count + u32::try_from(width).map_err(|_| Error::LayerTooLarge)?;
        let mut next = Vec::new();
        for tree in level {
            let Tree::Directory(children) = tree else { continue };
            for (name, child) in children {
                self.node(name, child, first_grandchild)?;
                if let Tree::Directory(_) = child {
                    let width = u32::try_from(child.width()).map_err(|_| Error::LayerTooLarge)?;
                    first_grandchild =
                        first_grandchild.checked_add(width).ok_or(Error::LayerTooLarge)?;
                    next.push(child);
                }
            }
        }
        Ok(next)
    }

    fn node(&mut self, name: &str, tree: &Tree<'_>, first_child: u32) -> Result<(), Error> {
        let name_start = u32::try_from(self.names.len()).map_err(|_| Error::LayerTooLarge)?;
        let name_length = u16::try_from(name.len()).map_err(|_| Error::LayerTooLarge)?;
        self.names.extend_from_slice(name.as_bytes());
        let (kind, start, length) = match tree {
            Tree::Directory(children) => (KIND_DIRECTORY, u64::from(first_child), children.len()),
            Tree::File(contents) => (KIND_FILE, self.append(contents), contents.len()),
        };
        self.nodes.extend_from_slice(&name_start.to_le_bytes());
        self.nodes.extend_from_slice(&name_length.to_le_bytes());
        self.nodes.extend_from_slice(&kind.to_le_bytes());
        self.nodes.extend_from_slice(&start.to_le_bytes());
        self.nodes.extend_from_slice(&(length as u64).to_le_bytes());
        self.count = self.count.checked_add(1).ok_or(Error::LayerTooLarge)?;
        Ok(())
    }

    fn append(&mut self, contents: &[u8]) -> u64 {
        self.contents.resize(self.contents.len().next_multiple_of(FILE_ALIGNMENT), 0);
        let start = self.contents.len() as u64;
        self.contents.extend_from_slice(contents);
        start
    }

    fn assemble(self) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&FORMAT.to_le_bytes());
        file.extend_from_slice(&self.count.to_le_bytes());
        file.extend_from_slice(&(self.names.len() as u64).to_le_bytes());
        file.extend_from_slice(&(self.contents.len() as u64).to_le_bytes());
        file.resize(HEADER_BYTES, 0);
        file.extend_from_slice(&self.nodes);
        file.extend_from_slice(&self.names);
        file.resize(file.len().next_multiple_of(CONTENTS_ALIGNMENT), 0);
        file.extend_from_slice(&self.contents);
        let digest = Sha256::digest(&file[HEADER_BYTES..]);
        file[32..HEADER_BYTES].copy_from_slice(&digest);
        file
    }
}

impl Tree<'_> {
    fn width(&self) -> usize {
        match self {
            Tree::Directory(children) => children.len(),
            Tree::File(_) => 0,
        }
    }
}
