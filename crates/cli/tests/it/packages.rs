//! The images of packages in the cache: the same of the same files, and made again when they are damaged.

use std::path::PathBuf;

use crate::damage::DAMAGES;
use crate::fixture::Serving;
use crate::snapshots::{ANSWER_LINE, Cached};

/// A worker that answers with what a package says.
const WORKER: &str = "\
import answers.one
from js import Response

async def on_fetch(request):
    return Response.new('\\n' + answers.one.ANSWER + '\\n')
";

/// Such a worker, with so many more modules in its packages, and where its image is when it was made.
fn with_packages(modules: usize) -> (Cached, PathBuf) {
    let cached = Cached::new(WORKER);
    cached.place.write("python_modules/answers/one.py", "ANSWER = 'the answer is 42'\n");
    // The compiler orders, shares and folds constants.
    let text = "A = {'b', 'a', 'c'}\ndef f(x):\n    return x in {'u', 'v', 'w'} and (1.5, 'text', b'x' * 3, ...)\n";
    for module in 0..modules {
        let name = format!("python_modules/answers/m{module}.py");
        cached.place.write(&name, &format!("{text}B = f({module})\n"));
    }
    cached.create();
    let entries = fs_err::read_dir(cached.cache.join("entries/packages")).unwrap();
    let folder = entries.map(|entry| entry.unwrap().path()).next().unwrap();
    (cached, folder)
}

#[test]
fn damaged_images() {
    let (cached, folder) = with_packages(0);
    for name in ["packages.layer", ".inventory"] {
        for (what, damage) in DAMAGES {
            let sound = fs_err::read(folder.join(name)).unwrap();
            damage(&folder.join(name));
            let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
            let answer = server.get("/", "");
            assert!(answer.ends_with(ANSWER_LINE), "{name} {what}: {answer}");
            assert!(server.before.contains("it is made again"), "{name} {what}: {}", server.before);
            assert!(fs_err::read(folder.join(name)).unwrap() == sound, "{name} {what}");
        }
    }
}

/// Several batches are compiled, which end in another order each time.
#[test]
fn the_same_image_again() {
    let (cached, folder) = with_packages(500);
    let first = fs_err::read(folder.join("packages.layer")).unwrap();
    let compiled = b"m499.cpython-314.pyc";
    assert!(first.windows(compiled.len()).any(|part| part == compiled));
    fs_err::remove_dir_all(&folder).unwrap();
    cached.create();
    assert!(fs_err::read(folder.join("packages.layer")).unwrap() == first);
}
