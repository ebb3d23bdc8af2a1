//! The modules of the standard library that a release ships apart: what of them can be had is there without being named.

use taipan_lock::Lock;
use taipan_packages::{Published, unvendored};
use taipan_release::{Distribution, Member, Source};
use taipan_store::{Cache, Error, fetch_published};
use taipan_webapi::with_causes;
use taipan_worker::Packages;

use crate::console;
use crate::failure::Failure;
use crate::means::Means;
use crate::progress::Display;

/// The modules of a release, with the libraries that they need, as far as they can be had; what goes wrong is told, and
/// ends nothing.
pub(crate) fn of_release(means: Means<'_>) -> Result<Option<Packages>, Failure> {
    let distribution = means.bundle.distribution()?;
    let sources = means.options.sources()?;
    let display = Display::new(means.options.quiet);
    let there = Looked { means, distribution: &distribution, sources: &sources, display: &display };
    let files = there.files();
    if files.is_empty() {
        return Ok(None);
    }
    let made = there.image(&files);
    drop(display);
    Ok(made
        .inspect_err(|failure| {
            let failure = with_causes(failure);
            console::warn(format_args!(
                "modules of the standard library that are published apart are left out: {failure}"
            ));
        })
        .ok())
}

struct Looked<'a> {
    means: Means<'a>,
    distribution: &'a Distribution,
    sources: &'a [Source],
    display: &'a Display,
}

impl Looked<'_> {
    /// The files of the modules whose every file can be had, each once.
    fn files(&self) -> Vec<&Member> {
        let mut files: Vec<&Member> = Vec::new();
        for module in self.distribution.unvendored() {
            let mut needed = self.distribution.libraries([module]);
            needed.push(module);
            if needed.iter().all(|member| self.is_there(member)) {
                needed.retain(|member| !files.contains(member));
                files.extend(needed);
            }
        }
        files
    }

    /// Whether the cache has the file, after it was looked for.
    fn is_there(&self, member: &Member) -> bool {
        let (file, cache) = (self.distribution.published(member), self.means.cache);
        if file.entry(cache).is_ok_and(|entry| entry.path().exists()) {
            return true;
        }
        if !file.may_be_had(self.sources, cache) {
            return false;
        }
        let fetched = self.fetch(member);
        if let Err(error @ Error::Digest { .. }) = &fetched {
            console::warn(format_args!("{}: it is passed over", with_causes(error)));
        }
        fetched.is_ok()
    }

    fn fetch(&self, member: &Member) -> Result<Vec<u8>, Error> {
        fetch(member, self.distribution, self.sources, self.means.cache, self.display)
    }

    fn image(&self, files: &[&Member]) -> Result<Packages, Failure> {
        let Means { bundle, cache, guard, .. } = self.means;
        let published =
            |member: &&Member| Published { name: member.file.clone(), sha256: member.sha256 };
        let list: Vec<_> = files.iter().map(published).collect();
        let read = |file: &Published| {
            let member = files.iter().find(|member| member.sha256 == file.sha256);
            Ok::<_, Failure>(self.fetch(known(member.copied(), file)?)?)
        };
        let image = unvendored(&list, read, bundle, cache, guard, &|step| self.display.show(step))?;
        let entries = files.iter().map(|member| self.distribution.published(member).entry(cache));
        Ok(Packages { made_from: entries.collect::<Result<_, _>>()?, ..image })
    }
}

/// What the distribution says of a file that it was asked for.
fn known<'a>(member: Option<&'a Member>, file: &Published) -> Result<&'a Member, Failure> {
    let name = &file.name;
    member.ok_or_else(|| Failure::Bug {
        what: format!("{name} is of the distribution, which does not know it"),
    })
}

/// The bytes of a file that is published with a release, fetched first if the cache does not have them.
pub(crate) fn fetch(
    member: &Member,
    distribution: &Distribution,
    sources: &[Source],
    cache: &Cache,
    display: &Display,
) -> Result<Vec<u8>, Error> {
    let file = distribution.published(member);
    let files = fetch_published(&file, sources, cache, &|step| display.show(step))?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut files.file(file.name)?, &mut bytes)?;
    Ok(bytes)
}

/// The shared libraries that the packages of a lock need, and no index has.
pub(crate) struct Libraries<'a> {
    distribution: Distribution,
    sources: Vec<Source>,
    /// Which; and for each the package that needs it.
    pub(crate) published: Vec<Published>,
    needed_by: Vec<String>,
    means: Means<'a>,
    display: &'a Display,
}

impl<'a> Libraries<'a> {
    /// Of the packages of `lock` that are those of the release's distribution.
    pub(crate) fn of(lock: &Lock, means: Means<'a>, display: &'a Display) -> Result<Self, Failure> {
        let distribution = means.bundle.distribution()?;
        let sources = means.options.sources()?;
        let (mut published, mut needed_by): (Vec<Published>, _) = (Vec::new(), Vec::new());
        for package in &lock.packages {
            let taipan_lock::Source::Files { wheels, .. } = &package.source else { continue };
            let digests = wheels.iter().filter_map(|wheel| wheel.hashes.get("sha256"));
            let members = digests.filter_map(|digest| distribution.of_digest(digest));
            for library in distribution.libraries(members) {
                if published.iter().all(|it| it.sha256 != library.sha256) {
                    let Member { file, sha256, .. } = library;
                    published.push(Published { name: file.clone(), sha256: *sha256 });
                    needed_by.push(package.name.clone());
                }
            }
        }
        Ok(Self { distribution, sources, published, needed_by, means, display })
    }

    /// The archive of one of them.
    pub(crate) fn read(&self, library: &Published) -> Result<Vec<u8>, Failure> {
        let Self { distribution, sources, means, display, .. } = self;
        let listed = self.published.iter().zip(&self.needed_by);
        let needed = listed.into_iter().find(|(it, _)| *it == library);
        let package = needed.map_or(String::new(), |(_, package)| package.clone());
        let member = distribution.of_digest(&library.sha256.to_string());
        let file = library.name.clone();
        Ok(fetch(known(member, library)?, distribution, sources, means.cache, display)
            .map_err(|source| taipan_packages::Error::Library { package, file, source })?)
    }
}
