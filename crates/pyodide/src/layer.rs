//! File layers: a tree of read-only files in one file.
//!
//! A layer is what the guest sees as the standard library, or as its packages.
//! It holds names and contents, no times and no permissions, so that the same
//! files give the same bytes. The reader works on bytes that its caller mapped
//! or read; it copies nothing, and after [`Layer::decode`] checks nothing again.
//!
//! ```text
//! offset  size  field (numbers are little endian)
//!      0     8  magic
//!      8     4  format version
//!     12     4  count of nodes
//!     16     8  length of the names
//!     24     8  length of the contents
//!     32    32  SHA-256 of all that follows
//!     64  24×n  nodes; number 0 is the root
//!      …     -  names, one after the other
//!      …     -  zeros, up to a multiple of 4,096
//!      …     -  contents, each beginning at a multiple of 16
//! ```
//!
//! A node is `name start (4), name length (2), kind (2), start (8), length (8)`. For
//! a file, the last two say where in the contents it is; for a directory, which
//! nodes are its children: they lie side by side, sorted by name, and behind their
//! directory. Directories come in the order of their children.

use std::cmp::Ordering;

use sha2::{Digest as _, Sha256};

pub use self::encode::{Entry, encode};
use crate::Error;

mod encode;

const MAGIC: &[u8; 8] = b"taipanfl";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 64;
const NODE_BYTES: usize = 24;
/// So that contents may be mapped by themselves.
const CONTENTS_ALIGNMENT: usize = 4096;
/// What the strictest reader of a file's bytes in place asks for.
const FILE_ALIGNMENT: usize = 16;
const KIND_FILE: u16 = 0;
const KIND_DIRECTORY: u16 = 1;

/// A layer whose structure was checked. `B` is what holds its bytes: a mapping, a
/// vector, a slice.
#[derive(Clone, Debug)]
pub struct Layer<B> {
    bytes: B,
    count: u32,
    names: usize,
    contents: usize,
}

/// A number of a node, as the guest uses it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeIndex(pub u32);

/// The root directory of a layer.
pub const ROOT: NodeIndex = NodeIndex(0);

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A directory, and the nodes that are in it.
    Directory(std::ops::Range<u32>),
    /// A file, and what is in it.
    File(&'a [u8]),
}

impl<B: AsRef<[u8]>> Layer<B> {
    /// Checks the structure of a layer: whatever `bytes` are, the methods of the
    /// result neither panic nor loop. The digest is not checked, see
    /// [`Layer::verify`].
    ///
    /// # Errors
    ///
    /// Those of [`Error`] that begin with `Layer`.
    pub fn decode(bytes: B) -> Result<Self, Error> {
        let file = bytes.as_ref();
        let (count, names, contents) = check_header(file)?;
        let layer = Self { bytes, count, names, contents };
        layer.check_nodes()?;
        Ok(layer)
    }

    /// Compares the contents with the digest that the file carries.
    ///
    /// # Errors
    ///
    /// [`Error::LayerDigest`].
    pub fn verify(&self) -> Result<(), Error> {
        let (header, rest) = self.bytes.as_ref().split_at(HEADER_BYTES);
        if Sha256::digest(rest).as_slice() == &header[32..] {
            Ok(())
        } else {
            Err(Error::LayerDigest)
        }
    }

    /// The digest that the file carries, of all that is in it.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(&self.bytes.as_ref()[32..HEADER_BYTES]);
        digest
    }

    /// The node with this number, if there is one.
    pub fn node(&self, index: NodeIndex) -> Option<Node<'_>> {
        let raw = self.raw(index.0)?;
        match raw.kind {
            KIND_DIRECTORY => Some(Node::Directory(raw.children()?)),
            _ => Some(Node::File(self.slice(self.contents, raw.start, raw.length)?)),
        }
    }

    /// The name of the node with this number; the root's is empty.
    pub fn name(&self, index: NodeIndex) -> Option<&str> {
        let raw = self.raw(index.0)?;
        str::from_utf8(self.slice(self.names, raw.name_start.into(), raw.name_length.into())?).ok()
    }

    /// The path of a node: names separated by slashes, from the root of the layer, whose own is empty.
    pub fn path(&self, index: NodeIndex) -> Option<String> {
        let mut names = Vec::new();
        let mut at = index;
        while at != ROOT {
            names.push(self.name(at)?);
            // A directory lies before its children.
            at = (0..at.0).map(NodeIndex).find(|parent| {
                matches!(self.node(*parent), Some(Node::Directory(children)) if children.contains(&at.0))
            })?;
        }
        names.reverse();
        Some(names.join("/"))
    }

    /// All files, by their paths.
    pub fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let mut directories = vec![(String::new(), ROOT)];
        std::iter::from_fn(move || {
            let (prefix, directory) = directories.pop()?;
            let Some(Node::Directory(children)) = self.node(directory) else { return Some(vec![]) };
            let mut files = Vec::new();
            for child in children.map(NodeIndex) {
                let path = format!("{prefix}{}", self.name(child).unwrap_or_default());
                match self.node(child) {
                    Some(Node::File(contents)) => files.push((path, contents)),
                    Some(Node::Directory(_)) => directories.push((format!("{path}/"), child)),
                    None => {}
                }
            }
            Some(files)
        })
        .flatten()
    }

    /// The node at `path`: names separated by slashes, from the root of the layer;
    /// the empty path is the root. `.` and `..` are names that no node has.
    pub fn lookup(&self, path: &str) -> Option<NodeIndex> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(ROOT, |at, name| self.child(at, name))
    }

    /// The node called `name` in the directory `parent`.
    pub fn child(&self, parent: NodeIndex, name: &str) -> Option<NodeIndex> {
        let Node::Directory(children) = self.node(parent)? else { return None };
        let (mut low, mut high) = (children.start, children.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.name(NodeIndex(middle))?.cmp(name) {
                Ordering::Equal => return Some(NodeIndex(middle)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The directory `index` as `js/layerfs.js` reads it: for each child its name,
    /// its number and its size, each followed by a zero character. The size of a
    /// directory is -1.
    pub fn listing(&self, index: NodeIndex) -> Option<String> {
        let Node::Directory(children) = self.node(index)? else { return None };
        let mut listing = String::new();
        for child in children {
            let size = match self.node(NodeIndex(child))? {
                Node::Directory(_) => "-1".to_owned(),
                Node::File(contents) => contents.len().to_string(),
            };
            listing.extend([
                self.name(NodeIndex(child))?,
                "\0",
                &child.to_string(),
                "\0",
                &size,
                "\0",
            ]);
        }
        Some(listing)
    }

    /// Copies from the file `index`, beginning at `position`, into `destination`;
    /// answers how many bytes there were, at most as many as fit. `None` when there
    /// is no such file.
    pub fn read(&self, index: NodeIndex, position: u64, destination: &mut [u8]) -> Option<usize> {
        let Node::File(contents) = self.node(index)? else { return None };
        let rest =
            usize::try_from(position).ok().and_then(|at| contents.get(at..)).unwrap_or_default();
        let count = rest.len().min(destination.len());
        destination[..count].copy_from_slice(&rest[..count]);
        Some(count)
    }

    fn raw(&self, index: u32) -> Option<RawNode> {
        if index >= self.count {
            return None;
        }
        let at = HEADER_BYTES + usize::try_from(index).ok()? * NODE_BYTES;
        RawNode::decode(self.bytes.as_ref().get(at..at + NODE_BYTES)?)
    }

    fn slice(&self, region: usize, start: u64, length: u64) -> Option<&[u8]> {
        let start = region.checked_add(usize::try_from(start).ok()?)?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.as_ref().get(start..end)
    }

    /// Each directory's children must begin where those of the one before it end:
    /// then each node has one parent, which lies before it.
    fn check_nodes(&self) -> Result<(), Error> {
        for index in 0..self.count {
            self.check_name(index)?;
        }
        let mut next = 1;
        for index in 0..self.count {
            let damaged = |problem| Error::LayerNode { index, problem };
            let raw = self.raw(index).ok_or(damaged("is cut short"))?;
            match raw.kind {
                KIND_FILE => {
                    let end = raw.start.checked_add(raw.length);
                    let available = self.bytes.as_ref().len() - self.contents;
                    if end.is_none_or(|end| end > available as u64) {
                        return Err(damaged("has its contents outside the file"));
                    }
                }
                KIND_DIRECTORY => {
                    let children = raw.children().ok_or(damaged("has too many children"))?;
                    if children.start != next
                        || children.end > self.count
                        || children.start <= index
                    {
                        return Err(damaged("has children out of place"));
                    }
                    self.check_order(index, children.clone())?;
                    next = children.end;
                }
                _ => return Err(damaged("is of an unknown kind")),
            }
        }
        if self.raw(0).is_none_or(|root| root.kind != KIND_DIRECTORY) {
            return Err(Error::LayerNode { index: 0, problem: "is the root and no directory" });
        }
        if next == self.count {
            Ok(())
        } else {
            Err(Error::LayerNode { index: next, problem: "is in no directory" })
        }
    }

    fn check_name(&self, index: u32) -> Result<(), Error> {
        let inside = |raw: RawNode| {
            let end = u64::from(raw.name_start) + u64::from(raw.name_length);
            self.names as u64 + end <= self.contents as u64
        };
        let name = self.name(NodeIndex(index)).filter(|_| self.raw(index).is_some_and(inside));
        if name.is_some_and(|name| if index == 0 { name.is_empty() } else { is_name(name) }) {
            Ok(())
        } else {
            Err(Error::LayerNode { index, problem: "has no acceptable name" })
        }
    }

    fn check_order(&self, index: u32, children: std::ops::Range<u32>) -> Result<(), Error> {
        let mut previous = "";
        for child in children {
            let name = self.name(NodeIndex(child)).unwrap_or_default();
            if name <= previous {
                return Err(Error::LayerNode { index, problem: "has children out of order" });
            }
            previous = name;
        }
        Ok(())
    }
}

/// One record of the table of nodes, as it lies there.
#[derive(Clone, Copy, Debug)]
struct RawNode {
    name_start: u32,
    name_length: u16,
    kind: u16,
    start: u64,
    length: u64,
}

impl RawNode {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (name_start, bytes) = bytes.split_first_chunk()?;
        let (name_length, bytes) = bytes.split_first_chunk()?;
        let (kind, bytes) = bytes.split_first_chunk()?;
        let (start, bytes) = bytes.split_first_chunk()?;
        let (length, _) = bytes.split_first_chunk()?;
        Some(Self {
            name_start: u32::from_le_bytes(*name_start),
            name_length: u16::from_le_bytes(*name_length),
            kind: u16::from_le_bytes(*kind),
            start: u64::from_le_bytes(*start),
            length: u64::from_le_bytes(*length),
        })
    }

    fn children(&self) -> Option<std::ops::Range<u32>> {
        let start = u32::try_from(self.start).ok()?;
        let end = u32::try_from(self.start.checked_add(self.length)?).ok()?;
        Some(start..end)
    }
}

/// Whether a file or directory can have this name.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// Reads the header; the count of nodes, and where names and contents begin.
fn check_header(file: &[u8]) -> Result<(u32, usize, usize), Error> {
    let cut_short = |part| Error::LayerTruncated { part };
    let (magic, rest) = file.split_first_chunk().ok_or(cut_short("magic"))?;
    if magic != MAGIC {
        return Err(Error::LayerMagic);
    }
    let (format, rest) = rest.split_first_chunk().ok_or(cut_short("format version"))?;
    let found = u32::from_le_bytes(*format);
    if found != FORMAT {
        return Err(Error::LayerFormat { found, expected: FORMAT });
    }
    let (count, rest) = rest.split_first_chunk().ok_or(cut_short("header"))?;
    let (names_length, rest) = rest.split_first_chunk().ok_or(cut_short("header"))?;
    let (contents_length, rest) = rest.split_first_chunk().ok_or(cut_short("header"))?;
    if rest.len() < 32 {
        return Err(cut_short("header"));
    }
    let count = u32::from_le_bytes(*count);
    let names = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(NODE_BYTES))
        .and_then(|nodes| nodes.checked_add(HEADER_BYTES))
        .filter(|names| *names <= file.len())
        .ok_or(cut_short("nodes"))?;
    let contents = usize::try_from(u64::from_le_bytes(*names_length))
        .ok()
        .and_then(|length| names.checked_add(length))
        .and_then(|end| end.checked_next_multiple_of(CONTENTS_ALIGNMENT))
        .filter(|contents| *contents <= file.len())
        .ok_or(cut_short("names"))?;
    if (file.len() - contents) as u64 == u64::from_le_bytes(*contents_length) {
        Ok((count, names, contents))
    } else {
        Err(cut_short("contents"))
    }
}

#[cfg(test)]
mod tests;
