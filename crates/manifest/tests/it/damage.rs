//! Configurations that are refused: each with the whole message.

use taipan_manifest::{Checked, Format, parse, parse_pyproject};

#[track_caller]
fn check(file: &str, text: &str, expect: &str) {
    let error = parse(file, text, Format::of(file).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), expect);
}

#[track_caller]
fn check_json(text: &str, expect: &str) {
    check("wrangler.json", text, expect);
}

#[test]
fn nothing() {
    check_json("", "wrangler.json:1:1: expected an object, found nothing");
    check_json("// only this", "wrangler.json:1:1: expected an object, found nothing");
    check("wrangler.toml", "", "wrangler.toml has no `main`");
}

#[test]
fn not_an_object() {
    check_json("[1]", "wrangler.json:1:1: `the configuration` must be an object, found a list");
    check_json("null", "wrangler.json:1:1: `the configuration` must be an object, found null");
}

#[test]
fn broken_syntax() {
    check_json("{\n  \"main\": }", "wrangler.json:2:11: unexpected close brace");
    check_json("{\"main\": \"a.py\"", "wrangler.json:1:1: unterminated object");
    check_json("{} {}", "wrangler.json:1:4: text cannot contain more than one JSON value");
    check_json("{'main': 1}", "wrangler.json:1:2: single-quoted strings are not allowed");
    check(
        "wrangler.toml",
        "main = \n",
        "wrangler.toml:1:8: string values must be quoted, expected literal string",
    );
}

#[test]
fn keys_given_twice() {
    check_json(r#"{"main": "a.py", "main": "b.py"}"#, "wrangler.json:1:18: `main` is given twice");
    check_json(
        r#"{"main": "a.py", "vars": {"A": {"b": 1, "b": 2}}}"#,
        "wrangler.json:1:41: `vars.A.b` is given twice",
    );
    check("wrangler.toml", "main = 'a'\nmain = 'b'", "wrangler.toml:2:1: duplicate key");
}

#[test]
fn main_is_missing() {
    check_json("{}", "wrangler.json has no `main`");
}

#[test]
fn main_outside_the_directory() {
    let expect = |found: &str| {
        format!(
            "wrangler.json:1:10: `main` must be a Python or JavaScript file in this directory, such as \
             \"src/entry.py\", found {found:?}"
        )
    };
    for main in [
        "/etc/x.py",
        "../x.py",
        "a/../b.py",
        "a//b.py",
        "",
        "src/",
        "index.cjs",
        ".py/",
        "a/.py",
        ".js",
    ] {
        check_json(&format!("{{\"main\": {main:?}}}"), &expect(main));
    }
}

#[test]
fn wrong_types() {
    check_json(r#"{"name": 3}"#, "wrangler.json:1:10: `name` must be text, found 3");
    check_json(r#"{"vars": []}"#, "wrangler.json:1:10: `vars` must be an object, found a list");
    check_json(
        "{\"compatibility_flags\":\n[\"a\", true]}",
        "wrangler.json:2:7: `compatibility_flags[1]` must be text, found true",
    );
    check_json(
        r#"{"compatibility_flags": "python_workers"}"#,
        "wrangler.json:1:25: `compatibility_flags` must be a list of texts, found \"python_workers\"",
    );
    check_json(r#"{"dev": 8787}"#, "wrangler.json:1:9: `dev` must be an object, found 8787");
}

#[test]
fn values_out_of_range() {
    check_json(
        r#"{"dev": {"port": 65536}}"#,
        "wrangler.json:1:18: `dev.port` must be a port from 0 to 65535, found 65536",
    );
    check_json(
        r#"{"dev": {"ip": "example.com"}}"#,
        "wrangler.json:1:16: `dev.ip` must be an IP address, \"localhost\" or \"*\", found \"example.com\"",
    );
    check_json(
        r#"{"limits": {"cpu_ms": 0}}"#,
        "wrangler.json:1:23: `limits.cpu_ms` must be a whole number from 1 to 86400000, found 0",
    );
    check_json(
        r#"{"compatibility_date": "2026-02-30"}"#,
        "wrangler.json:1:24: `compatibility_date` must be a day as text, such as \"2026-06-10\", found \"2026-02-30\"",
    );
    check_json(
        r#"{"vars": {"BIG": 1e999}}"#,
        "wrangler.json:1:18: `vars.BIG` must be a JSON value, found a number that is too large",
    );
}

#[test]
fn toml_that_json_cannot_say() {
    check(
        "wrangler.toml",
        "compatibility_date = 2026-06-10",
        "wrangler.toml:1:22: `compatibility_date` must be a day as text, such as \"2026-06-10\", found a date without quotes",
    );
    check(
        "wrangler.toml",
        "[vars]\nA = [nan]",
        "wrangler.toml:2:6: `vars.A[0]` must be a JSON value, found a number that is not finite",
    );
}

#[test]
fn columns_count_characters() {
    check_json(
        "{\"vars\": {\"ä€😀\": 1, \"b\": 2}, \"name\": 1}",
        "wrangler.json:1:38: `name` must be text, found 1",
    );
}

#[test]
fn too_long() {
    let text = " ".repeat((1 << 20) + 1);
    check_json(&text, "wrangler.json is 1048577 bytes long, a configuration has at most 1048576");
}

#[test]
fn too_deep() {
    check_json(&"[".repeat(100_000), "wrangler.json:1:513: maximum nesting depth exceeded");
    let toml = format!("a = {}", "[".repeat(100_000));
    let error = parse("wrangler.toml", &toml, Format::Toml).unwrap_err().to_string();
    assert!(error.contains("recurs"), "{error}");
}

#[test]
fn no_damage_to_a_good_text_is_a_panic() {
    let json = r#"{"main":"a.py",/*é*/"vars":{"A":[1,-2.5e3,null,"\u00e9\n"]},"dev":{"port":0,"ip":"*"},
        "limits":{"cpu_ms":9},"taipan":{"isolation":"fresh","warmup":["/"],"isolates":{"min":1,"max":2},
        "limits":{"log_kb":1,"wait_until_ms":0}}}//€"#;
    let toml = "main='a.py' # é\n[vars]\nA=[0x1f,-2.5e3,inf,2026-06-10,\"\\u00e9\",{b=true}]\n[dev]\nport=0
[tool.taipan]\nisolation='fresh'\nwarmup=['/é','/']\n[tool.taipan.isolates]\nmin=1\nmax=2\n[tool.taipan.limits]\nlog_kb=1";
    for (file, text) in [("wrangler.json", json), ("wrangler.toml", toml)] {
        let format = Format::of(file).unwrap();
        for (start, letter) in text.char_indices() {
            let (before, after) = (&text[..start], &text[start + letter.len_utf8()..]);
            let damaged = ["", "\"", "{", "]", "\n", "\u{1f40d}"]
                .map(|other| [before, other, after].concat());
            for damaged in damaged.iter().map(String::as_str).chain([before, after]) {
                // Either is well, as long as it is an answer.
                drop(parse(file, damaged, format));
                if let Ok(pyproject) = parse_pyproject("pyproject.toml", damaged) {
                    drop(Checked::bare("entry.py").complete_with(pyproject));
                }
            }
        }
    }
}
