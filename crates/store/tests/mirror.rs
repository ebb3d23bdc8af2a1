//! Downloads from a mirror, which may be slow, wrong or a liar.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use taipan_store::{Cache, Digest, Error, Mirror, Package, PackageFile, Source, fetch};

const FIRST: &str = "the first file\n";

/// What a server does with one request, for which it is told from where on the file is wanted.
type Answer = fn(TcpStream, Option<usize>);

/// A server that answers one request after the other, each in its way; what it was asked for.
fn server(answers: &'static [Answer]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let lines: Vec<_> = BufReader::new(&stream)
                .lines()
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            let range = lines.iter().find_map(|line| {
                let range = line.strip_prefix("range: bytes=")?;
                range.trim_end_matches('-').parse().ok()
            });
            let path = lines[0].split(' ').nth(1).unwrap();
            heard.lock().unwrap().push(format!("{path} {range:?}"));
            answer(stream, range);
        }
    });
    (address, asked)
}

fn send(mut stream: TcpStream, status: &str, headers: &str, length: usize, body: &str) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n"
    );
    // The client may have gone: then it has what it wanted.
    stream.write_all((head + body).as_bytes()).ok();
}

fn whole(stream: TcpStream, _from: Option<usize>) {
    send(stream, "200 OK", "", FIRST.len(), FIRST);
}

fn half(stream: TcpStream, _from: Option<usize>) {
    send(stream, "200 OK", "", FIRST.len(), &FIRST[..7]);
}

fn rest(stream: TcpStream, from: Option<usize>) {
    let from = from.unwrap();
    let range = format!("content-range: bytes {from}-{}/{}\r\n", FIRST.len() - 1, FIRST.len());
    send(stream, "206 Partial Content", &range, FIRST.len() - from, &FIRST[from..]);
}

fn another_part(stream: TcpStream, _from: Option<usize>) {
    let range = "content-range: bytes 0-14/15\r\n";
    send(stream, "206 Partial Content", range, FIRST.len(), FIRST);
}

fn another_text(stream: TcpStream, _from: Option<usize>) {
    send(stream, "200 OK", "", FIRST.len(), "the fIrst file\n");
}

fn longer(stream: TcpStream, _from: Option<usize>) {
    send(stream, "200 OK", "", 20, "the first file\n.....");
}

fn absent(stream: TcpStream, _from: Option<usize>) {
    send(stream, "404 Not Found", "", 0, "");
}

fn forbidden(stream: TcpStream, _from: Option<usize>) {
    send(stream, "403 Forbidden", "", 0, "");
}

fn elsewhere(stream: TcpStream, _from: Option<usize>) {
    send(stream, "302 Found", "location: ../elsewhere?x\r\n", 0, "");
}

fn out_of_http(stream: TcpStream, _from: Option<usize>) {
    send(stream, "301 Moved Permanently", "location: ftp://a.test/b\r\n", 0, "");
}

fn busy(stream: TcpStream, _from: Option<usize>) {
    send(stream, "503 Service Unavailable", "", 0, "");
}

struct Bench {
    home: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn fetch(&self, sources: &[Source]) -> Result<String, Error> {
        let digest = Digest::of(FIRST.as_bytes());
        let files = [PackageFile { path: "first", length: FIRST.len() as u64, sha256: digest }];
        let package = Package { name: "sample", version: "1.0.0", files: &files };
        let cache = Cache::open(&self.home.path().join("cache")).unwrap();
        let folder = fetch(&package, sources, &cache, &|_| {})?;
        Ok(fs_err::read_to_string(folder.join("first")).unwrap())
    }

    fn partial(&self) -> usize {
        fs_err::read_dir(self.home.path().join("cache/partial")).unwrap().count()
    }
}

fn mirror(address: &str) -> Source {
    // Another test of this process may have done so.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy();
    let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Source::Mirror(Mirror { address: address.to_owned(), client })
}

/// Fetches from a server that answers so: what comes of it, with the server's address as `MIRROR`, and what it heard.
#[track_caller]
fn check(answers: &'static [Answer], expect: Result<(), &str>, asked: &[&str]) {
    let bench = Bench::new();
    let (address, heard) = server(answers);
    let outcome = bench.fetch(&[mirror(&format!("{address}/a/"))]);
    let outcome = outcome.map_err(|error| error.to_string().replace(&address, "MIRROR"));
    assert_eq!(outcome.as_deref().map_err(String::as_str), expect.map(|()| FIRST));
    assert_eq!(*heard.lock().unwrap(), asked);
}

const FROM_THE_START: &str = "/a/sample@1.0.0/first None";
const FROM_THE_MIDDLE: &str = "/a/sample@1.0.0/first Some(7)";

#[test]
fn a_whole_file() {
    check(&[whole], Ok(()), &[FROM_THE_START]);
}

#[test]
fn goes_on_where_it_stopped() {
    check(&[half, rest], Ok(()), &[FROM_THE_START, FROM_THE_MIDDLE]);
    check(&[half, whole], Ok(()), &[FROM_THE_START, FROM_THE_MIDDLE]);
    check(&[busy, half, rest], Ok(()), &[FROM_THE_START, FROM_THE_START, FROM_THE_MIDDLE]);
}

#[test]
fn redirects() {
    const ELSEWHERE: &str = "/a/elsewhere?x None";
    check(&[elsewhere, whole], Ok(()), &[FROM_THE_START, ELSEWHERE]);
    check(
        &[half, elsewhere, rest],
        Ok(()),
        &[FROM_THE_START, FROM_THE_MIDDLE, "/a/elsewhere?x Some(7)"],
    );
    check(
        &[elsewhere, elsewhere, elsewhere, elsewhere, elsewhere, elsewhere],
        Err(
            "MIRROR/a/sample@1.0.0/first is redirected, and that is not followed: more than 5 of them",
        ),
        &[
            FROM_THE_START,
            ELSEWHERE,
            "/elsewhere?x None",
            "/elsewhere?x None",
            "/elsewhere?x None",
            "/elsewhere?x None",
        ],
    );
    check(
        &[out_of_http],
        Err(
            "MIRROR/a/sample@1.0.0/first is redirected, and that is not followed: ftp://a.test/b is not reached \
             as MIRROR/a/sample@1.0.0/first is",
        ),
        &[FROM_THE_START],
    );
}

#[test]
fn goes_on_in_another_process() {
    let bench = Bench::new();
    let (address, _) = server(&[half, forbidden]);
    bench.fetch(&[mirror(&address)]).unwrap_err();
    assert_eq!(bench.partial(), 1);
    let (address, heard) = server(&[rest]);
    assert_eq!(bench.fetch(&[mirror(&address)]).unwrap(), FIRST);
    assert_eq!(*heard.lock().unwrap(), ["/sample@1.0.0/first Some(7)"]);
    assert_eq!(bench.partial(), 0);
}

#[test]
fn what_a_mirror_may_lie_about() {
    check(
        &[another_text],
        Err("first from MIRROR/a/ has sha256 \
             c66d8f4f9db9aed4febffcf7819f3da27502ad644b9d6d09b60e7b140a557f7b, \
             95a2c91d3a8dea036c1306b1722816367e3c5889f87219981b5ee01c7c32ae2e expected"),
        &[FROM_THE_START],
    );
    check(
        &[longer],
        Err("first from MIRROR/a/sample@1.0.0/first is 20 bytes long, 15 expected"),
        &[FROM_THE_START],
    );
    check(
        &[half, another_part],
        Err("MIRROR/a/sample@1.0.0/first answers with status 206"),
        &[FROM_THE_START, FROM_THE_MIDDLE],
    );
}

#[test]
fn what_is_wrong_is_not_kept() {
    let bench = Bench::new();
    let (address, _) = server(&[another_text]);
    bench.fetch(&[mirror(&address)]).unwrap_err();
    assert_eq!(bench.partial(), 0);
    let (address, _) = server(&[whole]);
    assert_eq!(bench.fetch(&[mirror(&address)]).unwrap(), FIRST);
}

#[test]
fn what_is_no_part_of_a_file() {
    let bench = Bench::new();
    let folder = fs_err::canonicalize(bench.home.path()).unwrap().join("cache/partial");
    let check = |path: &Path, needed: &str| {
        // No server is asked.
        let (address, heard) = server(&[]);
        let error = bench.fetch(&[mirror(&address)]).unwrap_err();
        let place = path.display();
        let expect = format!("{place} is in the way: the cache needs a {needed} there");
        assert_eq!(error.to_string(), expect);
        assert!(heard.lock().unwrap().is_empty());
    };
    fs_err::create_dir_all(folder.parent().unwrap()).unwrap();
    make_fifo(&folder);
    check(&folder, "folder");
    fs_err::remove_file(&folder).unwrap();
    let partial = folder.join(Digest::of(FIRST.as_bytes()).to_string());
    fs_err::create_dir_all(&partial).unwrap();
    check(&partial, "file");
    fs_err::remove_dir(&partial).unwrap();
    make_fifo(&partial);
    check(&partial, "file");
    fs_err::remove_file(&partial).unwrap();
    let (address, _) = server(&[whole]);
    assert_eq!(bench.fetch(&[mirror(&address)]).unwrap(), FIRST);
}

fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn refusals() {
    check(&[absent], Err("first is missing from MIRROR/a/sample@1.0.0/first"), &[FROM_THE_START]);
    check(
        &[forbidden],
        Err("MIRROR/a/sample@1.0.0/first answers with status 403"),
        &[FROM_THE_START],
    );
}

#[test]
fn several_places() {
    let bench = Bench::new();
    let (first, _) = server(&[absent]);
    let (second, _) = server(&[whole]);
    assert_eq!(bench.fetch(&[mirror(&first), mirror(&second)]).unwrap(), FIRST);

    let bench = Bench::new();
    let (address, _) = server(&[absent]);
    let folder = Source::Folder(bench.home.path().join("none"));
    let error = bench.fetch(&[mirror(&address), folder]).unwrap_err().to_string();
    let error =
        error.replace(&address, "MIRROR").replace(&bench.home.path().display().to_string(), "HOME");
    assert_eq!(
        error,
        "sample@1.0.0 is nowhere: first is missing from MIRROR/sample@1.0.0/first; \
         first is missing from HOME/none"
    );
}

#[test]
fn no_place_at_all() {
    let error = Bench::new().fetch(&[]).unwrap_err();
    assert_eq!(error.to_string(), "sample@1.0.0 is not in the cache, and nothing may be fetched");
}
