//! What a command that runs a program gives it of this machine: options, as clap reads them, and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use taipan_webapi::access::{Access, Destination};

use crate::failure::Failure;
use crate::options::absolute;
use crate::script::mounts::{Mount, check_mounts, parse_mount};
use crate::size::{MIB, mebibytes};

/// The options, as clap reads them. The bounds are those of `taipan run`.
#[derive(Args, Debug)]
pub(crate) struct SandboxArguments {
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
}

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

    /// As it is typed.
    fn word(self, number: impl FnOnce(T) -> String) -> String {
        self.at_most().map_or_else(|| UNBOUNDED.to_owned(), number)
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

impl SandboxArguments {
    /// The words that say the same in another directory.
    pub(crate) fn words(&self) -> Result<Vec<String>, Failure> {
        let Self { mount, env, allow_net, cpu, wall, memory, output } = self;
        let mut words = Vec::new();
        for text in mount {
            let Mount { host, guest, writable } = parse_mount(text)?;
            let host = absolute(&host)?;
            let mode = if writable { "rw" } else { "ro" };
            words.push(format!("--mount={host}:{guest}:{mode}"));
        }
        words.extend(env.iter().map(|variable| format!("--env={variable}")));
        words.extend(allow_net.iter().map(|place| match place.as_str() {
            EVERYWHERE => "--allow-net".to_owned(),
            place => format!("--allow-net={place}"),
        }));
        let seconds = |time: Duration| time.as_secs_f64().to_string();
        words.push(format!("--cpu={}", cpu.word(seconds)));
        words.push(format!("--wall={}", wall.word(seconds)));
        words.push(format!("--memory={memory}"));
        words.push(format!("--output={}", output.word(|bytes| (bytes / MIB).to_string())));
        Ok(words)
    }
}

/// What a program is given.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) environment: BTreeMap<String, String>,
    /// What of the network it may reach.
    pub(crate) access: Access,
    /// `None` is no limit; the same holds for `wall` and `output_bytes`.
    pub(crate) cpu: Option<Duration>,
    pub(crate) wall: Option<Duration>,
    pub(crate) memory_bytes: usize,
    pub(crate) output_bytes: Option<u64>,
}

impl Sandbox {
    /// Checks what was typed.
    pub(crate) fn new(arguments: &SandboxArguments) -> Result<Self, Failure> {
        let SandboxArguments { mount, env, allow_net, cpu, wall, memory, output } = arguments;
        let mounts = mount.iter().map(|text| parse_mount(text)).collect::<Result<Vec<_>, _>>()?;
        check_mounts(&mounts)?;
        let environment = env.iter().map(|text| parse_variable(text)).collect::<Result<_, _>>()?;
        Ok(Self {
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
