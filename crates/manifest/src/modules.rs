//! Which of a worker's files are modules: `base_dir`, `find_additional_modules` and `rules`.
//!
//! After wrangler 4.164.0, `packages/wrangler/src/deployment-bundle/rules.ts` and `find-additional-modules.ts`. What
//! wrangler leaves to esbuild, JavaScript and JSON, is modules by default.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::reader::{Reader, join};
use crate::tree::{Entry, Node, Value};
use crate::{Error, Warning, keys};

/// Globs of one configuration, at most: many times those of a long one, and few enough to be ready in milliseconds.
const GLOBS_MAX: usize = 256;

/// The longest glob, in bytes.
const GLOB_BYTES_MAX: usize = 512;

/// What a file is as a module. The names are wrangler's, and `Json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleType {
    /// An ES module.
    EsModule,
    /// A CommonJS module.
    CommonJs,
    /// A WebAssembly module, compiled when the worker is set up.
    CompiledWasm,
    /// A text in UTF-8.
    Text,
    /// Any bytes.
    Data,
    /// A JSON text; by default only.
    Json,
    /// A Python module, which is none of JavaScript's.
    PythonModule,
}

/// What `rules.type` may be.
const NAMED: [(&str, ModuleType); 6] = [
    ("ESModule", ModuleType::EsModule),
    ("CommonJS", ModuleType::CommonJs),
    ("CompiledWasm", ModuleType::CompiledWasm),
    ("Text", ModuleType::Text),
    ("Data", ModuleType::Data),
    ("PythonModule", ModuleType::PythonModule),
];

/// wrangler's rules, after those of a configuration.
const DEFAULTS: [(ModuleType, &[&str]); 3] = [
    (ModuleType::Text, &["**/*.txt", "**/*.html", "**/*.sql"]),
    (ModuleType::Data, &["**/*.bin"]),
    (ModuleType::CompiledWasm, &["**/*.wasm", "**/*.wasm?module"]),
];

/// What esbuild makes of files without a rule.
const BUNDLED: [(ModuleType, &[&str]); 4] = [
    (ModuleType::EsModule, &["**/*.js", "**/*.mjs"]),
    (ModuleType::CommonJs, &["**/*.cjs"]),
    (ModuleType::Json, &["**/*.json"]),
    (ModuleType::PythonModule, &["**/*.py"]),
];

/// Which files of a worker are modules, and by what names.
#[derive(Clone, Debug, PartialEq)]
pub struct Modules {
    /// The directory from which modules are named: empty, or it ends with `/`. It holds `main`.
    pub base_dir: String,
    /// Whether a module is found by its name from `base_dir`, and not only from the file that imports it.
    pub find_additional_modules: bool,
    /// What each file is.
    pub rules: Rules,
}

impl Modules {
    /// The modules of a configuration without these keys.
    pub(crate) fn of(main: &str) -> Self {
        let base_dir = main.rfind('/').map_or("", |at| &main[..=at]).to_owned();
        Self { base_dir, find_additional_modules: true, rules: Rules::default() }
    }
}

/// What each file is: the first glob that matches decides.
#[derive(Clone)]
pub struct Rules {
    /// The types and globs, in their order.
    globs: Vec<(ModuleType, String)>,
    /// The same globs.
    set: GlobSet,
}

impl Rules {
    /// What the file at `path`, relative to `base_dir`, is; nothing if no rule is for it.
    pub fn module_type(&self, path: &str) -> Option<ModuleType> {
        let first = self.set.matches(path).into_iter().min()?;
        self.globs.get(first).map(|(kind, _)| *kind)
    }

    fn new(globs: Vec<(ModuleType, String)>) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for (_, glob) in &globs {
            // As glob-to-regexp 0.4 reads it for wrangler: `*`, `**/`, and nothing else.
            let literal = glob.chars().fold(String::new(), |text, character| match character {
                '?' | '[' | ']' | '{' | '}' => text + &format!("[{character}]"),
                _ => text + &character.to_string(),
            });
            let mut builder = GlobBuilder::new(&literal);
            set.add(builder.literal_separator(true).backslash_escape(false).build()?);
        }
        Ok(Self { set: set.build()?, globs })
    }
}

impl Default for Rules {
    fn default() -> Self {
        let globs = DEFAULTS.iter().chain(&BUNDLED).flat_map(by_default).collect();
        Self::new(globs).unwrap_or_else(|error| unreachable!("our own globs: {error}"))
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.globs == other.globs
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Rules").field(&self.globs).finish()
    }
}

fn by_default(
    (kind, globs): &'static (ModuleType, &'static [&'static str]),
) -> impl Iterator<Item = (ModuleType, String)> {
    globs.iter().map(|glob| (*kind, (*glob).to_owned()))
}

/// One of `rules`.
struct Rule {
    offset: usize,
    /// The key with its path.
    key: String,
    name: &'static str,
    kind: ModuleType,
    globs: Vec<String>,
    fallthrough: Option<bool>,
}

impl Reader<'_> {
    /// `base_dir`, which has to hold `main`.
    pub(crate) fn base_dir(&self, key: &str, node: Node, main: &str) -> Result<String, Error> {
        let offset = node.offset;
        let path = self.text(key, node)?;
        let relative = path.trim_start_matches("./").trim_end_matches('/');
        let directory = match relative {
            "" | "." => String::new(),
            _ => format!("{relative}/"),
        };
        if main.starts_with(&directory) {
            return Ok(directory);
        }
        let expected = format!("a directory that holds `main`, which is {main:?}");
        Err(self.refused(offset, key, expected, format!("{path:?}")))
    }

    /// `rules`, and the defaults after them. A rule is without effect after another of the same type that does not
    /// fall through.
    pub(crate) fn rules(&mut self, key: &str, node: Node) -> Result<Rules, Error> {
        let offset = node.offset;
        let mut last: Vec<Rule> = Vec::new();
        let mut globs = Vec::new();
        for rule in self.each_rule(key, node)? {
            match last.iter().find(|last| last.kind == rule.kind) {
                Some(last) => self.warn_of_rule(last, rule.offset, format!("`{}`", rule.key)),
                None => {
                    globs.extend(rule.globs.iter().map(|glob| (rule.kind, glob.clone())));
                    if rule.fallthrough != Some(true) {
                        last.push(rule);
                    }
                }
            }
        }
        if globs.len() > GLOBS_MAX {
            let expected = format!("rules with at most {GLOBS_MAX} globs");
            return Err(self.refused(offset, key, expected, format!("{} of them", globs.len())));
        }
        for default @ (kind, patterns) in &DEFAULTS {
            match last.iter().find(|last| last.kind == *kind) {
                Some(last) => {
                    let what = format!("the default rule for {}", patterns.join(", "));
                    self.warn_of_rule(last, last.offset, what);
                }
                None => globs.extend(by_default(default)),
            }
        }
        globs.extend(BUNDLED.iter().flat_map(by_default));
        Rules::new(globs).map_err(|error| {
            self.refused(offset, key, "rules with globs", error.kind().to_string())
        })
    }

    fn warn_of_rule(&mut self, last: &Rule, offset: usize, what: String) {
        // To say it silences the warning, as in wrangler.
        if last.fallthrough.is_none() {
            let (at, by, name) = (self.at(offset), last.key.clone(), last.name);
            self.warnings.push(Warning::Rule { at, what, by, name });
        }
    }

    fn each_rule(&mut self, key: &str, node: Node) -> Result<Vec<Rule>, Error> {
        let Value::List(rules) = node.value else {
            let found = node.value.describe();
            return Err(self.refused(node.offset, key, "a list of rules", found));
        };
        let mut read = Vec::new();
        for (index, node) in rules.into_iter().enumerate() {
            read.extend(self.rule(format!("{key}[{index}]"), node)?);
        }
        Ok(read)
    }

    fn rule(&mut self, path: String, node: Node) -> Result<Option<Rule>, Error> {
        let offset = node.offset;
        let (mut named, mut globs, mut fallthrough) = (None, None, None);
        for Entry { key, node, .. } in self.table(&path, keys::RULE, node)? {
            let path = join(&path, &key);
            match key.as_str() {
                "type" => named = Some(self.module_type(&path, node)?),
                "globs" => globs = Some(self.globs(&path, node)?),
                "fallthrough" => fallthrough = Some(self.boolean(&path, &node)?),
                _ => self.no_reader(&key),
            }
        }
        let (Some(named), Some(globs)) = (named, globs) else {
            let expected = "an object with `type` and `globs`";
            return Err(self.refused(offset, &path, expected, "an object without".to_owned()));
        };
        let Some((name, kind)) = named else { return Ok(None) };
        Ok(Some(Rule { offset, key: path, name, kind, globs, fallthrough }))
    }

    /// A type of modules; nothing for one that is obsolete.
    fn module_type(
        &mut self,
        key: &str,
        node: Node,
    ) -> Result<Option<(&'static str, ModuleType)>, Error> {
        let offset = node.offset;
        let name = self.text(key, node)?;
        if name == "PythonRequirement" {
            let (at, key) = (self.at(offset), format!("{key} = {name:?}"));
            self.warnings.push(Warning::Unsupported { at, key });
            return Ok(None);
        }
        let named = NAMED.iter().find(|(known, _)| *known == name);
        named.map(|named| Some(*named)).ok_or_else(|| {
            let expected = format!("one of {}", NAMED.map(|(name, _)| name).join(", "));
            self.refused(offset, key, expected, format!("{name:?}"))
        })
    }

    fn globs(&self, key: &str, node: Node) -> Result<Vec<String>, Error> {
        let globs = self.texts(key, node)?.into_iter().map(|(path, offset, glob)| {
            if glob.len() <= GLOB_BYTES_MAX {
                return Ok(glob);
            }
            let expected = format!("a glob of at most {GLOB_BYTES_MAX} bytes");
            Err(self.refused(offset, &path, expected, format!("{} of them", glob.len())))
        });
        globs.collect()
    }
}
