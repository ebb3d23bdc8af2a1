//! `cargo xtask fuzz`: runs each target of `fuzz/` for a number of inputs, and prints what came of it.
//!
//! libFuzzer, which `libfuzzer-sys` compiles, drives the targets. What it looks at is what the compiler counts for it;
//! that takes options which the stable compiler has, and neither nightly nor another tool. New inputs of interest stay
//! in the target folder; `fuzz/corpus` has a few, which are checked in; `--keep` chooses them again.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use fs_err as fs;

use crate::program::{run, say};

/// Inputs for each target, without `--runs`.
const RUNS: &str = "1000000";

/// Has the compiler count which edges run, for libFuzzer (clang's SanitizerCoverage).
const FLAGS: &str = "-Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// The largest input that is checked in, and how many of a target are.
const KEPT_BYTES_MAX: u64 = 4096;
const KEPT_MAX: usize = 64;

/// What came of a target.
struct Row {
    name: String,
    inputs: String,
    seconds: u64,
    sound: bool,
}

/// Runs the targets that `arguments` name, or all.
#[expect(clippy::disallowed_methods, reason = "the table says how long each took")]
pub(crate) fn fuzz(root: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let (runs, names) = match arguments {
        ["--runs", runs, names @ ..] => (Some(*runs), names),
        ["--keep", names @ ..] => (None, names),
        names => (Some(RUNS), names),
    };
    let folder = root.join("fuzz");
    let targets = targets(&fs::read_to_string(folder.join("Cargo.toml"))?);
    if let Some(unknown) = names.iter().find(|name| !targets.iter().any(|known| known == **name)) {
        bail!("no target is called {unknown}; there are {}", targets.join(", "));
    }
    let binaries = build(&folder)?;
    let mut rows = Vec::new();
    for name in targets.iter().filter(|name| names.is_empty() || names.contains(&name.as_str())) {
        let Some(runs) = runs else {
            keep(&folder, &binaries.join(name), name)?;
            continue;
        };
        say(&format!("fuzzing {name} with {runs} inputs"));
        let begin = Instant::now();
        let (inputs, sound) = play(&folder, &binaries.join(name), name, runs)?;
        let seconds = begin.elapsed().as_secs();
        rows.push(Row { name: name.clone(), inputs, seconds, sound });
    }
    if runs.is_some() {
        eprintln!("{}", table(&rows));
    }
    ensure!(rows.iter().all(|row| row.sound), "what was found is in fuzz/artifacts");
    Ok(())
}

/// The names of the binaries in a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let binaries = manifest.split("[[bin]]").skip(1);
    let names = binaries.filter_map(|binary| binary.split("name = \"").nth(1)?.split('"').next());
    names.map(str::to_owned).collect()
}

/// Builds all targets; the folder in which they are.
fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let version = Command::new("rustc").arg("-vV").output().context("rustc does not start")?;
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it compiles for")?;
    let (mut cargo, target) = (Command::new("cargo"), folder.join("target"));
    // With a target the flags are not those of build scripts.
    cargo.current_dir(folder).args([
        "build",
        "--profile",
        "fuzz",
        "--bins",
        "--features",
        "fuzzing",
    ]);
    cargo.args(["--target", host]).arg("--target-dir").arg(&target);
    run(
        "building the fuzz targets",
        cargo.env("RUSTFLAGS", FLAGS).env_remove("CARGO_MANIFEST_DIR"),
    )?;
    Ok(target.join(host).join("fuzz"))
}

/// Runs one target: how many inputs it had, and whether nothing was found.
fn play(folder: &Path, binary: &Path, name: &str, runs: &str) -> anyhow::Result<(String, bool)> {
    let [found, kept, artifacts] =
        ["target/corpus", "corpus", "artifacts"].map(|part| folder.join(part).join(name));
    for place in [&found, &kept, &artifacts] {
        fs::create_dir_all(place)?;
    }
    let output = Command::new(binary)
        .args([&format!("-runs={runs}"), "-print_final_stats=1", "-rss_limit_mb=4096"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([&found, &kept])
        .stdout(Stdio::null())
        .output()
        .with_context(|| format!("{name} does not start"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let last: Vec<_> = said.lines().rev().take(30).collect();
        last.iter().rev().for_each(|line| eprintln!("{line}"));
    }
    let executed =
        said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    Ok((executed.unwrap_or("?").trim().to_owned(), output.status.success()))
}

/// Makes the corpus of one target that is checked in: small inputs that together reach all that the other inputs reach.
fn keep(folder: &Path, binary: &Path, name: &str) -> anyhow::Result<()> {
    let [found, kept, fewest] =
        ["target/corpus", "corpus", "target/fewest"].map(|part| folder.join(part).join(name));
    if fewest.exists() {
        fs::remove_dir_all(&fewest)?;
    }
    for place in [&found, &kept, &fewest] {
        fs::create_dir_all(place)?;
    }
    let mut merge = Command::new(binary);
    merge.args(["-set_cover_merge=1", "-rss_limit_mb=4096"]).args([&fewest, &found, &kept]);
    let output = merge.stdout(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} cannot choose among its inputs: {said}");
    let mut inputs = Vec::new();
    for input in fs::read_dir(&fewest)? {
        let input = input?;
        inputs.push((input.metadata()?.len(), input.file_name(), input.path()));
    }
    inputs.retain(|(bytes, ..)| *bytes <= KEPT_BYTES_MAX);
    // The largest reach the most, which is what they were chosen for.
    inputs.sort_by(|one, other| other.cmp(one));
    inputs.truncate(KEPT_MAX);
    fs::remove_dir_all(&kept)?;
    fs::create_dir_all(&kept)?;
    for (_, file, path) in &inputs {
        fs::copy(path, kept.join(file))?;
    }
    say(&format!("{name} keeps {} inputs", inputs.len()));
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("\n{:24}{:>12}{:>10}  found", "target", "inputs", "seconds");
    for Row { name, inputs, seconds, sound } in rows {
        let found = if *sound { "nothing" } else { "a fault" };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{name:24}{inputs:>12}{seconds:>10}  {found}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn names_of_targets() {
        let manifest = "[package]\nname = \"a\"\n\n[[bin]]\nname = \"b\"\npath = \"b.rs\"\n[[bin]]\nname = \"c\"\n";
        assert_eq!(targets(manifest), ["b", "c"]);
    }
}
