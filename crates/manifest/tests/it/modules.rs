//! `main`, `base_dir` and `rules`: what each file is as a module.

use taipan_manifest::Format::{Json, Toml};
use taipan_manifest::ModuleType::{
    self, CommonJs, CompiledWasm, Data, EsModule, PythonModule, Text,
};
use taipan_manifest::{Checked, Manifest, parse};

#[track_caller]
fn read(json: &str) -> Checked {
    parse("wrangler.json", json, Json).unwrap()
}

/// What the files are by the rules `json`, and the warnings.
#[track_caller]
fn check_rules(json: &str, expect: &[(&str, Option<ModuleType>)], warnings: &[&str]) {
    let checked = read(&format!("{{\"main\": \"a.py\",\n\"rules\": {json}}}"));
    for (path, kind) in expect {
        assert_eq!(checked.manifest.modules.rules.module_type(path), *kind, "{path}");
    }
    let found: Vec<_> = checked.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(found, warnings);
}

#[track_caller]
fn check_refused(json: &str, expect: &str) {
    let error = parse("wrangler.json", json, Json).unwrap_err();
    assert_eq!(error.to_string(), expect);
}

#[test]
fn without_rules() {
    let expect = [
        ("index.js", Some(EsModule)),
        ("lib/deep/a.mjs", Some(EsModule)),
        ("a.cjs", Some(CommonJs)),
        ("a.json", Some(ModuleType::Json)),
        ("a.txt", Some(Text)),
        ("page.html", Some(Text)),
        ("migrations/1.sql", Some(Text)),
        (".hidden/a.bin", Some(Data)),
        ("a.wasm", Some(CompiledWasm)),
        ("a.wasm?module", Some(CompiledWasm)),
        ("a.wasmXmodule", None),
        ("a.py", Some(PythonModule)),
        ("a.md", None),
        ("txt", None),
    ];
    check_rules("[]", &expect, &[]);
    for (path, kind) in expect {
        assert_eq!(Manifest::bare("a.py").modules.rules.module_type(path), kind, "{path}");
    }
}

#[test]
fn the_document_s_table() {
    const DOCUMENT: &str = include_str!("../../../../docs/guide/modules.md");
    let section = DOCUMENT.split("## What a file is").nth(1).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        (cells.nth(1).unwrap(), cells.next().unwrap())
    });
    let mut globs = 0;
    let rules = Manifest::bare("a.py").modules.rules;
    for (name, files) in rows {
        for glob in files.split("`, `") {
            let path = glob.replace("**/", "deep/er/").replace('*', "a");
            let found = format!("{:?}", rules.module_type(&path).unwrap());
            assert!(found.eq_ignore_ascii_case(name), "{path}: {found}, not {name}");
            globs += 1;
        }
    }
    assert_eq!(globs, 10);
}

#[test]
fn a_configuration_s_rules_come_first() {
    check_rules(
        r#"[{"type": "CommonJS", "globs": ["**/*.js"]}, {"type": "Data", "globs": ["*.txt"], "fallthrough": true}]"#,
        &[
            ("lib/a.js", Some(CommonJs)),
            ("a.txt", Some(Data)),
            ("lib/a.txt", Some(Text)),
            ("a.bin", Some(Data)),
        ],
        &[],
    );
}

#[test]
fn stars_and_nothing_else() {
    let one = |glob: &str, path: &str, matches: bool| {
        let rule = format!(r#"[{{"type": "Data", "globs": [{glob:?}], "fallthrough": true}}]"#);
        check_rules(&rule, &[(path, matches.then_some(Data))], &[]);
    };
    one("assets/**", "assets/deep/a.x", true);
    one("assets/**/*.x", "assets/a.x", true);
    one("**/assets/*.x", "assets/a.x", true);
    one("assets/*", "assets/deep/a.x", false);
    one("*.x", "a/b.x", false);
    one("[ab].x", "a.x", false);
    one("[ab].x", "[ab].x", true);
    one("{a,b}.x", "a.x", false);
    one("{a,b}.x", "{a,b}.x", true);
    one("?.x", "a.x", false);
    one(r"a\*.x", r"a\b.x", true);
    one("a.x", "aax", false);
}

#[test]
fn a_rule_without_fallthrough_ends_its_type() {
    check_rules(
        r#"[{"type": "Text", "globs": ["**/*.md"]},
{"type": "Text", "globs": ["**/*.csv"]}]"#,
        &[("a.md", Some(Text)), ("a.csv", None), ("a.txt", None), ("a.bin", Some(Data))],
        &[
            "wrangler.json:3:1: `rules[1]` has no effect: `rules[0]` is for Text too and does not say `fallthrough` \
             (`true` lets others follow, `false` silences this)",
            "wrangler.json:2:11: the default rule for **/*.txt, **/*.html, **/*.sql has no effect: `rules[0]` is for \
             Text too and does not say `fallthrough` (`true` lets others follow, `false` silences this)",
        ],
    );
    check_rules(
        r#"[{"type": "Text", "globs": ["**/*.md"], "fallthrough": false}]"#,
        &[("a.md", Some(Text)), ("a.txt", None)],
        &[],
    );
    check_rules(
        r#"[{"type": "ESModule", "globs": ["**/*.mjs"]}]"#,
        &[("a.mjs", Some(EsModule)), ("a.js", Some(EsModule))],
        &[],
    );
}

#[test]
fn rules_of_python() {
    check_rules(
        r#"[{"type": "PythonModule", "globs": ["**/*.txt"]},
{"type": "PythonRequirement", "globs": ["*"]}]"#,
        &[("a.txt", Some(PythonModule)), ("a.md", None)],
        &[
            "wrangler.json:3:10: `rules[1].type = \"PythonRequirement\"` is not supported yet and has no effect",
        ],
    );
}

#[test]
fn rules_that_are_refused() {
    for (rules, expect) in [
        ("{}", "2:10: `rules` must be a list of rules, found an object"),
        ("[1]", "2:11: `rules[0]` must be an object, found 1"),
        (
            "[{\"type\": \"Text\"}]",
            "2:11: `rules[0]` must be an object with `type` and `globs`, found an object without",
        ),
        (
            r#"[{"type": "JSON", "globs": []}]"#,
            "2:20: `rules[0].type` must be one of ESModule, CommonJS, CompiledWasm, Text, Data, PythonModule, found \
             \"JSON\"",
        ),
        (
            r#"[{"type": "Text", "globs": "*"}]"#,
            "2:37: `rules[0].globs` must be a list of texts, found \"*\"",
        ),
        (
            r#"[{"type": "Text", "globs": [], "fallthrough": 1}]"#,
            "2:56: `rules[0].fallthrough` must be true or false, found 1",
        ),
    ] {
        let text = format!("{{\"main\": \"a.py\",\n\"rules\": {rules}}}");
        check_refused(&text, &format!("wrangler.json:{expect}"));
    }
    let many = format!(r#"{{"type": "Text", "globs": [{}]}}"#, vec!["\"*\""; 257].join(","));
    check_refused(
        &format!("{{\"main\": \"a.py\", \"rules\": [{many}]}}"),
        "wrangler.json:1:27: `rules` must be rules with at most 256 globs, found 257 of them",
    );
    let long = "*".repeat(513);
    check_refused(
        &format!(
            "{{\"main\": \"a.py\", \"rules\": [{{\"type\": \"Text\", \"globs\": [{long:?}]}}]}}"
        ),
        "wrangler.json:1:55: `rules[0].globs[0]` must be a glob of at most 512 bytes, found 513 of them",
    );
}

#[test]
fn directories_of_modules() {
    for (json, base_dir) in [
        (r#"{"main": "src/a.py"}"#, "src/"),
        (r#"{"main": "a.py"}"#, ""),
        (r#"{"base_dir": "./src/", "main": "src/lib/a.js"}"#, "src/"),
        (r#"{"base_dir": ".", "main": "src/lib/a.js"}"#, ""),
        (r#"{"base_dir": "./", "main": "./src/lib/a.js"}"#, ""),
    ] {
        assert_eq!(read(json).manifest.modules.base_dir, base_dir, "{json}");
    }
    check_refused(
        r#"{"main": "src/a.py", "base_dir": "lib"}"#,
        "wrangler.json:1:34: `base_dir` must be a directory that holds `main`, which is \"src/a.py\", found \"lib\"",
    );
    check_refused(
        r#"{"main": "src/a.py", "base_dir": "sr"}"#,
        "wrangler.json:1:34: `base_dir` must be a directory that holds `main`, which is \"src/a.py\", found \"sr\"",
    );
}

#[test]
fn main_in_javascript() {
    for main in ["index.js", "src/index.mjs", "./src/index.js"] {
        let found = read(&format!("{{\"main\": {main:?}}}")).manifest.main;
        assert_eq!(found, main.trim_start_matches("./"));
    }
    check_refused(
        r#"{"main": "src/index.ts"}"#,
        "wrangler.json:1:10: `main` must be JavaScript or Python: compile it first, with esbuild for instance, found \
         \"src/index.ts\"",
    );
}

#[test]
fn additional_modules() {
    let found = |key: &str| {
        let text = format!("main = \"a.js\"\n{key}");
        parse("wrangler.toml", &text, Toml).unwrap().manifest.modules.find_additional_modules
    };
    assert_eq!(["", "find_additional_modules = false"].map(found), [true, false]);
}
