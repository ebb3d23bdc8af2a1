//! What to do, ready to be done: made from what was typed and the environment.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use taipan_manifest::Isolation;
use taipan_release::{Mirror, Source};
use taipan_store::{Cache, root};
use taipan_webapi::{
    access::{Access, Destination},
    fetch,
};

use crate::{
    arguments::{
        Arguments, BenchAction, Bound, BundleAction, DoctorArguments, EVERYWHERE, GcArguments,
        RunArguments, ServeArguments, SnapshotAction, Verb,
    },
    environment::Environment,
    failure::Failure,
    selection::Choice,
};

/// The place that is the npm client.
const NPM: &str = "npm";

/// A command and what all commands share.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) action: Action,
    /// Where the cache is; it may not exist yet.
    cache_root: PathBuf,
    /// Places that releases are fetched from.
    sources: Vec<String>,
    /// What is said of the release to run on.
    pub(crate) choice: Choice,
    /// Whether only warnings and errors are wanted.
    pub(crate) quiet: bool,
    /// How outgoing requests reach the network.
    pub(crate) proxies: fetch::Settings,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    Serve(ServeRequest),
    Dev(ServeRequest),
    Run(ScriptRequest),
    Bundle(BundleAction),
    Bench(BenchAction),
    Snapshot(SnapshotAction),
    Doctor(DoctorArguments),
    Gc(GcArguments),
    Flags { json: bool },
    Completions(clap_complete::Shell),
}

/// What to serve, and where; the worker's configuration fills the gaps.
#[derive(Clone, Debug)]
pub(crate) struct ServeRequest {
    pub(crate) directory: PathBuf,
    pub(crate) port: Option<u16>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) config: Option<String>,
    pub(crate) isolation: Option<Isolation>,
}

/// A script to run, and what it is given.
#[derive(Debug)]
pub(crate) struct ScriptRequest {
    pub(crate) program: Program,
    /// `sys.argv` after its first.
    pub(crate) arguments: Vec<String>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) environment: BTreeMap<String, String>,
    /// What of the network it may reach.
    pub(crate) access: Access,
    pub(crate) cpu: Bound<Duration>,
    pub(crate) wall: Bound<Duration>,
    pub(crate) memory_mb: u32,
    pub(crate) output_bytes: Bound<u64>,
}

/// Where a script's text is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// On the command line.
    Code(String),
    /// A module of the current directory, or of the standard library.
    Module(String),
    /// What comes from standard input.
    Input,
    /// In a file of the host.
    File(PathBuf),
}

/// A directory of the host that the guest may read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) host: PathBuf,
    /// Absolute, without `.`, `..` or a slash at its end, and not the root.
    pub(crate) guest: String,
    /// Whether the guest may write it, too.
    pub(crate) writable: bool,
}

impl Command {
    /// Checks what was typed.
    pub(crate) fn new(arguments: Arguments, environment: &Environment) -> Result<Self, Failure> {
        let cache_root = match arguments.cache {
            Some(root) => root,
            None => root(&environment.surroundings)?,
        };
        let action = match arguments.verb {
            Verb::Serve(serve) => Action::Serve(serve_request(serve)?),
            Verb::Dev(serve) => Action::Dev(serve_request(serve)?),
            Verb::Run(run) => Action::Run(script_request(run)?),
            Verb::Bundle(action) => Action::Bundle(action),
            Verb::Bench(action) => Action::Bench(action),
            Verb::Doctor(arguments) => Action::Doctor(arguments),
            Verb::Gc(arguments) => Action::Gc(arguments),
            Verb::Snapshot(action) => Action::Snapshot(action),
            Verb::Flags { json } => Action::Flags { json },
            Verb::Completions { shell } => Action::Completions(shell),
        };
        let proxies = environment.proxies.clone();
        let mut sources = match (arguments.source, &environment.sources) {
            (given, Some(text)) if given.is_empty() => {
                text.split(',').map(|place| place.trim().to_owned()).collect()
            }
            (given, _) if given.is_empty() => vec![NPM.to_owned()],
            (given, _) => given,
        };
        if arguments.offline {
            sources.retain(|place| place != NPM && !is_mirror(place));
        }
        let Arguments { pyodide, experimental, gate: gates, quiet, .. } = arguments;
        let development = sources.iter().map(PathBuf::from).find(|path| path.is_dir());
        let choice = Choice { pyodide, experimental, gates, development };
        Ok(Self { action, cache_root, sources, choice, quiet, proxies })
    }

    /// Where what the cache has not is fetched from, in order.
    pub(crate) fn sources(&self) -> Result<Vec<Source>, Failure> {
        let source = |place: &String| {
            if place == NPM {
                return Ok(Source::npm());
            }
            if is_mirror(place) {
                let client = fetch::client(&self.proxies).map_err(taipan_worker::Error::Client)?;
                let client = client.connections().clone();
                return Ok(Source::Mirror(Mirror { address: place.clone(), client }));
            }
            let path = PathBuf::from(place);
            if path.is_dir() {
                Ok(Source::Folder(path))
            } else if path.is_file() {
                Ok(Source::Export(path))
            } else {
                Err(Failure::NotFound { what: "the place to fetch from", path })
            }
        };
        self.sources.iter().map(source).collect()
    }

    /// The cache, made when it is not there.
    pub(crate) fn cache(&self) -> Result<Cache, Failure> {
        Ok(Cache::open(&self.cache_root)?)
    }
}

fn is_mirror(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

fn serve_request(arguments: ServeArguments) -> Result<ServeRequest, Failure> {
    let ServeArguments { directory, port, ip, config, isolation } = arguments;
    let config = config.map(configuration_name).transpose()?;
    Ok(ServeRequest { directory, port, ip, config, isolation })
}

/// The name of a configuration file, as text.
pub(crate) fn configuration_name(file: PathBuf) -> Result<String, Failure> {
    file.into_os_string().into_string().map_err(|file| Failure::Usage {
        reason: format!("the name of the configuration {} is not Unicode", file.display()),
    })
}

fn script_request(arguments: RunArguments) -> Result<ScriptRequest, Failure> {
    let RunArguments { mount, env, allow_net, cpu, wall, memory, output, code, module, words } =
        arguments;
    let mounts = mount.iter().map(|text| parse_mount(text)).collect::<Result<Vec<_>, _>>()?;
    check_mounts(&mounts)?;
    let environment = env.iter().map(|text| parse_variable(text)).collect::<Result<_, _>>()?;
    let (mut code, mut module, mut words) =
        (code.into_iter(), module.into_iter(), words.into_iter());
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
    Ok(ScriptRequest {
        program,
        arguments,
        mounts,
        environment,
        access: access(&allow_net)?,
        cpu,
        wall,
        memory_mb: memory,
        output_bytes: output,
    })
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

/// Where the guest has its own files, so that no directory of the host takes their place.
const SESSION: &str = "/session";

/// What is the system's, with all that is below it: Python's library, its devices, what it knows of itself.
const OF_THE_SYSTEM: [&str; 3] = ["/lib", "/dev", "/proc"];

/// Refuses mounts that would hide each other, or have a directory of the host be written to by us.
fn check_mounts(mounts: &[Mount]) -> Result<(), Failure> {
    let below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for (index, mount) in mounts.iter().enumerate() {
        let Mount { guest, .. } = mount;
        if mounts[..index].iter().any(|other| other.guest == *guest) {
            let reason = format!("two directories are mounted at {guest}");
            return Err(Failure::Usage { reason });
        }
        if guest == SESSION {
            let reason = format!("the script's own files are in {SESSION}: mount elsewhere");
            return Err(Failure::Usage { reason });
        }
        if let Some(taken) = OF_THE_SYSTEM.iter().find(|taken| below(guest, taken)) {
            let reason = format!("{guest} is Python's own, as all of {taken} is: mount elsewhere");
            return Err(Failure::Usage { reason });
        }
        let outer = mounts
            .iter()
            .find(|other| other.writable && other.guest != *guest && below(guest, &other.guest));
        if let Some(Mount { guest: outer, .. }) = outer {
            let reason =
                format!("{guest} is within {outer}, which is written to: mount it elsewhere");
            return Err(Failure::Usage { reason });
        }
    }
    Ok(())
}

/// Reads `DIR:/PATH[:ro|:rw]`; the last `:/` divides, so that a directory may hold others.
fn parse_mount(text: &str) -> Result<Mount, Failure> {
    let refused = |what: &str| Failure::Usage {
        reason: format!(
            "--mount {text}: {what}; it is written DIR:/PATH or DIR:/PATH:rw, such as data:/data"
        ),
    };
    let (host, guest) = text.rsplit_once(":/").ok_or_else(|| refused("there is no :/ in it"))?;
    if host.is_empty() {
        return Err(refused("the directory is missing"));
    }
    let (guest, writable) = match guest.strip_suffix(":rw") {
        Some(guest) => (guest, true),
        None => (guest.strip_suffix(":ro").unwrap_or(guest), false),
    };
    if let Some((_, suffix)) = guest.rsplit_once(':') {
        return Err(refused(&format!("there are :ro and :rw, and no :{suffix}")));
    }
    let guest = guest.trim_end_matches('/');
    let plain = guest.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !plain || guest.contains('\0') {
        return Err(refused("the path must lead somewhere below /, without . or .."));
    }
    Ok(Mount { host: host.into(), guest: format!("/{guest}"), writable })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[track_caller]
    fn parse(line: &[&str]) -> Result<Command, String> {
        let words = ["taipan", "--cache", "/c"].iter().chain(line);
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        Command::new(arguments, &Environment::default()).map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn check_run(line: &[&str], expect: Result<(Program, &[&str]), &str>) {
        let found = parse(&[&["run"], line].concat()).map(|command| match command.action {
            Action::Run(request) => (request.program, request.arguments),
            other => panic!("{other:?}"),
        });
        let expect = expect
            .map(|(program, words)| (program, words.iter().map(ToString::to_string).collect()))
            .map_err(ToOwned::to_owned);
        assert_eq!(found, expect);
    }

    #[track_caller]
    fn check_mount(text: &str, expect: Result<(&str, &str, bool), &str>) {
        let written = "it is written DIR:/PATH or DIR:/PATH:rw, such as data:/data";
        let found = parse_mount(text).map_err(|failure| failure.to_string());
        let expect = expect
            .map(|(host, guest, writable)| Mount {
                host: host.into(),
                guest: guest.to_owned(),
                writable,
            })
            .map_err(|what| format!("--mount {text}: {what}; {written}"));
        assert_eq!(found, expect);
    }

    #[test]
    fn every_option_is_sound() {
        Arguments::command().debug_assert();
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
        let ours = "the script's own files are in /session: mount elsewhere";
        check_run(&["--mount", "a:/session:rw", "a.py"], Err(ours));
    }

    #[test]
    fn what_is_no_option_of_a_script() {
        for line in [
            &["run", "--timeout", "5", "a.py"][..],
            &["run", "-x", "a.py"],
            &["run", "--cpu", "0", "a.py"],
            &["run", "--cpu", "-1", "a.py"],
            &["run", "--cpu", "nan", "a.py"],
            &["run", "--wall", "1e300", "a.py"],
            &["run", "--memory", "1", "a.py"],
            &["run", "--memory", "4096", "a.py"],
            &["run", "--output", "1.5", "a.py"],
            &["run", "--env", "x", "a.py"],
            &["run", "--env", "=x", "a.py"],
            &["run", "--allow-net=http://a", "a.py"],
            &["run", "--allow-net=", "a.py"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn bounds() {
        let Action::Run(request) =
            parse(&["run", "--cpu", "0.5", "--wall", "none", "a.py"]).unwrap().action
        else {
            panic!("it is another command");
        };
        assert_eq!(request.cpu, Bound::AtMost(Duration::from_millis(500)));
        assert_eq!(request.wall, Bound::None);
        assert_eq!(request.output_bytes, Bound::AtMost(100 << 20));
    }

    #[test]
    fn mounts() {
        check_mount("data:/data", Ok(("data", "/data", false)));
        check_mount("/a:/b:/c/d/", Ok(("/a:/b", "/c/d", false)));
        check_mount("C:\\x:/x", Ok(("C:\\x", "/x", false)));
        check_mount("data:/data:ro", Ok(("data", "/data", false)));
        check_mount("data:/data/:rw", Ok(("data", "/data", true)));
        check_mount("data:/data:rx", Err("there are :ro and :rw, and no :rx"));
        check_mount("data", Err("there is no :/ in it"));
        check_mount("data:x", Err("there is no :/ in it"));
        check_mount(":/x", Err("the directory is missing"));
        let below = "the path must lead somewhere below /, without . or ..";
        for text in ["a:/", "a:/..", "a:/x/../y", "a:/x//y", "a:/./x"] {
            check_mount(text, Err(below));
        }
    }

    #[test]
    fn where_to_serve() {
        let command = parse(&["dev", "d", "--port", "0", "--ip", "::1"]).unwrap();
        assert!(matches!(
            command.action,
            Action::Dev(ServeRequest { port: Some(0), ip: Some(IpAddr::V6(_)), config: None, .. })
        ));
        for (option, value, expected) in [
            ("--port", "65536", "it is a whole number from 0 to 65535"),
            ("--port", "abc", "it is a whole number from 0 to 65535"),
            ("--ip", "local", "it is an IP address, `localhost` or `*`"),
        ] {
            let error = parse(&["dev", option, value]).unwrap_err();
            assert!(error.contains(&format!("invalid value '{value}'")), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        for (text, expect) in [("localhost", "127.0.0.1"), ("*", "0.0.0.0")] {
            let Action::Serve(request) = parse(&["serve", "--ip", text]).unwrap().action else {
                panic!("{text}");
            };
            assert_eq!(request.ip.unwrap().to_string(), expect);
        }
    }
}
