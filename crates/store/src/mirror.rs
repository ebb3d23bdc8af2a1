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
        let base = self.address.trim_end_matches('/');
        let (name, version, path) = (package.name, package.version, file.path);
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
        let lost = |source| Error::Download { url: url.to_owned(), source };
        let silent = |_| Error::Silent { url: url.to_owned(), seconds: SILENCE_MAX.as_secs() };
        let mut place = url.to_owned();
        let mut redirects = 0;
        let response = loop {
            // The pins are those of the file as it is, and so is a part of it.
            let mut request = self.client.get(&place).header(ACCEPT_ENCODING, "identity");
            if (1..file.length).contains(&there) {
                request = request.header(RANGE, format!("bytes={there}-"));
            }
            let response = tokio::time::timeout(SILENCE_MAX, request.send());
            let response = response.await.map_err(silent)?.map_err(lost)?;
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
        let mut done = match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&response, there) => there,
            StatusCode::OK => 0,
            StatusCode::NOT_FOUND => {
                let (file, place) = (file.path.to_owned(), url.to_owned());
                return Err(Error::Missing { file, place });
            }
            status => return Err(Error::Status { url: url.to_owned(), status: status.as_u16() }),
        };
        let mut options = fs_err::OpenOptions::new();
        options.create(true).write(true).truncate(done == 0).append(done > 0);
        let mut target = open_own(partial, &mut options)?;
        let mut response = response;
        while let Some(piece) = tokio::time::timeout(SILENCE_MAX, response.chunk())
            .await
            .map_err(silent)?
            .map_err(lost)?
        {
            done += piece.len() as u64;
            if done > file.length {
                let (expected, file) = (file.length, file.path.to_owned());
                return Err(Error::Length { file, place: url.to_owned(), expected, found: done });
            }
            target.write_all(&piece)?;
            advance(done);
        }
        if done < file.length {
            return Err(Error::Short { url: url.to_owned(), expected: file.length, found: done });
        }
        Ok(())
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
