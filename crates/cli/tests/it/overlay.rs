//! What Python writes over the image of packages: memory that comes back, and files that are open meanwhile.

use crate::fixture::Serving;
use crate::snapshots::{ANSWER_LINE, Cached};

/// A worker with a package of `files`, in which there are so many of data, and little memory.
fn worker(files: usize, handler: &str) -> Cached {
    let entry = format!(
        "\
import answers, errno, os, sys
from js import Response
from pathlib import Path

FOLDER = Path(answers.__file__).parent

async def on_fetch(request):
{handler}
    return Response.new('\\nthe answer is 42\\n')
"
    );
    let cached = Cached::new(&entry);
    let configuration = r#"{ "main": "entry.py", "taipan": { "limits": { "memory_mb": 96 }, "isolates": { "max": 1 } } }"#;
    cached.place.write("wrangler.jsonc", configuration);
    cached.place.write("python_modules/answers/__init__.py", "ANSWER = 42\n");
    for number in 0..files {
        cached.place.write(&format!("python_modules/answers/data{number}"), "as it was");
    }
    cached
}

#[track_caller]
fn check(cached: &Cached, requests: usize) {
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    for _ in 0..requests {
        let answer = server.get("/", "");
        assert!(answer.ends_with(ANSWER_LINE), "{answer}\n{}", server.line_with("Error"));
    }
}

/// Each file is written over, and removed or replaced: together four times the memory that there is.
#[test]
fn what_is_removed_gives_its_memory_back() {
    let handler = "
    for number in range(128):
        file = FOLDER / f'data{number}'
        file.write_bytes(bytes(3 << 20))
        if number % 3 == 0:
            file.unlink()
        elif number % 3 == 1:
            (FOLDER / 'other').write_bytes(b'')
            (FOLDER / 'other').rename(file)
            file.unlink()
        else:
            file.rename(FOLDER / 'moved')
            (FOLDER / 'moved').unlink()
";
    check(&worker(128, handler), 1);
}

/// A file that has lost its name is there as long as it is open, whoever has opened it.
#[test]
fn what_is_removed_while_it_is_open() {
    let handler = "
    paths = [FOLDER / f'data{number}' for number in range(5)]
    if not paths[0].exists():
        return Response.new('\\nthe answer is 42\\n')
    removed, written, moved, replaced, inside = [path.open('rb', buffering=0) for path in paths]
    paths[0].unlink()
    paths[1].write_bytes(b'written over')
    paths[1].unlink()
    paths[2].rename('/tmp/../' + str(FOLDER / 'moved'))
    (FOLDER / 'new').write_bytes(b'new')
    os.replace(FOLDER / 'new', paths[3])
    os.rename(FOLDER, FOLDER.with_name('elsewhere'))
    for file in removed, moved, replaced, inside:
        assert os.fstat(file.fileno()).st_size == 9, file
        assert file.read() == b'as it was', file
    assert os.fstat(written.fileno()).st_size == 12
    assert written.read() == b'written over'
    elsewhere = FOLDER.with_name('elsewhere')
    assert (elsewhere / 'data3').read_bytes() == b'new'
    assert (elsewhere / 'moved').read_bytes() == b'as it was'
";
    check(&worker(5, handler), 2);
}

/// A module that does nothing: its function of initialisation fails.
const MODULE: &str = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 1))
    (func (export "PyInit_native") (result i32) (i32.const 0)))"#;

/// A native module is loaded through a link to it as by its own name. One that was written over is not.
#[test]
fn links_to_native_modules() {
    let handler = "
    import importlib
    from importlib.util import module_from_spec, spec_from_file_location

    def why_not(path):
        try:
            module_from_spec(spec_from_file_location('native', str(path)))
        except (ImportError, SystemError) as error:
            return str(error)

    native = FOLDER / 'native.so'
    os.symlink(native, '/tmp/native.so')
    os.symlink('native.so', '/tmp/again.so')
    os.symlink(FOLDER, '/tmp/folder')
    os.symlink('native.so', FOLDER / 'beside.so')
    os.symlink('/tmp/nowhere.so', '/tmp/broken.so')
    for path in native, '/tmp/native.so', '/tmp/again.so', '/tmp/folder/native.so', FOLDER / 'beside.so':
        found = why_not(path)
        assert found.startswith('initialization of native failed'), (path, found)
    found = why_not('/tmp/broken.so')
    assert 'the shared library /tmp/broken.so is not there' in found, found
    with native.open('ab') as file:
        file.write(b'more')
    os.symlink(native, '/tmp/written.so')
    found = why_not('/tmp/written.so')
    assert f'{native} was written over' in found, found
    Path('/tmp/copied.so').write_bytes(native.read_bytes())
    os.symlink('/tmp/copied.so', '/tmp/to_copied.so')
    found = why_not('/tmp/to_copied.so')
    assert '/tmp/copied.so was not compiled at set-up' in found, found
";
    let cached = worker(0, handler);
    let path = cached.worker().join("python_modules/answers/native.so");
    fs_err::write(path, wat::parse_str(MODULE).unwrap()).unwrap();
    check(&cached, 1);
}
