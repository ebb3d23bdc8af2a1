//! Taipan's own keys: in the configuration, in `pyproject.toml`, and in both.

use taipan_manifest::{
    Checked, Format, Isolates, Isolation, Limits, Manifest, PYPROJECT_FILE, parse, parse_pyproject,
};

/// The configuration `json`, after a `main`, completed by `pyproject`.
fn read(json: &str, pyproject: &str) -> Result<Checked, String> {
    let text = format!("{{\"main\": \"entry.py\",\n{json}}}");
    let mut checked =
        parse("wrangler.json", &text, Format::Json).map_err(|error| error.to_string())?;
    let pyproject =
        parse_pyproject("pyproject.toml", pyproject).map_err(|error| error.to_string())?;
    checked.complete_with(pyproject).map_err(|error| error.to_string())?;
    Ok(checked)
}

/// Compares the whole manifest with that of `entry.py` after `change`, and the
/// warnings with `warnings`.
#[track_caller]
fn check(json: &str, pyproject: &str, change: impl FnOnce(&mut Manifest), warnings: &[&str]) {
    let mut expected = Manifest::bare("entry.py");
    change(&mut expected);
    let checked = read(json, pyproject).unwrap();
    assert_eq!(checked.manifest, expected);
    let found: Vec<String> = checked.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(found, warnings);
}

/// Compares the error of `json` with `expect`.
#[track_caller]
fn check_refused(json: &str, expect: &str) {
    assert_eq!(read(json, "").unwrap_err(), expect);
}

#[test]
fn defaults() {
    let Manifest { isolation, warmup, isolates, .. } = Manifest::bare("entry.py");
    assert_eq!((isolation, warmup), (Isolation::Reuse, Vec::new()));
    assert_eq!(isolates, Isolates { min: 0, max: None, idle_seconds: 60, waiting_mb: 1024 });
}

#[test]
fn the_most_isolates() {
    let most = |min, max| {
        let isolates = Isolates { min, max, ..Isolates::default() };
        Isolation::ALL.map(|isolation| isolates.max(isolation))
    };
    assert_eq!(most(0, None), [4, 64]);
    assert_eq!(most(10, None), [10, 64]);
    assert_eq!(most(100, None), [100, 100]);
    assert_eq!(most(1, Some(2)), [2, 2]);
}

#[test]
fn names_of_isolations() {
    for isolation in Isolation::ALL {
        assert_eq!(Isolation::named(&isolation.to_string()), Some(isolation));
    }
    assert_eq!(Isolation::named("Fresh"), None);
}

const ALL: &str = r#""taipan": {"isolation": "fresh", "warmup": ["/", "/items?page=1"],
    "isolates": {"min": 2, "max": 3, "idle_seconds": 0, "waiting_mb": 5},
    "limits": {"memory_mb": 2047, "wall_ms": 86400000, "response_body_mb": 5, "subrequests": 7,
        "wait_until_ms": 0}}"#;

const ALL_TOML: &str = r#"
[project]
name = "hello"
[tool.other]
isolation = 1
[tool.taipan]
isolation = "fresh"
warmup = ["/", "/items?page=1"]
isolates = { min = 2, max = 3, idle_seconds = 0, waiting_mb = 5 }
[tool.taipan.limits]
memory_mb = 2_047
wall_ms = 86400000
response_body_mb = 5
subrequests = 7
wait_until_ms = 0
"#;

fn all(manifest: &mut Manifest) {
    manifest.isolation = Isolation::Fresh;
    manifest.warmup = vec!["/".to_owned(), "/items?page=1".to_owned()];
    manifest.isolates = Isolates { min: 2, max: Some(3), idle_seconds: 0, waiting_mb: 5 };
    manifest.limits = Limits {
        memory_mb: 2047,
        wall_ms: 86_400_000,
        response_body_mb: Some(5),
        subrequests: 7,
        wait_until_ms: 0,
        ..Limits::default()
    };
}

#[test]
fn everything_in_either_file() {
    check(ALL, "", all, &[]);
    check("", ALL_TOML, all, &[]);
    // Saying the same twice is no contradiction.
    check(ALL, ALL_TOML, all, &[]);
}

#[test]
fn pyproject_without_configuration() {
    let mut checked = Checked::bare("entry.py");
    checked.complete_with(parse_pyproject("pyproject.toml", ALL_TOML).unwrap()).unwrap();
    let mut expected = Manifest::bare("entry.py");
    all(&mut expected);
    assert_eq!(checked.manifest, expected);
}

#[test]
fn the_configuration_goes_before_pyproject() {
    check(
        r#""limits": {"cpu_ms": 5}, "taipan": {"isolation": "reuse", "isolates": {"min": 1}}"#,
        "[tool.taipan]\nisolation = 'fresh'\nwarmup = ['/']\nisolates.min = 2\nlimits = {cpu_ms = 6, timers = 7}",
        |manifest| {
            manifest.isolates.min = 1;
            manifest.warmup = vec!["/".to_owned()];
            manifest.limits.cpu_ms = 5;
            manifest.limits.timers = 7;
        },
        &[
            "pyproject.toml:2:13: `tool.taipan.isolation` has no effect, wrangler.json:2:50 says `taipan.isolation`",
            "pyproject.toml:4:16: `tool.taipan.isolates.min` has no effect, wrangler.json:2:79 says `taipan.isolates.min`",
            "pyproject.toml:5:20: `tool.taipan.limits.cpu_ms` has no effect, wrangler.json:2:22 says `limits.cpu_ms`",
        ],
    );
}

#[test]
fn limits_at_either_place_and_not_at_both() {
    check(
        r#""limits": {"cpu_ms": 5}, "taipan": {"limits": {"subrequests": 6}}"#,
        "",
        |manifest| (manifest.limits.cpu_ms, manifest.limits.subrequests) = (5, 6),
        &[],
    );
    check_refused(
        r#""limits": {"cpu_ms": 5}, "taipan": {"limits": {"cpu_ms": 5}}"#,
        "wrangler.json:2:58: `taipan.limits.cpu_ms` is `limits.cpu_ms` by another name, and both are given",
    );
}

#[test]
fn misplaced_and_misspelt_keys() {
    check(
        r#""isolation": "fresh", "limits": {"memory_mb": 64, "cpu": 1, "memory": 1, "memroy_mb": 1}, "taipan": {"isolaton": 1}"#,
        "[tool.taipan]\nwarm_up = 1\nlimits.timer = 1",
        |_| (),
        &[
            "wrangler.json:2:1: `isolation` is not a known key, did you mean `taipan.isolation`?",
            "wrangler.json:2:34: `limits.memory_mb` is not a known key, did you mean `taipan.limits.memory_mb`?",
            "wrangler.json:2:51: `limits.cpu` is not a known key, did you mean `cpu_ms`?",
            "wrangler.json:2:61: `limits.memory` is not a known key, did you mean `taipan.limits.memory_mb`?",
            "wrangler.json:2:74: `limits.memroy_mb` is not a known key, did you mean `taipan.limits.memory_mb`?",
            "wrangler.json:2:102: `taipan.isolaton` is not a known key, did you mean `isolation`?",
            "pyproject.toml:2:1: `tool.taipan.warm_up` is not a known key, did you mean `warmup`?",
            "pyproject.toml:3:8: `tool.taipan.limits.timer` is not a known key, did you mean `timers`?",
        ],
    );
}

#[test]
fn bounds() {
    for (key, values, bounds) in [
        ("limits.memory_mb", ["15", "2048"], "16 to 2047"),
        ("limits.startup_cpu_ms", ["0", "86400001"], "1 to 86400000"),
        ("limits.wall_ms", ["0", "86400001"], "1 to 86400000"),
        ("limits.wait_until_ms", ["-1", "86400001"], "0 to 86400000"),
        ("limits.request_body_mb", ["0", "1048577"], "1 to 1048576"),
        ("limits.response_body_mb", ["0", "1048577"], "1 to 1048576"),
        ("limits.requests", ["0", "65537"], "1 to 65536"),
        ("limits.subrequests", ["0", "10000001"], "1 to 10000000"),
        ("limits.timers", ["0", "65537"], "1 to 65536"),
        ("limits.log_kb", ["0", "1048577"], "1 to 1048576"),
        ("isolates.min", ["1.5", "10001"], "0 to 10000"),
        ("isolates.max", ["0", "10001"], "1 to 10000"),
        ("isolates.idle_seconds", ["null", "4294967296"], "0 to 86400"),
    ] {
        let (table, name) = key.split_once('.').unwrap();
        let column = 21 + table.len() + name.len();
        for value in values {
            check_refused(
                &format!(r#""taipan": {{"{table}": {{"{name}": {value}}}}}"#),
                &format!(
                    "wrangler.json:2:{column}: `taipan.{key}` must be a whole number from {bounds}, found {value}"
                ),
            );
        }
    }
}

#[test]
fn fewer_at_most_than_at_least() {
    check_refused(
        r#""taipan": {"isolates": {"min": 3, "max": 2}}"#,
        "wrangler.json:2:32: `taipan.isolates.min` must be at most 2, which is `taipan.isolates.max`, found 3",
    );
    let error = read(r#""taipan": {"isolates": {"max": 2}}"#, "[tool.taipan]\nisolates.min = 3");
    assert_eq!(
        error.unwrap_err(),
        "pyproject.toml:2:16: `tool.taipan.isolates.min` must be at most 2, which is `taipan.isolates.max`, found 3"
    );
}

#[test]
fn isolations_and_paths_that_are_none() {
    for value in ["\"Fresh\"", "true", "\"\""] {
        check_refused(
            &format!(r#""taipan": {{"isolation": {value}}}"#),
            &format!(
                "wrangler.json:2:25: `taipan.isolation` must be \"reuse\" or \"fresh\", found {value}"
            ),
        );
    }
    for value in ["\"\"", "\"items\"", "\"/a b\"", "\"/ü\"", "\"/a#b\"", "\"/\\r\\nhost: x\""] {
        check_refused(
            &format!(r#""taipan": {{"warmup": ["/", {value}]}}"#),
            &format!(
                "wrangler.json:2:28: `taipan.warmup[1]` must be a path that begins with `/` and has no spaces, such as \"/items?page=1\", found {value}"
            ),
        );
    }
    check_refused(
        r#""taipan": {"warmup": "/"}"#,
        "wrangler.json:2:22: `taipan.warmup` must be a list of paths, found \"/\"",
    );
    check_refused(
        r#""taipan": {"warmup": [1]}"#,
        "wrangler.json:2:23: `taipan.warmup[0]` must be text, found 1",
    );
}

#[test]
fn too_many_paths_and_too_long_ones() {
    let paths = |count| vec!["\"/\""; count].join(",");
    let warmup = |paths: &str| format!(r#""taipan": {{"warmup": [{paths}]}}"#);
    assert_eq!(read(&warmup(&paths(32)), "").unwrap().manifest.warmup.len(), 32);
    check_refused(
        &warmup(&paths(33)),
        "wrangler.json:2:22: `taipan.warmup` must be a list of at most 32 paths, found 33 of them",
    );
    let path = |bytes: usize| format!("\"/{}\"", "a".repeat(bytes - 1));
    assert_eq!(read(&warmup(&path(2048)), "").unwrap().manifest.warmup[0].len(), 2048);
    check_refused(
        &warmup(&path(2049)),
        "wrangler.json:2:23: `taipan.warmup[0]` must be a path of at most 2048 bytes, found 2049 of them",
    );
}

#[test]
fn pyproject_that_says_nothing_or_is_none() {
    for nothing in ["", "[project]\nname = 'x'", "tool = 1", "[tool.uv]\nx = 1", "[tool.taipan]"] {
        check("", nothing, |_| (), &[]);
    }
    for (text, expect) in [
        ("[tool]\ntaipan = 1", "pyproject.toml:2:10: `tool.taipan` must be an object, found 1"),
        ("[tool.taipan", "pyproject.toml:1:13: unclosed table, expected `]`"),
        (
            "[tool.taipan]\nisolation = 'none'",
            "pyproject.toml:2:13: `tool.taipan.isolation` must be \"reuse\" or \"fresh\", found \"none\"",
        ),
    ] {
        assert_eq!(read("", text).unwrap_err(), expect);
    }
    let long = " ".repeat((1 << 20) + 1);
    assert_eq!(
        read("", &long).unwrap_err(),
        "pyproject.toml is 1048577 bytes long, a configuration has at most 1048576"
    );
}

#[test]
fn pins_and_required_python() {
    let read = |text: &str| {
        let mut checked = parse("wrangler.toml", "main = \"entry.py\"", Format::Toml).unwrap();
        checked.complete_with(parse_pyproject(PYPROJECT_FILE, text)?)?;
        Ok::<_, taipan_manifest::Error>(checked.manifest)
    };
    let manifest = read(
        "[project]\nrequires-python = \">=3.12,<3.14\"\n[tool.taipan]\npyodide = \"0.29.5\"\npython = \"3.13\"",
    )
    .unwrap();
    assert_eq!(manifest.pyodide.as_deref(), Some("0.29.5"));
    assert_eq!(manifest.python.as_deref(), Some("3.13"));
    let required = manifest.requires_python.unwrap();
    let allowed = ["3.11.9", "3.12.1", "3.13.2", "3.14.2", "3.14.0rc1", "nonsense"];
    let allowed: Vec<_> = allowed.into_iter().filter(|version| required.allows(version)).collect();
    assert_eq!(allowed, ["3.12.1", "3.13.2"]);
    for (text, error) in [
        (
            "[tool.taipan]\npython = \"3\"",
            "pyproject.toml:2:10: `tool.taipan.python` must be two numbers as text, such as \"3.13\", found \"3\"",
        ),
        (
            "[project]\nrequires-python = \"three\"",
            "pyproject.toml:2:19: `project.requires-python` must be version specifiers, such as \">=3.12\", found \"three\"",
        ),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), error);
    }
}

#[test]
fn gates() {
    check(
        r#""taipan": {"gates": ["python_from_javascript"]}"#,
        "[tool.taipan]\ngates = []",
        |manifest| manifest.gates = ["python_from_javascript"].into(),
        &[
            "pyproject.toml:2:9: `tool.taipan.gates` has no effect, wrangler.json:2:21 says `taipan.gates`",
        ],
    );
    check_refused(
        r#""taipan": {"gates": ["nothing"]}"#,
        "wrangler.json:2:22: `taipan.gates[0]` must be a gate, see `taipan flags --experimental`, found \"nothing\"",
    );
}
