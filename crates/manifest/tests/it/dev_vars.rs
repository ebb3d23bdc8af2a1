//! `.dev.vars`: the syntax of dotenv, case by case.

use taipan_manifest::{Binding, Manifest, parse_dev_vars};

/// Compares the values of `text`, and its warnings, with what is expected.
#[track_caller]
fn check(text: &str, values: &[(&str, &str)], warnings: &[&str]) {
    let found = parse_dev_vars(".dev.vars", text).unwrap();
    let found_values: Vec<_> =
        found.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let found_warnings: Vec<_> = found.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(found_values, values);
    assert_eq!(found_warnings, warnings);
}

#[test]
fn bare_values() {
    check(
        "A=1\nB = two words \r\nexport C=3\nD: 4\n",
        &[("A", "1"), ("B", "two words"), ("C", "3"), ("D", "4")],
        &[],
    );
    check("EMPTY=\nEMPTY_2= # nothing", &[("EMPTY", ""), ("EMPTY_2", "")], &[]);
    check("a.b-c_D=x=y", &[("a.b-c_D", "x=y")], &[]);
}

#[test]
fn comments() {
    check("# one\n\n  # two\nA=1 # three\nB='#' # four", &[("A", "1"), ("B", "#")], &[]);
}

#[test]
fn quotes() {
    check(r#"A="a\nb" "#, &[("A", "a\nb")], &[]);
    check(r"A='a\nb'", &[("A", r"a\nb")], &[]);
    check("A=`it's \"so\"`", &[("A", "it's \"so\"")], &[]);
    check("A=\"one\ntwo\"\nB=3", &[("A", "one\ntwo"), ("B", "3")], &[]);
    check(r#"A="say \"hi\"""#, &[("A", r#"say \"hi\""#)], &[]);
}

#[test]
fn last_one_wins() {
    check("A=1\nA=2", &[("A", "2")], &[]);
}

#[test]
fn doubtful_lines() {
    check(
        "hello\nA=1",
        &[("A", "1")],
        &[".dev.vars:1:1: expected NAME=value, the line is skipped"],
    );
    check(
        "=1\nexport A",
        &[],
        &[
            ".dev.vars:1:1: expected NAME=value, the line is skipped",
            ".dev.vars:2:1: expected NAME=value, the line is skipped",
        ],
    );
    check(
        "A=\"open\nB=1",
        &[("A", "\"open"), ("B", "1")],
        &[".dev.vars:1:1: the quotes do not end, the value is taken with them"],
    );
    check("A='x' y", &[("A", "x")], &[".dev.vars:1:1: what follows the closing quote is skipped"]);
}

#[test]
fn over_the_configuration() {
    let mut manifest = Manifest::bare("entry.py");
    manifest.bindings.insert("KEPT".to_owned(), Binding::Value("kept".into()));
    manifest.bindings.insert("TOKEN".to_owned(), Binding::Value(1.into()));
    manifest.override_vars(parse_dev_vars(".dev.vars", "TOKEN=secret\nNEW=1").unwrap());
    let expect = [("KEPT", "kept"), ("NEW", "1"), ("TOKEN", "secret")]
        .map(|(name, value)| (name.to_owned(), Binding::Value(value.into())));
    assert_eq!(manifest.bindings, expect.into());
}

#[test]
fn any_prefix_is_read() {
    let text = "export A = \"x\\\"y\n`z\" # c\r\nB: 'é' tail\nC=`\\`€\n='";
    for (end, _) in text.char_indices() {
        parse_dev_vars(".dev.vars", &text[..end]).unwrap();
    }
}
