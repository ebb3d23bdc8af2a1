//! Lists the JavaScript of this crate: each file of `js/`, by its name.

#![expect(clippy::disallowed_methods, reason = "a build script reads its environment and files")]

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=js");
    let files = fs::read_dir("js")?.map(|entry| entry?.path().canonicalize());
    let mut files = files.collect::<io::Result<Vec<_>>>()?;
    files.sort();
    let source = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        format!("Source {{ name: \"taipan:webapi/{name}\", text: include_str!({path:?}) }},\n")
    };
    let sources: String = files.iter().map(|path| source(path)).collect();
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("sources.rs"), format!("&[\n{sources}]\n"))
}
