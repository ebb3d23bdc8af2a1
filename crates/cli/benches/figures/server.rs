//! A `taipan serve` of its own, and what the system says of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::TAIPAN;

/// A server that has not answered by then will not: it starts in half a second.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// Between two questions whether the server answers.
const POLL_PAUSE: Duration = Duration::from_millis(1);

/// Microseconds of one tick in /proc/PID/stat (`USER_HZ`, 100 on every Linux).
const TICK_MICROSECONDS: f64 = 10_000.0;

/// Fields of /proc/PID/stat behind the name of the program: proc(5), 14 and 15.
const USER_TICKS_FIELD: usize = 11;

/// A server that runs; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) port: u16,
    /// From the start of the process to its first answer.
    pub(crate) first_answer: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the worker in `directory` with more `arguments`; it has answered once when this returns.
pub(crate) fn serve(directory: &Path, arguments: &[&str]) -> Result<Server> {
    // No other process takes the port in the moment between: this is a machine for figures.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let start = Instant::now();
    let child = Command::new(TAIPAN)
        .args(["--quiet", "serve", "--port", &port.to_string()])
        .args(arguments)
        .arg(directory)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {TAIPAN}"))?;
    let mut server = Server { child, port, first_answer: Duration::ZERO };
    while !server.answers() {
        if let Some(status) = server.child.try_wait()? {
            bail!("the server of {} ended: {status}", directory.display());
        }
        ensure!(
            start.elapsed() < START_TIME_MAX,
            "the server of {} does not answer",
            directory.display()
        );
        std::thread::sleep(POLL_PAUSE);
    }
    server.first_answer = start.elapsed();
    Ok(server)
}

impl Server {
    /// User and system time of the process so far, in microseconds.
    pub(crate) fn cpu_microseconds(&self) -> Result<f64> {
        let stat = fs_err::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat names the program")?;
        let ticks = fields.split_whitespace().skip(USER_TICKS_FIELD).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, std::num::ParseFloatError>>()? * TICK_MICROSECONDS)
    }

    /// Whether a request gets a 200.
    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(answer.starts_with(b"HTTP/1.1 200"))
        };
        // Refused, until it listens.
        ask().unwrap_or(false)
    }
}
