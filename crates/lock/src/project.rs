//! What a `pyproject.toml` asks for: its dependencies and dependency groups, and what it allows.

use std::collections::{BTreeMap, BTreeSet};

use taipan_store::Digest;

use crate::Error;
use crate::name::normalised;
use crate::reader::{Placed, Table};
use crate::requirement::Requirement;

/// How deep dependency groups may include each other: deeper is a circle.
const GROUP_DEPTH_MAX: usize = 32;

/// What of a project decides its lock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Dependencies of the project, and of the groups that were named, in the order of the file.
    pub requirements: Vec<Requirement>,
    /// Those that the project does not name, and its sources import; they are among `requirements` as well.
    pub implied: Vec<String>,
    /// The groups that were named, sorted.
    pub groups: Vec<String>,
    /// Packages that may be built from source (`[tool.taipan]` or `[tool.pywrangler] allow-build`).
    pub allow_build: BTreeSet<String>,
    /// Packages that may stay behind by a major version (`[tool.taipan] allow-downgrade`).
    pub allow_downgrade: BTreeSet<String>,
    /// Whether Pyodide's own index is looked at (`[tool.taipan] pyodide-index`).
    pub pyodide_index: bool,
    /// The digest of what else uv reads: `[tool.uv]` and `requires-python`.
    pub settings: String,
}

impl Wanted {
    /// Reads the `text` of the `pyproject.toml` called `file`, with these of its groups (PEP 621, PEP 735).
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the place; [`Error::Dynamic`] where a build backend would have to be asked for the
    /// dependencies, and [`Error::NoGroup`].
    pub fn parse(file: &str, text: &str, groups: &[String]) -> Result<Self, Error> {
        let mut root = Table::open(file, text)?;
        let mut wanted = Self { pyodide_index: true, ..Self::default() };
        let mut settings = String::new();
        if let Some(mut project) = root.table("project")? {
            if project.texts("dynamic")?.iter().any(|key| key == "dependencies") {
                return Err(Error::Dynamic { at: project.at() });
            }
            for placed in project.placed_texts("dependencies")? {
                wanted.add(&placed)?;
            }
            let name = normalised(&project.text("name")?.unwrap_or_default());
            // uv takes a bare name for the project. With extras (`shop[mail]`) it is how a project names its own.
            let of_itself = |one: &Requirement| {
                let is_bare = one.specifiers.as_ref().is_some_and(|it| it.is_empty());
                one.name == name && is_bare && !one.text.contains('[')
            };
            if wanted.requirements.iter().any(of_itself) {
                return Err(Error::Itself { at: project.at(), name });
            }
            settings += &project.text("requires-python")?.unwrap_or_default();
        }
        let defined = Groups::read(root.table("dependency-groups")?)?;
        let groups: BTreeSet<_> = groups.iter().map(|name| normalised(name)).collect();
        for name in &groups {
            for placed in defined.requirements(file, name, 0)? {
                wanted.add(&placed)?;
            }
        }
        wanted.groups = groups.into_iter().collect();
        if let Some(mut tool) = root.table("tool")? {
            if let Some(mut taipan) = tool.table("taipan")? {
                wanted.allow_build.extend(names(&taipan.texts("allow-build")?));
                wanted.pyodide_index = taipan.boolean("pyodide-index")?.unwrap_or(true);
                wanted.allow_downgrade.extend(names(&taipan.texts("allow-downgrade")?));
            }
            if let Some(mut pywrangler) = tool.table("pywrangler")? {
                wanted.allow_build.extend(names(&pywrangler.texts("allow-build")?));
            }
            settings += &tool.table("uv")?.map(|uv| uv.described()).unwrap_or_default();
        }
        settings += &format!("{:?}", wanted.allow_build);
        wanted.settings = Digest::of(settings.as_bytes()).to_string();
        Ok(wanted)
    }

    /// Adds a package that the project's sources import, unless the project names it.
    pub fn imply(&mut self, name: &str) {
        if self.requirements.iter().all(|requirement| requirement.name != name) {
            self.requirements.extend(Requirement::parse(name));
            self.implied.push(name.to_owned());
        }
    }

    /// Whether the project itself names no package.
    #[must_use]
    pub fn names_nothing(&self) -> bool {
        self.requirements.len() == self.implied.len()
    }

    fn add(&mut self, placed: &Placed) -> Result<(), Error> {
        let Placed { text, key, at } = placed;
        let requirement = Requirement::parse(text).ok_or_else(|| Error::Value {
            at: at.clone(),
            key: key.clone(),
            expected: "a requirement (PEP 508), such as \"httpx>=0.28\"",
            found: format!("{text:?}"),
        })?;
        self.requirements.push(requirement);
        Ok(())
    }
}

fn names(texts: &[String]) -> impl Iterator<Item = String> {
    texts.iter().map(|text| normalised(text))
}

/// The table of groups (PEP 735).
#[derive(Debug, Default)]
struct Groups(BTreeMap<String, Vec<Member>>);

/// One entry of a group.
#[derive(Debug)]
enum Member {
    Requirement(Placed),
    /// Another group, all of it.
    Group(String),
}

impl Groups {
    fn read(table: Option<Table<'_>>) -> Result<Self, Error> {
        let Some(mut table) = table else { return Ok(Self::default()) };
        let mut groups = BTreeMap::new();
        for name in table.keys() {
            let mut members = Vec::new();
            for member in table.texts_or_tables(&name)? {
                members.push(match member {
                    Ok(placed) => Member::Requirement(placed),
                    Err(mut included) => {
                        let group = included.text("include-group")?;
                        Member::Group(included.required("include-group", group)?)
                    }
                });
            }
            groups.insert(normalised(&name), members);
        }
        Ok(Self(groups))
    }

    /// The requirements of a group, and of those that it includes.
    fn requirements(&self, file: &str, name: &str, depth: usize) -> Result<Vec<Placed>, Error> {
        let group = self.0.get(&normalised(name)).filter(|_| depth < GROUP_DEPTH_MAX);
        let Some(group) = group else {
            let known = self.0.keys().cloned().collect();
            return Err(Error::NoGroup { file: file.to_owned(), name: name.to_owned(), known });
        };
        let mut found = Vec::new();
        for member in group {
            match member {
                Member::Requirement(placed) => found.push(placed.clone()),
                Member::Group(name) => found.extend(self.requirements(file, name, depth + 1)?),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
        [project]
        dependencies = ['httpx >= 0.28', 'mcp']
        [dependency-groups]
        Dev_Tools = ['attrs', { include-group = 'more' }]
        more = ['idna']
        circle = [{ include-group = 'circle' }]
        [tool.taipan]
        allow-build = ['MarkupSafe']
        allow-downgrade = ['mcp']
        [tool.pywrangler]
        allow-build = ['pyyaml']
        [tool.uv.sources]
        mcp = { path = '../mcp' }
    ";

    fn wanted(groups: &[&str]) -> Result<Wanted, String> {
        let groups: Vec<_> = groups.iter().map(|name| (*name).to_owned()).collect();
        Wanted::parse("pyproject.toml", TEXT, &groups).map_err(|error| error.to_string())
    }

    #[test]
    fn dependencies_and_groups() {
        let texts = |groups: &[&str]| {
            let wanted = wanted(groups).unwrap();
            wanted.requirements.into_iter().map(|one| one.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&[]), ["httpx >= 0.28", "mcp"]);
        assert_eq!(texts(&["dev-tools"]), ["httpx >= 0.28", "mcp", "attrs", "idna"]);
        let none = "pyproject.toml has no dependency group `x`; there are circle, dev-tools, more";
        assert_eq!(wanted(&["x"]).unwrap_err(), none);
        assert!(wanted(&["circle"]).is_err());
    }

    #[test]
    fn what_is_allowed() {
        let wanted = wanted(&[]).unwrap();
        assert_eq!(wanted.allow_build, ["markupsafe", "pyyaml"].map(str::to_owned).into());
        assert_eq!(wanted.allow_downgrade, ["mcp"].map(str::to_owned).into());
    }

    #[test]
    fn what_is_no_requirement() {
        let text =
            "[project]\ndependencies = ['httpx', '>=1']\n[dependency-groups]\nmore = ['a 1.0']";
        let said = |text: &str, groups: &[String]| {
            let error = Wanted::parse("pyproject.toml", text, groups).unwrap_err();
            assert_eq!(error.hint(), None, "the file is its author's");
            error.to_string()
        };
        let expected = "must be a requirement (PEP 508), such as \"httpx>=0.28\", found";
        assert_eq!(
            said(text, &[]),
            format!("pyproject.toml:2:26: `project.dependencies[1]` {expected} \">=1\"")
        );
        assert_eq!(
            said(&text.replace(", '>=1'", ""), &["more".to_owned()]),
            format!("pyproject.toml:4:9: `dependency-groups.more[0]` {expected} \"a 1.0\"")
        );
    }

    #[test]
    fn settings_count() {
        let settings = |text: &str| Wanted::parse("pyproject.toml", text, &[]).unwrap().settings;
        assert_eq!(settings(TEXT), settings(&format!("{TEXT}\n[tool.ruff]\nx = 1")));
        assert_ne!(settings(TEXT), settings(&TEXT.replace("../mcp", "../other")));
    }

    #[test]
    fn what_sources_import() {
        let mut wanted = wanted(&[]).unwrap();
        wanted.imply("mcp");
        assert!(wanted.implied.is_empty());
        wanted.imply("workers-runtime-sdk");
        assert_eq!(wanted.implied, ["workers-runtime-sdk"]);
        assert_eq!(wanted.requirements.last().unwrap().name, "workers-runtime-sdk");
        assert!(!wanted.names_nothing());
        let mut none = Wanted::default();
        none.imply("workers-runtime-sdk");
        assert!(none.names_nothing());
    }

    #[test]
    fn a_project_with_the_name_of_what_it_needs() {
        let text = "[project]\nname = 'Fast_API'\ndependencies = ['fast-api']";
        let error = Wanted::parse("pyproject.toml", text, &[]).unwrap_err();
        let told = "pyproject.toml:1:1: the project is called `fast-api`, and so is a package that it needs";
        assert_eq!(error.to_string(), told);
        for other in ["fast-api[more]", "fast-api>=1"] {
            Wanted::parse("pyproject.toml", &text.replace("fast-api", other), &[]).unwrap();
        }
    }

    #[test]
    fn dynamic_dependencies() {
        let text = "[project]\ndynamic = ['dependencies']";
        let error = Wanted::parse("pyproject.toml", text, &[]).unwrap_err();
        assert!(matches!(error, Error::Dynamic { .. }), "{error}");
    }
}
