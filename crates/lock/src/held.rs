//! A package of which a lock has an older version than a lock for Linux would have: why, and what to do.

use pep440_rs::Version;
use taipan_manifest::PYPROJECT_FILE;

use crate::lacking::COMPILED_OPTIONALLY;

/// What helps where another release has what has no wheel here.
pub const ANOTHER_RELEASE: &str =
    "another release of Pyodide has wheels: `taipan bundle list` shows them";

/// A package that is not as it would be elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The package.
    pub name: String,
    /// In which way.
    pub kind: Kind,
    /// The version in the lock; none for one that is missing.
    pub taken: Option<Version>,
    /// The version that Linux would have.
    pub elsewhere: Version,
    /// The tags that were looked for.
    pub looked_for: String,
    /// What there is of the version that Linux would have.
    pub exists: String,
    /// What that version needs and has no wheel here, each with what there is: `cffi (Linux, macOS)`.
    pub needs: Vec<String>,
    /// What requires the package.
    pub required_by: Vec<String>,
    /// The package of these with which it goes: it is older for the same reason, and of no other interest.
    pub goes_with: Option<String>,
}

/// In which way a package is not as elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is an older version.
    Older,
    /// It is a version that only keeps the name, without content.
    Stub,
    /// It is not there, since the package that requires it leaves it out on this platform.
    Missing,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Older, Self::Stub, Self::Missing];

    /// Its name, for people and programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Older => "held back",
            Self::Stub => "stub",
            Self::Missing => "missing",
        }
    }
}

impl Held {
    /// Whether it crosses a major version, or has no content: what has to be allowed.
    #[must_use]
    pub fn is_drastic(&self) -> bool {
        let major = |version: &Version| (version.epoch(), version.release().first().copied());
        match self.kind {
            Kind::Older => {
                self.taken.as_ref().is_some_and(|taken| major(taken) < major(&self.elsewhere))
            }
            Kind::Stub => true,
            Kind::Missing => false,
        }
    }

    /// Whether the project itself asks for it.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.required_by.iter().any(|by| by == PYPROJECT_FILE)
    }

    /// The packages of which a wheel would let it be as elsewhere; none where it goes with others.
    #[must_use]
    pub fn without_wheel(&self) -> Vec<&str> {
        let name = |needed: &'_ String| needed.find(" (").unwrap_or(needed.len());
        match self.needs.as_slice() {
            [] if self.exists == self.looked_for => Vec::new(),
            [] => vec![&self.name],
            needs => needs.iter().map(|needed| &needed[..name(needed)]).collect(),
        }
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self { kind, elsewhere, looked_for, exists, needs, goes_with, .. } = self;
        match (kind, goes_with) {
            (Kind::Missing, _) => "what requires it leaves it out on this platform".to_owned(),
            (_, Some(other)) => format!("it goes with {other}"),
            _ if !needs.is_empty() => {
                let needs = listed(needs);
                format!("{elsewhere} needs what has no wheel for {looked_for}: {needs}")
            }
            _ if *exists == *looked_for => {
                format!("{elsewhere} does not go together with what the others need")
            }
            _ => format!("{elsewhere} has no wheel for {looked_for}: there is {exists}"),
        }
    }

    /// What a lock with it would be, for who has to allow that.
    #[must_use]
    pub(crate) fn complaint(&self) -> String {
        let Self { name, kind, taken, elsewhere, .. } = self;
        let taken = taken.as_ref().map(ToString::to_string).unwrap_or_default();
        match kind {
            Kind::Stub => {
                format!("{name} would be {taken}, which has no content; Linux gets {elsewhere}")
            }
            Kind::Older | Kind::Missing => {
                format!(
                    "{name} would be {taken}, and Linux gets {elsewhere}, a newer major version"
                )
            }
        }
    }

    /// Whether another release has a wheel of what has none here.
    #[must_use]
    pub fn is_of_another_release(&self) -> bool {
        let own = (self.exists != self.looked_for).then_some(&self.exists);
        own.into_iter().chain(&self.needs).any(|exists| exists.contains("_wasm32"))
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        let Self { name, kind, goes_with, .. } = self;
        if *kind == Kind::Missing {
            return "none is needed unless the worker imports it".to_owned();
        }
        let lacking = self.without_wheel();
        if goes_with.is_some() || lacking.is_empty() {
            return "none of its own: it goes with the others".to_owned();
        }
        if self.is_of_another_release() {
            return ANOTHER_RELEASE.to_owned();
        }
        let (built, compiled): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|name| COMPILED_OPTIONALLY.contains(name));
        let built = built.iter().map(|name| format!("`--allow-build {name}`"));
        let compiled = (!compiled.is_empty()).then(|| {
            format!("a wheel of {}, from its authors or by `--source`", compiled.join(", "))
        });
        let newer: Vec<_> = built.chain(compiled).collect();
        let older = match (kind, &self.taken) {
            (Kind::Older, Some(taken)) => {
                format!("; `{name}=={taken}` takes this version knowingly")
            }
            _ => String::new(),
        };
        format!("{}{older}", newer.join(" and "))
    }
}

/// What of the packages that have no wheel there is, those of which the same exists together.
fn listed(needs: &[String]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for needed in needs {
        let (name, exists) = needed.split_once(" (").unwrap_or((needed, ""));
        match groups.iter_mut().find(|(known, _)| *known == exists) {
            Some((_, names)) => names.push(name),
            None => groups.push((exists, vec![name])),
        }
    }
    let groups = groups.iter().map(|(exists, names)| match exists.strip_suffix(')') {
        Some(exists) => format!("{} ({exists})", names.join(", ")),
        None => names.join(", "),
    });
    groups.collect::<Vec<_>>().join("; ")
}

/// The table of what is held back, for people, with what to do about each. What only goes with another stands there.
#[must_use]
pub fn held_table(held: &[Held]) -> String {
    table(held, |held| Some(held.remedy()))
}

/// The same for who is told apart what to do.
pub(crate) fn table_without_remedies(held: &[Held]) -> String {
    table(held, |_| None)
}

fn table(held: &[Held], remedy: impl Fn(&Held) -> Option<String>) -> String {
    let headings = ["PACKAGE", "TAKEN", "ON LINUX", "REQUIRED BY"].map(str::to_owned);
    let row = |held: &Held| {
        let taken = match (&held.taken, held.kind) {
            (Some(taken), Kind::Stub) => format!("{taken} (stub)"),
            (Some(taken), _) => taken.to_string(),
            (None, _) => "-".to_owned(),
        };
        [held.name.clone(), taken, held.elsewhere.to_string(), held.required_by.join(", ")]
    };
    let own = || held.iter().filter(|held| held.goes_with.is_none());
    let rows: Vec<_> = own().map(row).collect();
    let widths = [0, 1, 2].map(|column| {
        rows.iter().chain([&headings]).map(|row| row[column].len()).max().unwrap_or_default()
    });
    let line = |[name, taken, elsewhere, by]: &[String; 4]| {
        let [one, two, three] = widths;
        format!("{name:<one$}  {taken:<two$}  {elsewhere:<three$}  {by}").trim_end().to_owned()
            + "\n"
    };
    let mut text = line(&headings);
    for (shown, row) in own().zip(&rows) {
        text += &line(row);
        text += &format!("    {}\n", shown.reason());
        let with = held.iter().filter(|other| other.goes_with.as_ref() == Some(&shown.name));
        let with: Vec<_> = with.map(version_of_both).collect();
        if !with.is_empty() {
            text += &format!("    with it: {}\n", with.join(", "));
        }
        text += &remedy(shown).map(|it| format!("    remedy: {it}\n")).unwrap_or_default();
    }
    text
}

/// `tenacity 8.5.0 (9.2.1)`: as it is taken, and on Linux.
fn version_of_both(held: &Held) -> String {
    let taken = held.taken.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} {taken} ({})", held.name, held.elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, exists: &str, needs: &[&str], expect: &str) {
        let held = Held {
            name: "a".to_owned(),
            kind,
            taken: "1.0".parse().ok(),
            elsewhere: "2.0".parse().unwrap(),
            looked_for: "cp314-x_wasm32".to_owned(),
            exists: exists.to_owned(),
            needs: needs.iter().map(|needed| (*needed).to_owned()).collect(),
            required_by: Vec::new(),
            goes_with: None,
        };
        assert_eq!(held.remedy(), expect);
    }

    #[test]
    fn remedies() {
        let knowingly = "`a==1.0` takes this version knowingly";
        let wheel = "a wheel of a, from its authors or by `--source`";
        check(Kind::Older, "Linux", &[], &format!("{wheel}; {knowingly}"));
        check(
            Kind::Older,
            "cp314-x_wasm32",
            &["b (Linux)", "pyyaml (Linux)", "c (no wheel)"],
            &format!(
                "`--allow-build pyyaml` and a wheel of b, c, from its authors or by `--source`; {knowingly}"
            ),
        );
        check(Kind::Older, "cp314-x_wasm32", &[], "none of its own: it goes with the others");
        check(Kind::Older, "cp313-x_wasm32", &[], ANOTHER_RELEASE);
        check(Kind::Stub, "Linux", &[], wheel);
        check(Kind::Missing, "Linux", &[], "none is needed unless the worker imports it");
    }

    #[test]
    fn those_of_which_the_same_exists() {
        let needs = ["a (Linux, iOS)", "b (Linux)", "c (Linux)", "d"].map(str::to_owned);
        assert_eq!(listed(&needs), "a (Linux, iOS); b, c (Linux); d");
    }
}
