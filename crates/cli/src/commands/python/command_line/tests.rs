//! What is read from a command line, as tables.

use super::*;

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(ToString::to_string).collect()
}

fn parse_line(line: &[&str]) -> Result<CommandLine, String> {
    parse(&words(line), &BTreeMap::new())
}

#[track_caller]
fn check(line: &[&str], expect: Program, arguments: &[&str]) {
    let found = parse_line(line).unwrap();
    assert_eq!((found.program, found.arguments), (expect, words(arguments)));
}

#[test]
fn programs() {
    let code = |text: &str| Program::Code(text.to_owned());
    let module = |name: &str| Program::Module(name.to_owned());
    let file = |name: &str| Program::File(name.to_owned());
    check(&[], Program::Input(""), &[]);
    check(&["-"], Program::Input("-"), &[]);
    check(&["-u", "-", "-c"], Program::Input("-"), &["-c"]);
    check(&["-c", "x", "-I"], code("x"), &["-I"]);
    check(&["-IBcx", "-I"], code("x"), &["-I"]);
    check(&["-c", "-1"], code("-1"), &[]);
    check(&["-mjson.tool", "-"], module("json.tool"), &["-"]);
    check(&["-W", "error", "-Wdefault", "-X", "dev", "-Xutf8", "a.py"], file("a.py"), &[]);
    check(&["a.py", "-V", "--", "-"], file("a.py"), &["-V", "--", "-"]);
    check(&["-B", "--", "-x.py", "--"], file("-x.py"), &["--"]);
    check(&["--check-hash-based-pycs", "never", "a"], file("a"), &[]);
}

#[test]
fn questions() {
    check(&["-V"], Program::Version { whole: false }, &[]);
    check(&["--version"], Program::Version { whole: false }, &[]);
    check(&["-VV"], Program::Version { whole: true }, &[]);
    check(&["-V", "--version", "-c", "x"], Program::Version { whole: true }, &[]);
    check(&["-h"], Program::Help, &[]);
    check(&["-B?"], Program::Help, &[]);
    check(&["--help", "-V"], Program::Help, &["-V"]);
}

#[track_caller]
fn check_refused(line: &[&str], expect: &str) {
    assert_eq!(parse_line(line).unwrap_err(), expect);
}

#[test]
fn what_is_refused() {
    check_refused(&["-z"], "unknown option: -z");
    check_refused(&["-ä"], "unknown option: -ä");
    check_refused(&["-BJc", "x"], "unknown option: -J");
    check_refused(&["--mount", "a:/b"], "unknown option --mount");
    check_refused(&["-c"], "argument expected for the -c option");
    check_refused(&["-BW"], "argument expected for the -W option");
    let modes = "--check-hash-based-pycs must be one of 'default', 'always', or 'never'";
    check_refused(&["--check-hash-based-pycs"], modes);
    let late =
        "-v must be known when CPython starts, and here it has started already: leave it out";
    check_refused(&["-v"], late);
    let frames = "-X tracemalloc=x: it is 1 to 65535 frames";
    check_refused(&["-Xtracemalloc=x"], frames);
    let digits = "int_max_str_digits=5: it is 0 for no limit, or 640 or more";
    check_refused(&["-Xint_max_str_digits=5"], digits);
}

/// What of the flags is not 0, and the lists.
#[track_caller]
fn check_told(line: &[&str], environment: &[(&str, &str)], expect: &str) {
    let environment =
        environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let told = parse(&words(line), &environment).unwrap().interpreter;
    let mut text: Vec<_> = told.flags.iter().filter(|(_, value)| **value > 0).collect();
    text.sort();
    let mut text = text.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    text.extend(told.warnings.iter().map(|it| format!("-W{it}")));
    text.extend(told.implementation.iter().map(|it| format!("-X{it}")));
    text.extend(told.path.iter().cloned());
    text.extend(told.digits_max.map(|it| format!("digits={it}")));
    text.extend(told.unbuffered.then(|| "-u".to_owned()));
    assert_eq!(text.join(" "), expect);
}

#[test]
fn flags() {
    check_told(
        &["-BsSqP"],
        &[],
        "dont_write_bytecode=1 no_site=1 no_user_site=1 quiet=1 safe_path=1",
    );
    check_told(&["-I"], &[], "ignore_environment=1 isolated=1 no_user_site=1 safe_path=1");
    check_told(&["-OOO", "-R"], &[], "optimize=2");
    check_told(&["-Xdev", "-X", "a=b", "-Wx", "-u"], &[], "dev_mode=1 -Wx -Xdev -Xa=b -u");
    check_told(
        &["-Xint_max_str_digits=0"],
        &[("PYTHONINTMAXSTRDIGITS", "700")],
        "-Xint_max_str_digits=0 digits=0",
    );
}

#[test]
fn variables() {
    let all = &[
        ("PYTHONDONTWRITEBYTECODE", "0"),
        ("PYTHONINTMAXSTRDIGITS", "700"),
        ("PYTHONNOUSERSITE", ""),
        ("PYTHONOPTIMIZE", "x"),
        ("PYTHONPATH", "/a::b"),
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONWARNINGS", "a,b"),
    ];
    let told = "dont_write_bytecode=1 optimize=1 -Wa -Wb -Wc /a b digits=700 -u";
    check_told(&["-Wc"], all, told);
    check_told(&["-E"], all, "ignore_environment=1");
}
