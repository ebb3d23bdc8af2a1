//! The values of a worker's `env`, and its snapshots: a value is in the snapshot that its top level has looked at, and in no other.

use crate::snapshots::Cached;

const CONFIGURATION: &str = r#"{ "main": "entry.py", "vars": { "KEY": "VALUE", "OTHER": "x" } }"#;

/// Looks at its values when it answers.
const LATE: &str = "\
from js import Response
def on_fetch(request, env, ctx):
    return Response.new(f'{env.KEY} {env.OTHER}')
";

/// Looks at one value before.
const EARLY: &str = "\
from js import Response
from workers import env as early
KEY = early.KEY
def on_fetch(request, env, ctx):
    return Response.new(f'{KEY} {env.KEY} {env.OTHER}')
";

/// Looks at one value when it answers, and has answered once before the snapshot.
const WARMUP: &str = r#"{ "main": "entry.py", "vars": { "KEY": "VALUE", "OTHER": "x" }, "taipan": { "warmup": ["/"] } }"#;

/// The worker with the values "first" and "second" under KEY, one after the other, and again: its snapshots' places and bytes, and
/// what it answers.
fn variants(worker: &str, configuration: &str) -> Vec<(String, Vec<u8>, String)> {
    let cached = Cached::new(worker);
    let variant = |value: &str| {
        cached.place.write("wrangler.jsonc", &configuration.replace("VALUE", value));
        let path = cached.create();
        let verified = cached.run(&["snapshot", "verify"]);
        assert_eq!(verified.0, Some(0), "{}", verified.1);
        let cache = cached.cache.to_str().unwrap();
        let server = cached.place.serve(&["serve", "--port", "0", "--cache", cache]);
        let answer = server.get("/", "").lines().last().unwrap().to_owned();
        (path.display().to_string(), fs_err::read(path).unwrap(), answer)
    };
    ["the first secret", "the second secret", "the first secret"].map(variant).into()
}

fn holds(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_value_that_the_top_level_leaves_alone() {
    let variants = variants(LATE, CONFIGURATION);
    let answers: Vec<_> = variants.iter().map(|(.., answer)| &**answer).collect();
    assert_eq!(answers, ["the first secret x", "the second secret x", "the first secret x"]);
    for (path, file, _) in &variants {
        assert_eq!((path, holds(file, "first secret")), (&variants[0].0, false));
    }
}

#[test]
fn a_value_that_the_top_level_looks_at() {
    let variants = variants(EARLY, CONFIGURATION);
    let [(first, first_file, _), (second, second_file, _), (again, ..)] = &variants[..] else {
        panic!()
    };
    let answers: Vec<_> = variants.iter().map(|(.., answer)| &**answer).collect();
    let answer = |which: &str| format!("the {which} secret the {which} secret x");
    assert_eq!(answers, [answer("first"), answer("second"), answer("first")]);
    assert!(holds(first_file, "first secret") && holds(second_file, "second secret"));
    assert!(first != second && first == again);
    // In any order: the same worker, the same bytes.
    let cached = Cached::new(EARLY);
    cached.place.write("wrangler.jsonc", &CONFIGURATION.replace("VALUE", "the second secret"));
    assert!(fs_err::read(cached.create()).unwrap() == *second_file);
}

/// Entropy of a top level follows from all values: who does not know a worker's secrets cannot compute it.
#[test]
fn entropy_follows_from_values() {
    let drawn = format!("{EARLY}import secrets\nKEY = secrets.token_hex(8)\n");
    let variants = variants(&drawn, CONFIGURATION);
    let drawn = |index: usize| variants[index].2.split(' ').next().unwrap();
    assert_eq!(drawn(0), drawn(2));
    assert_ne!(drawn(0), drawn(1));
}

/// A snapshot that was made for a worker's own values is used, though the shared one has gone.
#[test]
fn own_snapshots_need_no_others() {
    let cached = Cached::new(EARLY);
    let create = |value: &str| {
        cached.place.write("wrangler.jsonc", &CONFIGURATION.replace("VALUE", value));
        cached.create()
    };
    let (shared, own) = (create("first"), create("second"));
    fs_err::remove_dir_all(shared.parent().unwrap()).unwrap();
    assert_eq!(create("second"), own);
    assert!(!shared.exists());
}

#[test]
fn a_value_that_a_warm_up_request_looks_at() {
    let variants = variants(LATE, WARMUP);
    assert_ne!(variants[0].0, variants[1].0);
    assert_eq!(variants[1].2, "the second secret x");
}
