//! `cargo xtask soak`: servers under mixed and hostile traffic, with what they hold of the system watched.
//!
//! Three servers run side by side: one that reuses isolates and one that makes an isolate for each request get the
//! traffic; a quiet one is asked for hello all the time, and says by its latency what its neighbours cost it. At the end
//! the servers rest, and must hold no more descriptors, mappings and memory than after the warm-up.

mod latency;
mod server;
mod traffic;
mod upstream;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::program::say;
use latency::Latency;
use server::{Holdings, Server};
use traffic::Tally;

/// Without `--minutes`.
const MINUTES: u64 = 10;

/// Traffic before what the servers hold is first noted, so that what is made once is there.
const WARM_UP: Duration = Duration::from_secs(20);

/// How long servers may take to give up what requests held: isolates rest after 5 s (`tests/soak/wrangler.jsonc`), and a
/// connection to another server is kept for 90 s, and until the next look at it, which is as long.
const REST_TIME_MAX: Duration = Duration::from_secs(200);

/// Between two lines of the report.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Between two looks at what a server holds.
const GLANCE: Duration = Duration::from_millis(500);

/// When what a server holds has not changed for so long, its isolates have gone and it rests.
const REST_TIME: Duration = Duration::from_secs(7);

/// Clients at a time, for each of the two servers.
const CLIENTS: u64 = 4;

/// Loads the servers for the time that `arguments` say.
pub(crate) fn soak(root: &Path, taipan: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let minutes = minutes(arguments)?;
    let upstream = upstream::start()?;
    let worker = root.join("tests/soak");
    let reuse = Server::start(taipan, &worker, "reuse")?;
    let fresh = Server::start(taipan, &worker, "fresh")?;
    let quiet = Server::start(taipan, &root.join("samples/hello"), "reuse")?;
    let servers = [&reuse, &fresh];
    say(&format!("warming up for {} s", WARM_UP.as_secs()));
    run(&servers, &quiet, &upstream, WARM_UP, 1)?;
    let before = servers.iter().map(|server| rest(server, None)).collect::<Result<Vec<_>, _>>()?;
    let tally = run(&servers, &quiet, &upstream, Duration::from_secs(60 * minutes), 2)?;
    eprintln!("\n{tally}");
    for (server, before) in servers.iter().zip(before) {
        let after = rest(server, Some(&before))?;
        eprintln!("{:6} before: {before}\n{:6}  after: {after}", server.name, "");
    }
    tally.verdict()?;
    say("all that requests had opened was given up");
    Ok(())
}

fn minutes(arguments: &[&str]) -> anyhow::Result<u64> {
    match arguments {
        [] => Ok(MINUTES),
        ["--minutes", minutes] => {
            minutes.parse().with_context(|| format!("`{minutes}` is no number of minutes"))
        }
        other => bail!("`{}` is not understood; there is --minutes N", other.join(" ")),
    }
}

/// Has clients ask both servers for `time`, and the quiet one answer beside.
#[expect(clippy::disallowed_methods, reason = "a soak lasts for a time")]
fn run(
    servers: &[&Server],
    quiet: &Server,
    upstream: &str,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Tally> {
    let over = AtomicBool::new(false);
    let (total, latency) = (Tally::default(), Latency::default());
    thread::scope(|scope| {
        for (index, server) in servers.iter().enumerate() {
            for client in 0..CLIENTS {
                let seed = seed << 32 | (index as u64) << 16 | client;
                let (total, over) = (&total, &over);
                scope.spawn(move || traffic::client(server, upstream, seed, total, over));
            }
        }
        scope.spawn(|| latency.watch(quiet, &over));
        let begin = Instant::now();
        let outcome = loop {
            let left = time.saturating_sub(begin.elapsed());
            if left.is_zero() {
                break Ok(());
            }
            thread::sleep(left.min(REPORT_INTERVAL));
            let line = report(servers, &total, &latency, begin.elapsed());
            match line {
                Ok(line) => eprintln!("{line}"),
                Err(error) => break Err(error),
            }
        };
        over.store(true, Ordering::Relaxed);
        outcome
    })?;
    Ok(total)
}

fn report(
    servers: &[&Server],
    total: &Tally,
    latency: &Latency,
    elapsed: Duration,
) -> anyhow::Result<String> {
    let mut line = format!("{:5} s  {:8} requests", elapsed.as_secs(), total.requests());
    for server in servers {
        line += &format!("  {}: {}", server.name, server.holdings()?);
    }
    let (p50, p99) = latency.take();
    Ok(line + &format!("  quiet server: p50 {p50:.1} ms, p99 {p99:.1} ms"))
}

/// What the server holds when it rests; an error when that stays more than `before` allows.
#[expect(clippy::disallowed_methods, reason = "rest has a limit of time")]
fn rest(server: &Server, before: Option<&Holdings>) -> anyhow::Result<Holdings> {
    let begin = Instant::now();
    let mut last = server.holdings()?;
    let mut since = Instant::now();
    loop {
        thread::sleep(GLANCE);
        let now = server.holdings()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        let excess = before.and_then(|before| last.excess(before));
        if excess.is_none() && since.elapsed() > REST_TIME {
            return Ok(last);
        }
        if begin.elapsed() > REST_TIME_MAX {
            ensure!(excess.is_none(), "{} at rest: {}", server.name, excess.unwrap_or_default());
            return Ok(last);
        }
    }
}
