//! From text to a checked configuration.

// `core` has the addresses of a network, and no network.
use core::net::{IpAddr, Ipv4Addr};

use crate::bindings::Named;
use crate::flags::{Known, known};
use crate::reader::{Reader, whole_number};
use crate::sourced::Given;
use crate::tree::{Entry, Node, Value};
use crate::{
    Date, Dev, Error, Flags, Format, Location, Manifest, Modules, Pyproject, Warning, keys,
};

/// A configuration and what in it has no effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The configuration.
    pub manifest: Manifest,
    /// What has no effect: keys of the top level first, each in the order of
    /// the file.
    pub warnings: Vec<Warning>,
    /// What `manifest` was settled from.
    given: Given,
}

/// Reads and checks the `text` of the configuration file called `file`.
pub fn parse(file: &str, text: &str, format: Format) -> Result<Checked, Error> {
    let (mut reader, root) = Reader::open(file, text, format)?;
    let (manifest, given) = reader.top(root)?;
    Ok(Checked { manifest, warnings: reader.warnings, given })
}

impl Checked {
    /// The configuration of a worker that has no configuration file.
    pub fn bare(main: &str) -> Self {
        let (manifest, given) = (Manifest::bare(main), Given::default());
        Self { manifest, warnings: Vec::new(), given }
    }

    /// Puts in what the `pyproject.toml` beside the configuration says and the
    /// configuration does not; warns of what both say differently.
    ///
    /// To be called before the manifest is changed otherwise.
    pub fn complete_with(&mut self, pyproject: Pyproject) -> Result<(), Error> {
        self.warnings.extend(pyproject.warnings);
        self.warnings.extend(self.given.complete_with(pyproject.given));
        self.given.settle(&mut self.manifest)
    }

    /// Where the configuration names the main module.
    #[must_use]
    pub fn main_place(&self) -> Option<&Location> {
        self.given.main.as_ref()
    }

    /// The key that pins the version of Pyodide, with its path, and where its value stands.
    #[must_use]
    pub fn pyodide_place(&self) -> Option<(&str, &Location)> {
        self.given.pyodide.as_ref().map(|said| (&*said.key, &said.at))
    }
}

/// Reads the address of an interface: an IP address, `localhost`, or `*` for all of them.
#[must_use]
pub fn address(text: &str) -> Option<IpAddr> {
    match text {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        _ => text.parse().ok(),
    }
}

impl Reader<'_> {
    fn top(&mut self, root: Node) -> Result<(Manifest, Given), Error> {
        let (mut main, mut base_dir) = (None, None);
        let mut manifest = Manifest::bare("");
        let mut given = Given::default();
        let mut named = Named::new();
        for Entry { key, node, .. } in self.table("", keys::TOP, root)? {
            match key.as_str() {
                "name" => manifest.name = Some(self.text(&key, node)?),
                "main" => {
                    given.main = Some(self.at(node.offset));
                    main = Some(self.main(&key, node)?);
                }
                "base_dir" => base_dir = Some((key, node)),
                "find_additional_modules" => {
                    manifest.modules.find_additional_modules = self.boolean(&key, &node)?;
                }
                "rules" => manifest.modules.rules = self.rules(&key, node)?,
                "compatibility_date" => manifest.compatibility_date = Some(self.date(&key, &node)?),
                "compatibility_flags" => manifest.compatibility_flags = self.flags(&key, node)?,
                "dev" => manifest.dev = self.dev(node)?,
                "limits" => self.limits(&key, node, keys::LIMITS, &mut given)?,
                "taipan" => self.taipan(&key, node, &mut given)?,
                _ => self.bindings(&key, node, &mut named)?,
            }
        }
        manifest.flags = Flags::new(&manifest.compatibility_flags, manifest.compatibility_date);
        manifest.main = main.ok_or_else(|| Error::MainMissing { file: self.file.to_owned() })?;
        manifest.modules.base_dir = match base_dir {
            Some((key, node)) => self.base_dir(&key, node, &manifest.main)?,
            None => Modules::of(&manifest.main).base_dir,
        };
        manifest.bindings =
            named.into_iter().map(|(name, (_offset, binding))| (name, binding)).collect();
        given.settle(&mut manifest)?;
        Ok((manifest, given))
    }

    fn main(&self, key: &str, node: Node) -> Result<String, Error> {
        const EXPECTED: &str =
            "a Python or JavaScript file in this directory, such as \"src/entry.py\"";
        let offset = node.offset;
        let path = self.text(key, node)?;
        let relative = path.trim_start_matches("./");
        let inside = !relative.contains('\\')
            && relative.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        let (stem, ending) = relative.rsplit_once('.').unwrap_or_default();
        if inside && !stem.is_empty() && !stem.ends_with('/') {
            match ending {
                "py" | "js" | "mjs" => return Ok(relative.to_owned()),
                "ts" | "mts" | "tsx" | "jsx" => {
                    let expected =
                        "JavaScript or Python: compile it first, with esbuild for instance";
                    return Err(self.refused(offset, key, expected, format!("{path:?}")));
                }
                _ => (),
            }
        }
        Err(self.refused(offset, key, EXPECTED, format!("{path:?}")))
    }

    fn date(&self, key: &str, node: &Node) -> Result<Date, Error> {
        const EXPECTED: &str = "a day as text, such as \"2026-06-10\"";
        match &node.value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
        .ok_or_else(|| self.refused(node.offset, key, EXPECTED, node.value.describe()))
    }

    fn flags(&mut self, key: &str, node: Node) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = Vec::new();
        let mut needs_experimental = None;
        for (path, offset, name) in self.texts(key, node)? {
            match known(&name) {
                Known::Flag(flag) => {
                    let opposite = if name == flag.name { flag.opposite } else { Some(flag.name) };
                    if let Some(other) = names.iter().find(|other| opposite == Some(other.as_str()))
                    {
                        let expected = format!("without its opposite {other:?}");
                        return Err(self.refused(offset, &path, expected, format!("{name:?}")));
                    }
                    if flag.experimental {
                        needs_experimental.get_or_insert((path, offset, flag.name));
                    }
                }
                Known::Other => {
                    let at = self.at(offset);
                    self.warnings.push(Warning::Unsupported { at, key: name.clone() });
                }
                Known::Unknown(suggestion) => {
                    let mut expected = "a compatibility flag, see `taipan flags`".to_owned();
                    if let Some(suggestion) = suggestion {
                        expected += &format!(" (perhaps {suggestion:?})");
                    }
                    return Err(self.refused(offset, &path, expected, format!("{name:?}")));
                }
            }
            names.push(name);
        }
        match needs_experimental {
            Some((path, offset, name)) if !names.iter().any(|name| name == "experimental") => {
                let expected = "beside \"experimental\", which it needs".to_owned();
                Err(self.refused(offset, &path, expected, format!("{name:?}")))
            }
            _ => Ok(names),
        }
    }

    fn dev(&mut self, node: Node) -> Result<Dev, Error> {
        let mut dev = Dev::default();
        for Entry { key, node, .. } in self.table("dev", keys::DEV, node)? {
            match key.as_str() {
                "ip" => dev.ip = self.ip("dev.ip", &node)?,
                "port" => {
                    let number = whole_number(&node.value).and_then(|port| port.try_into().ok());
                    let refused = || {
                        let found = node.value.describe();
                        self.refused(node.offset, "dev.port", "a port from 0 to 65535", found)
                    };
                    dev.port = number.ok_or_else(refused)?;
                }
                _ => self.no_reader(&key),
            }
        }
        Ok(dev)
    }

    fn ip(&self, key: &str, node: &Node) -> Result<IpAddr, Error> {
        const EXPECTED: &str = "an IP address, \"localhost\" or \"*\"";
        match &node.value {
            Value::Text(text) => address(text),
            _ => None,
        }
        .ok_or_else(|| self.refused(node.offset, key, EXPECTED, node.value.describe()))
    }
}
