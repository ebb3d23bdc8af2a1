//! What was typed, as clap reads it. Nothing here is checked against the world:
//! `options` does that.

use std::{ffi::OsStr, net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{
    Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};

use taipan_manifest::{GATES, Isolation};
use taipan_release::RELEASES;

use crate::failure::Failure;

/// The heading of options that every command has.
const SHARED: &str = "Options of every command";

/// Run Python Workers: small Python programs that answer HTTP requests.
///
/// Taipan runs them on Pyodide, which is Python compiled to WebAssembly, in a
/// sandbox: a worker sees nothing of this machine but what it is given.
#[derive(Debug, Parser)]
#[command(
    name = "taipan",
    version,
    propagate_version = true,
    after_help = "Start with: taipan dev samples/hello\nMore about a command: taipan dev --help"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,

    /// Where Taipan keeps Pyodide and what it makes of it
    ///
    /// Without it $TAIPAN_CACHE, else $XDG_CACHE_HOME/taipan, else
    /// ~/.cache/taipan. Everything in it can be made again.
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = SHARED)]
    pub(crate) cache: Option<PathBuf>,

    /// The version of Pyodide to run on, whatever the worker's configuration selects
    #[arg(long, global = true, value_name = "VERSION", help_heading = SHARED,
          value_parser = Suggested(versions), hide_possible_values = true)]
    pub(crate) pyodide: Option<String>,

    /// Allow what is not settled, as the compatibility flag `experimental` does
    #[arg(long, global = true, help_heading = SHARED)]
    pub(crate) experimental: bool,

    /// Open a gate: a feature that is not ready, which needs `experimental`; `flags --experimental` lists them
    #[arg(long, global = true, value_name = "NAME", help_heading = SHARED,
          value_parser = Suggested(gates), hide_possible_values = true)]
    pub(crate) gate: Vec<String>,

    /// Where what is missing is fetched from: `npm`, a directory, an exported bundle, or the address of a mirror of
    /// Pyodide's CDN
    ///
    /// Several are tried in this order. Without it $TAIPAN_SOURCES (with commas between them), else npm. Whatever
    /// comes is compared with digests.
    #[arg(long, global = true, value_name = "PLACE", help_heading = SHARED)]
    pub(crate) source: Vec<String>,

    /// Use no network: what is neither in the cache nor in a directory or file of --source is an error
    #[arg(long, global = true, help_heading = SHARED)]
    pub(crate) offline: bool,

    /// Say nothing but warnings and errors
    #[arg(long, short, global = true, help_heading = SHARED)]
    pub(crate) quiet: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = SHARED)]
    pub(crate) color: Color,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve the worker in a directory while you write it
    ///
    /// Starts again when a file is saved, shows errors with their whole traceback
    /// in the terminal and in the browser, and prints a line for each request.
    #[command(after_help = DEV_EXAMPLES)]
    Dev(ServeArguments),

    /// Serve the worker in a directory
    ///
    /// As `dev`, but for production: files are read once, and what an error says
    /// goes to the log only.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArguments),

    /// Run a Python script in the sandbox
    ///
    /// The script has standard input and output, its arguments and an exit code,
    /// the Python files beside it, and nothing else of this machine: no other files,
    /// no network, no environment variables but what the options give it.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),

    /// Look after the Pyodide releases that workers run on
    ///
    /// A release is Pyodide as published; a bundle is what Taipan makes of it,
    /// once, so that workers start fast. Other commands make it when it is missing.
    #[command(subcommand)]
    Bundle(BundleAction),

    /// Look at the snapshots that workers start from
    ///
    /// A snapshot is a worker at rest, after its top level has run. `serve` and
    /// `dev` make it when it is missing; it holds the worker's variables, so only
    /// you can read it.
    #[command(subcommand)]
    Snapshot(SnapshotAction),

    /// Remove from the cache what nothing uses: by age, and by size if you like
    ///
    /// That is what this version has no use for (bundles of others, snapshots of bundles that are gone), and snapshots,
    /// compiled modules and bundles that nobody has used for a month. What a running server uses stays. A snapshot holds
    /// the worker's variables: with `--older-than 0` none is left.
    Gc(GcArguments),

    /// Tell what of a worker spoils or weakens its snapshot
    ///
    /// That is: random values that every isolate would share, what a snapshot
    /// cannot keep, why the worker does not start, and what in its configuration has
    /// no effect; each with its place and what to do. The exit code is 1 when there
    /// is something to mend.
    Doctor(DoctorArguments),

    /// Measure how fast a worker starts, and what it takes of memory
    #[command(subcommand)]
    Bench(BenchAction),

    /// List the compatibility flags: what each does here, and since which date a worker has it
    Flags {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },

    /// Print the completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What `serve` and `dev` take.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The worker's directory: with wrangler.jsonc (or .json, .toml), or entry.py
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,

    /// The port to listen on; 0 takes any that is free [default: 8787]
    #[arg(long, short, value_name = "PORT", value_parser = port)]
    pub(crate) port: Option<u16>,

    /// The address to listen on; 0.0.0.0 is every network [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) ip: Option<IpAddr>,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Whether requests share isolates; `fresh` gives each its own [default: reuse]
    #[arg(long, value_name = "MODE", value_parser = Suggested(isolations).try_map(|name| isolation(&name)))]
    pub(crate) isolation: Option<Isolation>,
}

/// Reads a port.
fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "it is a whole number from 0 to 65535".into())
}

/// Reads the address of an interface, as `dev.ip` of a configuration has it.
fn address(text: &str) -> Result<IpAddr, String> {
    taipan_manifest::address(text).ok_or_else(|| "it is an IP address, `localhost` or `*`".into())
}

/// Reads the name of an isolation.
fn isolation(name: &str) -> Result<Isolation, String> {
    let known = || Isolation::ALL.map(Isolation::name).join(" and ");
    Isolation::named(name).ok_or_else(|| format!("there are {}", known()))
}

fn isolations() -> Vec<&'static str> {
    Isolation::ALL.map(Isolation::name).into()
}

fn versions() -> Vec<&'static str> {
    RELEASES.iter().map(|release| release.version).collect()
}

fn gates() -> Vec<&'static str> {
    GATES.iter().map(|gate| gate.name).collect()
}

/// A text for which completions know values; what is none of them, those who use it refuse, and know why.
#[derive(Clone)]
struct Suggested(fn() -> Vec<&'static str>);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// What `run` takes.
#[derive(Debug, Args)]
#[command(override_usage = RUN_USAGE)]
pub(crate) struct RunArguments {
    /// A directory that the script may read, and where it finds it; with :rw it may write there, too
    #[arg(long, value_name = "DIR:/PATH[:ro|:rw]")]
    pub(crate) mount: Vec<String>,

    /// A variable of the script's environment
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,

    /// Let the script use the network; only these places, if they are named
    ///
    /// Names and addresses of local networks are among them only if they are named themselves.
    #[arg(long, value_name = "HOST[:PORT],...", num_args = 0..=1, require_equals = true,
          value_delimiter = ',', default_missing_value = EVERYWHERE)]
    pub(crate) allow_net: Vec<String>,

    /// Seconds of CPU time that the script may use, or `none` for no limit
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) cpu: Bound<Duration>,

    /// Seconds that the script may take, or `none`
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) wall: Bound<Duration>,

    /// MiB of memory that the script may use; what needs more raises MemoryError
    #[arg(long, value_name = "MB", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(MEMORY_MB_MIN..=MEMORY_MB_MAX))]
    pub(crate) memory: u32,

    /// MiB that the script may write to standard output and error, or `none`
    #[arg(long, value_name = "MB", default_value = "100", value_parser = megabytes)]
    pub(crate) output: Bound<u64>,

    /// Run CODE instead of a file; what follows is for the script
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true,
          conflicts_with_all = ["words", "module"])]
    pub(crate) code: Vec<String>,

    /// Run a module of this directory or of the standard library; what follows is for the script
    #[arg(short = 'm', value_name = "MODULE", num_args = 1.., allow_hyphen_values = true,
          conflicts_with = "words")]
    pub(crate) module: Vec<String>,

    /// The script, or `-` for standard input, and its arguments
    #[arg(value_name = "FILE.py", value_hint = ValueHint::FilePath, trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
}

/// What `--allow-net` means by itself.
pub(crate) const EVERYWHERE: &str = "*";

/// MiB that a script may be given: CPython alone has some 20, and 2 GiB is what an isolate can have.
const MEMORY_MB_MIN: i64 = 32;
const MEMORY_MB_MAX: i64 = 2048;

/// How much of something there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound<T> {
    AtMost(T),
    None,
}

/// What is said for no bound.
const UNBOUNDED: &str = "none";

/// Reads a number of seconds.
fn seconds(text: &str) -> Result<Bound<Duration>, String> {
    if text == UNBOUNDED {
        return Ok(Bound::None);
    }
    let duration = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    let duration = duration.filter(|duration| !duration.is_zero());
    duration.map(Bound::AtMost).ok_or_else(|| "it is a number of seconds above 0, or `none`".into())
}

/// Reads a number of MiB; the number of bytes.
fn megabytes(text: &str) -> Result<Bound<u64>, String> {
    if text == UNBOUNDED {
        return Ok(Bound::None);
    }
    let bytes = text.parse::<u32>().ok().map(|number| u64::from(number) << 20);
    bytes.map(Bound::AtMost).ok_or_else(|| "it is a whole number of MiB, or `none`".into())
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchAction {
    /// Measure the time from a request for which there is no isolate to its answer
    Cold {
        /// The worker's directory
        #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
        /// How many requests
        #[arg(long, value_name = "COUNT", default_value_t = 500)]
        runs: usize,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Measure the memory of many isolates in one process, each of which answers a request
    Density {
        /// The worker's directory
        #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
        /// How many workers: the same files, each with a snapshot of its own
        #[arg(long, value_name = "COUNT", default_value_t = 10)]
        workers: usize,
        /// How many isolates, of all workers together
        #[arg(long, value_name = "COUNT", default_value_t = 2000)]
        isolates: usize,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// What to do with bundles.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleAction {
    /// List the releases that this version knows, what selects them, and which are ready
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a release and make its bundle
    Build(BuildArguments),
    /// Fetch the files of a release, so that its bundle can be made without a network
    Fetch(BuildArguments),
    /// Write a release and its bundle to one file, for machines without a network
    #[command(after_help = EXPORT_EXAMPLES)]
    Export {
        /// The Pyodide version; without it that of --pyodide, else the newest
        #[arg(value_name = "VERSION", value_parser = Suggested(versions), hide_possible_values = true)]
        release: Option<String>,
        /// The file to write
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
    },
    /// Put what `export` wrote into the cache; only from somebody whom you trust, for it holds machine code
    Import {
        /// The file
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show what a release consists of
    Inspect {
        /// The Pyodide version; without it that of --pyodide, else the newest
        #[arg(value_name = "VERSION", value_parser = Suggested(versions), hide_possible_values = true)]
        release: Option<String>,
    },
    /// Read everything in the cache and compare it with its digests
    Verify,
    /// The same as `taipan gc`
    Gc(GcArguments),
}

/// What `gc` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct GcArguments {
    /// Remove what nobody has used for so many days; 0 removes all that is not in use and can be made again
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) older_than: u32,

    /// Then remove what was not used for the longest time, until no more than MB are left
    #[arg(long, value_name = "MB")]
    pub(crate) max_size: Option<u64>,

    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `bundle build` and `bundle fetch` take.
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// The Pyodide version; without it that of --pyodide, else the newest
    #[arg(value_name = "VERSION", value_parser = Suggested(versions), hide_possible_values = true)]
    pub(crate) release: Option<String>,

    /// Every release that this version knows, instead of one
    #[arg(long)]
    pub(crate) all: bool,

    /// Take the packages from this directory (laid out as node_modules) instead of npm
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
}

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotAction {
    /// Make the snapshot of a worker, or find it in the cache
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArguments),
    /// Show what a snapshot was made from, and whose its bytes are
    Inspect {
        /// The worker's directory, or a snapshot file
        #[arg(value_name = "DIR|FILE", default_value = ".")]
        which: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a snapshot, or all that are in the cache
    Verify {
        /// The worker's directory, or a snapshot file; all of the cache without it
        #[arg(value_name = "DIR|FILE")]
        which: Option<PathBuf>,
    },
    /// Show what grew from one snapshot to another
    #[command(after_help = DIFF_EXAMPLES)]
    Diff {
        /// The earlier: a worker's directory, or a snapshot file
        #[arg(value_name = "A")]
        before: PathBuf,
        /// The later
        #[arg(value_name = "B")]
        after: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What `doctor` takes.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `snapshot create` takes.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,

    /// Write a copy to this file, which only you can read
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// When to use colours; `auto` is on a terminal that has them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Sets the choice for everything that is printed from here on.
    pub(crate) fn apply(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// Prints the completion script for `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "taipan", &mut script);
    crate::console::write(&script)?;
    Ok(ExitCode::SUCCESS)
}

const DEV_EXAMPLES: &str = "\
Examples:
  taipan dev samples/hello              serve it at http://127.0.0.1:8787
  taipan dev samples/hello --port 9000  at another port
  taipan dev --ip 0.0.0.0 .             to everybody in your network

Press Ctrl+C to stop.";

const SERVE_EXAMPLES: &str = "\
Examples:
  taipan serve samples/hello
  taipan serve --config wrangler.production.jsonc --port 80 --ip 0.0.0.0 my-worker

SIGTERM and Ctrl+C let requests in flight finish; a second one does not.";

const RUN_USAGE: &str = "\
taipan run [OPTIONS] FILE.py [ARGS]...
       taipan run [OPTIONS] -m MODULE [ARGS]...
       taipan run [OPTIONS] -c CODE [ARGS]...
       taipan run [OPTIONS] - [ARGS]...";

const RUN_EXAMPLES: &str = "\
Examples:
  taipan run script.py one two             sys.argv[1:] is ['one', 'two']
  taipan run -c 'print(6 * 7)'
  taipan run -m json.tool < data.json
  taipan run --mount data:/data script.py  the script reads data/x.csv as /data/x.csv
  taipan run --mount out:/out:rw a.py      what it writes to /out is in out
  taipan run --allow-net=api.example.com:443 --cpu 5 script.py

Options come before the script; what comes after it is the script's own.
The exit code is the script's own; docs/reference/cli.md lists those of Taipan.";

const CREATE_EXAMPLES: &str = "\
Examples:
  taipan snapshot create samples/hello
  taipan snapshot create my-worker -o before.snapshot";

const EXPORT_EXAMPLES: &str = "\
Example: a machine without a network, of the same kind, with the same Taipan
  taipan bundle export 0.29.5 -o pyodide.taipan
  copy the file over, and there:
  taipan bundle import pyodide.taipan";

const DIFF_EXAMPLES: &str = "\
Example: what does a change cost?
  taipan snapshot create my-worker -o before.snapshot
  edit my-worker/entry.py
  taipan snapshot diff before.snapshot my-worker";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  taipan completions bash > ~/.local/share/bash-completion/completions/taipan
  taipan completions zsh > ~/.zfunc/_taipan
  taipan completions fish > ~/.config/fish/completions/taipan.fish";
