//! The standard library of the release becomes a layer.

use taipan_pyodide::layer::{self, Layer, Node};
use taipan_pyodide::stdlib;

use crate::release;

#[test]
fn standard_library_of_the_release() {
    let entries = stdlib::entries(&release::file("python_stdlib.zip")).unwrap();
    let layer = Layer::decode(layer::encode(&entries).unwrap()).unwrap();
    layer.verify().unwrap();
    for path in ["os.py", "asyncio/tasks.py", "_pyodide/_base.py", "_taipan/bootstrap.py"] {
        let index = layer.lookup(path).unwrap();
        assert!(
            matches!(layer.node(index), Some(Node::File(contents)) if !contents.is_empty()),
            "{path}"
        );
    }
    for path in ["lib-dynload", "site-packages"] {
        assert!(
            matches!(layer.node(layer.lookup(path).unwrap()), Some(Node::Directory(_))),
            "{path}"
        );
    }
}
