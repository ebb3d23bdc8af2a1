//! CPython's own command line: options, then a program, then what is the program's.
//!
//! As `Python/getopt.c` and `Python/initconfig.c` of CPython 3.14 read it (`config_parse_cmdline`): options of one letter
//! can be combined (`-IBc CODE`), and nothing after the program is an option.

use std::collections::{BTreeMap, VecDeque};

use taipan_worker::Interpreter;

/// What is run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// `-c CODE`.
    Code(String),
    /// `-m MODULE`.
    Module(String),
    /// A file, a directory or an archive with a `__main__`.
    File(String),
    /// `-`, or nothing: standard input, and what `sys.argv` calls it.
    Input(&'static str),
    /// `-V`: the version; twice, all that `sys.version` says.
    Version { whole: bool },
    /// `-h`.
    Help,
}

/// A command line of CPython's.
#[derive(Debug)]
pub(super) struct CommandLine {
    pub(super) program: Program,
    /// `sys.argv` after its first.
    pub(super) arguments: Vec<String>,
    pub(super) interpreter: Interpreter,
}

/// Reads what was typed after CPython's name. `environment` are the variables of this machine that CPython reads.
///
/// # Errors
///
/// Why it is refused.
pub(super) fn parse(
    words: &[String],
    environment: &BTreeMap<String, String>,
) -> Result<CommandLine, String> {
    let mut options = Options::default();
    let mut waiting: VecDeque<_> = words.iter().cloned().collect();
    let mut program = None;
    while let Some(word) = waiting.front() {
        if word == "-" || !word.starts_with('-') {
            break;
        }
        let word = waiting.pop_front().unwrap_or_default();
        if word == "--" {
            break;
        }
        program = match word.strip_prefix("--") {
            Some(name) => options.long(name, &mut waiting)?,
            None => options.cluster(&word[1..], &mut waiting)?,
        };
        if program.is_some() {
            break;
        }
    }
    let program = match (program, options.versions) {
        (Some(Program::Help), _) => Program::Help,
        (_, 1..) => Program::Version { whole: options.versions > 1 },
        (Some(program), 0) => program,
        (None, 0) => match waiting.pop_front() {
            Some(word) if word == "-" => Program::Input("-"),
            Some(word) => Program::File(word),
            None => Program::Input(""),
        },
    };
    let interpreter = options.interpreter(words, environment)?;
    Ok(CommandLine { program, arguments: waiting.into(), interpreter })
}

/// What was asked for, before the environment is looked at.
#[derive(Debug, Default)]
struct Options {
    /// How often each option of one letter was given.
    counts: BTreeMap<char, u32>,
    versions: u32,
    warnings: Vec<String>,
    implementation: Vec<String>,
    hash_based: Option<String>,
}

/// The options that are counted. `-d` says something to builds for debugging only, `-R` is always so.
const COUNTED: &str = "BdEIOPqRsSux";

impl Options {
    /// Reads the letters of one word.
    fn cluster(
        &mut self,
        letters: &str,
        waiting: &mut VecDeque<String>,
    ) -> Result<Option<Program>, String> {
        for (index, letter) in letters.char_indices() {
            let rest = &letters[index + letter.len_utf8()..];
            let mut argument = || {
                let next = (!rest.is_empty()).then(|| rest.to_owned());
                next.or_else(|| waiting.pop_front())
                    .ok_or_else(|| format!("argument expected for the -{letter} option"))
            };
            match letter {
                'c' => return Ok(Some(Program::Code(argument()?))),
                'm' => return Ok(Some(Program::Module(argument()?))),
                'W' => {
                    self.warnings.push(argument()?);
                    return Ok(None);
                }
                'X' => {
                    self.implementation.push(argument()?);
                    return Ok(None);
                }
                'h' | '?' => return Ok(Some(Program::Help)),
                'V' => self.versions += 1,
                'i' => {
                    return Err("-i needs an interactive prompt, and there is none: give a \
                                program with -c, -m, a file or standard input"
                        .to_owned());
                }
                'b' | 'v' => {
                    return Err(format!(
                        "-{letter} must be known when CPython starts, and here it has started \
                         already: leave it out"
                    ));
                }
                letter if COUNTED.contains(letter) => *self.counts.entry(letter).or_default() += 1,
                _ => return Err(format!("unknown option: -{letter}")),
            }
        }
        Ok(None)
    }

    /// Reads an option with a name.
    fn long(
        &mut self,
        name: &str,
        waiting: &mut VecDeque<String>,
    ) -> Result<Option<Program>, String> {
        match name {
            "help" => return Ok(Some(Program::Help)),
            "version" => self.versions += 1,
            "check-hash-based-pycs" => {
                let value = waiting.pop_front().unwrap_or_default();
                if !["always", "default", "never"].contains(&value.as_str()) {
                    return Err("--check-hash-based-pycs must be one of 'default', 'always', \
                                or 'never'"
                        .to_owned());
                }
                self.hash_based = Some(value);
            }
            _ => return Err(format!("unknown option --{name}")),
        }
        Ok(None)
    }

    /// What the interpreter is told, with the variables that count unless `-E` or `-I` is given.
    fn interpreter(
        self,
        words: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Interpreter, String> {
        let count = |letter| self.counts.get(&letter).copied().unwrap_or(0);
        let isolated = count('I').min(1);
        let ignored = isolated.max(count('E').min(1));
        // An empty variable counts as none, as CPython has it.
        let variable = |name: &str| {
            let value = environment.get(name).filter(|value| ignored == 0 && !value.is_empty());
            value.map(String::as_str)
        };
        let is_set = |name| u32::from(variable(name).is_some());
        let number = |name| match variable(name) {
            // What is no number counts as 1 (`_Py_get_env_flag`).
            Some(value) => value.parse::<u32>().ok().filter(|number| *number > 0).unwrap_or(1),
            None => 0,
        };
        let mut warnings: Vec<_> = variable("PYTHONWARNINGS")
            .map(|value| value.split(',').map(str::to_owned).collect())
            .unwrap_or_default();
        warnings.extend(self.warnings);
        let has = |name: &str| {
            self.implementation.iter().any(|given| given.split('=').next() == Some(name))
        };
        let flags = BTreeMap::from([
            ("debug", count('d').max(number("PYTHONDEBUG"))),
            ("dev_mode", u32::from(has("dev")).max(is_set("PYTHONDEVMODE"))),
            ("dont_write_bytecode", count('B').min(1).max(is_set("PYTHONDONTWRITEBYTECODE"))),
            ("ignore_environment", ignored),
            ("isolated", isolated),
            ("no_site", count('S').min(1)),
            ("no_user_site", isolated.max(count('s').min(1)).max(is_set("PYTHONNOUSERSITE"))),
            ("optimize", count('O').max(number("PYTHONOPTIMIZE")).min(2)),
            ("quiet", count('q').min(1)),
            ("safe_path", isolated.max(count('P').min(1)).max(is_set("PYTHONSAFEPATH"))),
        ]);
        let digits =
            self.implementation.iter().find_map(|given| given.strip_prefix("int_max_str_digits="));
        let digits = digits.or_else(|| variable("PYTHONINTMAXSTRDIGITS"));
        let digits = digits.map(|text| {
            let number = text.parse::<u32>().ok().filter(|it| *it == 0 || *it >= DIGITS_MIN);
            number.ok_or_else(|| {
                format!("int_max_str_digits={text}: it is 0 for no limit, or {DIGITS_MIN} or more")
            })
        });
        Ok(Interpreter {
            executable: None,
            words: words.to_vec(),
            flags,
            unbuffered: count('u').max(is_set("PYTHONUNBUFFERED")) > 0,
            skips_first_line: count('x') > 0,
            warnings,
            implementation: self.implementation,
            hash_based: self.hash_based,
            digits_max: digits.transpose()?,
            path: variable("PYTHONPATH")
                .map(|path| path.split(':').filter(|place| !place.is_empty()).collect::<Vec<_>>())
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// The least limit of digits (`_PY_LONG_MAX_STR_DIGITS_THRESHOLD`).
const DIGITS_MIN: u32 = 640;
