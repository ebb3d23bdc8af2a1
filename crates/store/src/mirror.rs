//! An HTTP mirror, in the layout of Pyodide's CDN.
//!
//! ```text
//! <address>/v314.0.7/full/pyodide.asm.wasm       a file of Pyodide
//! <address>/web-streams-polyfill@4.3.0/dist/…    a file of another package
//! ```
//!
//! What has arrived of a file is kept in the cache until all of it has, so that
//! a download that was interrupted goes on where it stopped. Nothing is believed:
//! `arrival.rs` compares each file with its pins.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url};

use crate::disk::open_own;
use crate::{Error, Package, PackageFile};

/// How long a server may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The same, for what is asked for once.
const SILENCE_SHORT_MAX: Duration = Duration::from_secs(5);

/// The pauses before a download is tried again.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Redirects that are followed for one file.
const REDIRECTS_MAX: u32 = 5;

/// The package that has a place of its own for its files.
const PYODIDE: &str = "pyodide";

/// Where files are downloaded from, and how.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The address: what the paths of files are added to.
    pub address: String,
    /// Reaches the network, through proxies where they are set.
    pub client: Client,
}

impl Mirror {
    fn url(&self, package: &Package<'_>, file: &PackageFile<'_>) -> String {
        self.url_of(package.name, package.version, file.path)
    }

    fn url_of(&self, name: &str, version: &str, path: &str) -> String {
        let base = self.address.trim_end_matches('/');
        if name == PYODIDE {
            format!("{base}/v{version}/full/{path}")
        } else {
            format!("{base}/{name}@{version}/{path}")
        }
    }

    /// Downloads one file into `partial`, where a part of it may be already; `advance` hears how many bytes are there.
    pub(crate) fn download(
        &self,
        package: &Package<'_>,
        file: &PackageFile<'_>,
        partial: &Path,
        advance: &dyn Fn(u64),
    ) -> Result<(), Error> {
        let url = self.url(package, file);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut pauses = PAUSES.into_iter();
            loop {
                match self.try_once(&url, file, partial, advance).await {
                    Err(error) if is_passing(&error) => match pauses.next() {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(error),
                    },
                    outcome => return outcome,
                }
            }
        })
    }

    /// Downloads a file of a distribution, of which only the digest is known, into `target`; its address. There is one
    /// try, and a server that says nothing is not waited for long.
    pub(crate) fn download_once(
        &self,
        (version, name): (&str, &str),
        target: &Path,
        bytes_max: u64,
        advance: &dyn Fn(u64),
    ) -> Result<String, Error> {
        let url = self.url_of(PYODIDE, version, name);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let response = self.answer(&url, name, None, SILENCE_SHORT_MAX).await?;
            if response.status() != StatusCode::OK {
                let status = response.status().as_u16();
                return Err(Error::Status { url: url.clone(), status });
            }
            let mut options = fs_err::OpenOptions::new();
            options.create(true).write(true).truncate(true);
            let target = open_own(target, &mut options)?;
            let most = Most { url: &url, file: name, bytes_max, silence: SILENCE_SHORT_MAX };
            most.write(response, target, 0, advance).await
        })?;
        Ok(url)
    }

    async fn try_once(
        &self,
        url: &str,
        file: &PackageFile<'_>,
        partial: &Path,
        advance: &dyn Fn(u64),
    ) -> Result<(), Error> {
        let there = match fs_err::metadata(partial) {
            Ok(found) if found.is_file() => found.len(),
            Ok(_) => return Err(Error::InTheWay { path: partial.to_owned(), needed: "file" }),
            Err(_) => 0,
        };
        if there == file.length {
            return Ok(());
        }
        let from = (1..file.length).contains(&there).then_some(there);
        let response = self.answer(url, file.path, from, SILENCE_MAX).await?;
        let done = match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&response, there) => there,
            StatusCode::OK => 0,
            status => return Err(Error::Status { url: url.to_owned(), status: status.as_u16() }),
        };
        let mut options = fs_err::OpenOptions::new();
        options.create(true).write(true).truncate(done == 0).append(done > 0);
        let target = open_own(partial, &mut options)?;
        let most = Most { url, file: file.path, bytes_max: file.length, silence: SILENCE_MAX };
        let done = most.write(response, target, done, advance).await?;
        if done < file.length {
            return Err(Error::Short { url: url.to_owned(), expected: file.length, found: done });
        }
        Ok(())
    }

    /// What the server answers for `file` at `url`, from the byte `from` on; redirects are followed.
    async fn answer(
        &self,
        url: &str,
        file: &str,
        from: Option<u64>,
        silence: Duration,
    ) -> Result<Response, Error> {
        let mut place = url.to_owned();
        let mut redirects = 0;
        let response = loop {
            // The pins are those of the file as it is, and so is a part of it.
            let mut request = self.client.get(&place).header(ACCEPT_ENCODING, "identity");
            if let Some(from) = from {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let response = tokio::time::timeout(silence, request.send());
            let response = response.await.map_err(|_| silent(url, silence))?;
            let response =
                response.map_err(|source| Error::Download { url: url.to_owned(), source })?;
            let Some(next) = redirect(&response) else { break response };
            redirects += 1;
            let reason = match next {
                Ok(next) if redirects <= REDIRECTS_MAX => {
                    place = next;
                    continue;
                }
                Ok(_) => format!("more than {REDIRECTS_MAX} of them"),
                Err(reason) => reason,
            };
            return Err(Error::Redirect { url: url.to_owned(), reason });
        };
        match response.status() {
            StatusCode::NOT_FOUND => {
                Err(Error::Missing { file: file.to_owned(), place: url.to_owned() })
            }
            _ => Ok(response),
        }
    }
}

fn silent(url: &str, silence: Duration) -> Error {
    Error::Silent { url: url.to_owned(), seconds: silence.as_secs() }
}

/// The most that is taken of a response.
struct Most<'a> {
    url: &'a str,
    file: &'a str,
    bytes_max: u64,
    silence: Duration,
}

impl Most<'_> {
    /// Writes the body behind the `done` bytes that are there; how many are there then.
    async fn write(
        &self,
        mut response: Response,
        mut target: fs_err::File,
        mut done: u64,
        advance: &dyn Fn(u64),
    ) -> Result<u64, Error> {
        let Self { url, file, bytes_max, silence } = *self;
        let lost = |source| Error::Download { url: url.to_owned(), source };
        while let Some(piece) = tokio::time::timeout(silence, response.chunk())
            .await
            .map_err(|_| silent(url, silence))?
            .map_err(lost)?
        {
            done += piece.len() as u64;
            if done > bytes_max {
                let (file, place) = (file.to_owned(), url.to_owned());
                return Err(Error::Length { file, place, expected: bytes_max, found: done });
            }
            target.write_all(&piece)?;
            advance(done);
        }
        Ok(done)
    }
}

/// Where a response redirects to, or why that is not followed.
fn redirect(response: &Response) -> Option<Result<String, String>> {
    let location =
        response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    Some(next(response.url(), location.to_str().unwrap_or_default()))
}

/// The address that `location` means in a response from `from`.
fn next(from: &Url, location: &str) -> Result<String, String> {
    match from.join(location) {
        Ok(to) if to.scheme() == from.scheme() || to.scheme() == "https" => Ok(to.into()),
        Ok(to) => Err(format!("{to} is not reached as {from} is")),
        Err(_) => Err(format!("{location:?} is no address")),
    }
}

/// Whether a part of a file begins where it was asked to.
fn begins_at(response: &Response, place: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {place}-")))
}

/// Whether the same may succeed when it is tried again.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Download { .. } | Error::Silent { .. } | Error::Short { .. } => true,
        Error::Status { status, .. } => *status >= 500 || *status == 429,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_redirects_lead() {
        let from = Url::parse("https://a.test/x/y").unwrap();
        let check = |location: &str, expect: Result<&str, &str>| {
            let found = next(&from, location);
            assert_eq!(found.as_deref().map_err(String::as_str), expect);
        };
        check("z?q", Ok("https://a.test/x/z?q"));
        check("https://b.test/", Ok("https://b.test/"));
        check("http://a.test/", Err("http://a.test/ is not reached as https://a.test/x/y is"));
        check(
            "file:///etc/passwd",
            Err("file:///etc/passwd is not reached as https://a.test/x/y is"),
        );
        check("https://[", Err("\"https://[\" is no address"));
        let plain = Url::parse("http://a.test/").unwrap();
        assert_eq!(next(&plain, "https://b.test/").as_deref(), Ok("https://b.test/"));
    }
}
