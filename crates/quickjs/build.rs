//! Compiles QuickJS-ng and `c/engine.c` to a WebAssembly side module.
//!
//! The C source comes from the crate `rquickjs-sys`, which Cargo downloads and
//! checks but does not build; the compiler and linker are clang and wasm-ld.

#![expect(clippy::disallowed_methods, reason = "a build script reads its environment and files")]

#[path = "corrections.rs"]
mod corrections;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

const SOURCES: [&str; 3] = ["libregexp.c", "libunicode.c", "dtoa.c"];

/// Versions that are tried, newest first; the oldest is the first whose
/// `wasm-ld` links position-independent modules without complaint.
const VERSIONS: [&str; 5] = ["22", "21", "20", "19", ""];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=corrections.rs");
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=TAIPAN_CLANG");
    println!("cargo::rerun-if-env-changed=TAIPAN_WASM_LD");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let package = source_package();
    let clang = tool("TAIPAN_CLANG", "clang");
    let wasm_ld = tool("TAIPAN_WASM_LD", "wasm-ld");

    correct(&package.join("quickjs/quickjs.c"), &out.join("quickjs.c"));
    let mut objects = vec![compile(&clang, Path::new("c/engine.c"), &package, &out)];
    for source in SOURCES {
        objects.push(compile(&clang, &package.join("quickjs").join(source), &package, &out));
    }
    let mut link = Command::new(&wasm_ld);
    link.args(["-shared", "--experimental-pic", "--no-entry", "--gc-sections", "--strip-all"])
        .args(["--unresolved-symbols=import-dynamic", "-o"])
        .arg(out.join("engine.wasm"))
        .args(&objects);
    run(&mut link);
}

/// The folder of the package that carries QuickJS-ng's source.
fn source_package() -> PathBuf {
    let output = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let package = metadata["packages"]
        .as_array()
        .and_then(|packages| packages.iter().find(|package| package["name"] == "rquickjs-sys"))
        .expect("Cargo.lock has rquickjs-sys");
    let manifest = package["manifest_path"].as_str().expect("a package has a manifest");
    Path::new(manifest).parent().expect("a manifest lies in a folder").to_path_buf()
}

/// Writes the source `from` with its corrections to `to`.
fn correct(from: &Path, to: &Path) {
    let mut source = fs::read_to_string(from).expect("the package carries the source");
    for (wrong, right) in corrections::ALL.into_iter().flatten() {
        let count = source.matches(wrong).count();
        assert!(count == 1, "{count} places in {} read\n{wrong}", from.display());
        source = source.replacen(wrong, right, 1);
    }
    fs::write(to, source).expect("the build folder can be written to");
}

/// The program that `variable` names, or the newest that is installed.
fn tool(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    VERSIONS
        .iter()
        .map(|version| if version.is_empty() { name.into() } else { format!("{name}-{version}") })
        .find(|name| {
            Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success())
        })
        .unwrap_or_else(|| {
            panic!(
                "{name} is not installed: run `cargo xtask setup`, or set {variable} to its path"
            )
        })
        .into()
}

fn compile(clang: &Path, source: &Path, package: &Path, out: &Path) -> PathBuf {
    let object = out.join(source.with_extension("o").file_name().expect("a source is a file"));
    let mut command = Command::new(clang);
    command
        .args(["--target=wasm32-unknown-emscripten", "-fPIC", "-O2", "-DNDEBUG", "-D_GNU_SOURCE"])
        // The headers are wasi-libc's, whose layouts are those of Emscripten's musl where they are used.
        .args([
            "-D__wasi__",
            "-fvisibility=hidden",
            "-mbulk-memory",
            "-mnontrapping-fptoint",
            "-msign-ext",
        ])
        .args(["-Wno-everything", "-nostdlibinc", "-isystem", "c/include", "-isystem"])
        .arg(package.join("vendor/wasi-libc/include"))
        // Before the package's folder, for the corrected source.
        .arg("-I")
        .arg(out)
        .arg("-I")
        .arg(package.join("quickjs"))
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(&object);
    run(&mut command);
    object
}

fn run(command: &mut Command) {
    let status: io::Result<_> = command.status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{command:?}: {status}"),
        Err(error) => panic!("{command:?}: {error}"),
    }
}
