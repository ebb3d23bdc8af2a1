//! Workers over HTTP, under the load generator `wrk` on the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::server::{Server, serve};
use crate::table::Table;
use crate::{PROGRAMS, SAMPLES};

/// Before anything is counted, so that lazily made things are there.
const WARM_UP: &str = "1s";

/// Of one measurement.
const DURATION: &str = "5s";

/// Connections that are open at a time.
const CONNECTIONS: [u32; 2] = [8, 64];

/// What `wrk` found.
struct Load {
    requests: f64,
    requests_a_second: f64,
    p50: f64,
    p99: f64,
}

/// Loads each worker with 8 and with 64 connections.
pub(crate) fn measure() -> Result<Vec<Table>> {
    let title =
        format!("http: `wrk -t1`, {DURATION} each after {WARM_UP}, on the server's own cores");
    let mut table = Table::new(title, &["requests/s", "p50 ms", "p99 ms", "CPU us/request"]);
    let workers = PathBuf::from(PROGRAMS).join("workers");
    let workers = [
        ("hello", Path::new(SAMPLES).join("hello"), "reuse"),
        ("hello, fresh isolates", Path::new(SAMPLES).join("hello"), "fresh"),
        ("await asyncio.sleep(0)", workers.join("awaiting"), "reuse"),
        ("stream of 4 pieces", workers.join("streaming"), "reuse"),
    ];
    for (name, directory, isolation) in workers {
        let server = serve(&directory, &["--isolation", isolation])?;
        for connections in CONNECTIONS {
            load(&server, connections, WARM_UP)?;
            let before = server.cpu_microseconds()?;
            let found = load(&server, connections, DURATION)?;
            let cpu = (server.cpu_microseconds()? - before) / found.requests;
            let figures = [found.requests_a_second, found.p50, found.p99, cpu];
            table.row(format!("{name}, {connections} connections"), figures);
        }
    }
    Ok(vec![table])
}

fn load(server: &Server, connections: u32, duration: &str) -> Result<Load> {
    let output = Command::new("wrk")
        .args(["--latency", "-t1", "-c", &connections.to_string(), "-d", duration])
        .arg(format!("http://127.0.0.1:{}/", server.port))
        .output()
        .context("wrk does not start (Debian: apt-get install wrk)")?;
    let text = String::from_utf8(output.stdout)?;
    let refused = ["Non-2xx", "Socket errors"].iter().any(|problem| text.contains(problem));
    ensure!(output.status.success() && !refused, "wrk found errors:\n{text}");
    parse(&text).with_context(|| format!("wrk printed\n{text}"))
}

fn parse(text: &str) -> Option<Load> {
    let behind =
        |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
    Some(Load {
        requests: requests.parse().ok()?,
        requests_a_second: behind("Requests/sec:")?.parse().ok()?,
        p50: milliseconds(behind("50%")?)?,
        p99: milliseconds(behind("99%")?)?,
    })
}

/// `660.00us`, `1.27ms` or `1.02s`.
fn milliseconds(text: &str) -> Option<f64> {
    let number = |unit| text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok());
    let of_microseconds = number("us").map(|number| number / 1000.0);
    of_microseconds.or_else(|| number("ms")).or_else(|| number("s").map(|number| number * 1000.0))
}
