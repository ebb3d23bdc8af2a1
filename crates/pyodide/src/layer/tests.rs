//! File layers: what goes in comes out, and what is damaged is found.

use super::*;

fn sample() -> Vec<u8> {
    encode(&[
        Entry::file("os.py", "import sys\n"),
        Entry::directory("lib-dynload"),
        Entry::file("json/decoder.py", "two"),
        Entry::file("json/__init__.py", ""),
        Entry::file("a/b/c.txt", [0xff, 0]),
    ])
    .unwrap()
}

/// The whole tree, a line a node.
fn tree(layer: &Layer<Vec<u8>>) -> String {
    fn walk(layer: &Layer<Vec<u8>>, at: NodeIndex, path: &str, out: &mut Vec<String>) {
        match layer.node(at).unwrap() {
            Node::File(contents) => out.push(format!("{path} {contents:?}")),
            Node::Directory(children) => {
                out.push(format!("{path}/"));
                for child in children {
                    let child = NodeIndex(child);
                    walk(layer, child, &format!("{path}/{}", layer.name(child).unwrap()), out);
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(layer, ROOT, "", &mut out);
    out.join("\n")
}

#[test]
fn round_trip() {
    let layer = Layer::decode(sample()).unwrap();
    layer.verify().unwrap();
    assert_eq!(
        tree(&layer),
        "/\n/a/\n/a/b/\n/a/b/c.txt [255, 0]\n/json/\n/json/__init__.py []\n\
         /json/decoder.py [116, 119, 111]\n/lib-dynload/\n\
         /os.py [105, 109, 112, 111, 114, 116, 32, 115, 121, 115, 10]"
    );
}

#[test]
fn order_of_entries_does_not_matter() {
    let entries = [Entry::file("b/1", "x"), Entry::file("a", "y"), Entry::directory("b/0")];
    let mut reversed = entries.clone();
    reversed.reverse();
    assert_eq!(encode(&entries).unwrap(), encode(&reversed).unwrap());
}

#[test]
fn lookups() {
    let layer = Layer::decode(sample()).unwrap();
    let found = |path| layer.lookup(path).map(|index| index.0);
    let table = [
        ("", Some(0)),
        ("/", Some(0)),
        ("os.py", Some(4)),
        ("json/decoder.py", Some(7)),
        ("/json//decoder.py", Some(7)),
        ("lib-dynload", Some(3)),
        ("lib-dynload/x", None),
        ("os.py/x", None),
        ("json/..", None),
        ("nothing", None),
    ];
    for (path, expected) in table {
        assert_eq!(found(path), expected, "{path}");
    }
}

#[test]
fn listings() {
    let layer = Layer::decode(sample()).unwrap();
    assert_eq!(
        layer.listing(ROOT).unwrap(),
        "a\x001\x00-1\0json\x002\x00-1\0lib-dynload\x003\x00-1\0os.py\x004\x0011\0"
    );
    assert_eq!(layer.listing(NodeIndex(3)).unwrap(), "");
    assert_eq!(layer.listing(NodeIndex(4)), None);
    assert_eq!(layer.listing(NodeIndex(u32::MAX)), None);
}

#[test]
fn reads() {
    let layer = Layer::decode(sample()).unwrap();
    let read = |index, position, length| {
        let mut destination = vec![0; length];
        let count = layer.read(NodeIndex(index), position, &mut destination)?;
        destination.truncate(count);
        Some(destination)
    };
    assert_eq!(read(4, 0, 6), Some(b"import".to_vec()));
    assert_eq!(read(4, 7, 100), Some(b"sys\n".to_vec()));
    assert_eq!(read(4, 11, 1), Some(Vec::new()));
    assert_eq!(read(4, u64::MAX, 1), Some(Vec::new()));
    assert_eq!(read(1, 0, 1), None);
    assert_eq!(read(1000, 0, 1), None);
}

#[track_caller]
fn refused(entries: &[Entry], expect: &str) {
    assert_eq!(encode(entries).unwrap_err().to_string(), expect);
}

#[test]
fn bad_paths() {
    refused(&[Entry::file("../x", "")], "path \"../x\" has a name that cannot be");
    refused(&[Entry::file("/x", "")], "path \"/x\" has a name that cannot be");
    refused(&[Entry::file("", "")], "path \"\" has a name that cannot be");
    refused(&[Entry::file("a\0", "")], "path \"a\\0\" has a name that cannot be");
    refused(&[Entry::file("a", ""), Entry::file("a", "")], "path \"a\" is there twice");
    refused(&[Entry::file("a/b", ""), Entry::file("a", "")], "path \"a\" is there twice");
    refused(&[Entry::file("a", ""), Entry::file("a/b", "")], "path \"a/b\" is inside a file");
    refused(&[Entry::file("a", ""), Entry::file("a/b/c", "")], "path \"a/b/c\" is inside a file");
}

/// Damages the sample at a node's record: node, offset in the record, bytes.
fn at_node(index: usize, offset: usize, bytes: &'static [u8]) -> impl FnOnce(&mut Vec<u8>) {
    move |file| {
        let at = HEADER_BYTES + index * NODE_BYTES + offset;
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

#[track_caller]
fn check(damage: impl FnOnce(&mut Vec<u8>), expect: &str) {
    let mut file = sample();
    damage(&mut file);
    let outcome = Layer::decode(file).and_then(|layer| layer.verify());
    assert_eq!(outcome.unwrap_err().to_string(), expect);
}

#[test]
fn foreign_file() {
    check(|file| file[0] = b'X', "not a file layer");
}

#[test]
fn other_format() {
    check(|file| file[8] = 9, "file layer is of format 9, this build reads 1");
}

#[test]
fn cut_short() {
    check(|file| file.truncate(0), "file layer ends inside its magic");
    check(|file| file.truncate(11), "file layer ends inside its format version");
    check(|file| file.truncate(63), "file layer ends inside its header");
    check(|file| file.truncate(64), "file layer ends inside its nodes");
    check(|file| file.truncate(400), "file layer ends inside its names");
    check(|file| _ = file.pop(), "file layer ends inside its contents");
}

#[test]
fn longer_than_it_says() {
    check(|file| file.push(0), "file layer ends inside its contents");
}

#[test]
fn counts_out_of_range() {
    check(|file| file[12..16].fill(0xff), "file layer ends inside its nodes");
    check(|file| file[16..24].fill(0xff), "file layer ends inside its names");
    check(|file| file[24..32].fill(0xff), "file layer ends inside its contents");
    check(|file| file[12..16].fill(0), "node 0 of the file layer is the root and no directory");
    check(|file| file[12] += 1, "node 6 of the file layer has no acceptable name");
    check(|file| file[12] -= 1, "node 2 of the file layer has no acceptable name");
}

#[test]
fn names() {
    check(at_node(0, 4, &[1]), "node 0 of the file layer has no acceptable name");
    check(at_node(1, 0, &[0xff; 4]), "node 1 of the file layer has no acceptable name");
    check(at_node(1, 4, &[0]), "node 1 of the file layer has no acceptable name");
    check(at_node(4, 4, &[0xff; 2]), "node 4 of the file layer has no acceptable name");
    check(at_node(1, 0, &[1, 0, 0, 0, 4]), "node 0 of the file layer has children out of order");
}

#[test]
fn kinds() {
    check(at_node(0, 6, &[0]), "node 1 of the file layer has children out of place");
    check(at_node(4, 6, &[7]), "node 4 of the file layer is of an unknown kind");
    check(at_node(4, 6, &[1]), "node 4 of the file layer has children out of place");
}

#[test]
fn children() {
    check(at_node(0, 8, &[0]), "node 0 of the file layer has children out of place");
    check(at_node(1, 8, &[1]), "node 1 of the file layer has children out of place");
    check(at_node(1, 16, &[9]), "node 1 of the file layer has children out of place");
    check(at_node(1, 16, &[0xff; 8]), "node 1 of the file layer has too many children");
    check(at_node(5, 16, &[0]), "node 8 of the file layer is in no directory");
}

#[test]
fn contents() {
    check(at_node(4, 8, &[0xff; 8]), "node 4 of the file layer has its contents outside the file");
    check(at_node(4, 16, &[0xff; 8]), "node 4 of the file layer has its contents outside the file");
    check(
        |file| *file.last_mut().unwrap() ^= 1,
        "file layer is damaged: its digest does not match",
    );
}
