//! Damaged and hostile locks: each an error that says what is wrong, and where.

use taipan_lock::Lock;

use crate::reading::SAMPLE;

/// Checks what is said of the sample with `to` in place of `from`.
#[track_caller]
fn check(from: &str, to: &str, expect: &str) {
    assert!(SAMPLE.contains(from), "{from}");
    let error = Lock::parse("pylock.toml", &SAMPLE.replacen(from, to, 1)).unwrap_err();
    assert_eq!(error.to_string(), expect);
    assert!(error.hint().is_some());
}

#[test]
fn no_toml() {
    check("created-by", "created by", "pylock.toml:2:9: key with no value, expected `=`");
}

#[test]
fn cut_short_anywhere() {
    for (end, _) in SAMPLE.char_indices() {
        if let Err(error) = Lock::parse("pylock.toml", &SAMPLE[..end]) {
            assert!(error.to_string().starts_with("pylock.toml:"), "{error}");
        }
    }
}

#[test]
fn versions() {
    check("\"1.0\"", "\"2.0\"", "pylock.toml:1:16: the lock has version \"2.0\", and 1.0 is read");
    check("\"1.0\"", "1.0", "pylock.toml:1:16: `lock-version` must be text, found 1.0");
    check("lock-version", "lock", "pylock.toml:1:1: `lock-version` is missing");
    check("created-by", "created", "pylock.toml:1:1: `created-by` is missing");
    check(
        "\">=3.14.2\"",
        "\"3.14\"",
        "pylock.toml:3:19: `requires-python` must be version specifiers, such as \">=3.12\", found \"3.14\"",
    );
}

#[test]
fn packages() {
    let name = "a normalised name, such as \"typing-extensions\", found";
    for bad in ["HTTPX", "a_b", "../x", ""] {
        check(
            "name = \"httpx\"",
            &format!("name = \"{bad}\""),
            &format!("pylock.toml:7:8: `packages[0].name` must be {name} \"{bad}\""),
        );
    }
    check(
        "version = \"0.28.1\"",
        "version = \"new\"",
        "pylock.toml:8:11: `packages[0].version` must be a version, found \"new\"",
    );
    check(
        "version = \"0.28.1\"",
        "version = \"0.28.2\"",
        "pylock.toml:6:1: package httpx: \"httpx-0.28.1-py3-none-any.whl\" names no wheel of httpx 0.28.2",
    );
    check(
        "httpx-0.28.1-py3",
        "https-0.28.1-py3",
        "pylock.toml:6:1: package httpx: \"https-0.28.1-py3-none-any.whl\" names no wheel of httpx 0.28.1",
    );
    check(
        "directory = { path = \"../local\", editable = true }",
        "",
        "pylock.toml:15:1: package local: it has neither files, `directory`, `vcs` nor `archive`",
    );
    check(
        "name = \"local\"",
        "name = \"local\"\nwheels = [{ path = \"local-1-py3-none-any.whl\", hashes = { sha256 = \"75e98c5f16b0f35b567856f597f06ff2270a374470a5c2392242528e3e3e42fc\" } }]",
        "pylock.toml:15:1: package local: it has several of files, `directory`, `vcs` and `archive`",
    );
    check(
        "name = \"local\"",
        "name = \"httpx\"",
        "pylock.toml:16:8: package httpx: it is there twice, and no marker says when which is meant",
    );
}

#[test]
fn files() {
    check(
        "d909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad",
        "d909",
        "pylock.toml:13:75: `packages[0].wheels[0].hashes.sha256` must be a digest (or sha384, sha512), found sha256 \
         \"d909\"",
    );
    check(
        "{ sha256 = \"d909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad\" }",
        "{}",
        "pylock.toml:13:75: `packages[0].wheels[0].hashes.sha256` must be a digest (or sha384, sha512), found no digest",
    );
    check(
        "url = \"https://files/httpx-0.28.1-",
        "url = \"ftp://files/httpx-0.28.1-",
        "pylock.toml:13:19: `packages[0].wheels[0].url` must be an address of http, https or file, found \
         \"ftp://files/httpx-0.28.1-py3-none-any.whl\"",
    );
    check(
        "wheels = [{ url",
        "wheels = [{ name = \"../../x.whl\", url",
        "pylock.toml:13:20: `packages[0].wheels[0].name` must be the name of a file, found \"../../x.whl\"",
    );
    check(
        "size = 141406",
        "size = -1",
        "pylock.toml:12:97: `packages[0].sdist.size` must be a whole number, found -1",
    );
    check("commit-id", "commit", "pylock.toml:22:7: `packages[2].vcs.commit-id` is missing");
}
