//! Reading a file layer: no input makes it panic or loop, and what was accepted is
//! a tree. Some inputs are layers of files that were tampered with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_pyodide::layer::{Entry, Layer, Node, NodeIndex, ROOT, encode};

/// A file: its path and what is in it.
type File<'a> = (&'a str, &'a [u8]);

/// Where a byte is changed, and to what.
type Change = (u16, u8);

fuzz_target!(|input: (&[u8], Vec<File<'_>>, Vec<Change>)| {
    let (bytes, files, changes) = input;
    check(bytes);
    let files: Vec<_> =
        files.into_iter().map(|(path, contents)| Entry::file(path, contents)).collect();
    let Ok(mut layer) = encode(&files) else { return };
    for (place, value) in changes {
        if let Some(byte) = layer.get_mut(usize::from(place)) {
            *byte = value;
        }
    }
    check(&layer);
});

fn check(bytes: &[u8]) {
    let Ok(layer) = Layer::decode(bytes) else { return };
    let _ = layer.verify();
    let mut waiting = vec![ROOT];
    let mut seen = 0_u32;
    while let Some(index) = waiting.pop() {
        seen += 1;
        let name = layer.name(index).expect("every node has a name");
        match layer.node(index).expect("every child is a node") {
            Node::Directory(children) => {
                layer.listing(index).expect("a directory has a listing");
                waiting.extend(children.map(NodeIndex));
            }
            Node::File(contents) => {
                let mut destination = [0; 16];
                let count = layer.read(index, 1, &mut destination).expect("a file can be read");
                assert_eq!(count, contents.len().saturating_sub(1).min(16), "{name}");
            }
        }
    }
    assert!(layer.node(NodeIndex(seen)).is_none(), "every node is in a directory, once");
}
