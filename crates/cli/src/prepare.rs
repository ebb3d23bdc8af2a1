//! From a project to what its worker is made from: the same for every command that has to do with a worker.

use taipan_release::{Release, Source};
use taipan_store::Cache;
use taipan_webapi::fetch;
use taipan_worker::{Guard, Network, Settings, from_project};

use crate::{
    failure::Failure, options::Options, project::Project, selection::Choice, terminal, workers,
};

/// What a worker is made ready with, beside its project.
#[derive(Debug)]
pub(crate) struct Means {
    choice: Choice,
    cache: Cache,
    sources: Vec<Source>,
    proxies: fetch::Settings,
    guard: Guard,
    quiet: bool,
}

impl Means {
    /// What the options say of it.
    pub(crate) fn of(options: &Options, guard: &Guard) -> Result<Self, Failure> {
        Ok(Self {
            choice: options.choice.clone(),
            cache: options.cache()?,
            sources: options.sources()?,
            proxies: options.proxies.clone(),
            guard: guard.clone(),
            quiet: options.quiet,
        })
    }
}

/// A worker that is ready to be started.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) settings: Settings,
    /// What it runs on.
    pub(crate) release: &'static Release,
    /// What is taken of clients.
    pub(crate) clients: taipan_server::Limits,
    /// What of its files it does not see.
    pub(crate) warnings: Vec<String>,
    /// Whether only warnings and errors are wanted.
    pub(crate) quiet: bool,
}

/// Makes the bundle of a project's worker, if the cache does not have it, and reads the worker's files. Blocks.
pub(crate) fn prepare(means: Means, project: Project) -> Result<Prepared, Failure> {
    let Means { choice, cache, sources, proxies, guard, quiet } = means;
    let Project { directory, mut manifest, warnings: _, pin } = project;
    choice.open_gates(&mut manifest)?;
    let release = choice.release_for(&manifest, pin.as_ref())?;
    let bundle = workers::bundle(release, &cache, &sources, quiet)?;
    let (code, warnings) = from_project(&directory)?;
    if code.paths().all(|path| path != manifest.main) {
        return Err(Failure::MainLeftOut { main: manifest.main });
    }
    let (pool, limits) = (workers::pool(&manifest), workers::limits(&manifest.limits));
    let clients = workers::clients(&manifest.limits);
    let settings = Settings {
        modules: workers::modules(&manifest, &code).into(),
        flags: workers::flags(&manifest.flags),
        variables: workers::variables(manifest.vars),
        network: Network::new(proxies)?,
        log: terminal::log(),
        warmup: manifest.warmup,
        main: manifest.main,
        bundle,
        cache,
        code,
        pool,
        limits,
        guard,
    };
    Ok(Prepared { settings, release, clients, warnings, quiet })
}
