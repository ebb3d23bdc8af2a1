//! Why no versions fit a release: the packages that it would need and that have no wheel for it.
//!
//! uv's own derivation goes through all versions that there are, and often ends before the package that has none. So it is
//! asked what it would take if source distributions counted as well.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use crate::Error;
use crate::build::resolved;
use crate::compare::{Pin, read_pins};
use crate::lacking::Lacking;
use crate::lock::Lock;
use crate::package::{Package, Source};
use crate::request::{ELSEWHERE, Request, compile, of_project, run};
use crate::uv::Uv;

/// Of more packages than this it is not found out which are to blame: each takes a run of uv.
const BLAMED_MAX: usize = 8;

/// The packages without which the project has no solution; none when something else is the reason, or it cannot be told.
pub(crate) fn lacking(uv: &Uv, request: &Request<'_>, implied: Option<&Path>) -> Vec<Lacking> {
    Asked { uv, request, implied }.lacking().unwrap_or_default()
}

/// The wheels of a package of an index, and whether it has a source distribution.
fn published(package: &Package) -> Option<(Vec<String>, bool)> {
    let Source::Files { wheels, sdist } = &package.source else { return None };
    Some((wheels.iter().map(|wheel| wheel.name.clone()).collect(), sdist.is_some()))
}

/// What is asked of uv again and again.
#[derive(Clone, Copy)]
struct Asked<'a> {
    uv: &'a Uv,
    request: &'a Request<'a>,
    implied: Option<&'a Path>,
}

impl Asked<'_> {
    fn lacking(self) -> Result<Vec<Lacking>, Error> {
        let own = self.with_sources(&[]);
        let is_solved = own.is_ok();
        // A package may have no source distribution, and wheels for other systems.
        let pins = own.or_else(|_| self.with_sources(&["--python-platform", ELSEWHERE]))?;
        let found = self.without_wheels(&pins)?;
        let names = found.iter().map(|it| it.name.as_str()).collect();
        if found.is_empty() || !is_solved && !self.is_solved_without(&names)? {
            return Ok(Vec::new());
        }
        match found.len() <= BLAMED_MAX {
            true => self.to_blame(&found),
            false => Ok(found),
        }
    }

    /// The solution in which source distributions count.
    fn with_sources(self, more: &[&str]) -> Result<Vec<Pin>, Error> {
        let mut arguments = of_project(self.request, self.implied);
        let options = ["--no-build-isolation", "--annotation-style", "line", "--quiet"];
        arguments.extend(options.iter().chain(more).map(OsString::from));
        let (output, _said) = run(self.uv, self.request, arguments)?;
        Ok(read_pins(&String::from_utf8_lossy(&output)))
    }

    /// What of a solution has no wheel that fits.
    fn without_wheels(self, pins: &[Pin]) -> Result<Vec<Lacking>, Error> {
        let Self { uv, request, .. } = self;
        let is_built = |pin: &&Pin| request.wanted.allow_build.contains(&pin.name);
        let pins: Vec<_> = pins.iter().filter(|pin| !is_built(pin)).collect();
        let line = |pin: &&Pin| format!("{}=={}\n", pin.name, pin.version);
        let list: String = pins.iter().map(line).collect();
        if list.is_empty() {
            return Ok(Vec::new());
        }
        let options = ["--no-build-isolation", "--no-deps", "--universal"];
        let files = Lock::parse("uv's list of files", &resolved(uv, request, &list, &options)?)?;
        let found = pins.into_iter().filter_map(|pin| {
            let package = files.packages.iter().find(|package| package.name == pin.name)?;
            let (wheels, has_source) = published(package)?;
            let fits = wheels.iter().any(|wheel| request.target.takes(wheel));
            let Pin { name, version, required_by } = pin.clone();
            (!fits).then_some(Lacking { name, version, required_by, wheels, has_source })
        });
        Ok(found.collect())
    }

    /// Those without which there is no solution although all others are left out. A package whose newest version has no
    /// wheel is no reason when an older one has.
    fn to_blame(self, found: &[Lacking]) -> Result<Vec<Lacking>, Error> {
        let mut to_blame = Vec::new();
        for lacking in found {
            let others = found.iter().map(|it| it.name.as_str());
            let others = others.filter(|name| *name != lacking.name).collect();
            if !self.is_solved_without(&others)? {
                to_blame.push(lacking.clone());
            }
        }
        // They may have only together what does not fit.
        Ok(if to_blame.is_empty() { found.to_vec() } else { to_blame })
    }

    /// Whether there is a solution when nothing asks for these packages.
    fn is_solved_without(self, names: &BTreeSet<&str>) -> Result<bool, Error> {
        let mut list = tempfile::Builder::new().prefix("taipan-").suffix(".txt").tempfile()?;
        for name in names {
            writeln!(list, "{name} ; python_version < '0'")?;
        }
        let mut arguments = compile(self.request, self.implied);
        arguments.extend(["--quiet".into(), "--override".into(), list.path().into()]);
        match run(self.uv, self.request, arguments) {
            Ok(_) => Ok(true),
            Err(Error::Unsatisfiable { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
