//! What of the network a program may reach, and how that is kept.
//!
//! Each URL is compared before anything is sent, each redirect again, and a name that may be asked for does not lead
//! into networks that are not the world's: the owner of a name chooses its addresses. Where a proxy resolves names, the
//! proxy must see to that.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ::url::{Host, Url};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::Error;
pub use crate::refused::Refused;

/// What of the network a program may reach; the default is everything.
#[derive(Clone, Debug, Default)]
pub struct Access(Option<Arc<Listed>>);

#[derive(Debug)]
struct Listed {
    destinations: Vec<Destination>,
    option: &'static str,
}

/// A place that may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    host: Host<String>,
    /// Any, if there is none.
    port: Option<u16>,
}

impl Destination {
    /// Reads `HOST` or `HOST:PORT`; an IPv6 address with a port is in brackets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // A pattern, which nothing here would match.
        if text.contains('*') {
            return None;
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Self { host: Host::Ipv6(address), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            Some(_) | None => (text, None),
        };
        Some(Self { host: Host::parse(host).ok()?, port })
    }

    fn is(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let same = match (&self.host, host) {
            (Host::Domain(one), Host::Domain(other)) => one == other,
            (Host::Ipv4(one), Host::Ipv4(other)) => one == other,
            (Host::Ipv6(one), Host::Ipv6(other)) => one == other,
            _ => false,
        };
        same && (self.port.is_none() || self.port == port)
    }

    fn is_address(&self, address: IpAddr) -> bool {
        let host = match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        };
        self.is(&host, None)
    }
}

impl Access {
    /// Whether everything may be reached.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Only these; none at all if there are none. `option` is what a user says to allow more.
    #[must_use]
    pub fn only(destinations: Vec<Destination>, option: &'static str) -> Self {
        Self(Some(Arc::new(Listed { destinations, option })))
    }

    /// Whether `url` may be asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NotAllowed`].
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        let Some(listed) = &self.0 else { return Ok(()) };
        let (Some(host), port) = (url.host(), url.port_or_known_default()) else { return Ok(()) };
        if listed.destinations.iter().any(|destination| destination.is(&host, port)) {
            return Ok(());
        }
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let refused =
            Refused { what: format!("{host}{port}"), with: listed.with(&format!("{host}{port}")) };
        Err(Error::NotAllowed { url: url.to_string(), refused })
    }

    /// What resolves names, where not every address may be reached. `trusted` are names that the user chose.
    pub(crate) fn resolver(&self, trusted: BTreeSet<String>) -> Option<Resolver> {
        self.0.clone().map(|listed| Resolver { listed, trusted: Arc::new(trusted) })
    }
}

impl Listed {
    /// What to say on the command line.
    fn with(&self, destination: &str) -> String {
        format!("{}={destination}", self.option)
    }
}

/// What resolves the names that may be asked for, and leaves out addresses of networks that are not the world's.
pub(crate) struct Resolver {
    listed: Arc<Listed>,
    trusted: Arc<BTreeSet<String>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (listed, trusted) = (self.listed.clone(), self.trusted.clone());
        Box::pin(async move {
            let name = name.as_str();
            let found = tokio::net::lookup_host((name, 0)).await?;
            if trusted.contains(name) || is_own(name) {
                return Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs);
            }
            Ok(Box::new(allowed(&listed, name, found)?.into_iter()) as Addrs)
        })
    }
}

/// The addresses of `found` that may be reached by the name `name`.
fn allowed(
    listed: &Listed,
    name: &str,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Refused> {
    let may = |address: &SocketAddr| {
        is_global(address.ip()) || listed.destinations.iter().any(|it| it.is_address(address.ip()))
    };
    let (good, bad): (Vec<_>, Vec<_>) = found.partition(may);
    match bad.first() {
        Some(address) if good.is_empty() => {
            let address = address.ip();
            let what = format!("{address}, a local address that {name} resolves to");
            Err(Refused { what, with: listed.with(&format!("{name},{address}")) })
        }
        Some(_) | None => Ok(good),
    }
}

/// Whether a name means this machine by itself (RFC 6761, 6.3): a user that lists it means its addresses.
fn is_own(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address is one of the whole world, by the registries of special-purpose addresses (RFC 6890 and its
/// updates); those that embed an IPv4 address are what that is.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // "This network", shared address space, IETF protocols, benchmarks, reserved.
        [0 | 240.., ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !(special
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_global_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped, compatible (with ::1 and ::), NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // The rest of what is handed out is 2000::/3, without Teredo and its neighbours, and documentation.
        [0x2001, second, ..] => second > 0x1ff && second != 0xdb8,
        [first, ..] => (0x2000..0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(list: &[&str]) -> Access {
        Access::only(list.iter().map(|text| Destination::parse(text).unwrap()).collect(), "--net")
    }

    #[track_caller]
    fn check(list: &[&str], url: &str, expect: Result<(), &str>) {
        let found = access(list).check(&Url::parse(url).unwrap());
        assert_eq!(found.map_err(|error| error.completion()), expect.map_err(ToOwned::to_owned));
    }

    #[test]
    fn urls() {
        let refused = "TypeError: cannot fetch http://127.0.0.1/: the program may not reach 127.0.0.1:80: \
                       `--net=127.0.0.1:80` allows it";
        check(&[], "http://127.0.0.1/", Err(refused));
        check(&["127.0.0.1:81", "localhost"], "http://127.0.0.1/", Err(refused));
        // All of these are 127.0.0.1 in a URL.
        check(&[], "http://0x7f.1/", Err(refused));
        check(&["2130706433"], "http://127.0.0.1/", Ok(()));
        check(&["example.com"], "https://EXAMPLE.com:8443/", Ok(()));
        check(&["example.com:443"], "https://example.com/", Ok(()));
        check(&["[::1]:80"], "http://[::1]/", Ok(()));
        check(&["::1"], "http://[::1]:8080/", Ok(()));
        assert!(
            access(&["example.com"]).check(&Url::parse("http://a.example.com").unwrap()).is_err()
        );
        assert!(access(&["::1"]).check(&Url::parse("http://[::2]").unwrap()).is_err());
        assert!(Access::default().check(&Url::parse("http://127.0.0.1/").unwrap()).is_ok());
    }

    #[test]
    fn what_is_no_destination() {
        for text in ["", ":80", "a:", "a:b", "a:65536", "http://a", "a/b", "a b", "[::1", "*"] {
            assert_eq!(Destination::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere() {
        let resolve = |list: &[&str], addresses: &[&str]| {
            let found = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
            let listed = access(list).0.unwrap();
            let allowed =
                allowed(&listed, "a.example", found).map_err(|error| error.to_string())?;
            Ok(allowed.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(resolve(&[], &["10.0.0.1", "8.8.8.8"]), Ok(vec!["8.8.8.8".to_owned()]));
        assert_eq!(resolve(&["10.0.0.1"], &["10.0.0.1"]), Ok(vec!["10.0.0.1".to_owned()]));
        // The port of the name is not that of the address.
        assert!(resolve(&["10.0.0.1:80"], &["10.0.0.1"]).is_err());
        assert_eq!(
            resolve(&[], &["169.254.169.254"]),
            Err("the program may not reach 169.254.169.254, a local address that a.example resolves to: \
                 `--net=a.example,169.254.169.254` allows it"
                .to_owned())
        );
    }

    #[test]
    fn addresses_of_the_world() {
        for global in
            ["8.8.8.8", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_global(global.parse().unwrap()), "{global}");
        }
        for local in [
            "127.1.2.3",
            "10.1.1.1",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_global(local.parse().unwrap()), "{local}");
        }
    }
}
