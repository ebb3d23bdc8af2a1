//! The program as a user sees it: each folder of `tests/specs/` is a case, played
//! against the real binary over real sockets. `case.rs` says what a case may hold.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod case;
mod http;
mod play;
mod process;
mod releases;
mod upstream;
mod watch;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::case::{Isolation, Way};

/// The folder of all cases.
const SPECS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/specs");

/// Megabytes of the cache that are left when it is bounded, and how often it is.
const CACHE_MB: &str = "8000";
const BOUND_EVERY: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().unwrap());
    let folders = cases(Path::new(SPECS));
    let trials = folders.iter().flat_map(|folder| trials(folder, &runtime));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The trials of a case, one for each release and each way in which it is played.
fn trials(folder: &Path, runtime: &Arc<Runtime>) -> Vec<Trial> {
    let name = folder.strip_prefix(SPECS).unwrap().display().to_string();
    let script = match case::script(folder) {
        Ok(script) => script,
        Err(error) => return vec![Trial::test(name, || Err(Failed::from(error)))],
    };
    let trial = |release: &'static str, way: Way| {
        let (folder, runtime) = (folder.to_owned(), runtime.clone());
        let name = format!("{name}{}{}", suffix(way), releases::suffix(release));
        Trial::test(name, move || {
            bound_cache();
            make_bundle(release);
            let script = case::script(&folder).map_err(Failed::from)?;
            runtime.block_on(async {
                let upstream = upstream::start().await;
                let case = case::prepare(&folder, script, release, way, upstream);
                play::play(&case).await.map_err(Failed::from)
            })
        })
        .with_ignored_flag(script.differs(release))
    };
    let releases = releases::played().into_iter();
    let ways =
        releases.flat_map(|release| script.ways().into_iter().map(move |way| (release, way)));
    ways.map(|(release, way)| trial(release, way)).collect()
}

/// What tells the trials of a case apart.
fn suffix(Way { isolation, http2 }: Way) -> &'static str {
    match (isolation, http2) {
        (Isolation::Configured, false) => "",
        (Isolation::Configured, true) => " (HTTP/2)",
        (Isolation::Reuse, false) => " (reuse)",
        (Isolation::Reuse, true) => " (reuse, HTTP/2)",
        (Isolation::Fresh, false) => " (fresh)",
        (Isolation::Fresh, true) => " (fresh, HTTP/2)",
    }
}

/// Sees to it that the workers of the cases, with 17 MB for the snapshot of each, do not fill the disk.
fn bound_cache() {
    let last = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache-bounded");
    let modified = fs_err::metadata(&last).and_then(|data| data.modified());
    if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < BOUND_EVERY)) {
        return;
    }
    fs_err::write(&last, "").unwrap();
    let mut bound = Command::new(env!("CARGO_BIN_EXE_taipan"));
    let bound = bound.args(["gc", "--max-size", CACHE_MB]).stdout(Stdio::null());
    assert!(bound.status().unwrap().success(), "the cache cannot be bounded");
}

/// Sees to it that the case does not have to wait for the bundle.
fn make_bundle(release: &str) {
    let mut build = Command::new(env!("CARGO_BIN_EXE_taipan"));
    let build = build.args(["--experimental", "bundle", "build", release]);
    let done = build.stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "the bundle is needed for all cases");
}

/// The folders below `folder` that are cases.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs_err::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.join("case.toml").is_file() {
            found.push(path);
        } else if path.is_dir() {
            found.extend(cases(&path));
        }
    }
    found.sort();
    found
}
