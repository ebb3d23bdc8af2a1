//! Releases that are fetched: from a mirror, with everything that can happen on the way; from a directory.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::damage::NOBODY;
use crate::fixture::Place;

/// Bytes that the mirror sends at a time.
const PIECE: usize = 64 << 10;

/// Runs a command with a cache of its own, or the one that tests share: whether it did its work, and what it printed.
fn run(cache: Option<&Path>, words: &[&str]) -> (bool, String) {
    let output = command(cache, words).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

fn command(cache: Option<&Path>, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
    if let Some(cache) = cache {
        command.arg("--cache").arg(cache);
    }
    command.args(words).stdin(Stdio::null());
    command
}

/// The folders of the newest release's packages in the cache that tests share.
fn packages() -> [PathBuf; 2] {
    let (_, list) = run(None, &["bundle", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let npm = Path::new(list["cache"].as_str().unwrap()).join("entries/npm");
    let newest = format!("pyodide-{}-", taipan_release::NEWEST);
    [newest.as_str(), "web-streams-polyfill-"].map(|prefix| {
        let mut entries = fs_err::read_dir(&npm).unwrap().map(|entry| entry.unwrap().path());
        let is_it =
            |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
        entries.find(is_it).unwrap()
    })
}

/// A mirror of the newest release.
struct Mirror {
    address: String,
    /// Bytes that it has sent, and how many of the requests asked for a part.
    sent: Arc<AtomicU64>,
    parts: Arc<AtomicUsize>,
}

impl Mirror {
    /// Rests after each piece for as long as `pause`.
    fn new(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sent, parts) = (Arc::<AtomicU64>::default(), Arc::<AtomicUsize>::default());
        let mirror = Self { address, sent: sent.clone(), parts: parts.clone() };
        let packages = packages();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (packages, sent, parts) = (packages.clone(), sent.clone(), parts.clone());
                // A client that was killed reads no more.
                thread::spawn(move || {
                    answer(&stream.unwrap(), &packages, pause, &sent, &parts).ok()
                });
            }
        });
        mirror
    }
}

fn answer(
    mut stream: &TcpStream,
    packages: &[PathBuf; 2],
    pause: Duration,
    sent: &AtomicU64,
    parts: &AtomicUsize,
) -> std::io::Result<()> {
    let lines: Vec<_> = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let path = lines[0].split(' ').nth(1).unwrap();
    let file = match path.split_once("/full/") {
        Some((_, name)) => packages[0].join(name),
        None => packages[1].join(path.splitn(3, '/').nth(2).unwrap()),
    };
    let bytes = fs_err::read(file)?;
    let from = lines.iter().find_map(|line| line.strip_prefix("range: bytes="));
    let from = from.and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
    let (status, range) = match from {
        Some(from) => {
            parts.fetch_add(1, Ordering::Relaxed);
            let range =
                format!("content-range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
            ("206 Partial Content", range)
        }
        None => ("200 OK", String::new()),
    };
    let rest = &bytes[from.unwrap_or_default()..];
    let length = rest.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{range}connection: close\r\n\r\n"
    )?;
    for piece in rest.chunks(PIECE) {
        stream.write_all(piece)?;
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        thread::sleep(pause);
    }
    Ok(())
}

#[test]
fn killed_on_the_way() {
    let place = Place::new(&[("none", "")]);
    let cache = place.path().join("cache");
    let mirror = Mirror::new(Duration::from_millis(2));
    let words = ["bundle", "fetch", "--source", &mirror.address];
    let mut child = command(Some(&cache), &words).stderr(Stdio::null()).spawn().unwrap();
    while mirror.sent.load(Ordering::Relaxed) < 5 << 20 {
        thread::sleep(Duration::from_millis(5));
    }
    // As `kill -9`.
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, list) = run(Some(&cache), &["bundle", "verify"]);
    assert!(!list.contains("bad"), "{list}");

    let before = mirror.sent.load(Ordering::Relaxed);
    let (done, text) = run(Some(&cache), &words);
    assert!(done, "{text}");
    assert_eq!(mirror.parts.load(Ordering::Relaxed), 1, "it went on where it stopped");
    let length: u64 = taipan_release::RELEASES
        .iter()
        .find(|release| release.version == taipan_release::NEWEST)
        .map(|release| release.pyodide.files.iter().map(|file| file.length).sum())
        .unwrap();
    let after = mirror.sent.load(Ordering::Relaxed);
    assert!(after - before < length - (3 << 20), "{} bytes again", after - before);
    let (done, text) = run(Some(&cache), &["bundle", "verify"]);
    assert!(done, "{text}");
}

#[test]
fn two_at_once() {
    let place = Place::new(&[("none", "")]);
    let cache = place.path().join("cache");
    let mirror = Mirror::new(Duration::from_millis(1));
    let words = ["bundle", "fetch", "--source", &mirror.address];
    let start = || command(Some(&cache), &words).stderr(Stdio::piped()).spawn().unwrap();
    for output in [start(), start(), start()].map(|child| child.wait_with_output().unwrap()) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let [pyodide, streams] = packages();
    let bytes = |folder: &Path| -> u64 {
        [
            "pyodide.asm.wasm",
            "pyodide.asm.mjs",
            "python_stdlib.zip",
            "pyodide-lock.json",
            "dist/ponyfill.mjs",
        ]
        .iter()
        .filter_map(|name| Some(fs_err::metadata(folder.join(name)).ok()?.len()))
        .sum()
    };
    assert_eq!(
        mirror.sent.load(Ordering::Relaxed),
        bytes(&pyodide) + bytes(&streams),
        "each file once"
    );
}

#[test]
fn the_disk_is_full() {
    let place = Place::new(&[("none", "")]);
    let cache = place.path().join("cache");
    let mirror = Mirror::new(Duration::ZERO);
    // 1,024 blocks of 1,024 bytes: a file cannot be longer, as on a disk without room.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1024; exec {} --cache {} bundle fetch --source {}",
        env!("CARGO_BIN_EXE_taipan"),
        cache.display(),
        mirror.address
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(text.contains("File too large") && text.contains("pyodide"), "{text}");
    let (done, text) = run(Some(&cache), &["bundle", "verify"]);
    assert!(done, "{text}");
    let (done, text) = run(Some(&cache), &["bundle", "fetch", "--source", &mirror.address]);
    assert!(done, "{text}");
}

#[test]
fn a_directory_that_cannot_be_read() {
    let place = Place::new(&[("none", "")]);
    let (source, home) = (place.path().join("source"), place.path().join("home"));
    fs_err::create_dir(&source).unwrap();
    fs_err::create_dir(&home).unwrap();
    let [pyodide, _] = packages();
    for file in fs_err::read_dir(pyodide).unwrap() {
        let file = file.unwrap();
        fs_err::copy(file.path(), source.join(file.file_name())).unwrap();
    }
    let allow = |path: &Path, mode| {
        fs_err::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    allow(&source.join("python_stdlib.zip"), 0);
    let words = ["bundle", "build", "--quiet", "--source", source.to_str().unwrap()];
    let mut command = command(Some(&home.join("cache")), &words);
    if fs_err::metadata("/proc/self").unwrap().uid() == 0 {
        // Permissions do not keep this user from reading.
        allow(place.path().parent().unwrap(), 0o755);
        allow(&place.path(), 0o755);
        allow(&home, 0o777);
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{text}");
    let (version, source) = (taipan_release::NEWEST, source.display());
    assert_eq!(
        text,
        format!(
            "error: cannot make the bundle\n  caused by: cannot get the files of Pyodide {version}\n  caused by: \
             {source} cannot be read\n  caused by: failed to open file `{source}/python_stdlib.zip`: Permission denied \
             (os error 13)\n\nhint: make sure that you may read all of it, or name another place with --source\n"
        )
    );
}

/// Builds a bundle that no table knows; `gc` leaves it to the server that uses it.
#[test]
fn a_directory_that_a_server_uses() {
    let place = Place::new(&[(
        "entry.py",
        "import ours\nfrom js import Response\ndef on_fetch(request, env, ctx):\n    return Response.new(ours.NAME)\n",
    )]);
    let beside = place.path().parent().unwrap().to_owned();
    let (cache, directory) = (beside.join("cache"), beside.join("build"));
    let [pyodide, streams] = packages();
    fs_err::create_dir_all(directory.join("dist")).unwrap();
    for (from, to) in [
        (pyodide.join("pyodide.asm.wasm"), "pyodide.asm.wasm"),
        (pyodide.join("pyodide.asm.mjs"), "pyodide.asm.mjs"),
        (pyodide.join("pyodide-lock.json"), "pyodide-lock.json"),
        (streams.join("dist/ponyfill.mjs"), "dist/ponyfill.mjs"),
    ] {
        fs_err::copy(from, directory.join(to)).unwrap();
    }
    let library = fs_err::read(pyodide.join("python_stdlib.zip")).unwrap();
    fs_err::write(directory.join("python_stdlib.zip"), with_module(library)).unwrap();

    let (cache_name, directory_name) = (cache.to_str().unwrap(), directory.to_str().unwrap());
    let words = [
        "serve",
        "--port",
        "0",
        "--cache",
        cache_name,
        "--source",
        directory_name,
        "--pyodide",
        "development",
    ];
    let refused = ["run", "--source", directory_name, "--pyodide", "development", "-c", "1"];
    let (done, text) = run(Some(&cache), &refused);
    assert!(!done && text.contains("is experimental"), "{text}");
    let serving = place.serve(&[&words[..], &["--experimental"]].concat());
    assert!(serving.get("/", "").contains("ours and nobody else's"));

    let collect = || run(Some(&cache), &["bundle", "gc"]).1;
    let text = collect();
    assert!(text.contains("in use   bundle/"), "{text}");
    assert!(!text.contains("removed  bundle/"), "{text}");
    assert!(serving.get("/", "").contains("ours and nobody else's"));
    drop(serving);
    let text = collect();
    assert!(text.contains("removed  bundle/"), "{text}");

    let lock = directory.join("pyodide-lock.json");
    fs_err::remove_file(&lock).unwrap();
    assert!(Command::new("mkfifo").arg(&lock).status().unwrap().success());
    let (done, text) = run(Some(&cache), &[&["run", "--experimental"], &refused[1..]].concat());
    assert!(!done && text.contains("pyodide-lock.json is no regular file"), "{text}");
}

/// A zip archive with one more file, stored; the central directory says that it comes last.
fn with_module(archive: Vec<u8>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new_append(std::io::Cursor::new(archive)).unwrap();
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("ours.py", options).unwrap();
    writer.write_all(b"NAME = \"ours and nobody else's\"\n").unwrap();
    writer.finish().unwrap().into_inner()
}

/// A release is data of a few hundred bytes: nothing of its files is in the binary.
#[test]
fn no_release_is_in_the_binary() {
    let binary = fs_err::read(env!("CARGO_BIN_EXE_taipan")).unwrap();
    let [pyodide, streams] = packages();
    let files = [
        pyodide.join("pyodide.asm.wasm"),
        pyodide.join("pyodide.asm.mjs"),
        pyodide.join("python_stdlib.zip"),
        pyodide.join("pyodide-lock.json"),
        streams.join("dist/ponyfill.mjs"),
    ];
    for file in files {
        let bytes = fs_err::read(&file).unwrap();
        for place in [0.25, 0.5, 0.75] {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place near there"
            )]
            let place = (bytes.len() as f64 * place) as usize;
            let part = &bytes[place..place + 64];
            assert!(memchr::memmem::find(&binary, part).is_none(), "{} is in it", file.display());
        }
    }
    // What is in it is found.
    let ours = include_bytes!("../../../runtime/js/worker.js");
    assert!(memchr::memmem::find(&binary, &ours[..64]).is_some());
}
