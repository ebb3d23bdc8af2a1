//! Tests that the authors of packages with compiled code wrote, in Taipan: each file of `tests/suites` names a package, whose
//! source distribution has them, and says which fail, and why. One that fails unlisted is an error, and so is one that is
//! listed and does not fail.
//!
//! The package is the wheel for WebAssembly. Only the tests come from the source distribution, which pip downloads, unless the
//! wheel has them.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;

/// The driver, and a file for each suite.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suites");

/// What runs the tests.
const PYTEST: &str = "pytest==9.1.1";

/// What the file of a suite says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    /// The package, with its version.
    requirement: String,
    /// Where its source distribution has the tests.
    #[serde(default)]
    tests: String,
    /// The module of the wheel that runs the tests by `unittest`, instead of those.
    module: Option<String>,
    /// Whether the tests look at the source distribution's other files.
    #[serde(default)]
    whole: bool,
    /// What the tests import besides.
    #[serde(default)]
    with: Vec<String>,
    /// How many tests pass.
    passes: usize,
    /// Files of tests that are not run, each with the reason.
    #[serde(default)]
    left_out: BTreeMap<String, String>,
    /// Tests that fail, each with the reason.
    #[serde(default)]
    failures: BTreeMap<String, String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = suites().into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Trial::test(name, move || check(&path).map_err(Failed::from))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn suites() -> Vec<PathBuf> {
    let items = fs_err::read_dir(FOLDER).unwrap().map(|item| item.unwrap().path());
    let mut paths: Vec<_> =
        items.filter(|path| path.extension() == Some("toml".as_ref())).collect();
    paths.sort();
    paths
}

/// Runs a suite, and compares what became of its tests with what its file says.
fn check(path: &Path) -> Result<(), String> {
    let suite: Suite = toml::from_str(&fs_err::read_to_string(path).unwrap())
        .map_err(|error| error.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
    command.args(["run", "--cpu", "none", "--wall", "none", "--with", PYTEST]);
    for requirement in suite.with.iter().chain([&suite.requirement]) {
        command.args(["--with", requirement]);
    }
    let driver = Path::new(FOLDER).join("driver.py");
    command.stdin(Stdio::null());
    if let Some(module) = &suite.module {
        command.arg(driver).args(["--module", module]);
    } else {
        let source = source(&suite)?;
        // Alone, so that they do not import the package from its sources, which are not built.
        let (mounted, tests) = match suite.whole {
            true => (source, suite.tests.as_str()),
            false => (source.join(&suite.tests), "."),
        };
        command.arg("--mount").arg(format!("{}:/suite", mounted.display())).arg(driver).arg(tests);
    }
    command.args(suite.left_out.keys().map(|file| format!("--ignore={file}")));
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let faults = suite.compare(&printed);
    let errors = String::from_utf8_lossy(&output.stderr);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{printed}{errors}\n{}", faults.join("\n")))
    }
}

impl Suite {
    /// What differs from what the file says.
    fn compare(&self, printed: &str) -> Vec<String> {
        let failed: Vec<_> =
            printed.lines().filter_map(|line| line.strip_prefix("failed ")).collect();
        let unlisted = failed.iter().filter(|test| !self.failures.contains_key(**test));
        let mut faults: Vec<_> = unlisted.map(|test| format!("{test} fails")).collect();
        let listed = self.failures.keys().filter(|test| !failed.contains(&test.as_str()));
        faults.extend(listed.map(|test| format!("{test} is listed to fail, but does not")));
        let passed = printed.lines().find_map(|line| line.strip_prefix("passed "));
        if passed != Some(self.passes.to_string().as_str()) {
            faults.push(format!(
                "{} tests pass instead of {}",
                passed.unwrap_or("no"),
                self.passes
            ));
        }
        faults
    }
}

/// The folder of the source distribution, below `target`, where it stays.
fn source(suite: &Suite) -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suites");
    let name = suite.requirement.replace("==", "-");
    let folder = place.join(&name);
    if !folder.join(&suite.tests).exists() {
        fs_err::create_dir_all(&place).unwrap();
        // What builds it, which pip asks for its metadata, may be a wheel.
        let package = suite.requirement.split("==").next().unwrap_or_default();
        let mut pip = Command::new("python3");
        pip.args(["-c", taipan_lock::RUN_PIP, "download", "--no-deps", "--no-binary", package]);
        run(pip.arg(&suite.requirement).arg("--dest").arg(&place))?;
        let archive = place.join(format!("{name}.tar.gz"));
        run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&place))?;
    }
    Ok(folder)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}:\n{said}")) }
}
