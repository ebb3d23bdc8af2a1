//! Whole configurations: what is read, and what is warned of.

use taipan_manifest::{Binding, Checked, Flags, Format, Manifest, parse, parse_pyproject};

#[track_caller]
fn read(file: &str, text: &str) -> Checked {
    parse(file, text, Format::of(file).unwrap()).unwrap()
}

/// Compares the warnings of `text`, after a `main`, with `expect`.
#[track_caller]
fn check_warnings(text: &str, expect: &[&str]) {
    let Checked { warnings, .. } =
        read("wrangler.jsonc", &format!("{{ \"main\": \"entry.py\",\n{text} }}"));
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, expect);
}

const JSONC: &str = r#"// The configuration that create-cloudflare writes, and more.
{
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "hello",
  "main": "./src/entry.py", /* below */
  "compatibility_date": "2026-06-10",
  "compatibility_flags": ["python_workers"],
  "vars": { "GREETING": "hello", "DEPTH": 3, "LIST": [1, 2.5, null, {"a": true}] },
  "dev": { "ip": "0.0.0.0", "port": 9000 },
  "limits": { "cpu_ms": 50, "subrequests": 10 },
}
"#;

const TOML: &str = r#"
name = "hello"
main = "src/entry.py"
compatibility_date = "2026-06-10"
compatibility_flags = ["python_workers"]

[vars]
GREETING = "hello"
DEPTH = 3
LIST = [1, 2.5, { a = true }]

[dev]
ip = "0.0.0.0"
port = 9_000

[limits]
cpu_ms = 50
subrequests = 0xA
"#;

fn expected(list: &str) -> Manifest {
    let json = |text: &str| Binding::Value(serde_json::from_str(text).unwrap());
    let mut manifest = Manifest::bare("src/entry.py");
    manifest.name = Some("hello".to_owned());
    manifest.compatibility_date = Some("2026-06-10".parse().unwrap());
    manifest.compatibility_flags = vec!["python_workers".to_owned()];
    manifest.flags = Flags::new(&manifest.compatibility_flags, manifest.compatibility_date);
    manifest.bindings = [
        ("GREETING".to_owned(), Binding::Value("hello".into())),
        ("DEPTH".to_owned(), json("3")),
        ("LIST".to_owned(), json(list)),
    ]
    .into();
    manifest.dev.ip = "0.0.0.0".parse().unwrap();
    manifest.dev.port = 9000;
    manifest.limits.cpu_ms = 50;
    manifest.limits.subrequests = 10;
    manifest
}

#[test]
fn jsonc_with_comments_and_trailing_comma() {
    let manifest = expected(r#"[1, 2.5, null, {"a": true}]"#);
    let checked = read("wrangler.jsonc", JSONC);
    assert_eq!((checked.manifest, checked.warnings), (manifest, Vec::new()));
}

#[test]
fn toml_with_tables_and_number_forms() {
    let manifest = expected(r#"[1, 2.5, {"a": true}]"#);
    let checked = read("wrangler.toml", TOML);
    assert_eq!((checked.manifest, checked.warnings), (manifest, Vec::new()));
}

#[test]
fn main_alone() {
    let checked = read("wrangler.json", r#"{"main": "entry.py"}"#);
    assert_eq!(checked.manifest, Manifest::bare("entry.py"));
    let address = (checked.manifest.dev.ip, checked.manifest.dev.port);
    assert_eq!(address, ("127.0.0.1".parse().unwrap(), 8787));
}

#[test]
fn byte_order_mark() {
    assert_eq!(read("wrangler.json", "\u{feff}{\"main\": \"a.py\"}").manifest.main, "a.py");
    assert_eq!(read("wrangler.toml", "\u{feff}main = \"a.py\"").manifest.main, "a.py");
}

#[test]
fn names_of_addresses() {
    for (ip, expect) in [("localhost", "127.0.0.1"), ("*", "0.0.0.0"), ("::1", "::1")] {
        let text = format!(r#"{{"main": "a.py", "dev": {{"ip": "{ip}"}}}}"#);
        assert_eq!(read("wrangler.json", &text).manifest.dev.ip.to_string(), expect);
    }
}

#[test]
fn misspelt_keys() {
    check_warnings(
        r#""compatability_date": "2026-06-10", "dev": {"prot": 80}, "zzz": 1"#,
        &[
            "wrangler.jsonc:2:1: `compatability_date` is not a known key, did you mean `compatibility_date`?",
            "wrangler.jsonc:2:58: `zzz` is not a known key",
            "wrangler.jsonc:2:45: `dev.prot` is not a known key, did you mean `port`?",
        ],
    );
}

#[test]
fn known_keys_without_effect() {
    check_warnings(
        r#""kv_namespaces": [{"binding": "KV"}], "account_id": "x", "minify": true, "dev": {"host": "h"}"#,
        &[
            "wrangler.jsonc:2:1: `kv_namespaces` is not supported yet and has no effect",
            "wrangler.jsonc:2:39: `account_id` only concerns the cloud and has no effect here",
            "wrangler.jsonc:2:82: `dev.host` is not supported yet and has no effect",
        ],
    );
}

#[test]
fn every_key_is_read() {
    let keys = r#""name": "n", "compatibility_date": "2026-01-01", "compatibility_flags": [], "vars": {},
        "dev": {"ip": "*", "port": 0}, "limits": {"cpu_ms": 1, "subrequests": 1},
        "base_dir": ".", "find_additional_modules": true, "rules": [{"type": "Data", "globs": [], "fallthrough": true}],
        "taipan": {"gates": [], "isolation": "reuse", "warmup": [], "isolates": {"min": 0, "max": 1, "idle_seconds": 0},
            "limits": {"memory_mb": 16, "startup_cpu_ms": 1, "wall_ms": 1, "request_body_mb": 1,
                "response_body_mb": 1, "requests": 1, "timers": 1, "log_kb": 1, "wait_until_ms": 0}}"#;
    check_warnings(keys, &[]);
}

#[test]
fn the_documents_example_is_read() {
    const DOCUMENT: &str = include_str!("../../../../docs/guide/configuration.md");
    let example = DOCUMENT.split("```jsonc").nth(1).unwrap().split("```").next().unwrap();
    let Checked { manifest, warnings, .. } = read("wrangler.jsonc", example);
    assert_eq!((manifest.main.as_str(), warnings), ("src/entry.py", Vec::new()));
}

#[test]
fn the_documents_two_ways_say_the_same() {
    const DOCUMENT: &str = include_str!("../../../../docs/guide/configuration.md");
    let example = |kind| DOCUMENT.split(kind).nth(1).unwrap().split("```").next().unwrap();
    let json = example("```json\n").replacen('{', "{\"main\": \"entry.py\",", 1);
    let one = read("wrangler.json", &json);
    let mut other = Checked::bare("entry.py");
    other.complete_with(parse_pyproject("pyproject.toml", example("```toml\n")).unwrap()).unwrap();
    assert_eq!((one.manifest, one.warnings), (other.manifest, other.warnings));
}

#[track_caller]
fn check_flags(flags: &str, expect: Result<&[&str], &str>) {
    let text = format!("main = \"entry.py\"\ncompatibility_flags = {flags}");
    let found = parse("wrangler.toml", &text, Format::Toml);
    let found =
        found.map(|checked| checked.warnings.iter().map(ToString::to_string).collect::<Vec<_>>());
    let expect = expect.map(|warnings| warnings.iter().map(ToString::to_string).collect());
    assert_eq!(found.map_err(|error| error.to_string()), expect.map_err(str::to_owned));
}

#[test]
fn flags_that_are_known() {
    check_flags("[\"python_workers\", \"python_workers_314\"]", Ok(&[]));
    check_flags(
        "[\"nodejs_compat\"]",
        Ok(&["wrangler.toml:2:24: `nodejs_compat` is not supported yet and has no effect"]),
    );
}

#[test]
fn flags_that_are_wrong() {
    check_flags(
        "[\"none\"]",
        Err("wrangler.toml:2:24: `compatibility_flags[0]` must be a compatibility flag, see \
             `taipan flags`, found \"none\""),
    );
    check_flags(
        "[\"python_workflows\", \"disable_python_workflows\"]",
        Err("wrangler.toml:2:44: `compatibility_flags[1]` must be without its opposite \
             \"python_workflows\", found \"disable_python_workflows\""),
    );
    check_flags(
        "[\"python_workers_development\"]",
        Err(
            "wrangler.toml:2:24: `compatibility_flags[0]` must be beside \"experimental\", which it \
             needs, found \"python_workers_development\"",
        ),
    );
}
