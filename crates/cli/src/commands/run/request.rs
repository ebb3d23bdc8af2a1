//! What `taipan run` takes: its arguments, as clap reads them, and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use taipan_webapi::access::{Access, Destination};

use crate::commands::run::mounts::{Mount, check_mounts, parse_mount};
use crate::failure::Failure;
use crate::size::{MIB, mebibytes};

/// Run a Python script in the sandbox
///
/// The script has standard input and output, its arguments and an exit code,
/// the Python files beside it, and nothing else of this machine: no other files,
/// no network, no environment variables but what the options give it.
#[derive(Args, Debug)]
#[command(override_usage = USAGE, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A directory that the script may read, and where it finds it; with :rw it may write there, too
    #[arg(long, value_name = "DIR:/PATH[:ro|:rw]")]
    mount: Vec<String>,

    /// A variable of the script's environment
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Let the script use the network; only these places, if they are named
    ///
    /// Names and addresses of local networks are among them only if they are named themselves.
    #[arg(long, value_name = "HOST[:PORT],...", num_args = 0..=1, require_equals = true,
          value_delimiter = ',', default_missing_value = EVERYWHERE)]
    allow_net: Vec<String>,

    /// Seconds of CPU time that the script may use, or `none` for no limit
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    cpu: Bound<Duration>,

    /// Seconds that the script may take, or `none`
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    wall: Bound<Duration>,

    /// MiB of memory that the script may use; what needs more raises MemoryError
    #[arg(long, value_name = "MB", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(MEMORY_MB_MIN..=MEMORY_MB_MAX))]
    memory: u32,

    /// MiB that the script may write to standard output and error, or `none`
    #[arg(long, value_name = "MB", default_value = "100", value_parser = output_bytes)]
    output: Bound<u64>,

    /// Run CODE instead of a file; what follows is for the script
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true,
          conflicts_with_all = ["words", "module"])]
    code: Vec<String>,

    /// Run a module of this directory or of the standard library; what follows is for the script
    #[arg(short = 'm', value_name = "MODULE", num_args = 1.., allow_hyphen_values = true,
          conflicts_with = "words")]
    module: Vec<String>,

    /// The script, or `-` for standard input, and its arguments
    #[arg(value_name = "FILE.py", value_hint = ValueHint::FilePath, trailing_var_arg = true)]
    words: Vec<String>,
}

const USAGE: &str = "\
taipan run [OPTIONS] FILE.py [ARGS]...
       taipan run [OPTIONS] -m MODULE [ARGS]...
       taipan run [OPTIONS] -c CODE [ARGS]...
       taipan run [OPTIONS] - [ARGS]...";

const EXAMPLES: &str = "\
Examples:
  taipan run script.py one two             sys.argv[1:] is ['one', 'two']
  taipan run -c 'print(6 * 7)'
  taipan run -m json.tool < data.json
  taipan run --mount data:/data script.py  the script reads data/x.csv as /data/x.csv
  taipan run --mount out:/out:rw a.py      what it writes to /out is in out
  taipan run --allow-net=api.example.com:443 --cpu 5 script.py

Options come before the script; what comes after it is the script's own.
The exit code is the script's own; docs/reference/cli.md lists those of Taipan.";

/// What `--allow-net` means by itself.
const EVERYWHERE: &str = "*";

/// MiB that a script may be given: CPython alone has some 20, and 2 GiB is what an isolate can have.
const MEMORY_MB_MIN: i64 = 32;
const MEMORY_MB_MAX: i64 = 2048;

/// The most of something, if there is a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound<T> {
    AtMost(T),
    None,
}

impl<T: Copy> Bound<T> {
    fn at_most(self) -> Option<T> {
        match self {
            Self::AtMost(most) => Some(most),
            Self::None => None,
        }
    }
}

/// The word for no bound.
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
fn output_bytes(text: &str) -> Result<Bound<u64>, String> {
    if text == UNBOUNDED {
        return Ok(Bound::None);
    }
    let bytes = text.parse::<u32>().ok().map(|number| u64::from(number) * MIB);
    bytes.map(Bound::AtMost).ok_or_else(|| "it is a whole number of MiB, or `none`".into())
}

/// A script to run, and what it is given.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) program: Program,
    /// `sys.argv` after its first.
    pub(super) arguments: Vec<String>,
    pub(super) mounts: Vec<Mount>,
    pub(super) environment: BTreeMap<String, String>,
    /// What of the network it may reach.
    pub(super) access: Access,
    /// `None` is no limit; the same holds for `wall` and `output_bytes`.
    pub(super) cpu: Option<Duration>,
    pub(super) wall: Option<Duration>,
    pub(super) memory_bytes: usize,
    pub(super) output_bytes: Option<u64>,
}

/// Where the text of a script is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// On the command line.
    Code(String),
    /// A module of the current directory, or of the standard library.
    Module(String),
    /// From standard input.
    Input,
    /// In a file of the host.
    File(PathBuf),
}

impl Request {
    /// Checks what was typed.
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let Arguments { mount, env, allow_net, cpu, wall, memory, output, code, module, words } =
            arguments;
        let mounts = mount.iter().map(|text| parse_mount(text)).collect::<Result<Vec<_>, _>>()?;
        check_mounts(&mounts)?;
        let environment = env.iter().map(|text| parse_variable(text)).collect::<Result<_, _>>()?;
        let (mut code, mut module, mut words) =
            (code.iter().cloned(), module.iter().cloned(), words.iter().cloned());
        let (program, arguments) = match (code.next(), module.next(), words.next()) {
            (Some(text), _, _) => (Program::Code(text), code.collect()),
            (None, Some(name), _) => (Program::Module(name), module.collect()),
            (None, None, Some(file)) if file == "-" => (Program::Input, words.collect()),
            (None, None, Some(file)) => (Program::File(file.into()), words.collect()),
            (None, None, None) => {
                let reason = "there is nothing to run: name a Python file, give code with -c, \
                              or a module with -m";
                return Err(Failure::Usage { reason: reason.to_owned() });
            }
        };
        Ok(Self {
            program,
            arguments,
            mounts,
            environment,
            access: access(allow_net)?,
            cpu: cpu.at_most(),
            wall: wall.at_most(),
            memory_bytes: mebibytes(*memory),
            output_bytes: output.at_most(),
        })
    }
}

/// Reads what `--allow-net` says.
fn access(places: &[String]) -> Result<Access, Failure> {
    if places.iter().any(|place| place == EVERYWHERE) {
        return Ok(Access::default());
    }
    let destination = |text: &String| {
        Destination::parse(text).ok_or_else(|| Failure::Usage {
            reason: format!(
                "--allow-net={text}: it is no place; it is written HOST or HOST:PORT, such as \
                 example.com:443"
            ),
        })
    };
    let places = places.iter().map(destination).collect::<Result<_, _>>()?;
    Ok(Access::only(places, "--allow-net"))
}

/// Reads `NAME=VALUE`.
fn parse_variable(text: &str) -> Result<(String, String), Failure> {
    let variable = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = variable.ok_or_else(|| Failure::Usage {
        reason: format!("--env {text}: it is written NAME=VALUE"),
    })?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[track_caller]
    fn parse(line: &[&str]) -> Result<Request, String> {
        let command = Arguments::augment_args(clap::Command::new("run"));
        let matches = command.try_get_matches_from(["run"].iter().chain(line));
        let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
        let arguments = arguments.map_err(|error| error.to_string())?;
        Request::new(&arguments).map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn check_run(line: &[&str], expect: Result<(Program, &[&str]), &str>) {
        let found = parse(line).map(|request| (request.program, request.arguments));
        let expect = expect
            .map(|(program, words)| (program, words.iter().map(ToString::to_string).collect()))
            .map_err(ToOwned::to_owned);
        assert_eq!(found, expect);
    }

    #[test]
    fn scripts() {
        let file = |name: &str| Program::File(name.into());
        let code = |text: &str| Program::Code(text.to_owned());
        check_run(&["a.py"], Ok((file("a.py"), &[])));
        check_run(&["a.py", "-c", "--quiet", "x"], Ok((file("a.py"), &["-c", "--quiet", "x"])));
        check_run(&["-c", "print(1)"], Ok((code("print(1)"), &[])));
        check_run(&["-c", "-1", "--mount", "x"], Ok((code("-1"), &["--mount", "x"])));
        check_run(&["-m", "a.b", "-c", "x"], Ok((Program::Module("a.b".into()), &["-c", "x"])));
        check_run(&["-", "-x"], Ok((Program::Input, &["-x"])));
        check_run(&["--cpu", "1", "--allow-net", "a.py", "--cpu"], Ok((file("a.py"), &["--cpu"])));
        check_run(
            &[],
            Err(
                "there is nothing to run: name a Python file, give code with -c, or a module with -m",
            ),
        );
        check_run(
            &["--mount", "a:/x", "--mount", "b:/x/", "a.py"],
            Err("two directories are mounted at /x"),
        );
        let inside = "/x/y is within /x, which is written to: mount it elsewhere";
        check_run(&["--mount", "a:/x/y", "--mount", "b:/x:rw", "a.py"], Err(inside));
        let ours = "the script's own files are in /session: mount it elsewhere";
        check_run(&["--mount", "a:/session:rw", "a.py"], Err(ours));
    }

    #[test]
    fn what_is_no_option_of_a_script() {
        for line in [
            &["--timeout", "5", "a.py"][..],
            &["-x", "a.py"],
            &["--cpu", "0", "a.py"],
            &["--cpu", "-1", "a.py"],
            &["--cpu", "nan", "a.py"],
            &["--wall", "1e300", "a.py"],
            &["--memory", "1", "a.py"],
            &["--memory", "4096", "a.py"],
            &["--output", "1.5", "a.py"],
            &["--env", "x", "a.py"],
            &["--env", "=x", "a.py"],
            &["--allow-net=http://a", "a.py"],
            &["--allow-net=", "a.py"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn bounds() {
        let request = parse(&["--cpu", "0.5", "--wall", "none", "a.py"]).unwrap();
        assert_eq!(request.cpu, Some(Duration::from_millis(500)));
        assert_eq!(request.wall, None);
        assert_eq!(request.memory_bytes, 512 << 20);
        assert_eq!(request.output_bytes, Some(100 << 20));
    }
}
