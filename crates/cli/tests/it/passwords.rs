//! Passwords in addresses: none is printed, and none gets into a file that is checked in.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::fixture::Place;
use crate::locks::{PROJECT, locked, place, read, run};

const WHEEL: &str = "plain-1.1-py3-none-any.whl";

/// A server of the files in `folder`, for who knows the password.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&mut stream.unwrap(), &folder);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, folder: &Path) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let known = format!("Basic {}", BASE64_STANDARD.encode("user:secret"));
    let knows = head
        .iter()
        .any(|line| line.to_lowercase() == format!("authorization: {known}").to_lowercase());
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let file = fs_err::read(folder.join(path.trim_start_matches('/')));
    let (status, body) = match (knows, file) {
        (false, _) => ("401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"", Vec::new()),
        (true, Ok(file)) => ("200 OK", file),
        (true, Err(_)) => ("404 Not Found", Vec::new()),
    };
    let body =
        if head.first().is_some_and(|line| line.starts_with("HEAD")) { Vec::new() } else { body };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .ok();
    stream.write_all(&body).ok();
}

#[track_caller]
fn check_secret(said: &str, expect: &str) {
    assert!(said.contains(expect), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

fn without_password(place: &Place, dependency: &str) {
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = [\"{dependency}\"]\n"));
}

#[test]
fn of_a_wheel() {
    let place = place("");
    let before = read(&place, "pyproject.toml");
    let address = serve(place.path().join("../wheels"));
    let with_password = format!("plain @ http://user:secret@{address}/{WHEEL}");
    let said = run(&place, &["add", &with_password]);
    let refused = format!("would have the password of the address http://****@{address}/{WHEEL}");
    check_secret(
        &said,
        &format!(
            "caused by: pyproject.toml {refused}, and is a file to share\n\nhint: leave it out"
        ),
    );
    check_secret(&run(&place, &["add", "x @ git+https://user:secret@h/x"]), "git+https://****@h/x");
    assert_eq!(read(&place, "pyproject.toml"), before);
    // Written there by its author.
    without_password(&place, &with_password);
    check_secret(&run(&place, &["lock"]), &format!("caused by: pylock.toml {refused}"));
    assert!(!place.path().join("pylock.toml").exists());
    // As the hint says.
    place.write("netrc", "machine 127.0.0.1 login user password secret\n");
    without_password(&place, &format!("plain @ http://{address}/{WHEEL}"));
    let mut command = place.command(&["lock", "--quiet"]);
    command.env("NETRC", place.path().join("netrc")).env("PIP_NO_INDEX", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(locked(&place), ["plain 1.1"]);
}

/// uv tells of words that it does not understand as they are.
#[test]
fn what_uv_does_not_understand() {
    let place = place("'plain'");
    for (variable, value) in [
        ("UV_DEFAULT_INDEX", "https://user:secret@ho st/"),
        ("PIP_INDEX_URL", "https://user:se/secret@host/"),
    ] {
        let output = place.command(&["lock"]).env(variable, value).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        check_secret(&said, "https://****@ho");
    }
    without_password(&place, "plain @ https://user:se cret@host/plain-1-py3-none-any.whl");
    check_secret(&run(&place, &["lock"]), "https://****@host/plain-1-py3-none-any.whl");
    check_secret(
        &run(&place, &["lock", "--group", "https://user:secret@host"]),
        "https://****@host",
    );
    check_secret(&run(&place, &["lock", "--allow-build", "https://u:secret@h"]), "https://****@h");
    let lock = "lock-version = '1.0'\ncreated-by = 'me'\n[[packages]]\nname = 'plain'\narchive = ";
    place.write("pylock.toml", &format!("{lock}{{ url = 'ftp://user:secret@host/x' }}\n"));
    check_secret(&run(&place, &["lock", "--check"]), "ftp://****@host/x");
}
