//! What a lock remembers of how it was made: the table `[tool.taipan]` of a `pylock.toml` (PEP 751, `tool`).

use std::path::Path;

use crate::Error;
use crate::held::{Held, Kind};
use crate::package::Package;
use crate::project::Wanted;
use crate::reader::Table;
use crate::wheel::Target;
use crate::write::{list, package_table, quoted};

/// The array of the build backends, with its path.
const BACKENDS: &str = "build-backends";

/// What a lock was made for.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The version of Pyodide.
    pub release: String,
    /// The version of its Python.
    pub python: String,
    /// The dependency groups.
    pub groups: Vec<String>,
    /// The requirements, as they were written.
    pub requirements: Vec<String>,
    /// The digest of the other settings.
    pub settings: String,
    /// What is not as it would be elsewhere.
    pub held: Vec<Held>,
    /// Build backends for the packages that have no wheel, and what these need. All have wheels.
    pub backends: Vec<Package>,
}

impl Made {
    pub(crate) fn new(
        target: Target,
        wanted: &Wanted,
        held: Vec<Held>,
        backends: Vec<Package>,
    ) -> Self {
        Self {
            release: target.release.to_owned(),
            python: target.python.to_owned(),
            groups: wanted.groups.clone(),
            requirements: wanted.requirements.iter().map(|one| one.text.clone()).collect(),
            settings: wanted.settings.clone(),
            held,
            backends,
        }
    }

    /// The table as text, to stand at the end of a lock.
    pub(crate) fn write(&self) -> String {
        let mut text = String::from("\n[tool.taipan]\n");
        text +=
            &format!("release = {}\npython = {}\n", quoted(&self.release), quoted(&self.python));
        text += &format!("groups = {}\n", list(&self.groups));
        text += &format!("requirements = {}\n", list(&self.requirements));
        text += &format!("settings = {}\n", quoted(&self.settings));
        for held in &self.held {
            text += "\n[[tool.taipan.held-back]]\n";
            text += &format!("name = {}\n", quoted(&held.name));
            text += &format!("kind = {}\n", quoted(held.kind.name()));
            if let Some(taken) = &held.taken {
                text += &format!("taken = {}\n", quoted(&taken.to_string()));
            }
            text += &format!("elsewhere = {}\n", quoted(&held.elsewhere.to_string()));
            text += &format!("looked-for = {}\n", quoted(&held.looked_for));
            text += &format!("exists = {}\n", quoted(&held.exists));
            text += &format!("needs = {}\n", list(&held.needs));
            text += &format!("required-by = {}\n", list(&held.required_by));
            if let Some(other) = &held.goes_with {
                text += &format!("goes-with = {}\n", quoted(other));
            }
        }
        let array = format!("tool.taipan.{BACKENDS}");
        let backends = self.backends.iter();
        text.extend(backends.map(|package| package_table(&array, package, Path::new(""))));
        text
    }

    /// Reads the table, if the lock has one.
    pub(crate) fn read(root: &mut Table<'_>) -> Result<Option<Self>, Error> {
        let Some(mut tool) = root.table("tool")? else { return Ok(None) };
        let Some(mut table) = tool.table("taipan")? else { return Ok(None) };
        let mut text = |key: &str| {
            let value = table.text(key)?;
            table.required(key, value)
        };
        let (release, python, settings) = (text("release")?, text("python")?, text("settings")?);
        let held = table.tables("held-back")?.into_iter().map(read_held);
        let held = held.collect::<Result<_, _>>()?;
        let backends = table.tables(BACKENDS)?.into_iter().map(Package::read);
        let backends = backends.collect::<Result<_, _>>()?;
        let (groups, requirements) = (table.texts("groups")?, table.texts("requirements")?);
        Ok(Some(Self { release, python, groups, requirements, settings, held, backends }))
    }
}

fn read_held(mut table: Table<'_>) -> Result<Held, Error> {
    let kind = |text: &str| Kind::ALL.into_iter().find(|kind| kind.name() == text);
    let kind = table.parsed("kind", "\"held back\", \"stub\" or \"missing\"", kind)?;
    let elsewhere = table.parsed("elsewhere", "a version", |text| text.parse().ok())?;
    let name = table.text("name")?;
    Ok(Held {
        name: table.required("name", name)?,
        kind: table.required("kind", kind)?,
        taken: table.parsed("taken", "a version", |text| text.parse().ok())?,
        elsewhere: table.required("elsewhere", elsewhere)?,
        looked_for: table.text("looked-for")?.unwrap_or_default(),
        exists: table.text("exists")?.unwrap_or_default(),
        needs: table.texts("needs")?,
        required_by: table.texts("required-by")?,
        goes_with: table.text("goes-with")?,
    })
}
