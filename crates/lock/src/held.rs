//! A package of which a lock has an older version than a lock for Linux would have: why, and what to do.

use pep440_rs::Version;

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

    /// Whether it is older only because what requires it is.
    #[must_use]
    pub fn is_consequence(&self, all: &[Self]) -> bool {
        let own_cause = !self.needs.is_empty() || self.exists != self.looked_for;
        let is_held = |name: &String| all.iter().any(|held| held.name == *name);
        self.kind == Kind::Older && !own_cause && self.required_by.iter().any(is_held)
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self { kind, elsewhere, looked_for, exists, needs, .. } = self;
        match (kind, needs.is_empty()) {
            (Kind::Missing, _) => "what requires it leaves it out on this platform".to_owned(),
            (_, false) => {
                let needs = needs.join(", ");
                format!("{elsewhere} needs what has no wheel for {looked_for}: {needs}")
            }
            (_, true) if *exists == *looked_for => {
                format!("{elsewhere} does not go together with what the others need")
            }
            (_, true) => format!("{elsewhere} has no wheel for {looked_for}: there is {exists}"),
        }
    }

    /// The packages of which a wheel would let it be as elsewhere.
    #[must_use]
    pub fn without_wheel(&self) -> Vec<&str> {
        let name = |needed: &'_ String| needed.find(" (").unwrap_or(needed.len());
        match self.needs.as_slice() {
            [] => vec![&self.name],
            needs => needs.iter().map(|needed| &needed[..name(needed)]).collect(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        let Self { name, kind, needs, exists, looked_for, .. } = self;
        if *kind == Kind::Missing {
            return "none is needed unless the worker imports it".to_owned();
        }
        let own = (exists != looked_for).then_some(exists);
        if own.into_iter().chain(needs).any(|exists| exists.contains("_wasm32")) {
            return "another release of Pyodide has wheels: `taipan bundle list` shows them"
                .to_owned();
        }
        if needs.is_empty() && exists == looked_for {
            return "none of its own: it goes with what requires it".to_owned();
        }
        match &self.taken {
            Some(taken) if *kind == Kind::Older => format!(
                "ask the authors of {} for a wheel; `{name}=={taken}` takes this version knowingly, which may be too \
                 old for the others",
                self.without_wheel().join(", ")
            ),
            _ => format!("ask the authors of {name} for a wheel, or do without it"),
        }
    }
}

/// The table of what is held back, for people.
#[must_use]
pub fn held_table(held: &[Held]) -> String {
    let headings = ["PACKAGE", "TAKEN", "ELSEWHERE", "REQUIRED BY"].map(str::to_owned);
    let row = |held: &Held| {
        let taken = match (&held.taken, held.kind) {
            (Some(taken), Kind::Stub) => format!("{taken} (stub)"),
            (Some(taken), _) => taken.to_string(),
            (None, _) => "-".to_owned(),
        };
        [held.name.clone(), taken, held.elsewhere.to_string(), held.required_by.join(", ")]
    };
    let rows: Vec<_> = held.iter().map(row).collect();
    let widths = [0, 1, 2].map(|column| {
        rows.iter().chain([&headings]).map(|row| row[column].len()).max().unwrap_or_default()
    });
    let line = |[name, taken, elsewhere, by]: &[String; 4]| {
        let [one, two, three] = widths;
        format!("{name:<one$}  {taken:<two$}  {elsewhere:<three$}  {by}").trim_end().to_owned()
            + "\n"
    };
    let mut text = line(&headings);
    for (held, row) in held.iter().zip(&rows) {
        text += &line(row);
        text += &format!("    {}\n    remedy: {}\n", held.reason(), held.remedy());
    }
    text
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
        };
        assert_eq!(held.remedy(), expect);
    }

    #[test]
    fn remedies() {
        let knowingly =
            "`a==1.0` takes this version knowingly, which may be too old for the others";
        check(Kind::Older, "Linux", &[], &format!("ask the authors of a for a wheel; {knowingly}"));
        check(
            Kind::Older,
            "cp314-x_wasm32",
            &["b (Linux)", "c (no wheel)"],
            &format!("ask the authors of b, c for a wheel; {knowingly}"),
        );
        check(Kind::Older, "cp314-x_wasm32", &[], "none of its own: it goes with what requires it");
        let other = "another release of Pyodide has wheels: `taipan bundle list` shows them";
        check(Kind::Older, "cp313-x_wasm32", &[], other);
        check(Kind::Stub, "Linux", &[], "ask the authors of a for a wheel, or do without it");
        check(Kind::Missing, "Linux", &[], "none is needed unless the worker imports it");
    }
}
