//! What a case holds: `case.toml`, and beside it the worker's files.
//!
//! ```toml
//! about = "one line: what holds"
//! command = ["serve"]      # that is the default
//! worker = "samples/hello" # that folder's files instead of those beside
//! listens = false          # a server that does not get so far
//! isolation = "reuse"      # played so only, or "fresh", or "configured"; see below
//! http1_only = true        # the case is about what HTTP/1 alone has
//! input = "text"           # standard input
//! files = { "name" = "…" } # more files of the worker
//!
//! differs = { "0.26" = "…" } # releases that cannot do it, and why: not played on them
//!
//! [[step]]                 # each step may have any of these, done in this order
//! save = { "entry.py" = "…" }
//! request = "POST /path"
//! headers = ["name: value"]
//! body = "text"
//! body_bytes = 1000000     # a body of that many letters x
//! http2 = true             # whatever the case is played over
//! times = 20               # as many requests at once, all with the same answer
//! leave_ms = 100           # the client leaves then, without its answer
//! within_ms = 500          # the longest that the request, or all of them, may take
//! answer = "…"             # status, headers, empty line, body
//! talk = [{ send = "…" }, { send_bytes = 1000 }, { receive = "…" }, { then = "close" }]  # or "end"
//! signal = "TERM"
//! output = "…"             # all of standard output since it was last compared
//! errors = "…"             # the same of standard error
//! code = 0                 # the program ends with that
//! repeat = 200             # plays the steps [[step.each]] so many times
//! grows = { descriptors = 2, mappings = 20, resident_mb = 10 }  # what the program has more after that, at most
//! ```
//!
//! What `grows` bounds is first looked at after a quarter of the rounds: what is made once is no growth. A request
//! without `answer` may fail, as the client sees it.
//!
//! A server that listens is played twice: over HTTP/1 as it is configured, and over HTTP/2 with
//! `--isolation fresh`. A case has `isolation` when its point is what requests do or do not share,
//! and says why beside it; "configured" is for one whose configuration chooses. Each `talk` is HTTP/1.
//!
//! In the command, files and expectations `UPSTREAM_ADDRESS` stands for the address of the test's
//! own server (`upstream.rs`); in expectations `SERVER` for that of the program, `PYTHON`
//! for the versions of Python and of Pyodide, `TIME` for a duration, `SIZE` for that of a snapshot and `PLACE` for the directory that holds
//! the files.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempDir;

/// A case, its files in a directory of its own.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) script: Script,
    pub(crate) place: TempDir,
    pub(crate) upstream: SocketAddr,
    /// Of Pyodide.
    pub(crate) release: &'static str,
    pub(crate) way: Way,
}

/// How a case is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) isolation: Isolation,
    pub(crate) http2: bool,
}

/// How requests share isolates while a case is played.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Isolation {
    /// As the worker's configuration says, which is `reuse` when it says nothing.
    Configured,
    Reuse,
    Fresh,
}

/// What `case.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    #[serde(rename = "about")]
    pub(crate) _about: String,
    #[serde(default = "serve")]
    pub(crate) command: Vec<String>,
    pub(crate) worker: Option<String>,
    #[serde(default)]
    pub(crate) input: String,
    #[serde(default = "yes")]
    pub(crate) listens: bool,
    isolation: Option<Isolation>,
    #[serde(default)]
    http1_only: bool,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Reasons by the beginnings of versions.
    #[serde(default)]
    differs: BTreeMap<String, String>,
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Step>,
}

/// One step; see the top of this file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Step {
    pub(crate) save: BTreeMap<String, String>,
    pub(crate) request: Option<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
    pub(crate) body_bytes: usize,
    pub(crate) http2: bool,
    pub(crate) times: Option<usize>,
    pub(crate) leave_ms: Option<u64>,
    pub(crate) within_ms: Option<u64>,
    pub(crate) answer: Option<String>,
    pub(crate) talk: Vec<Turn>,
    pub(crate) signal: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) errors: Option<String>,
    pub(crate) code: Option<i32>,
    pub(crate) repeat: usize,
    pub(crate) each: Vec<Self>,
    pub(crate) grows: Option<Growth>,
}

/// What a program may have more of than before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Growth {
    pub(crate) descriptors: usize,
    pub(crate) mappings: usize,
    pub(crate) resident_mb: usize,
}

/// One turn of a conversation over a raw socket.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Turn {
    /// Sends this.
    Send(String),
    /// Sends so many letters x.
    SendBytes(usize),
    /// Reads until this has come.
    Receive(String),
    /// Waits until this was printed to standard output.
    Output(String),
    /// How it ends.
    Then(Last),
}

/// The last turn of a conversation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Last {
    /// The other side ends it: all is read up to there.
    End,
    /// The socket is closed at once.
    Close,
}

fn serve() -> Vec<String> {
    vec!["serve".to_owned()]
}

fn yes() -> bool {
    true
}

/// Reads what the case in `folder` says.
pub(crate) fn script(folder: &Path) -> Result<Script, String> {
    let text = fs_err::read_to_string(folder.join("case.toml")).unwrap();
    toml::from_str(&text).map_err(|error| error.to_string())
}

impl Script {
    /// Whether the program serves the worker, so that it is told where to listen.
    pub(crate) fn serves(&self) -> bool {
        self.command.iter().any(|word| word == "serve" || word == "dev")
    }

    /// Whether a release cannot do what the case is about.
    pub(crate) fn differs(&self, version: &str) -> bool {
        self.differs.keys().any(|release| version.starts_with(release.as_str()))
    }

    /// The ways in which the case is played.
    pub(crate) fn ways(&self) -> Vec<Way> {
        let isolation = self.isolation.unwrap_or(Isolation::Configured);
        let first = Way { isolation, http2: false };
        if !self.serves() || !self.listens {
            return vec![first];
        }
        let isolation = self.isolation.unwrap_or(Isolation::Fresh);
        let http2 = !self.http1_only && self.steps.iter().any(Step::asks);
        match self.isolation {
            Some(_) if !http2 => vec![first],
            _ => vec![first, Way { isolation, http2 }],
        }
    }
}

impl Step {
    /// Whether it asks over whichever HTTP the case is played.
    fn asks(&self) -> bool {
        self.request.is_some() && !self.http2 || self.each.iter().any(Self::asks)
    }
}

/// Puts the files of the case in `folder` where they can be served.
pub(crate) fn prepare(
    folder: &Path,
    script: Script,
    release: &'static str,
    way: Way,
    upstream: SocketAddr,
) -> Case {
    let place = tempfile::tempdir().unwrap();
    let files = match &script.worker {
        Some(worker) => Path::new(crate::SPECS).join("../..").join(worker),
        None => folder.to_owned(),
    };
    copy(&files, &place.path().join("worker"), upstream);
    let case = Case { script, place, upstream, release, way };
    case.script.files.iter().for_each(|(name, text)| case.save(name, text));
    case
}

impl Case {
    /// What the program is started with.
    pub(crate) fn words(&self) -> Vec<String> {
        let upstream = self.upstream.to_string();
        let command = self.script.command.iter();
        let mut words: Vec<_> =
            command.map(|word| word.replace("UPSTREAM_ADDRESS", &upstream)).collect();
        if self.script.serves() {
            words.extend(["--port", "0"].map(str::to_owned));
        }
        let isolation = match self.way.isolation {
            Isolation::Configured => &[][..],
            Isolation::Reuse => &["--isolation", "reuse"],
            Isolation::Fresh => &["--isolation", "fresh"],
        };
        words.extend(isolation.iter().copied().map(str::to_owned));
        words
    }

    /// The directory of the worker, as the program calls it.
    pub(crate) fn directory(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap().join("worker")
    }

    /// Writes a file of the worker.
    pub(crate) fn save(&self, name: &str, text: &str) {
        let text = text.replace("UPSTREAM_ADDRESS", &self.upstream.to_string());
        fs_err::write(self.directory().join(name), text).unwrap();
    }
}

fn copy(from: &Path, to: &Path, upstream: SocketAddr) {
    fs_err::create_dir_all(to).unwrap();
    for item in fs_err::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &target, upstream);
        } else if item.file_name() != "case.toml" {
            let bytes = fs_err::read(item.path()).unwrap();
            let bytes = match String::from_utf8(bytes) {
                Ok(text) => text.replace("UPSTREAM_ADDRESS", &upstream.to_string()).into_bytes(),
                Err(error) => error.into_bytes(),
            };
            fs_err::write(target, bytes).unwrap();
        }
    }
}
