//! Turns a project into the settings of its worker: the one way, for every command that starts a worker or looks at
//! one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use taipan_bundle::Bundle;
use taipan_manifest::{
    self as manifest, FLAGS, Flags, Manifest, ModuleType, Modules, PACKAGES_DIRECTORY,
    is_configuration,
};
use taipan_release::{Release, Source};
use taipan_runtime::{Binding, Bindings, Guard, ModuleKind, OwnModules};
use taipan_store::Cache;
use taipan_worker::{
    Code, Isolation, Limits, Network, Packages, PoolSettings, Settings, from_project,
};

use crate::failure::Failure;
use crate::means::Means;
use crate::options::Options;
use crate::progress::Display;
use crate::project::{Project, Variables};
use crate::runtime::guard;
use crate::size::{MIB, mebibytes};
use crate::{console, locking, packages, terminal, unvendored};

/// A worker that is ready to be started.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) settings: Settings,
    /// What it runs on.
    pub(crate) release: &'static Release,
    /// What is taken of clients.
    pub(crate) clients: taipan_server::Limits,
}

/// Makes the bundle of a project's worker, if the cache does not have it, and reads the worker's files; prints which
/// of them the worker does not see. Blocks.
pub(crate) fn prepare(
    options: &Options,
    guard: &Guard,
    project: Project,
) -> Result<Prepared, Failure> {
    let (prepared, warnings) = prepare_quietly(options, guard, project)?;
    warnings.iter().for_each(console::warn);
    Ok(prepared)
}

/// As [`prepare`], for a command that has its own way to tell which files the worker does not see.
pub(crate) fn prepare_quietly(
    options: &Options,
    guard: &Guard,
    project: Project,
) -> Result<(Prepared, Vec<String>), Failure> {
    let (cache, sources) = (options.cache()?, options.sources()?);
    let log = terminal::log(project.name());
    locking::fit(options, &project)?;
    let Project { directory, mut manifest, pin, configuration, .. } = project;
    options.choice.open_gates(&mut manifest)?;
    let release = options.choice.release_for(&manifest, pin.as_ref())?;
    let bundle = bundle(release, &cache, &sources, options.quiet)?;
    let is_configuration =
        |path: &str| is_configuration(path) || configuration.as_deref() == Some(path);
    let means = Means { options, release, bundle: &bundle, cache: &cache, guard };
    let (packages, left_out) = packages::of_project(&directory, &manifest.exclude, means)?;
    let unvendored = unvendored::of_release(means)?;
    let apart = packages.as_ref().map(|_| PACKAGES_DIRECTORY);
    let (code, mut warnings) = from_project(&directory, &is_configuration, apart)?;
    warnings.extend(left_out);
    if code.paths().all(|path| path != manifest.main) {
        return Err(Failure::MainLeftOut { main: manifest.main });
    }
    let (pool, limits) = (pool(&manifest), limits(&manifest.limits));
    let clients = clients(&manifest.limits);
    let settings = Settings {
        modules: modules(&manifest, &code, packages.as_ref()).into(),
        flags: flags(&manifest.flags),
        bindings: bindings(manifest.bindings),
        network: Network::new(options.proxies.clone())?,
        log,
        warmup: manifest.warmup,
        main: manifest.main,
        guard: guard.clone(),
        bundle,
        cache,
        code,
        packages,
        unvendored,
        pool,
        limits,
    };
    Ok((Prepared { settings, release, clients }, warnings))
}

/// The settings of the worker in `directory` as `serve` would start it, for a command that serves nothing.
pub(crate) fn settings(
    options: &Options,
    directory: &Path,
    config: Option<&Path>,
) -> Result<Settings, Failure> {
    let project = Project::read(directory, config, Variables::Configured)?;
    Ok(prepare(options, &guard()?, project)?.settings)
}

/// The bundle of a release; made first when the cache does not have it.
pub(crate) fn bundle(
    release: &Release,
    cache: &Cache,
    sources: &[Source],
    quiet: bool,
) -> Result<Arc<Bundle>, Failure> {
    let display = Display::new(quiet);
    let bundle = taipan_bundle::prepare(release, sources, cache, &|step| display.show(step))?;
    Ok(Arc::new(bundle))
}

/// What JavaScript may import of a worker's files.
fn modules(manifest: &Manifest, code: &Code, packages: Option<&Packages>) -> OwnModules {
    let Modules { base_dir, find_additional_modules, rules } = &manifest.modules;
    let python = manifest.main.ends_with(".py");
    let kind = |path: &str| match path {
        _ if path == manifest.main && !python => Some(ModuleType::EsModule),
        _ => rules.module_type(path.strip_prefix(base_dir).unwrap_or(path)),
    };
    // Some packages, as the SDK, bring JavaScript.
    let brought = packages.into_iter().flat_map(|packages| packages.layer.files());
    let brought = brought.filter(|(path, _)| path.ends_with(".js") || path.ends_with(".mjs"));
    let brought = brought.map(|(path, _)| format!("{PACKAGES_DIRECTORY}/{path}"));
    let kinds = code.paths().filter_map(|path| {
        let kind = match kind(&path)? {
            ModuleType::EsModule => ModuleKind::EsModule,
            ModuleType::CommonJs => ModuleKind::CommonJs,
            ModuleType::Json => ModuleKind::Json,
            ModuleType::Text => ModuleKind::Text,
            ModuleType::Data => ModuleKind::Data,
            ModuleType::CompiledWasm => ModuleKind::CompiledWasm,
            ModuleType::PythonModule => return None,
        };
        Some((path, kind))
    });
    OwnModules {
        root: base_dir.clone(),
        by_name: *find_additional_modules || python,
        kinds: kinds.chain(brought.map(|path| (path, ModuleKind::EsModule))).collect(),
        gates: manifest.gates.clone(),
    }
}

/// How the isolates of a worker come and go.
fn pool(manifest: &Manifest) -> PoolSettings {
    let Manifest { isolates, isolation, limits, .. } = manifest;
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    PoolSettings {
        isolation: match isolation {
            manifest::Isolation::Reuse => Isolation::Reuse,
            manifest::Isolation::Fresh => Isolation::Fresh,
        },
        isolates_min: count(isolates.min),
        isolates_max: count(isolates.max(*isolation)),
        waiting_bytes: mebibytes(isolates.waiting_mb),
        idle: Duration::from_secs(isolates.idle_seconds.into()),
        requests_max: count(limits.requests),
        ..PoolSettings::default()
    }
}

/// What is taken of clients.
fn clients(limits: &manifest::Limits) -> taipan_server::Limits {
    taipan_server::Limits {
        body_bytes_max: u64::from(limits.request_body_mb) * MIB,
        requests_max: usize::try_from(limits.requests).unwrap_or(usize::MAX),
        crowded: false,
    }
}

/// What a worker may use.
fn limits(limits: &manifest::Limits) -> Limits {
    let milliseconds = |number: u32| Duration::from_millis(number.into());
    Limits {
        memory_bytes: mebibytes(limits.memory_mb),
        startup_cpu: milliseconds(limits.startup_cpu_ms),
        cpu: milliseconds(limits.cpu_ms),
        wall: milliseconds(limits.wall_ms),
        wait_until: milliseconds(limits.wait_until_ms),
        inside: taipan_webapi::limits::Limits {
            timers: limits.timers,
            subrequests: limits.subrequests,
            log_kb: limits.log_kb,
            response_body_mb: limits.response_body_mb,
        },
    }
}

/// Every flag, and whether a worker has it.
fn flags(has: &Flags) -> BTreeMap<&'static str, bool> {
    FLAGS.iter().map(|flag| (flag.name, has.has(flag.name))).collect()
}

/// What a worker finds in `env`, of what its configuration says.
fn bindings(configured: BTreeMap<String, manifest::Binding>) -> Bindings {
    let binding = |configured| match configured {
        manifest::Binding::Value(value) => Binding::Value(value),
    };
    configured.into_iter().map(|(name, configured)| (name, binding(configured))).collect()
}
