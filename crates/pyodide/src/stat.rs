//! `stat` of a path in a file layer, past Emscripten's file system.
//!
//! An import asks for some ten paths, and most are not there; through the file system in JavaScript each takes 50 µs. A
//! path that is in no layer, or that only the file system can resolve, is left to it.

use taipan_guest::{Call, Output, Scope, Throw};

use crate::changes::{Change, Changes};
use crate::layer::{Layer, Node, NodeIndex, ROOT};
use crate::layers::{LayerBytes, Layers};

/// Mounts that an isolate may have.
const MOUNTS_MAX: usize = 64;
/// musl's `PATH_MAX`.
const PATH_BYTES_MAX: u32 = 4096;

/// Error numbers, negative, as Emscripten's musl numbers them.
const NO_ENTRY: i32 = -44;
const NOT_A_DIRECTORY: i32 = -54;

// The same as in `js/layerfs.js`.
const DIRECTORY_MODE: u32 = 0o40755;
const FILE_MODE: u32 = 0o100_644;
const BLOCK_BYTES: u32 = 4096;
const DEVICE_FIRST: u32 = 2;
const TIME_SECONDS: i64 = 315_619_200;

/// `sizeof(struct stat)`; [`encode`] has its fields.
const STAT_BYTES: usize = 96;

/// Why a path has no node here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is in no layer, or Python wrote over it, or only the file system can resolve it.
    Elsewhere,
    /// With a negative error number.
    Error(i32),
}

impl Missing {
    /// What the host answers: undefined sends the question to the file system.
    pub(crate) fn answer(self) -> Output {
        match self {
            Self::Elsewhere => Output::Undefined,
            Self::Error(number) => number.into(),
        }
    }
}

/// Where the layers of an isolate are mounted: path and number.
#[derive(Debug, Default)]
struct Mounts(Vec<(String, u32)>);

/// `host.layer_mount(layer, path)`: `path` is absolute, without links in it.
pub(crate) fn layer_mount(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (layer, path) = (call.unsigned(0)?, call.text(1)?);
    let extensions = call.scope.extensions_mut();
    if extensions.of::<Mounts>().is_none() {
        extensions.insert(Mounts::default());
    }
    let Some(mounts) = extensions.of_mut::<Mounts>() else { return Ok(Output::Undefined) };
    if mounts.0.len() == MOUNTS_MAX {
        return Err(Throw::range_error(format!("more than {MOUNTS_MAX} file layers are mounted")));
    }
    mounts.0.push((path, layer));
    Ok(Output::Undefined)
}

/// Says where the layers of a resumed isolate are mounted, by their numbers.
pub fn mount_again(scope: &mut Scope<'_>, paths: impl IntoIterator<Item = String>) {
    scope.extensions_mut().insert(Mounts(paths.into_iter().zip(0..).collect()));
}

/// `host.layer_stat(path, result)`: addresses of a C string and of a `struct stat`.
/// Answers 0, a negative error number, or undefined for a path that is not in a layer.
pub(crate) fn layer_stat(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (path, result) = (call.unsigned(0)?, call.unsigned(1)?);
    let scope = &mut call.scope;
    let (number, index) = match find_path(scope, path) {
        Ok(found) => found,
        Err(missing) => return Ok(missing.answer()),
    };
    let layers = scope.extensions().of::<Layers>();
    let Some(layer) = layers.and_then(|layers| layers.0.get(number as usize)) else {
        return Ok(Output::Undefined);
    };
    let Some(node) = layer.node(index) else { return Ok(Output::Undefined) };
    let stat = encode(number, index, &node);
    scope.write(result, &stat)?;
    Ok(0.into())
}

/// The layer and the node of the path at an address, or what to answer instead.
pub(crate) fn find_path(scope: &Scope<'_>, path: u32) -> Result<(u32, NodeIndex), Missing> {
    let extensions = scope.extensions();
    let (Some(mounts), Some(layers)) = (extensions.of::<Mounts>(), extensions.of::<Layers>())
    else {
        return Err(Missing::Elsewhere);
    };
    // A path that is too long or no text has its error in the file system.
    let path = scope.c_string(path, PATH_BYTES_MAX).ok().and_then(|path| str::from_utf8(path).ok());
    let (number, rest) =
        path.and_then(|path| find_mount(mounts, path)).ok_or(Missing::Elsewhere)?;
    let layer = layers.0.get(number as usize).ok_or(Missing::Elsewhere)?;
    let none = Changes::default();
    let changes = extensions.of::<Changes>().unwrap_or(&none);
    let (index, _) = resolve(layer, rest, |index| changes.of(number, index))?;
    Ok((number, index))
}

/// Where a layer is mounted.
pub(crate) fn mount_of(scope: &Scope<'_>, layer: u32) -> Option<String> {
    let mounts = &scope.extensions().of::<Mounts>()?.0;
    mounts.iter().find(|(_, number)| *number == layer).map(|(path, _)| path.clone())
}

/// The innermost mount that `path` is in, and the rest of the path.
fn find_mount<'a>(mounts: &Mounts, path: &'a str) -> Option<(u32, &'a str)> {
    let rests = mounts.0.iter().filter_map(|(mount, layer)| {
        let rest = path.strip_prefix(mount.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*layer, rest))
    });
    rests.min_by_key(|(_, rest)| rest.len())
}

/// The node at `path`, or what to answer instead. `change` says what became of a node.
fn resolve<'a>(
    layer: &'a Layer<LayerBytes>,
    path: &str,
    change: impl Fn(NodeIndex) -> Option<Change>,
) -> Result<(NodeIndex, Node<'a>), Missing> {
    let mut index = ROOT;
    for name in path.split('/').skip(1) {
        if matches!(name, "" | "." | "..") {
            return Err(Missing::Elsewhere);
        }
        match layer.node(index) {
            Some(Node::Directory(_)) => {
                index = match layer.child(index, name) {
                    Some(child) if change(child) == Some(Change::Whole) => {
                        return Err(Missing::Elsewhere);
                    }
                    Some(child) => child,
                    // Python may have made it.
                    None if change(index).is_some() => return Err(Missing::Elsewhere),
                    None => return Err(Missing::Error(NO_ENTRY)),
                };
            }
            Some(Node::File(_)) => return Err(Missing::Error(NOT_A_DIRECTORY)),
            None => return Err(Missing::Error(NO_ENTRY)),
        }
    }
    if change(index).is_some() {
        return Err(Missing::Elsewhere);
    }
    Ok((index, layer.node(index).ok_or(Missing::Error(NO_ENTRY))?))
}

/// A `struct stat` of Emscripten 5 (its system/lib/libc/musl/arch/emscripten/bits/stat.h).
/// All times are [`TIME_SECONDS`].
pub(crate) fn encode(layer: u32, index: NodeIndex, node: &Node<'_>) -> [u8; STAT_BYTES] {
    let (mode, size) = match node {
        Node::Directory(_) => (DIRECTORY_MODE, 0),
        Node::File(contents) => (FILE_MODE, contents.len() as u64),
    };
    let blocks = u32::try_from(size.div_ceil(u64::from(BLOCK_BYTES))).unwrap_or(u32::MAX);
    let mut stat = [0; STAT_BYTES];
    stat[0..4].copy_from_slice(&(DEVICE_FIRST.wrapping_add(layer)).to_le_bytes());
    stat[4..8].copy_from_slice(&mode.to_le_bytes());
    stat[8..12].copy_from_slice(&1_u32.to_le_bytes()); // links
    stat[24..32].copy_from_slice(&size.to_le_bytes());
    stat[32..36].copy_from_slice(&BLOCK_BYTES.to_le_bytes());
    stat[36..40].copy_from_slice(&blocks.to_le_bytes());
    for time in [40, 56, 72] {
        stat[time..time + 8].copy_from_slice(&TIME_SECONDS.to_le_bytes());
    }
    stat[88..96].copy_from_slice(&(u64::from(index.0) + 1).to_le_bytes());
    stat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Entry, encode as encode_layer};

    fn mounts() -> Mounts {
        Mounts(vec![
            ("/lib/python3.14".to_owned(), 0),
            ("/lib/python3.14/site-packages".to_owned(), 1),
        ])
    }

    #[test]
    fn innermost_mount() {
        let table = [
            ("/lib/python3.14", Some((0, ""))),
            ("/lib/python3.14/os.py", Some((0, "/os.py"))),
            ("/lib/python3.14/site-packages/a.py", Some((1, "/a.py"))),
            ("/lib/python3.14/site-packages2", Some((0, "/site-packages2"))),
            ("/lib/python3.140", None),
            ("lib/python3.14/os.py", None),
            ("", None),
        ];
        for (path, expected) in table {
            assert_eq!(find_mount(&mounts(), path), expected, "{path}");
        }
    }

    #[test]
    fn paths() {
        let entries = [Entry::file("os.py", "import"), Entry::file("json/x.py", "")];
        let layer = Layer::decode(LayerBytes::from(encode_layer(&entries).unwrap())).unwrap();
        let table = [
            ("", Ok(0)),
            ("/os.py", Ok(2)),
            ("/json/x.py", Ok(3)),
            ("/json/y.py", Err(Missing::Error(NO_ENTRY))),
            ("/os.py/x", Err(Missing::Error(NOT_A_DIRECTORY))),
            ("/", Err(Missing::Elsewhere)),
            ("/json/", Err(Missing::Elsewhere)),
            ("/json/../os.py", Err(Missing::Elsewhere)),
            ("/json//x.py", Err(Missing::Elsewhere)),
        ];
        for (path, expected) in table {
            let found = resolve(&layer, path, |_| None);
            assert_eq!(found.map(|(index, _)| index.0), expected, "{path}");
        }
    }

    #[test]
    fn paths_through_what_changed() {
        let names = ["a/kept.py", "a/gone.py", "b/inner/x.py", "c.py"];
        let entries = names.map(|name| Entry::file(name, ""));
        let layer = Layer::decode(LayerBytes::from(encode_layer(&entries).unwrap())).unwrap();
        let at = |path| layer.lookup(path).unwrap();
        let changes = [("a", Change::Entries), ("a/gone.py", Change::Whole), ("b", Change::Whole)];
        let change = |index| changes.iter().find(|(path, _)| at(path) == index).map(|it| it.1);
        let table = [
            ("/a", Err(Missing::Elsewhere)),
            ("/a/kept.py", Ok(at("a/kept.py"))),
            ("/a/kept.py/x", Err(Missing::Error(NOT_A_DIRECTORY))),
            ("/a/gone.py", Err(Missing::Elsewhere)),
            ("/a/new.py", Err(Missing::Elsewhere)),
            ("/b", Err(Missing::Elsewhere)),
            ("/b/inner/x.py", Err(Missing::Elsewhere)),
            ("/c.py", Ok(at("c.py"))),
            ("/new.py", Err(Missing::Error(NO_ENTRY))),
        ];
        for (path, expected) in table {
            let found = resolve(&layer, path, change);
            assert_eq!(found.map(|(index, _)| index), expected, "{path}");
        }
    }

    #[test]
    fn fields() {
        const TIME: u32 = 315_619_200;
        let stat = encode(3, NodeIndex(7), &Node::File(&[0; 5000]));
        let word = |at: usize| u32::from_le_bytes(stat[at..at + 4].try_into().unwrap());
        let words: Vec<_> = (0..STAT_BYTES).step_by(4).map(word).collect();
        assert_eq!(
            words,
            [
                [5, FILE_MODE, 1, 0, 0, 0, 5000, 0],
                [4096, 2, TIME, 0, 0, 0, TIME, 0],
                [0, 0, TIME, 0, 0, 0, 8, 0],
            ]
            .concat()
        );
    }
}
